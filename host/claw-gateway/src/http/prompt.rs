//! The messages of an OpenAI request as one turn of a conversation.
//!
//! OpenAI clients send the whole conversation each time; this host keeps its own. So only the last message is the
//! turn, and what stands before it counts only where the host has no history yet.

use serde::Deserialize;
use serde_json::Value;

use super::reply::Problem;
use crate::method;

/// One message as clients send it.
#[derive(Debug, Deserialize)]
pub(super) struct ChatMessage {
    role: Role,
    #[serde(default)]
    content: Value,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

/// A conversation, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    /// What the user says now.
    turn: String,
    /// System messages, in order.
    instructions: Vec<String>,
    /// Who said what before.
    transcript: Vec<(&'static str, String)>,
}

impl Prompt {
    /// Takes the messages apart.
    pub(super) fn read(messages: &[ChatMessage]) -> Result<Prompt, Problem> {
        let last = messages.iter().rposition(|message| message.role == Role::User);
        let Some(last) = last else { return Err(Problem::bad("`messages` has no message of the role `user`")) };
        let mut prompt =
            Prompt { turn: text(&messages[last].content)?, instructions: Vec::new(), transcript: Vec::new() };
        for (index, message) in messages.iter().enumerate().filter(|(index, _)| *index != last) {
            let text = text(&message.content)?;
            match message.role {
                Role::System | Role::Developer => prompt.instructions.push(text),
                _ if index > last => {
                    return Err(Problem::bad("the last message must have the role `user`"));
                }
                Role::User => prompt.transcript.push(("User", text)),
                Role::Assistant => prompt.transcript.push(("Assistant", text)),
                Role::Tool => prompt.transcript.push(("Tool", text)),
            }
        }
        Ok(prompt)
    }

    /// Whether there is more than the turn itself.
    pub(super) fn has_context(&self) -> bool {
        !self.instructions.is_empty() || self.transcript.iter().any(|(_, text)| !text.is_empty())
    }

    /// The turn alone, for a conversation that the host already knows.
    pub(super) fn into_turn(self) -> Result<String, Problem> {
        checked(self.turn)
    }

    /// The turn with everything before it, marked as what it is.
    pub(super) fn into_whole(self) -> Result<String, Problem> {
        method::check_message(&self.turn).map_err(Problem::bad)?;
        if !self.has_context() {
            return Ok(self.turn);
        }
        let mut whole = String::new();
        if !self.instructions.is_empty() {
            whole.push_str("[Instructions from the API client]\n");
            whole.push_str(&self.instructions.join("\n\n"));
            whole.push_str("\n\n");
        }
        if !self.transcript.is_empty() {
            whole.push_str("[Earlier in this conversation, as the API client tells it]\n");
            for (who, text) in self.transcript.iter().filter(|(_, text)| !text.is_empty()) {
                whole.push_str(&format!("{who}: {text}\n"));
            }
            whole.push('\n');
        }
        whole.push_str("[Current message]\n");
        whole.push_str(&self.turn);
        checked(whole)
    }
}

fn checked(text: String) -> Result<String, Problem> {
    method::check_message(&text).map_err(Problem::bad)?;
    Ok(text)
}

/// The text of a message: a string, or parts that are all text.
fn text(content: &Value) -> Result<String, Problem> {
    let part = |part: &Value| match (part["type"].as_str(), part["text"].as_str()) {
        (Some("text" | "input_text"), Some(text)) => Ok(text.to_owned()),
        (kind, _) => {
            let kind: String = kind.unwrap_or("?").chars().take(40).flat_map(char::escape_default).collect();
            Err(Problem::bad(format!("content parts of the type `{kind}` are not supported; send text")))
        }
    };
    match content {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => Ok(parts.iter().map(part).collect::<Result<Vec<_>, _>>()?.join("\n")),
        _ => Err(Problem::bad("`content` must be a string or an array of text parts")),
    }
}

#[cfg(test)]
mod tests;
