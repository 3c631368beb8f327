//! Questions to a model: `openclaw:llm`.

use serde::{Deserialize, Serialize};

/// One question. As a plan, the model is named and the number of tokens clamped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LlmRequest {
    /// An alias; `default` is the model of the run.
    pub model: String,
    /// What the model is told before the conversation.
    pub system: String,
    /// The conversation; the last message is the user's.
    pub messages: Vec<LlmMessage>,
    /// Longest answer in tokens.
    pub max_tokens: u32,
}

impl LlmRequest {
    /// Bytes of all texts.
    pub fn bytes(&self) -> usize {
        self.system.len() + self.messages.iter().map(|message| message.text.len()).sum::<usize>()
    }
}

/// One message of the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LlmMessage {
    /// Whether the model said it, earlier.
    pub by_model: bool,
    /// What was said.
    pub text: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LlmReply {
    /// The text.
    pub text: String,
    /// Tokens of the question, 0 if unknown.
    pub input_tokens: u64,
    /// Tokens of the answer, 0 if unknown.
    pub output_tokens: u64,
    /// Whether it was cut at the limit.
    pub cut: bool,
}
