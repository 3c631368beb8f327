//! Effects: what a guest asks the host to do to the world.
//!
//! A *request* is the guest's wish in its own words. A *plan* is the canonical form: names resolved, defaults filled
//! in, every guest-chosen number clamped. Policy decides on plans, cards are rendered from plans and plans are what
//! runs, so that what was shown is what happens.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::id::Digest;

/// What a guest asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EffectRequest {
    /// `openclaw:exec/run`.
    Exec(ExecRequest),
    /// `wasi:http/outgoing-handler`.
    Http(HttpRequest),
}

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
    /// The requested additions to the fixed base environment, sorted by name.
    pub env: Vec<(String, String)>,
    /// What the program reads from standard input.
    pub stdin: Vec<u8>,
    /// Clamped wall time in milliseconds.
    pub timeout_ms: u64,
    /// Clamped bytes kept of each of stdout and stderr.
    pub max_output_bytes: u64,
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
}

/// One HTTP request in the guest's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// In order; repeated names are allowed.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// Time to the first byte of the answer, in milliseconds; the host clamps it.
    pub first_byte_timeout_ms: u64,
}

/// The canonical form of an [`HttpRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpPlan {
    /// Upper-case token.
    pub method: String,
    /// Where it goes.
    pub target: HttpTarget,
    /// The headers that will be sent, lower-case names; what the host sets itself is not among them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// Clamped time to the first byte of the answer, in milliseconds.
    pub first_byte_timeout_ms: u64,
}

/// A parsed and normalised URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HttpTarget {
    /// `http` or `https`.
    pub scheme: String,
    /// Lower-case A-label or address literal (IPv6 without brackets).
    pub host: String,
    /// Explicit or the scheme's default.
    pub port: u16,
    /// Normalised path and query, starting with `/`.
    pub path_and_query: String,
    /// What is known of the address before any name is looked up.
    pub address: AddressClass,
}

impl HttpTarget {
    /// The URL as it is dialled and shown; the port stands in it always.
    pub fn url(&self) -> String {
        let HttpTarget { scheme, host, port, path_and_query, .. } = self;
        if host.contains(':') {
            format!("{scheme}://[{host}]:{port}{path_and_query}")
        } else {
            format!("{scheme}://{host}:{port}{path_and_query}")
        }
    }
}

/// What kind of address a host names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressClass {
    /// A DNS name: its addresses are checked when it is dialled and must be public.
    Name,
    /// A literal public address.
    Public,
    /// A literal address of this machine (127/8, ::1, `localhost`).
    Loopback,
    /// A literal private, shared or link-local address, or any other special range.
    Private,
    /// A cloud metadata service.
    Metadata,
}

impl AddressClass {
    /// The word used in policies and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            AddressClass::Name => "name",
            AddressClass::Public => "public",
            AddressClass::Loopback => "loopback",
            AddressClass::Private => "private",
            AddressClass::Metadata => "metadata",
        }
    }
}

/// The head of an HTTP answer; the body follows in chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpHead {
    /// 100 to 599.
    pub status: u16,
    /// In order.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// What the host answers to an effect request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EffectReply {
    /// The program ended.
    Exec(ExecExit),
    /// The server answered; body chunks follow separately.
    Http(HttpHead),
}

/// Why an effect did not happen. Mirrors the error trunk of `openclaw:types`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum EffectError {
    /// Policy, a person or a missing grant refused.
    #[error("{code}: {reason}")]
    Denied {
        /// The stable code, e.g. `E_EXEC_DENIED`.
        code: String,
        /// What refused, and what would change that.
        reason: String,
    },
    /// A limit was reached.
    #[error("limit reached: {0}")]
    Limit(String),
    /// The request makes no sense.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// Something outside could not be reached, or the kernel lacks a feature.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The call was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl EffectError {
    /// A refusal with its stable code.
    pub fn denied(code: &str, reason: impl Into<String>) -> Self {
        EffectError::Denied { code: code.to_owned(), reason: reason.into() }
    }
}
