//! What stands in a session: messages, the tool calls in them, and the log entries that carry them.

use serde::{Deserialize, Serialize};

use crate::id::{CallId, RunId, Seq, Timestamp, ToolName};
use crate::image::Image;
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

/// What a provider wants to see again with the message that it came with, e.g. signed thoughts. Only the room of models
/// looks into it; nobody is shown it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// The wire format and the provider that it came from; no other gets it.
    pub origin: String,
    /// In the format's own words; at most [`Replay::MAX_BYTES`].
    pub data: String,
}

impl Replay {
    /// What is kept with one message. Signed thoughts of a long reply have some ten thousand bytes.
    pub const MAX_BYTES: usize = 256 * 1024;
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "kebab-case")]
pub enum Message {
    /// What a person or another outside party said.
    User {
        /// The text as received; may be empty when there are images.
        text: String,
        /// What was shown with it, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        images: Vec<Image>,
    },
    /// What the model said, and the calls it asks for.
    Assistant {
        /// May be empty when there are calls.
        text: String,
        /// In the order in which they are to run.
        calls: Vec<ToolCall>,
        /// What the provider wants back with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replay: Option<Replay>,
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

impl Message {
    /// Words without images.
    pub fn user(text: impl Into<String>) -> Message {
        Message::User { text: text.into(), images: Vec::new() }
    }

    /// The images that were shown with it.
    pub fn images(&self) -> &[Image] {
        match self {
            Message::User { images, .. } => images,
            _ => &[],
        }
    }
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
    /// Tokens of the prompt, those of the cache included.
    pub input_tokens: u64,
    /// Tokens of the reply, thoughts included.
    pub output_tokens: u64,
    /// Of the prompt: tokens that came from the provider's cache.
    #[serde(default)]
    pub cache_read_tokens: u64,
    /// Of the prompt: tokens that the provider's cache took up.
    #[serde(default)]
    pub cache_write_tokens: u64,
    /// Of the reply: tokens that were thoughts.
    #[serde(default)]
    pub reasoning_tokens: u64,
    /// What it cost in millionths of a US dollar, as far as prices are known.
    #[serde(default)]
    pub cost_micros: u64,
}

impl Usage {
    /// Adds another call's tokens.
    pub fn add(&mut self, other: Usage) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cache_read_tokens = self.cache_read_tokens.saturating_add(other.cache_read_tokens);
        self.cache_write_tokens = self.cache_write_tokens.saturating_add(other.cache_write_tokens);
        self.reasoning_tokens = self.reasoning_tokens.saturating_add(other.reasoning_tokens);
        self.cost_micros = self.cost_micros.saturating_add(other.cost_micros);
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
