//! From the Bot API's updates to messages.

use openclaw_sdk::channel::{Attachment, Batch, Person, Received};
use serde::Deserialize;
use serde_json::Value;

use crate::chat;

#[cfg(test)]
mod tests;

/// The files that may come with a message. A GIF is a document as well, so it comes first.
const FILES: [&str; 7] = ["animation", "audio", "document", "photo", "video", "video_note", "voice"];
/// The type of what Telegram makes of a picture.
const PHOTO: &str = "image/jpeg";
/// What else a message may be than text and files, and how it is called here.
const KINDS: [(&str, &str); 7] = [
    ("sticker", "sticker"),
    ("story", "story"),
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

/// One file, or one size of a picture.
#[derive(Deserialize)]
struct File {
    file_id: String,
    #[serde(default)]
    file_name: String,
    #[serde(default)]
    mime_type: String,
    #[serde(default)]
    file_size: u64,
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
        let attachments: Vec<_> = self.file().into_iter().collect();
        let text = match (self.said(), attachments.as_slice()) {
            (None, []) => return None,
            (text, _) => text.unwrap_or_default(),
        };
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
            attachments,
            sent_ms: self.date.saturating_mul(1000),
        })
    }

    /// The file that came with it; of a picture, its largest size, which is the last one.
    fn file(&self) -> Option<Attachment> {
        let key = FILES.iter().find(|key| self.rest.contains_key(**key))?;
        let (about, kind) = match &self.rest[*key] {
            Value::Array(sizes) => (sizes.last()?, PHOTO),
            file => (file, ""),
        };
        let file = File::deserialize(about).ok()?;
        let media_type = if file.mime_type.is_empty() { kind.to_owned() } else { file.mime_type };
        Some(Attachment { id: file.file_id, name: file.file_name, media_type, size: file.file_size })
    }

    /// Its text or caption, or a line for what it is instead.
    fn said(&self) -> Option<String> {
        if let Some(text) = self.text.as_ref().or(self.caption.as_ref()) {
            return Some(text.clone());
        }
        let (key, word) = KINDS.iter().find(|(key, _)| self.rest.contains_key(*key))?;
        let about = &self.rest[*key];
        Some(match about["emoji"].as_str() {
            Some(emoji) => format!("[{word}: {}]", emoji.replace(char::is_control, " ")),
            None => format!("[{word}]"),
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
