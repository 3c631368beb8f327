//! What the host tells its clients while it works. Edges turn these into their own frames.

use std::sync::Arc;

use crate::approval::Approval;
use crate::id::{CallId, RunId, SessionKey, Timestamp, ToolName};
use crate::message::Usage;
use crate::outbound::Spoken;
use crate::outcome::ToolOutcome;

/// What stands in front of what the host itself says in a conversation. It is taken out of whatever models and components
/// say there, so that neither can speak as the host.
pub const HOST_MARK: &str = "[openclaw-host]";

/// One event of one run, or of an approval.
#[derive(Clone, Debug)]
pub enum HostEvent {
    /// A run left the queue and works.
    RunStarted {
        /// The run.
        run: RunId,
        /// Its conversation.
        session: SessionKey,
        /// Host time.
        at: Timestamp,
    },
    /// The model said a bit more.
    TextDelta {
        /// The run.
        run: RunId,
        /// Its conversation.
        session: SessionKey,
        /// What was added.
        delta: Arc<str>,
    },
    /// A tool call starts.
    ToolStarted {
        /// The run.
        run: RunId,
        /// Its conversation.
        session: SessionKey,
        /// The call.
        call: CallId,
        /// The tool.
        tool: ToolName,
        /// The arguments as the model gave them.
        arguments: Arc<str>,
    },
    /// A tool call ended.
    ToolEnded {
        /// The run.
        run: RunId,
        /// Its conversation.
        session: SessionKey,
        /// The call.
        call: CallId,
        /// The tool.
        tool: ToolName,
        /// What became of it.
        outcome: Arc<ToolOutcome>,
    },
    /// Older messages are being summarised for the model, or have been.
    Compaction {
        /// The run.
        run: RunId,
        /// Its conversation.
        session: SessionKey,
        /// Once it is done: tokens before, and of the summary that replaces them.
        tokens: Option<(u64, u64)>,
    },
    /// Something was said to people in a run, and not by the model.
    Noticed {
        /// The run.
        run: RunId,
        /// Its conversation.
        session: SessionKey,
        /// What was said, and by whom.
        text: Arc<str>,
    },
    /// Calls of one component wait for a person. They belong to the same run.
    ApprovalRequested {
        /// The approvals with their cards; at least one.
        approvals: Arc<[Approval]>,
        /// All of them as Markdown, for the chat.
        card: Arc<str>,
    },
    /// A waiting call has its answer, or will never get one.
    ApprovalResolved {
        /// The approval in its new state.
        approval: Arc<Approval>,
        /// Host time.
        at: Timestamp,
    },
    /// A run ended.
    RunEnded {
        /// The run.
        run: RunId,
        /// Its conversation.
        session: SessionKey,
        /// How.
        end: Arc<RunEnd>,
        /// Host time.
        at: Timestamp,
    },
    /// A session was created, reset or got a new message.
    SessionChanged {
        /// The conversation.
        session: SessionKey,
        /// `reset`, `message`.
        reason: &'static str,
        /// Host time.
        at: Timestamp,
    },
    /// The host is about to stop.
    Shutdown {
        /// Why.
        reason: &'static str,
    },
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum RunEnd {
    /// With an answer.
    Done {
        /// The whole answer.
        text: String,
        /// Over all model calls of the run.
        usage: Usage,
    },
    /// Without one.
    Failed {
        /// `rate_limit`, `auth`, `timeout`, `context_length`, `refusal`, `limit`, `left-out`, `summarised`,
        /// `lost`, `unknown`.
        kind: String,
        /// What failed and what to do next.
        message: String,
    },
    /// Stopped on request.
    Aborted {
        /// What had been said until then.
        text: String,
    },
    /// Its message became part of another run, which answers it.
    Joined {
        /// The other run.
        run: RunId,
    },
}

impl RunEnd {
    /// As clients see it: without what the model said to the host.
    pub fn shown(&self) -> RunEnd {
        let shown = |text: &str| Spoken::shown().all(text);
        match self {
            RunEnd::Done { text, usage } => RunEnd::Done { text: shown(text), usage: *usage },
            RunEnd::Aborted { text } => RunEnd::Aborted { text: shown(text) },
            RunEnd::Failed { .. } | RunEnd::Joined { .. } => self.clone(),
        }
    }

    /// The kind of failure of a message that nobody answered, and that the model is not to see.
    pub const LEFT_OUT: &str = "left-out";
    /// The same, but the model gets to see how the message began.
    pub const SUMMARISED: &str = "summarised";
    /// The kind of failure of a run that the host could not end, however often it was started again.
    pub const LOST: &str = "lost";
}
