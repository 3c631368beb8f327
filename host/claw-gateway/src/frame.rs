//! Frames: the one place that turns values into wire text and back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::scope::Scope;

/// The stable codes of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The call makes no sense as it is.
    InvalidRequest,
    /// The caller lacks a scope.
    Forbidden,
    /// Not now.
    Unavailable,
    /// The device is unknown.
    NotPaired,
    /// No such approval, or none that still waits.
    ApprovalNotFound,
}

impl ErrorCode {
    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::InvalidRequest => "INVALID_REQUEST",
            ErrorCode::Forbidden => "FORBIDDEN",
            ErrorCode::Unavailable => "UNAVAILABLE",
            ErrorCode::NotPaired => "NOT_PAIRED",
            ErrorCode::ApprovalNotFound => "APPROVAL_NOT_FOUND",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a call was refused, as the client sees it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct RpcError {
    /// The stable code.
    pub code: ErrorCode,
    /// One sentence: what failed, on what, what to do next.
    pub message: String,
    /// Data for programs, usually with its own finer `code`.
    pub details: Option<Value>,
    /// Whether the same call may work later.
    pub retryable: bool,
    /// How long to wait before trying again.
    pub retry_after: Option<Duration>,
}

impl RpcError {
    /// An error that says only what is wrong.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        RpcError { code, message: message.into(), details: None, retryable: false, retry_after: None }
    }

    /// The call makes no sense as it is.
    pub fn invalid(message: impl Into<String>) -> Self {
        RpcError::new(ErrorCode::InvalidRequest, message)
    }

    /// Not now; the same call may work later.
    pub fn unavailable(message: impl Into<String>) -> Self {
        RpcError { retryable: true, ..RpcError::new(ErrorCode::Unavailable, message) }
    }

    /// Adds data for programs.
    pub fn with_details(self, details: Value) -> Self {
        RpcError { details: Some(details), ..self }
    }

    pub(crate) fn missing_scope(scope: Scope) -> Self {
        let name = scope.as_str();
        RpcError::new(ErrorCode::Forbidden, format!("missing scope: {name}"))
            .with_details(json!({"code": "MISSING_SCOPE", "missingScope": name, "requiredScopes": [name]}))
    }

    /// The wire form; every error leaves through here.
    pub fn to_wire(&self) -> Value {
        let mut wire = json!({"code": self.code.as_str(), "message": self.message});
        if let Some(details) = &self.details {
            wire["details"] = details.clone();
        }
        if self.retryable {
            wire["retryable"] = json!(true);
        }
        if let Some(wait) = self.retry_after {
            wire["retryAfterMs"] = json!(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        }
        wire
    }
}

/// One request frame. Keys that this host does not know are ignored: newer clients send more.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) params: Value,
}

/// A text that is no request frame.
#[derive(Debug, PartialEq)]
pub(crate) struct BadFrame {
    /// The frame's id, or `invalid`.
    pub(crate) id: String,
    pub(crate) error: RpcError,
}

impl Request {
    /// Parses one text frame.
    pub(crate) fn parse(text: &str) -> Result<Request, BadFrame> {
        let bad = |id: &str, why: String| BadFrame {
            id: id.to_owned(),
            error: RpcError::invalid(format!("invalid request frame: {why}")),
        };
        let frame: Value = serde_json::from_str(text).map_err(|err| bad("invalid", err.to_string()))?;
        if !frame.is_object() {
            return Err(bad("invalid", "expected an object".to_owned()));
        }
        let id = frame["id"].as_str().filter(|id| !id.is_empty() && id.len() <= 512).unwrap_or("invalid").to_owned();
        if frame["type"] != "req" {
            return Err(bad(&id, "`type` must be `req`".to_owned()));
        }
        let request: Request = serde_json::from_value(frame).map_err(|err| bad(&id, err.to_string()))?;
        if request.id != id {
            return Err(bad("invalid", "`id` must have 1 to 512 bytes".to_owned()));
        }
        if request.method.is_empty() {
            return Err(bad(&id, "`method` is empty".to_owned()));
        }
        Ok(request)
    }
}

/// A response frame.
pub(crate) fn response(id: &str, result: Result<&Value, &RpcError>) -> String {
    match result {
        Ok(payload) => json!({"type": "res", "id": id, "ok": true, "payload": payload}),
        Err(error) => json!({"type": "res", "id": id, "ok": false, "error": error.to_wire()}),
    }
    .to_string()
}

/// A response frame of a call that ended badly and still has something to show.
pub(crate) fn failed_response(id: &str, payload: &Value, error: &RpcError) -> String {
    json!({"type": "res", "id": id, "ok": false, "payload": payload, "error": error.to_wire()}).to_string()
}

/// Which connections get an event, apart from its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    Everybody,
    /// Clients that named the capability `tool-events`.
    ToolEvents,
}

/// What happens to an event when its client reads too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// May be left out: a later frame says it again.
    Droppable,
    /// Must arrive, or the connection ends.
    Kept,
}

/// An event, serialised once for all connections; each adds only its own `seq`.
#[derive(Debug)]
pub(crate) struct EventFrame {
    /// The frame without `seq` and closing brace.
    open: String,
    pub(crate) scope: Option<Scope>,
    pub(crate) audience: Audience,
    pub(crate) urgency: Urgency,
}

impl EventFrame {
    pub(crate) fn new(
        event: &str,
        payload: &impl Serialize,
        scope: Option<Scope>,
        audience: Audience,
        urgency: Urgency,
    ) -> Arc<Self> {
        let payload = serde_json::to_string(payload).expect("frame: payloads have text keys");
        let open = format!(r#"{{"type":"event","event":"{event}","payload":{payload}"#);
        Arc::new(EventFrame { open, scope, audience, urgency })
    }

    /// The whole frame for one connection.
    pub(crate) fn numbered(&self, seq: u64) -> String {
        format!(r#"{},"seq":{seq}}}"#, self.open)
    }

    /// The whole frame before a connection counts.
    pub(crate) fn unnumbered(&self) -> String {
        format!("{}}}", self.open)
    }

    /// Bytes, roughly: what it costs to keep the frame waiting.
    pub(crate) fn size(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests;
