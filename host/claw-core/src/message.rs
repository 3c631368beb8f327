//! What stands in a session: messages, the tool calls in them, and the log entries that carry them.

use serde::{Deserialize, Serialize};

use crate::id::{CallId, RunId, Seq, Timestamp, ToolName};
use crate::outcome::ToolOutcome;

/// One call that the model asks for. Not yet checked: `arguments` is the provider's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's id of the call; unique within the run.
    pub id: CallId,
    /// The tool as the model named it.
    pub tool: ToolName,
    /// JSON text, exactly as the provider sent it; may be malformed.
    pub arguments: String,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "kebab-case")]
pub enum Message {
    /// What a person or another outside party said.
    User {
        /// The text as received.
        text: String,
    },
    /// What the model said, and the calls it asks for.
    Assistant {
        /// May be empty when there are calls.
        text: String,
        /// In the order in which they are to run.
        calls: Vec<ToolCall>,
    },
    /// What became of one call. Each call of an assistant message has exactly one, before the next assistant message.
    Tool {
        /// The call that this answers.
        call: CallId,
        /// The tool that was called.
        tool: ToolName,
        /// The result or the refusal.
        outcome: ToolOutcome,
        /// Whether it may hold what somebody outside wrote: a web page, a stranger's component.
        #[serde(default)]
        outside: bool,
    },
    /// Stands in for what was said before: the model sees it instead, people see both.
    Summary {
        /// What is to be known of it.
        text: String,
        /// The first entry that the model still sees as it is.
        kept_from: Seq,
    },
    /// What the host itself asks the model to do. Not said by anybody, so people do not see it.
    Instruction {
        /// For the model.
        text: String,
    },
    /// Said by the host itself: an approval card, a cut-off run. Shown to people, never sent to the model.
    Notice {
        /// Plain text.
        text: String,
    },
}

/// One durable line of a session's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Position in the session: it rises along a branch, with gaps where the owner went back, and is never used twice.
    pub seq: Seq,
    /// Host time of the append.
    pub at: Timestamp,
    /// The run that wrote it.
    pub run: RunId,
    /// What it says.
    pub message: Message,
}

/// Tokens that a model call or a whole run used, as the provider counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the reply.
    pub output_tokens: u64,
}

impl Usage {
    /// Adds another call's tokens.
    pub fn add(&mut self, other: Usage) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
    }
}

/// One tool as it is offered to the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Unique over all installed components.
    pub name: ToolName,
    /// One paragraph for the model; stored at install, so a component cannot change its story later.
    pub description: String,
    /// JSON Schema of the arguments, an object.
    pub schema: serde_json::Value,
}
