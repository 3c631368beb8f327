//! The messages of an OpenAI request as one turn of a conversation.
//!
//! OpenAI clients send the whole conversation each time; this host keeps its own. So only the last message is the
//! turn, and what stands before it counts only where the host has no history yet.

use claw_core::image::{self, NewImage};
use serde::Deserialize;
use serde_json::Value;

use super::reply::Problem;
use crate::attachment;
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
    /// What is shown with it.
    images: Vec<NewImage>,
    /// System messages, in order.
    instructions: Vec<String>,
    /// Who said what before.
    transcript: Vec<(&'static str, String)>,
    /// What was shown before.
    earlier: Vec<NewImage>,
}

impl Prompt {
    /// Takes the messages apart.
    pub(super) fn read(messages: &[ChatMessage]) -> Result<Prompt, Problem> {
        let last = messages.iter().rposition(|message| message.role == Role::User);
        let Some(last) = last else { return Err(Problem::bad("`messages` has no message of the role `user`")) };
        let (turn, images) = content(&messages[last].content)?;
        image::check(&images).map_err(|(at, why)| Problem::bad(format!("image {} {why}", at + 1)))?;
        let (instructions, transcript, earlier) = Default::default();
        let mut prompt = Prompt { turn, images, instructions, transcript, earlier };
        for (index, message) in messages.iter().enumerate().filter(|(index, _)| *index != last) {
            let (mut text, images) = content(&message.content)?;
            text.push_str(&"\n[image]".repeat(images.len()));
            prompt.earlier.extend(images);
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
    pub(super) fn into_turn(self) -> Result<(String, Vec<NewImage>), Problem> {
        checked(self.turn, self.images)
    }

    /// The turn with everything before it, marked as what it is. Of images that were shown before, the newest ones come
    /// along, as many as one message may have.
    pub(super) fn into_whole(self) -> Result<(String, Vec<NewImage>), Problem> {
        method::check_message(&self.turn, &self.images).map_err(Problem::bad)?;
        if !self.has_context() {
            return Ok((self.turn, self.images));
        }
        let mut images = self.images;
        for image in self.earlier.into_iter().rev() {
            images.insert(0, image);
            if image::check(&images).is_err() {
                images.remove(0);
                break;
            }
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
        checked(whole, images)
    }
}

fn checked(text: String, images: Vec<NewImage>) -> Result<(String, Vec<NewImage>), Problem> {
    method::check_message(&text, &images).map_err(Problem::bad)?;
    Ok((text, images))
}

/// The text of a message, and what it shows: a string, or parts that are text and images.
fn content(content: &Value) -> Result<(String, Vec<NewImage>), Problem> {
    let parts = match content {
        Value::Null => return Ok(Default::default()),
        Value::String(text) => return Ok((text.clone(), Vec::new())),
        Value::Array(parts) => parts,
        _ => return Err(Problem::bad("`content` must be a string or an array of parts")),
    };
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for part in parts {
        match (part["type"].as_str(), part["text"].as_str(), part["image_url"]["url"].as_str()) {
            (Some("text" | "input_text"), Some(text), _) => texts.push(text),
            (Some("image_url"), _, Some(url)) => {
                let image = attachment::of_data_url(url);
                images.push(image.map_err(|why| Problem::bad(format!("`image_url` {why}")))?);
            }
            (kind, ..) => {
                let kind: String = kind.unwrap_or("?").chars().take(40).flat_map(char::escape_default).collect();
                let why = format!("content parts of the type `{kind}` are not supported; send `text` and `image_url`");
                return Err(Problem::bad(why));
            }
        }
    }
    Ok((texts.join("\n"), images))
}

#[cfg(test)]
mod tests;
