//! What the host and the supervisor say to each other: one order, then `Started` and one report of the end.
//!
//! In front of the order stands one byte, which may carry a descriptor: the program's standard input.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use claw_core::effect::EffectError;
use claw_core::id::Digest;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
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
    /// Canonical; may be read, and what is in it run.
    pub reads: Option<Box<Path>>,
    /// Canonical; inside the workspace.
    pub cwd: PathBuf,
    /// The program's own folder for temporary files; removed by the supervisor.
    pub scratch: PathBuf,
    /// Where the program's standard input comes from.
    pub stdin: Input,
    /// Folder of the cgroups of programs; the supervisor makes one in it and removes it.
    pub cgroups: Option<PathBuf>,
    /// Seconds of CPU time of each process.
    pub cpu_seconds: u64,
}

/// Where a program's standard input comes from.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Input {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// The descriptor that came with the order.
    Passed,
    /// The terminal that is the supervisor's standard output.
    Terminal,
}

/// What became of an order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// The program runs; another report follows.
    Started,
    /// The program returned this code.
    Code(i32),
    /// This signal ended the program.
    Signal(i32),
    /// The kernel ended the program at the limit of its memory.
    MemoryLimit,
    /// The program did not start.
    Failed(EffectError),
}

/// Sends the byte in front of the order, and `descriptor` with it. The socket must be empty: then it does not block.
pub(super) fn send_opening(to: &UnixStream, descriptor: Option<&OwnedFd>) -> io::Result<()> {
    let descriptors: Vec<_> = descriptor.iter().map(|descriptor| descriptor.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        unreachable!("order: there is space for one descriptor");
    }
    sendmsg(to, &[IoSlice::new(&[0])], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives what [`send_opening`] sent.
pub(super) fn receive_opening(from: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let received = recvmsg(from, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let descriptors = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok(descriptors.flatten().next())
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
