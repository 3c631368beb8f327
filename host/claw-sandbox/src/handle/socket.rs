//! The host's end of a worker's socket.
//!
//! Two descriptors of one socket: one is watched for data all the time, the other only while a write waits for room. A
//! socket watched for both wakes the host for every frame that the worker has taken.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{RecvFlags, SendFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::frame::{self, FromWorker};

/// Bytes taken from the socket at once: most frames in one go.
const READ_BYTES: usize = 16 << 10;

/// Reads frames.
pub(super) struct Reader {
    socket: AsyncFd<OwnedFd>,
    /// What has been read of frames that were not given out yet.
    buffer: Vec<u8>,
}

/// Writes frames, whole and in order.
pub(super) struct Writer {
    socket: OwnedFd,
    /// Made when the socket is full for the first time.
    room: Option<AsyncFd<OwnedFd>>,
    /// What the socket has not taken yet. A write that was given up leaves the rest of its frame here, and the next one
    /// sends it first: half a frame would make nonsense of all that follow.
    unsent: Vec<u8>,
}

/// Splits a socket; it must not block.
pub(super) fn split(socket: OwnedFd) -> io::Result<(Reader, Writer)> {
    let writer = Writer { socket: socket.try_clone()?, room: None, unsent: Vec::new() };
    let socket = watch(socket, Interest::READABLE)?;
    Ok((Reader { socket, buffer: Vec::new() }, writer))
}

fn watch(socket: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an owned descriptor stays open, and the same, until it is dropped with what watches it.
    unsafe { AsyncFd::register_with_interest(socket, interest) }.map_err(io::Error::from)
}

impl Reader {
    /// The next frame and its bytes; `None` at the end. Cancel-safe: what has been read of a frame stays.
    pub(super) async fn next(&mut self) -> io::Result<Option<(FromWorker, usize)>> {
        loop {
            if let Some(frame) = self.decode()? {
                return Ok(Some(frame));
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    fn decode(&mut self) -> io::Result<Option<(FromWorker, usize)>> {
        let Some(prefix) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = frame::body_length(*prefix)?;
        let Some(body) = self.buffer.get(4..4 + length) else { return Ok(None) };
        let frame = frame::decode(body)?;
        self.buffer.drain(..4 + length);
        Ok(Some((frame, 4 + length)))
    }

    async fn fill(&mut self) -> io::Result<usize> {
        loop {
            let mut ready = self.socket.readable().await?;
            self.buffer.reserve(READ_BYTES);
            let wanted = self.buffer.capacity() - self.buffer.len();
            let space = rustix::buffer::spare_capacity(&mut self.buffer);
            match rustix::net::recv(ready.get_inner().as_fd(), space, RecvFlags::DONTWAIT) {
                Ok(read) => {
                    // Less than there was room for means that the socket is empty: no need to be told by another read.
                    if (1..wanted).contains(&read.1) {
                        ready.clear_ready();
                    }
                    return Ok(read.1);
                }
                Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                Err(err) => return Err(err.into()),
            }
        }
    }
}

impl Writer {
    /// Writes one encoded frame. Cancel-safe: the frame is sent whole, now or before the next one.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        if self.unsent.is_empty() {
            sent = send(&self.socket, bytes)?;
        }
        self.unsent.extend_from_slice(&bytes[sent..]);
        while !self.unsent.is_empty() {
            if self.room.is_none() {
                self.room = Some(watch(self.socket.try_clone()?, Interest::WRITABLE)?);
            }
            let room = self.room.as_ref().expect("socket: it was made above");
            let mut ready = room.writable().await?;
            let sent = send(&self.socket, &self.unsent)?;
            self.unsent.drain(..sent);
            if !self.unsent.is_empty() {
                ready.clear_ready();
            }
        }
        Ok(())
    }
}

/// Sends what fits; 0 if nothing does.
fn send(socket: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match rustix::net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(sent) => return Ok(sent),
            Err(rustix::io::Errno::AGAIN) => return Ok(0),
            Err(rustix::io::Errno::INTR) => {}
            Err(err) => return Err(err.into()),
        }
    }
}

#[cfg(test)]
mod tests;
