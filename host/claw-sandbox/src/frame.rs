//! The frames between host and worker: one serde enum each way, postcard behind a length.
//!
//! Each side treats the other as hostile: lengths are checked before anything is read, and what does not decode ends
//! the connection.

use std::io;

use claw_core::effect::{EffectError, EffectReply, EffectRequest};
use claw_core::outcome::ToolOutcome;
use postcard::de_flavors::Flavor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::limits::{CallLimits, FRAME_BYTES, WorkerLimits};
use crate::manifest::Manifest;

/// Changes with every change of a frame. Host and worker are the same program, so a mismatch means that the program
/// was replaced while it ran.
pub(crate) const VERSION: u32 = 7;

/// Host to worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToWorker {
    /// First frame, once. The descriptor of the compiled component travels with the byte before it.
    Start(Start),
    /// Runs one call in a fresh instance.
    Call { id: u64, call: Call },
    /// Reads the manifest in a fresh instance with nothing granted.
    Describe { id: u64, limits: CallLimits },
    /// Ends a call at its next tick or host call.
    Cancel { id: u64 },
    /// Answers an effect.
    Answer { id: u64, effect: u32, answer: Result<EffectReply, EffectError> },
    /// More of the body that an answer announced.
    Body { id: u64, effect: u32, part: BodyPart },
    /// One more part of a request's body may come.
    RequestCredit { id: u64, effect: u32 },
    /// The host does not want the rest of a request's body.
    RequestDropped { id: u64, effect: u32 },
}

/// One piece of a body.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum BodyPart {
    /// More bytes.
    Chunk(#[serde(with = "serde_bytes_vec")] Vec<u8>),
    /// The regular end.
    End,
    /// The body broke off.
    Broken(EffectError),
}

/// How a worker is set up.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    pub version: u32,
    pub limits: WorkerLimits,
    /// Directories that its guests may reach; opened before the walls go up.
    pub mounts: Vec<StartMount>,
    /// What the owner wrote down for the component.
    pub config: Vec<(String, String)>,
    pub walls: StartWalls,
}

/// One granted directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartMount {
    /// Where the guest sees it, e.g. `/workspace`.
    pub guest: String,
    /// Where it is.
    pub host: String,
    pub write: bool,
    pub place: StartPlace,
}

/// What kind of folder a granted directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StartPlace {
    /// The agent's workspace.
    Workspace,
    /// The agent's workspace, without what is part of each prompt.
    Guarded,
    /// The agent's workspace, without the agent's own files.
    Lent,
    /// A folder that the owner has named.
    Named,
    /// The component's own.
    Scratch { quota: Quota },
}

/// What may lie in a component's own folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Bytes of all files together, holes included.
    pub bytes: u64,
    /// Files and directories.
    pub files: u64,
}

/// Which walls the worker must put up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StartWalls {
    /// Refuse to run without all of them.
    Required,
    /// Put up what the kernel has.
    BestEffort,
    /// Test builds only: guests face only the operating system.
    #[cfg(feature = "test-weaken")]
    OnlyOs,
    /// Test builds only: guests face only WebAssembly.
    #[cfg(feature = "test-weaken")]
    OnlyWasm,
}

/// What of a component is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Callee {
    /// A tool, by its name.
    Tool(String),
    /// A function, by where it is: `add`, or `docs:calculator/ops@1.0.0#add`.
    Function(String),
    /// A channel's `send-file`, with the bytes of the file.
    SendFile(#[serde(with = "serde_bytes_vec")] Vec<u8>),
    /// A channel's `fetch`.
    Fetch,
}

/// One call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub call: String,
    pub callee: Callee,
    pub arguments: String,
    pub run: String,
    pub session: String,
    pub agent: String,
    pub origin: String,
    pub limits: CallLimits,
    /// Where the call's random numbers come from.
    pub seed: [u8; 32],
    pub clock: CallClock,
}

/// The time that a call sees.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct CallClock {
    /// Milliseconds from 1970 to the call's beginning.
    pub start_ms: u64,
    /// Readings of an earlier run, to be given again.
    pub replay: Option<Vec<u32>>,
}

/// Worker to host.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// The walls are up; calls may come.
    Ready { version: u32 },
    /// It could not start; it exits now.
    StartFailed { why: StartFailure },
    /// A guest wants something done.
    Effect { id: u64, effect: u32, request: EffectRequest },
    /// The guest has read this much of a body; more may follow.
    BodyCredit { id: u64, effect: u32, bytes: u32 },
    /// The guest does not want the rest of a body.
    BodyDropped { id: u64, effect: u32 },
    /// More of the body that a request announced: at most 64 KiB, and one part for each credit, the end included.
    RequestPart { id: u64, effect: u32, part: BodyPart },
    /// For people who wait.
    Progress { id: u64, percent: Option<u8>, note: String },
    /// A line for the log: one line, no control characters.
    Log { id: u64, level: LogLevel, context: String, message: String },
    /// The call is over.
    Done { id: u64, outcome: ToolOutcome, trace: Trace },
    /// A call has failed by a fault of ours. The last frame: nobody knows in what state the process is, so it ends.
    Fault { id: u64 },
    /// The manifest, or why there is none.
    Described { id: u64, manifest: Result<Manifest, String> },
}

/// How much a guest's log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For who looks for a fault.
    Debug,
    /// What is normal and worth a line.
    Info,
    /// What is not right but was dealt with.
    Warn,
    /// What failed.
    Error,
}

/// What a call leaves behind beside its outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// What the guest printed, cut and escaped; for the log.
    pub stdio: String,
    /// Log lines over the limits.
    pub log_dropped: u64,
    /// What its clocks showed, in milliseconds since its beginning; for a replay.
    pub clock: Vec<u32>,
    /// The attachment that it has fetched.
    #[serde(with = "serde_bytes_vec")]
    pub fetched: Vec<u8>,
}

/// Why a worker could not start.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum StartFailure {
    #[error("the kernel lacks {0}")]
    Kernel(String),
    #[error("the compiled component does not fit this program")]
    Incompatible(String),
    #[error("{0}")]
    Other(String),
}

/// Encodes a frame with its length in front.
pub(crate) fn encode<T: Serialize>(frame: &T) -> Result<Vec<u8>, io::Error> {
    let bytes =
        postcard::to_extend(frame, vec![0; 4]).map_err(|err| io::Error::new(io::ErrorKind::InvalidData, err))?;
    let length = bytes.len() - 4;
    if length > FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame too long"));
    }
    let mut bytes = bytes;
    bytes[..4].copy_from_slice(&u32::try_from(length).expect("frame: its length is capped").to_le_bytes());
    Ok(bytes)
}

/// What a decoded frame may take in memory, about: the longest frame, and half of it again for lists.
const DECODED_BYTES: usize = FRAME_BYTES + FRAME_BYTES / 2;
/// What a text or its place in a list takes beside its bytes, about. An empty one is a single byte on the wire.
const TEXT_BYTES: usize = 64;

/// Decodes a frame's body; the whole body must be used.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, io::Error> {
    let invalid = |err| io::Error::new(io::ErrorKind::InvalidData, err);
    let mut deserializer = postcard::Deserializer::from_flavor(Bounded { rest: body, left: DECODED_BYTES });
    let frame = T::deserialize(&mut deserializer).map_err(invalid)?;
    match deserializer.finalize().map_err(invalid)? {
        [] => Ok(frame),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "bytes after the frame")),
    }
}

/// The bytes of a frame, which end early if they would become too much: millions of empty header fields fit into one.
struct Bounded<'de> {
    rest: &'de [u8],
    left: usize,
}

impl<'de> Flavor<'de> for Bounded<'de> {
    type Remainder = &'de [u8];
    type Source = &'de [u8];

    fn pop(&mut self) -> postcard::Result<u8> {
        let (&byte, rest) = self.rest.split_first().ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        self.rest = rest;
        Ok(byte)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }

    fn try_take_n(&mut self, count: usize) -> postcard::Result<&'de [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        let left = self.left.checked_sub(count + TEXT_BYTES);
        self.left = left.ok_or_else(|| serde::de::Error::custom("the frame is too large when it is decoded"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn finalize(self) -> postcard::Result<&'de [u8]> {
        Ok(self.rest)
    }
}

/// Checks a length before anything is allocated for it.
pub(crate) fn body_length(prefix: [u8; 4]) -> Result<usize, io::Error> {
    let length = u32::from_le_bytes(prefix) as usize;
    if length > FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame too long"));
    }
    Ok(length)
}

/// Reads one frame from a blocking stream; `None` at a clean end.
pub(crate) fn read<T: DeserializeOwned>(stream: &mut impl io::Read) -> Result<Option<T>, io::Error> {
    let mut prefix = [0; 4];
    match stream.read_exact(&mut prefix) {
        Ok(()) => {}
        Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(err) => return Err(err),
    }
    let mut body = vec![0; body_length(prefix)?];
    stream.read_exact(&mut body)?;
    decode(&body).map(Some)
}

/// Byte vectors as one run of bytes rather than as a list of numbers.
mod serde_bytes_vec {
    use serde::{Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl de::Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests;
