//! How many tokens a text has, roughly: no two models count alike, and their tables weigh megabytes. The count is the
//! same for all models and errs to the high side; what a provider says it counted corrects it later.

use crate::message::{Message, ToolSpec};

/// A message's own words: its role, and what parts it from the next one.
const PER_MESSAGE: u64 = 4;
/// A call beside its name and arguments.
const PER_CALL: u64 = 8;
/// An image, whatever its size: what Anthropic counts for the largest one that it does not scale down, and more than
/// OpenAI does. Gemini counts less for most.
pub(super) const PER_IMAGE: u64 = 1_600;

/// Tokens of a text: four Latin letters make one, so do two digits or two other signs, and each ideograph is one.
pub fn of_text(text: &str) -> u64 {
    // In twelfths of a token.
    let weight: u64 = text
        .chars()
        .map(|ch| match ch {
            'a'..='z' | 'A'..='Z' | ' ' => 3,
            '0'..='9' => 6,
            '\0'..='\u{7f}' => 6,
            '\u{80}'..='\u{2e7f}' => 6,
            _ => 12,
        })
        .sum();
    weight.div_ceil(12)
}

/// Tokens of a tool on offer.
pub fn of_tool(tool: &ToolSpec) -> u64 {
    PER_CALL + of_text(tool.name.as_str()) + of_text(&tool.description) + of_text(&tool.schema.to_string())
}

/// Tokens of a message as it is sent; none for what is not sent.
pub fn of_message(message: &Message) -> u64 {
    match message {
        Message::User { text, images } => PER_MESSAGE + of_text(text) + PER_IMAGE * images.len() as u64,
        Message::Summary { text, .. } | Message::Instruction { text } => PER_MESSAGE + of_text(text),
        Message::Assistant { text, calls, replay } => {
            let calls = calls.iter().map(|call| PER_CALL + of_text(call.tool.as_str()) + of_text(&call.arguments));
            let replay = replay.as_ref().map_or(0, |replay| of_text(&replay.data));
            PER_MESSAGE + of_text(text) + calls.sum::<u64>() + replay
        }
        Message::Tool { outcome, .. } => PER_MESSAGE + of_text(&outcome.text()),
        Message::Notice { .. } => 0,
    }
}
