//! Programs: `openclaw:exec`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::id::Digest;

/// One program to run, in the guest's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRequest {
    /// Program and arguments; never a shell line.
    pub argv: Vec<String>,
    /// Directory relative to the agent's workspace; empty for the workspace itself.
    pub cwd: String,
    /// Variables to add to the fixed base environment.
    pub env: Vec<(String, String)>,
    /// What the program reads from standard input.
    pub stdin: Vec<u8>,
    /// Wall time in milliseconds; the host clamps it.
    pub timeout_ms: u64,
    /// Bytes kept of each of stdout and stderr (first and last halves); the host clamps it.
    pub max_output_bytes: u64,
}

/// The canonical form of an [`ExecRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecPlan {
    /// The absolute, canonical path of the program that will run.
    pub program: PathBuf,
    /// SHA-256 of the program's bytes.
    pub program_digest: Digest,
    /// The arguments as given; `argv[0]` is the name as typed.
    pub argv: Vec<String>,
    /// The absolute, canonical working directory; inside the workspace.
    pub cwd: PathBuf,
    /// The agent's workspace: the only tree that the program may change.
    pub workspace: PathBuf,
    /// Beside the workspace, the folder that the program may read: that of the skill whose file an argument names.
    pub reads: Option<Box<Path>>,
    /// The requested additions to the fixed base environment, sorted by name.
    pub env: Vec<(String, String)>,
    /// What the program reads from standard input.
    pub stdin: Vec<u8>,
    /// Clamped wall time in milliseconds.
    pub timeout_ms: u64,
    /// Clamped bytes kept of each of stdout and stderr.
    pub max_output_bytes: u64,
    /// How it runs on after its call; `None` for a program that the call waits for.
    pub background: Option<Background>,
}

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecExit {
    /// How it ended.
    pub ended: ExecEnd,
    /// The kept bytes of standard output.
    pub stdout: Vec<u8>,
    /// The kept bytes of standard error.
    pub stderr: Vec<u8>,
    /// Bytes cut from the middle of stdout.
    pub stdout_dropped: u64,
    /// Bytes cut from the middle of stderr.
    pub stderr_dropped: u64,
    /// Wall time in milliseconds.
    pub duration_ms: u64,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExecEnd {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// The host ended it, and all it had started, at the time-out.
    TimedOut,
    /// The host ended it because the call was cancelled.
    Cancelled,
    /// The kernel ended it at the limit of its memory.
    MemoryLimit,
}

/// How a program runs on while its caller does other things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Background {
    /// Milliseconds after which the host ends it; the host clamps it.
    pub ttl_ms: u64,
    /// A terminal for its standard streams; pipes without.
    pub terminal: Option<Terminal>,
}

/// The size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terminal {
    /// Width.
    pub columns: u16,
    /// Height.
    pub rows: u16,
}

/// What a guest does with programs that outlive their call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcessRequest {
    /// Starts one.
    Spawn(ExecRequest, Background),
    /// Takes one up that an earlier call started.
    Attach {
        /// Its id.
        id: String,
    },
    /// All of this component in this conversation.
    All,
    /// Takes what it has written.
    Poll {
        /// Its id.
        id: String,
        /// Milliseconds to wait for something; the host clamps it.
        wait_ms: u64,
    },
    /// Writes to its standard input.
    Write {
        /// Its id.
        id: String,
        /// The bytes.
        bytes: Vec<u8>,
        /// Whether its standard input is closed then.
        end: bool,
    },
    /// Ends it and all that it started.
    Kill {
        /// Its id.
        id: String,
    },
}

/// What comes of a [`ProcessRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcessReply {
    /// The id of a started process, or of one that was taken up.
    Process(String),
    /// All of them.
    All(Vec<ProcessSummary>),
    /// What it has written.
    Progress(ProcessProgress),
    /// Nothing to tell.
    Done,
}

/// One line of the list of processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSummary {
    /// Names it.
    pub id: String,
    /// Its program and arguments.
    pub argv: Vec<String>,
    /// Milliseconds since its start.
    pub age_ms: u64,
    /// How it ended; `None` while it runs.
    pub ended: Option<ExecEnd>,
}

/// Output that was not read yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessProgress {
    /// Standard output since the last look.
    pub stdout: Vec<u8>,
    /// Standard error since the last look.
    pub stderr: Vec<u8>,
    /// Bytes of both that were lost because nobody looked in time.
    pub dropped: u64,
    /// How it ended; `None` while it runs.
    pub ended: Option<ExecEnd>,
}
