//! What a model is asked and what it answers, in the words of the host.

use claw_core::message::{Message, ToolCall, ToolSpec, Usage};
use serde::{Deserialize, Serialize};

/// Everything that a model sees in one call.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Instructions of the host; may be empty.
    pub system: String,
    /// The conversation, oldest first. [`Message::Notice`] is not sent.
    pub messages: Vec<Message>,
    /// The tools on offer; none if empty.
    pub tools: Vec<ToolSpec>,
    /// Upper bound of the reply in the provider's tokens; 0 is sent as 1.
    pub max_output_tokens: u32,
}

/// One complete answer of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// What it says; may be empty when there are calls.
    pub text: String,
    /// What it asks for, in order. Ids are valid and differ from each other and from all ids in the prompt.
    pub calls: Vec<ToolCall>,
    /// Tokens as the provider counted them; zeros if it did not say.
    pub usage: Usage,
    /// Why it ended.
    pub stop: StopReason,
}

/// Why a reply ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// The model has said what it wanted to say.
    EndTurn,
    /// The model waits for the outcomes of its calls; there is at least one.
    ToolUse,
    /// The reply reached its token limit. A call that was cut off is not in the reply.
    MaxTokens,
    /// The model or its provider declined; there are no calls.
    Refusal,
    /// A reason that this host does not know, as the provider names it (at most 64 characters).
    Other(String),
}
