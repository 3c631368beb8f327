//! What a model is asked and what it answers, in the words of the host.

use std::collections::BTreeMap;

use claw_core::id::Digest;
use claw_core::message::{Message, Replay, ToolCall, ToolSpec, Usage};
use serde::{Deserialize, Serialize};

/// Bytes of images by their digests.
pub type Images = BTreeMap<Digest, Vec<u8>>;

/// Everything that a model sees in one call.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Instructions of the host; may be empty.
    pub system: String,
    /// The conversation, oldest first. [`Message::Notice`] is not sent.
    pub messages: Vec<Message>,
    /// The bytes of the images in them. One that is not here is told of in words.
    pub images: Images,
    /// The tools on offer; none if empty.
    pub tools: Vec<ToolSpec>,
    /// Upper bound of the reply in the provider's tokens; 0 is sent as 1.
    pub max_output_tokens: u32,
    /// How much it is to think before it answers.
    pub thinking: Thinking,
}

impl Prompt {
    /// Whether there is anything in it that a provider wanted back.
    pub(crate) fn has_thoughts(&self) -> bool {
        self.messages.iter().any(|message| matches!(message, Message::Assistant { replay: Some(_), .. }))
    }

    /// The same without what providers wanted back.
    pub(crate) fn without_thoughts(&self) -> Prompt {
        let mut prompt = self.clone();
        for message in &mut prompt.messages {
            if let Message::Assistant { replay, .. } = message {
                *replay = None;
            }
        }
        prompt
    }
}

/// How much a model is to think before it answers. Models that cannot are not asked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Thinking {
    /// It is not asked to; some do as they like then.
    #[default]
    Off,
    /// A little.
    Low,
    /// As much as the question deserves.
    Medium,
    /// As much as it can.
    High,
}

impl Thinking {
    /// All of them.
    pub const ALL: [Thinking; 4] = [Thinking::Off, Thinking::Low, Thinking::Medium, Thinking::High];

    /// Its name in settings and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Thinking::Off => "off",
            Thinking::Low => "low",
            Thinking::Medium => "medium",
            Thinking::High => "high",
        }
    }

    /// The level of this name.
    pub fn named(name: &str) -> Option<Thinking> {
        Thinking::ALL.into_iter().find(|level| level.as_str() == name)
    }

    /// The word that most formats use; `None` for [`Thinking::Off`].
    pub(crate) fn effort(self) -> Option<&'static str> {
        (self != Thinking::Off).then(|| self.as_str())
    }

    /// Tokens that the thoughts of one reply may take. Providers count them as a part of it.
    pub fn tokens(self) -> u32 {
        match self {
            Thinking::Off => 0,
            Thinking::Low => 2_048,
            Thinking::Medium => 8_192,
            Thinking::High => 24_576,
        }
    }
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
    /// What the provider wants back with this reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
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
