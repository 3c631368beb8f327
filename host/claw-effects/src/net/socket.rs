//! The bytes of one connection, counted.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A TCP connection, with TLS or without, that fails once too many bytes have gone through it.
#[derive(Debug)]
pub(super) struct Socket {
    wire: Wire,
    /// Bytes that may still be read or written.
    left: u64,
}

#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    // Large, as it holds the state of two ciphers.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Too many bytes have gone through a connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection has carried all the bytes that it may")]
pub(super) struct UsedUp;

impl Socket {
    pub(super) fn new(wire: Wire, max_total_bytes: u64) -> Self {
        Socket { wire, left: max_total_bytes }
    }

    fn spend(&mut self, bytes: usize) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes as u64).ok_or_else(|| io::Error::other(UsedUp))?;
        Ok(())
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Wire::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        let read = buf.filled().len() - before;
        polled.map(|done| done.and_then(|()| self.spend(read)))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.left < bytes.len() as u64 {
            return Poll::Ready(Err(io::Error::other(UsedUp)));
        }
        let polled = match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Wire::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        polled.map(|done| done.and_then(|written| self.spend(written).map(|()| written)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
