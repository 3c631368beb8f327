//! From the Bot API's updates to messages.

use openclaw_sdk::channel::{Batch, Person, Received};
use serde::Deserialize;
use serde_json::Value;

use crate::chat;

#[cfg(test)]
mod tests;

/// What else a message may be than text, and how it is called here. A GIF is a document as well, so it comes first.
const KINDS: [(&str, &str); 14] = [
    ("animation", "animation"),
    ("audio", "audio"),
    ("document", "document"),
    ("photo", "photo"),
    ("sticker", "sticker"),
    ("story", "story"),
    ("video", "video"),
    ("video_note", "video message"),
    ("voice", "voice message"),
    ("contact", "contact"),
    ("dice", "dice"),
    ("poll", "poll"),
    ("venue", "venue"),
    ("location", "location"),
];

#[derive(Deserialize)]
struct Message {
    message_id: i64,
    message_thread_id: Option<i64>,
    #[serde(default)]
    is_topic_message: bool,
    from: Option<User>,
    /// Who speaks, if it is a chat: an anonymous administrator, a channel.
    sender_chat: Option<SenderChat>,
    chat: ChatOf,
    /// Seconds since 1970.
    date: u64,
    text: Option<String>,
    caption: Option<String>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct User {
    id: i64,
    first_name: String,
    last_name: Option<String>,
    username: Option<String>,
}

#[derive(Deserialize)]
struct SenderChat {
    id: i64,
    title: Option<String>,
}

#[derive(Deserialize)]
struct ChatOf {
    id: i64,
    r#type: String,
}

/// The messages of some updates, and the number of the update after them. What is no message, or one that nobody wrote,
/// is passed over, and so is what cannot be read: it would stand in the way of all that follows.
pub fn batch(updates: Vec<Value>, cursor: Option<String>) -> Batch {
    let last = updates.iter().filter_map(|update| update["update_id"].as_i64()).max();
    let messages = updates.into_iter().filter_map(|mut update| {
        let message = serde_json::from_value::<Message>(update.get_mut("message")?.take()).ok()?;
        message.received()
    });
    Batch {
        messages: messages.collect(),
        cursor: last.map(|last| (last + 1).to_string()).or(cursor).unwrap_or_default(),
        wait_ms: 0,
    }
}

// === impl Message ===

impl Message {
    fn received(self) -> Option<Received> {
        let text = self.said()?;
        let sender = match (self.sender_chat, self.from) {
            (Some(chat), _) => Person { id: chat.id.to_string(), name: chat.title.unwrap_or_default() },
            (None, Some(user)) => Person { id: user.id.to_string(), name: user.name() },
            (None, None) => return None,
        };
        let topic = self.message_thread_id.filter(|_| self.is_topic_message);
        Some(Received {
            id: self.message_id.to_string(),
            chat: chat::write(self.chat.id, topic),
            direct: self.chat.r#type == "private",
            sender,
            text,
            sent_ms: self.date.saturating_mul(1000),
        })
    }

    /// Its text, or a line for what it is instead, with its caption.
    fn said(&self) -> Option<String> {
        if let Some(text) = &self.text {
            return Some(text.clone());
        }
        let (key, word) = KINDS.iter().find(|(key, _)| self.rest.contains_key(*key))?;
        let about = &self.rest[*key];
        let detail = about["file_name"].as_str().or_else(|| about["emoji"].as_str());
        let line = match detail {
            Some(detail) => format!("[{word}: {}]", detail.replace(char::is_control, " ")),
            None => format!("[{word}]"),
        };
        Some(match &self.caption {
            Some(caption) => format!("{line}\n{caption}"),
            None => line,
        })
    }
}

// === impl User ===

impl User {
    fn name(&self) -> String {
        let mut name = self.first_name.clone();
        if let Some(last) = &self.last_name {
            name = format!("{name} {last}");
        }
        match &self.username {
            Some(user) => format!("{name} (@{user})"),
            None => name,
        }
    }
}
