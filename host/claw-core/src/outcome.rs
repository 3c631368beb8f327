//! What became of a tool call. A refusal is data for the model, not an error of the host.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The end of one tool call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToolOutcome {
    /// The tool's own result.
    Done {
        /// Text for the model: plain text or JSON, as the tool chose.
        text: String,
    },
    /// The call gave no result.
    Failed(Failure),
}

/// Why a call gave no result, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Failure {
    /// The stable kind.
    pub kind: FailureKind,
    /// One sentence: what failed, on what, what to do next. No host path outside the grants, no secret.
    pub message: String,
}

/// The kinds of failure that somebody handles differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The arguments are not JSON or do not match the tool's schema.
    InvalidArguments,
    /// No installed component offers the tool.
    UnknownTool,
    /// Policy, a person or a missing grant refused.
    Denied,
    /// What the call names does not exist.
    NotFound,
    /// The call ran longer than its deadline, or burnt its CPU budget.
    Deadline,
    /// The guest wanted more memory than its limit.
    MemoryLimit,
    /// The guest's call stack overflowed.
    Stack,
    /// The guest held too many handles.
    HandleLimit,
    /// The guest passed or produced too much data.
    DataLimit,
    /// The guest trapped, or its worker died.
    Crash,
    /// Stopped by the owner or by the end of its run.
    Cancelled,
    /// Too many calls at once; later it may work.
    Busy,
    /// The same call had given the same outcome again and again.
    Loop,
    /// Something outside could not be reached, or a kernel feature is missing.
    Unavailable,
    /// The tool itself reports failure.
    Tool,
    /// The host stopped while the call ran: it may or may not have taken effect, and was not repeated.
    OutcomeUnknown,
}

impl FailureKind {
    /// The stable code shown to people and programs.
    pub fn code(self) -> &'static str {
        match self {
            FailureKind::InvalidArguments => "E_MODEL_ARGS",
            FailureKind::UnknownTool => "E_TOOL_UNKNOWN",
            FailureKind::Denied => "E_POLICY_DENY",
            FailureKind::NotFound => "E_NOT_FOUND",
            FailureKind::Deadline => "E_LIMIT_CPU",
            FailureKind::MemoryLimit => "E_LIMIT_MEM",
            FailureKind::Stack | FailureKind::Crash => "E_TRAP",
            FailureKind::HandleLimit => "E_LIMIT_HANDLES",
            FailureKind::DataLimit => "E_LIMIT_DATA",
            FailureKind::Cancelled => "E_CANCELLED",
            FailureKind::Busy => "E_BUSY",
            FailureKind::Loop => "E_LOOP",
            FailureKind::Unavailable => "E_UNAVAILABLE",
            FailureKind::Tool => "E_TOOL",
            FailureKind::OutcomeUnknown => "E_OUTCOME_UNKNOWN",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl ToolOutcome {
    /// A failure of `kind` with its sentence.
    pub fn failed(kind: FailureKind, message: impl Into<String>) -> Self {
        ToolOutcome::Failed(Failure { kind, message: message.into() })
    }

    /// What the model reads: the result, or one line that names the failure.
    pub fn text(&self) -> String {
        match self {
            ToolOutcome::Done { text } => text.clone(),
            ToolOutcome::Failed(failure) => failure.to_string(),
        }
    }

    /// Whether the call gave its result.
    pub fn is_done(&self) -> bool {
        matches!(self, ToolOutcome::Done { .. })
    }
}
