//! What a step gave, as JSON.

use openclaw_sdk::serde_json::{Value, json};
use openclaw_sdk::{HostError, ToolError};
use wasip2::filesystem::types::ErrorCode;

/// The result of a step.
pub type Outcome = Result<Value, Failure>;

/// Why a step gave nothing.
pub struct Failure {
    /// Which layer failed: `io`, `wasi`, `interface` or a kind of the host's errors.
    kind: &'static str,
    /// That layer's code.
    code: String,
    /// Its words.
    text: String,
}

/// The step's entry in the answer.
pub fn report(outcome: Outcome) -> Value {
    match outcome {
        Ok(value) => json!({ "ok": value }),
        Err(Failure { kind, code, text }) => json!({ "error": { "kind": kind, "code": code, "text": text } }),
    }
}

impl Failure {
    /// The probe itself cannot do the step.
    pub fn of_probe(text: &str) -> Self {
        Failure { kind: "probe", code: String::new(), text: text.to_owned() }
    }

    /// An interface's own error, for those that have no place for the host's.
    pub fn of_interface(code: &str, text: String) -> Self {
        Failure { kind: "interface", code: code.to_owned(), text }
    }

    fn of_host(kind: &'static str, text: String) -> Self {
        Failure { kind, code: String::new(), text }
    }
}

impl From<std::io::Error> for Failure {
    fn from(err: std::io::Error) -> Self {
        Failure { kind: "io", code: format!("{:?}", err.kind()), text: err.to_string() }
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Failure { kind: "wasi", code: code.name().to_owned(), text: code.message().to_owned() }
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Denied(denial) => Failure { kind: "denied", code: denial.code, text: denial.reason },
            HostError::Limit(text) => Failure::of_host("limit", text),
            HostError::Invalid(text) => Failure::of_host("invalid", text),
            HostError::Unavailable(text) => Failure::of_host("unavailable", text),
            HostError::Cancelled => Failure::of_host("cancelled", String::new()),
            HostError::NotFound(text) => Failure::of_host("not-found", text),
            HostError::Other(text) => Failure::of_host("other", text),
        }
    }
}

impl From<ToolError> for Failure {
    fn from(error: ToolError) -> Self {
        match error {
            ToolError::Denied(denial) => Failure { kind: "denied", code: denial.code, text: denial.reason },
            ToolError::Limit(text) => Failure::of_host("limit", text),
            ToolError::InvalidArguments(text) => Failure::of_host("invalid", text),
            ToolError::Unavailable(text) => Failure::of_host("unavailable", text),
            ToolError::Cancelled => Failure::of_host("cancelled", String::new()),
            ToolError::NotFound(text) => Failure::of_host("not-found", text),
            ToolError::Failed(failure) => Failure::of_host("failed", failure.message),
        }
    }
}
