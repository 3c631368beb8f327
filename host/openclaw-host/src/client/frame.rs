//! The frames of the gateway as a client reads them.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// Names one request on one connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(String);

/// What arrives on a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// Something happened.
    Event(Event),
    /// A request is answered. Some requests are answered twice: accepted, then done.
    Response {
        /// The request.
        id: RequestId,
        /// The method's payload.
        result: Result<Value, RpcFailure>,
    },
}

/// Something that happened in the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// E.g. `chat`, `agent`, `exec.approval.requested`.
    pub name: String,
    /// As the protocol says for this name.
    pub payload: Value,
}

/// The host's words for a request that failed.
#[derive(Clone, Debug, PartialEq, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct RpcFailure {
    /// E.g. `INVALID_REQUEST`, `FORBIDDEN`, `UNAVAILABLE`.
    pub code: String,
    /// For people.
    pub message: String,
    /// For programs.
    #[serde(default)]
    pub details: Value,
    /// Whether the same request may work later.
    #[serde(default)]
    pub retryable: bool,
    /// What came with the failure: a run that ended without an answer still has a payload.
    #[serde(skip)]
    pub payload: Value,
}

/// One frame from the host. Keys that are not known are not minded.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Frame {
    Event {
        event: String,
        #[serde(default)]
        payload: Value,
    },
    Res {
        id: String,
        ok: bool,
        #[serde(default)]
        payload: Value,
        error: Option<Box<RpcFailure>>,
    },
}

impl Frame {
    pub(super) fn parse(text: &str) -> Result<Frame, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl From<Frame> for Incoming {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Event { event, payload } => Incoming::Event(Event { name: event, payload }),
            Frame::Res { id, ok: true, payload, .. } => Incoming::Response { id: RequestId(id), result: Ok(payload) },
            Frame::Res { id, ok: false, payload, error } => {
                let failure = error.map_or_else(RpcFailure::unexplained, |failure| *failure);
                Incoming::Response { id: RequestId(id), result: Err(RpcFailure { payload, ..failure }) }
            }
        }
    }
}

impl RequestId {
    pub(super) fn nth(n: u64) -> Self {
        RequestId(format!("cli-{n}"))
    }

    /// As it stands in the frame.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RpcFailure {
    fn unexplained() -> Self {
        RpcFailure {
            code: "UNAVAILABLE".to_owned(),
            message: "the host gives no reason".to_owned(),
            details: Value::Null,
            retryable: false,
            payload: Value::Null,
        }
    }

    /// Whether the host refused, as opposed to failed: no right, no token, no pairing.
    pub fn is_refusal(&self) -> bool {
        let detail = self.details["code"].as_str().unwrap_or_default();
        matches!(self.code.as_str(), "FORBIDDEN" | "NOT_PAIRED") || detail.starts_with("AUTH_")
    }

    /// Whether it may work later.
    pub fn is_temporary(&self) -> bool {
        self.code == "UNAVAILABLE" && self.retryable
    }
}
