//! Connections: `openclaw:net`.

use serde::{Deserialize, Serialize};

use super::Target;

/// What a guest does with connections. Handles count within one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetRequest {
    /// Opens one.
    Connect(ConnectRequest),
    /// Sends a message, or bytes on a plain connection.
    Send {
        /// Which.
        handle: u32,
        /// What.
        message: NetMessage,
    },
    /// Waits for a message, or for bytes on a plain connection.
    Receive {
        /// Which.
        handle: u32,
        /// Bytes that are taken at most from a plain connection; the host clamps it.
        max_bytes: u64,
        /// Milliseconds to wait; the host clamps it.
        wait_ms: u64,
    },
    /// Says that nothing more will be sent on a plain connection.
    Shutdown {
        /// Which.
        handle: u32,
    },
    /// Closes one.
    Close {
        /// Which.
        handle: u32,
        /// RFC 6455 status code; plain connections have none.
        code: u16,
        /// The words that go with it.
        reason: String,
    },
}

/// One connection in the guest's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectRequest {
    /// `ws://…`, `wss://…`, `tcp://HOST:PORT` or `tls://HOST:PORT`.
    pub url: String,
    /// Headers of a WebSocket's handshake.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Subprotocols of a WebSocket, the best first.
    pub protocols: Vec<String>,
}

/// The canonical form of a [`ConnectRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectPlan {
    /// Where it goes.
    pub target: Target,
    /// Headers of the handshake, lower-case names; what the host sets itself is not among them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Subprotocols, the best first.
    pub protocols: Vec<String>,
}

/// What goes over a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetMessage {
    /// A text message of a WebSocket.
    Text(String),
    /// A binary message of a WebSocket, or bytes of a plain connection.
    Binary(Vec<u8>),
}

/// What comes of a [`NetRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetReply {
    /// It is open.
    Opened {
        /// Names it in this call.
        handle: u32,
        /// The subprotocol that the server chose; empty for none.
        protocol: String,
    },
    /// A message, or bytes.
    Message(NetMessage),
    /// Nothing came in time.
    Nothing,
    /// Closed by the server, or broken: nothing more will come.
    Closed {
        /// RFC 6455 status code; 1005 without one, 1006 for a broken connection, 1000 for a plain one.
        code: u16,
        /// The server's words.
        reason: String,
    },
    /// Nothing to tell.
    Done,
}
