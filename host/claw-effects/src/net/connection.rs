//! One open connection.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use claw_core::effect::{EffectError, NetMessage, NetReply};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};
use tokio_tungstenite::tungstenite::{Error, error::CapacityError};
use tokio_util::sync::CancellationToken;

use crate::dial;
use crate::limit::{self, Slot};
use crate::mask::Mask;
use crate::net::plan::NetLimits;
use crate::net::socket::{Socket, UsedUp};

/// Time for the words that end a connection: nobody waits for a server that does not listen any more.
const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes that are read from a plain connection at a time, unless fewer are wanted.
const READ_BYTES: usize = 64 * 1024;
/// Bytes of the words that end a WebSocket.
const MAX_REASON_BYTES: usize = 123;

/// RFC 6455: the connection did what it was for.
const NORMAL: u16 = 1000;
/// RFC 6455: the server gave no code.
const NO_CODE: u16 = 1005;
/// RFC 6455: the connection broke.
const BROKEN: u16 = 1006;

/// An open connection. Dropping it closes it.
#[derive(Debug)]
pub struct Connection {
    /// None once it is closed.
    channel: Option<Channel>,
    protocol: String,
    /// How it was closed.
    closed: (u16, String),
    limits: NetLimits,
    mask: Mask,
    cancel: CancellationToken,
    /// Given back with the connection.
    _slot: Slot,
}

/// What is spoken on it.
#[derive(Debug)]
pub(super) enum Channel {
    WebSocket(Box<WebSocketStream<Socket>>),
    Plain(Socket),
}

/// What came.
enum Incoming {
    Message(NetMessage),
    Closed { code: u16, reason: String },
}

/// Why nothing came or went.
enum Failure {
    /// The message itself.
    Refused(EffectError),
    /// Larger than a message may be.
    TooLarge,
    UsedUp,
    Broken,
}

impl Connection {
    pub(super) fn new(
        channel: Channel,
        protocol: String,
        limits: NetLimits,
        mask: Mask,
        cancel: CancellationToken,
        slot: Slot,
    ) -> Self {
        let closed = (NORMAL, String::new());
        Connection { channel: Some(channel), protocol, closed, limits, mask, cancel, _slot: slot }
    }

    /// The subprotocol that the server chose; empty for none.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// Sends a message, or all bytes on a plain connection; waits while the server does not take it.
    ///
    /// Not cancel-safe: if the future is dropped, a part may have been sent. Drop the connection then.
    /// # Errors
    /// [`EffectError::Limit`] with `E_NET_LIMIT` for a message that is too large (the connection lives on), and if the
    /// server does not take it in time or the connection has carried all it may (it is closed then);
    /// [`EffectError::Invalid`] for text on a plain connection; [`EffectError::Cancelled`];
    /// [`EffectError::Unavailable`] if the connection is closed.
    pub async fn send(&mut self, message: NetMessage) -> Result<(), EffectError> {
        let (bytes, most) = (message_bytes(&message), self.limits.max_message_bytes);
        if bytes > most {
            return Err(limit::reached(format_args!("a message of {bytes} bytes, at most {most} are possible")));
        }
        let Some(channel) = &mut self.channel else { return Err(closed_already()) };
        let sent = tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Failure::Refused(EffectError::Cancelled)),
            sent = timeout(self.limits.max_wait, channel.send(message)) => sent.unwrap_or_else(|_| {
                Err(Failure::Refused(limit::reached("the server does not take what is sent")))
            }),
        };
        match sent {
            Ok(()) => Ok(()),
            Err(Failure::Refused(err @ EffectError::Invalid(_))) => Err(err),
            Err(failure) => Err(self.fail(failure)),
        }
    }

    /// Waits for a message, or on a plain connection for 1 to `max_bytes` bytes, at most `wait`; both are clamped. A
    /// `wait` of nothing only looks. The answer is [`NetReply::Message`], [`NetReply::Nothing`] or
    /// [`NetReply::Closed`], which comes again and again.
    ///
    /// Cancel-safe: nothing is lost if the future is dropped.
    /// # Errors
    /// [`EffectError::Limit`] with `E_NET_LIMIT` for a message that is too large, or when the connection has carried
    /// all it may; [`EffectError::Cancelled`]. The connection is closed then.
    pub async fn receive(&mut self, max_bytes: u64, wait: Duration) -> Result<NetReply, EffectError> {
        let most = self.limits.max_message_bytes;
        let max_bytes = usize::try_from(max_bytes).unwrap_or(most).clamp(1, most);
        let until = Instant::now() + wait.min(self.limits.max_wait);
        let Some(channel) = &mut self.channel else {
            let (code, reason) = self.closed.clone();
            return Ok(NetReply::Closed { code, reason });
        };
        let received = tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Failure::Refused(EffectError::Cancelled)),
            received = timeout_at(until, channel.receive(max_bytes)) => match received {
                Ok(received) => received,
                Err(_) => return Ok(NetReply::Nothing),
            },
        };
        match received {
            Ok(Incoming::Message(message)) => Ok(NetReply::Message(self.masked(message))),
            Ok(Incoming::Closed { code, reason }) => Ok(self.end(code, reason)),
            Err(Failure::Broken) => Ok(self.end(BROKEN, String::new())),
            Err(failure @ Failure::TooLarge) => {
                self.farewell(CloseCode::Size, "message too big").await;
                Err(self.fail(failure))
            }
            Err(failure) => Err(self.fail(failure)),
        }
    }

    /// Says that nothing more will be sent on a plain connection; reading goes on.
    ///
    /// # Errors
    /// [`EffectError::Invalid`] on a WebSocket; [`EffectError::Unavailable`] if the connection is closed.
    pub async fn shutdown(&mut self) -> Result<(), EffectError> {
        match &mut self.channel {
            None => Err(closed_already()),
            Some(Channel::WebSocket(_)) => {
                Err(EffectError::Invalid("a WebSocket is closed as a whole: use `close`".into()))
            }
            Some(Channel::Plain(socket)) => match timeout(FAREWELL, socket.shutdown()).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(self.fail(Failure::Broken)),
            },
        }
    }

    /// Closes the connection; a server that listens is told `code` and `reason`. Takes at most a second.
    ///
    /// # Errors
    /// [`EffectError::Invalid`] for a code other than 1000 and 3000 to 4999, or more than 123 bytes of reason; the
    /// connection is closed all the same.
    pub async fn close(mut self, code: u16, reason: &str) -> Result<(), EffectError> {
        if matches!(self.channel, Some(Channel::WebSocket(_))) {
            if code != NORMAL && !(3000..5000).contains(&code) {
                return Err(EffectError::Invalid(format!("close code {code}: 1000 and 3000 to 4999 are possible")));
            }
            if reason.len() > MAX_REASON_BYTES {
                return Err(EffectError::Invalid(format!("a close reason has at most {MAX_REASON_BYTES} bytes")));
            }
        }
        self.farewell(code.into(), reason).await;
        Ok(())
    }

    /// Tells the server, if it listens.
    async fn farewell(&mut self, code: CloseCode, reason: &str) {
        let told = match &mut self.channel {
            Some(Channel::WebSocket(socket)) => {
                let frame = CloseFrame { code, reason: reason.into() };
                timeout(FAREWELL, (**socket).close(Some(frame))).await.is_ok_and(|told| told.is_ok())
            }
            Some(Channel::Plain(socket)) => timeout(FAREWELL, socket.shutdown()).await.is_ok_and(|told| told.is_ok()),
            None => true,
        };
        tracing::trace!(told, "connection closed");
    }

    fn end(&mut self, code: u16, reason: String) -> NetReply {
        let reason = self.mask.text(&reason).into_owned();
        self.channel = None;
        self.closed = (code, reason.clone());
        NetReply::Closed { code, reason }
    }

    /// Closes the connection and says why.
    fn fail(&mut self, failure: Failure) -> EffectError {
        self.end(BROKEN, String::new());
        match failure {
            Failure::Refused(err) => err,
            Failure::TooLarge => {
                let most = self.limits.max_message_bytes;
                limit::reached(format_args!("a message of more than {most} bytes came; the connection is closed"))
            }
            Failure::UsedUp => {
                let most = self.limits.max_total_bytes;
                limit::reached(format_args!("the connection has carried {most} bytes and is closed"))
            }
            Failure::Broken => EffectError::Unavailable("the connection broke".into()),
        }
    }

    fn masked(&self, message: NetMessage) -> NetMessage {
        if self.mask.is_empty() {
            return message;
        }
        match message {
            NetMessage::Text(text) => NetMessage::Text(self.mask.text(&text).into_owned()),
            NetMessage::Binary(bytes) => NetMessage::Binary(self.mask.bytes(&bytes).into_owned()),
        }
    }
}

impl Channel {
    async fn send(&mut self, message: NetMessage) -> Result<(), Failure> {
        match (self, message) {
            (Channel::WebSocket(socket), NetMessage::Text(text)) => Ok(socket.send(Message::text(text)).await?),
            (Channel::WebSocket(socket), NetMessage::Binary(bytes)) => {
                Ok(socket.send(Message::Binary(Bytes::from(bytes))).await?)
            }
            (Channel::Plain(socket), NetMessage::Binary(bytes)) => {
                socket.write_all(&bytes).await?;
                Ok(socket.flush().await?)
            }
            (Channel::Plain(_), NetMessage::Text(_)) => {
                Err(Failure::Refused(EffectError::Invalid("a plain connection carries bytes, not text".into())))
            }
        }
    }

    /// Cancel-safe, as reading and the next message of a WebSocket are.
    async fn receive(&mut self, max_bytes: usize) -> Result<Incoming, Failure> {
        match self {
            Channel::Plain(socket) => {
                let mut bytes = Vec::with_capacity(max_bytes.min(READ_BYTES));
                let read = socket.take(max_bytes as u64).read_buf(&mut bytes).await?;
                Ok(match read {
                    0 => Incoming::Closed { code: NORMAL, reason: String::new() },
                    _ => Incoming::Message(NetMessage::Binary(bytes)),
                })
            }
            Channel::WebSocket(socket) => loop {
                match socket.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(Incoming::Message(NetMessage::Text(text.to_string()))),
                    Some(Ok(Message::Binary(bytes))) => {
                        return Ok(Incoming::Message(NetMessage::Binary(bytes.into())));
                    }
                    // Answered by the protocol itself.
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                    Some(Ok(Message::Close(frame))) => {
                        let told = timeout(FAREWELL, socket.flush()).await.is_ok_and(|told| told.is_ok());
                        tracing::trace!(told, "closed by the server");
                        let (code, reason) = frame
                            .map_or((NO_CODE, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                        return Ok(Incoming::Closed { code, reason });
                    }
                    Some(Err(err)) => return Err(err.into()),
                    None => return Err(Failure::Broken),
                }
            },
        }
    }
}

impl From<Error> for Failure {
    fn from(err: Error) -> Self {
        match err {
            Error::Io(err) => err.into(),
            Error::Capacity(CapacityError::MessageTooLong { .. }) => Failure::TooLarge,
            _ => Failure::Broken,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(err: io::Error) -> Self {
        match dial::causes(&err).any(|err| err.is::<UsedUp>()) {
            true => Failure::UsedUp,
            false => Failure::Broken,
        }
    }
}

fn closed_already() -> EffectError {
    EffectError::Unavailable("the connection is closed".into())
}

fn message_bytes(message: &NetMessage) -> usize {
    match message {
        NetMessage::Text(text) => text.len(),
        NetMessage::Binary(bytes) => bytes.len(),
    }
}
