//! What the host and the supervisor say to each other: one order, one report.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use claw_core::effect::EffectError;
use claw_core::id::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Bytes of one frame. An order holds at most 1 MiB of standard input and 144 KiB of arguments and variables.
const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// What the supervisor is to run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// Canonical path of the program.
    pub program: PathBuf,
    /// What its bytes must be.
    pub program_digest: Digest,
    /// As the program sees it.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// Canonical; may be read and written.
    pub workspace: PathBuf,
    /// Canonical; inside the workspace.
    pub cwd: PathBuf,
    /// The program's own folder for temporary files; removed by the supervisor.
    pub scratch: PathBuf,
    /// What the program reads from standard input.
    pub stdin: Vec<u8>,
    /// Seconds of CPU time of each process.
    pub cpu_seconds: u64,
}

/// What became of an order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// The program returned this code.
    Code(i32),
    /// This signal ended the program.
    Signal(i32),
    /// The program did not start.
    Failed(EffectError),
}

/// One value as a frame: its length as four bytes (little-endian), then postcard.
pub(super) fn encode<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let body = postcard::to_stdvec(value).map_err(io::Error::other)?;
    if body.len() > MAX_FRAME_BYTES {
        return Err(io::Error::other("the frame is too long"));
    }
    let length = u32::try_from(body.len()).expect("order: a frame is at most 4 MiB").to_le_bytes();
    Ok([&length[..], &body].concat())
}

/// The length that a frame's first four bytes announce.
///
/// # Errors
/// If no frame is that long.
pub(super) fn frame_length(header: [u8; 4]) -> io::Result<usize> {
    let length = usize::try_from(u32::from_le_bytes(header)).map_err(io::Error::other)?;
    if length > MAX_FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the frame is too long"));
    }
    Ok(length)
}

/// Reads a frame's body.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    postcard::from_bytes(body).map_err(|err| io::Error::new(io::ErrorKind::InvalidData, err))
}

/// Reads one value, blocking.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut header = [0; 4];
    from.read_exact(&mut header)?;
    let mut body = vec![0; frame_length(header)?];
    from.read_exact(&mut body)?;
    decode(&body)
}

/// Writes one value, blocking.
pub(super) fn send<T: Serialize>(to: &mut impl Write, value: &T) -> io::Result<()> {
    to.write_all(&encode(value)?)
}
