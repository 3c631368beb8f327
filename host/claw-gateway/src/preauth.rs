//! A stream that gives a stranger only so many bytes: until a connection is opened, the WebSocket below it cannot
//! be made to buffer more than one small frame.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest header of a masked frame.
const HEADER_BYTES: usize = 14;

/// Limits what is read from `inner` until its [`Gate`] is opened.
pub(crate) struct Limited<S> {
    inner: S,
    gate: Arc<Gate>,
    /// The first bytes of the stream: the first frame's header.
    head: Vec<u8>,
}

/// The other end of a [`Limited`] stream's limit.
pub(crate) struct Gate {
    payload: usize,
    left: AtomicUsize,
    open: AtomicBool,
    exceeded: AtomicBool,
}

impl<S> Limited<S> {
    /// Lets at most one frame of `payload` bytes through.
    pub(crate) fn new(inner: S, payload: usize) -> (Self, Arc<Gate>) {
        let left = AtomicUsize::new(payload.saturating_add(HEADER_BYTES));
        let gate = Gate { payload, left, open: AtomicBool::new(false), exceeded: AtomicBool::new(false) };
        let gate = Arc::new(gate);
        (Limited { inner, gate: Arc::clone(&gate), head: Vec::with_capacity(HEADER_BYTES) }, gate)
    }

    /// The stream below.
    pub(crate) fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }
}

impl Gate {
    /// Lifts the limit: the peer has shown who it is.
    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::Relaxed);
    }

    /// Whether the peer wanted to send more than the limit.
    pub(crate) fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }

    fn refuse(&self) -> Poll<io::Result<()>> {
        self.exceeded.store(true, Ordering::Relaxed);
        Poll::Ready(Err(io::Error::other("frame before `connect` is too large")))
    }
}

/// The payload length that a frame's header declares, once enough of it is there.
fn declared(head: &[u8]) -> Option<u64> {
    match head.get(1)? & 0x7f {
        126 => Some(u64::from(u16::from_be_bytes(head.get(2..4)?.try_into().ok()?))),
        127 => Some(u64::from_be_bytes(head.get(2..10)?.try_into().ok()?)),
        short => Some(u64::from(short)),
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.gate.open.load(Ordering::Relaxed) {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let left = self.gate.left.load(Ordering::Relaxed);
        if left == 0 {
            return self.gate.refuse();
        }
        let room = left.min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(room));
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        if self.head.len() < HEADER_BYTES {
            let missing = HEADER_BYTES - self.head.len();
            let seen = part.filled()[..read.min(missing)].to_vec();
            self.head.extend(seen);
        }
        buf.advance(read);
        self.gate.left.fetch_sub(read, Ordering::Relaxed);
        // Refused on its header: what was announced is never buffered.
        if declared(&self.head).is_some_and(|length| length > self.gate.payload as u64) {
            return self.gate.refuse();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
