//! `openclaw:net`: connections that the host holds, from opening to closing in one step.

use openclaw_sdk::JsonSchema;
use openclaw_sdk::net::{Chunk, Connection, Incoming, Message, Websocket};
use openclaw_sdk::serde_json::{Value, json};
use serde::Deserialize;

use crate::outcome::Outcome;

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    WebSocket {
        url: String,
        #[serde(default)]
        headers: Vec<(String, String)>,
        #[serde(default)]
        protocols: Vec<String>,
        #[serde(default)]
        then: Vec<OnWebSocket>,
    },
    Tcp {
        host: String,
        port: u16,
        tls: bool,
        #[serde(default)]
        then: Vec<OnTcp>,
    },
    /// Opens this many WebSockets and holds them all.
    Hold { url: String, count: u32 },
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnWebSocket {
    Protocol,
    SendText(String),
    /// This many bytes.
    SendBinary(usize),
    /// Waits this many milliseconds.
    Receive(u64),
    Close(u16, String),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTcp {
    Write(String),
    /// This many bytes.
    WriteBytes(usize),
    /// At most this many bytes, for at most this many milliseconds.
    Read(u64, u64),
    Shutdown,
}

impl Op {
    pub fn run(self) -> Outcome {
        match self {
            Op::WebSocket { url, headers, protocols, then } => {
                let socket = Websocket::connect(&url, &headers, &protocols)?;
                then.into_iter().map(|what| what.run(&socket)).collect::<Result<Vec<_>, _>>().map(Value::from)
            }
            Op::Tcp { host, port, tls, then } => {
                let connection = Connection::connect(&host, port, tls)?;
                then.into_iter().map(|what| what.run(&connection)).collect::<Result<Vec<_>, _>>().map(Value::from)
            }
            Op::Hold { url, count } => {
                let open = |_| Websocket::connect(&url, &[], &[]);
                Ok(json!((0..count).map(open).collect::<Result<Vec<_>, _>>()?.len()))
            }
        }
    }
}

impl OnWebSocket {
    fn run(self, socket: &Websocket) -> Outcome {
        match self {
            OnWebSocket::Protocol => Ok(json!(socket.protocol())),
            OnWebSocket::SendText(text) => Ok(json!(socket.send(&Message::Text(text))?)),
            OnWebSocket::SendBinary(bytes) => Ok(json!(socket.send(&Message::Binary(vec![b'x'; bytes]))?)),
            OnWebSocket::Receive(wait_ms) => Ok(match socket.receive(wait_ms)? {
                Incoming::Message(Message::Text(text)) => json!({ "text": text }),
                Incoming::Message(Message::Binary(bytes)) => json!({ "binary": String::from_utf8_lossy(&bytes) }),
                Incoming::Nothing => json!("nothing"),
                Incoming::Closed(close) => json!({ "closed": close.code, "reason": close.reason }),
            }),
            OnWebSocket::Close(code, reason) => Ok(json!(socket.close(code, &reason)?)),
        }
    }
}

impl OnTcp {
    fn run(self, connection: &Connection) -> Outcome {
        match self {
            OnTcp::Write(text) => Ok(json!(connection.write(text.as_bytes())?)),
            OnTcp::WriteBytes(bytes) => Ok(json!(connection.write(&vec![b'x'; bytes])?)),
            OnTcp::Read(max_bytes, wait_ms) => Ok(match connection.read(max_bytes, wait_ms)? {
                Chunk::Bytes(bytes) => json!({ "bytes": String::from_utf8_lossy(&bytes) }),
                Chunk::Nothing => json!("nothing"),
                Chunk::End => json!("end"),
            }),
            OnTcp::Shutdown => Ok(json!(connection.shutdown()?)),
        }
    }
}
