//! A parked call that waits for a person: its card and its states.

use serde::{Deserialize, Serialize};

use crate::id::{ApprovalId, CallId, ComponentName, Digest, RunId, SessionKey, Timestamp};

/// Everything a person sees before saying yes or no. Rendered from the plan, never from guest text alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The action in the policy's words, e.g. `exec.run`.
    pub action: String,
    /// One line: what is about to happen.
    pub title: String,
    /// Label and value, in the order in which they are shown; values are already escaped and never cut.
    pub lines: Vec<(String, String)>,
}

/// One approval as it is stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its name.
    pub id: ApprovalId,
    /// The conversation whose run asked.
    pub session: SessionKey,
    /// The run that waits.
    pub run: RunId,
    /// The tool call inside that run.
    pub call: CallId,
    /// Who asks.
    pub component: ComponentName,
    /// The digest of exactly the plan that will run.
    pub digest: Digest,
    /// What the person sees.
    pub card: Card,
    /// For `exec.run`: one element per argument. Empty otherwise.
    pub argv: Vec<String>,
    /// For `exec.run`: the working directory.
    pub cwd: Option<String>,
    /// When it was asked.
    pub created: Timestamp,
    /// From then on it counts as denied.
    pub expires: Timestamp,
    /// Where it stands.
    pub state: ApprovalState,
}

/// The life of an approval. `Pending` moves once; `Approved` is used once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ApprovalState {
    /// Nobody has answered.
    Pending,
    /// The owner said yes, once.
    Approved {
        /// Who answered, e.g. `ws:owner`.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The owner said no.
    Denied {
        /// Who answered.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Nobody answered in time.
    Expired,
    /// The effect that it allowed has been started; it allows nothing more.
    Used {
        /// When.
        at: Timestamp,
    },
    /// Its run ended before anybody answered.
    Withdrawn,
}

/// What a person answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Exactly this call, once.
    Once,
    /// Not this call.
    Deny,
}

impl ApprovalState {
    /// Whether an answer still counts.
    pub fn is_pending(&self) -> bool {
        matches!(self, ApprovalState::Pending)
    }

    /// The word shown to people and programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            ApprovalState::Pending => "pending",
            ApprovalState::Approved { .. } => "approved",
            ApprovalState::Denied { .. } => "denied",
            ApprovalState::Expired => "expired",
            ApprovalState::Used { .. } => "used",
            ApprovalState::Withdrawn => "withdrawn",
        }
    }
}
