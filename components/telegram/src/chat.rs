//! Chats as the host knows them: `ID`, or `ID/TOPIC` for a topic of a forum.

use std::str::FromStr;

use serde_json::Value;

#[cfg(test)]
mod tests;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    name: Name,
    pub topic: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Id(i64),
    /// `@name`, of a public group or channel.
    Public(String),
}

impl Chat {
    /// As the Bot API takes it.
    pub fn id(&self) -> Value {
        match &self.name {
            Name::Id(id) => Value::from(*id),
            Name::Public(name) => Value::from(name.as_str()),
        }
    }

    /// The same chat under the id that it has now.
    pub fn moved(&self, to: i64) -> Chat {
        Chat { name: Name::Id(to), topic: self.topic }
    }
}

/// As the host is to know a chat.
pub fn write(id: i64, topic: Option<i64>) -> String {
    match topic {
        Some(topic) => format!("{id}/{topic}"),
        None => id.to_string(),
    }
}

impl FromStr for Chat {
    type Err = String;

    fn from_str(text: &str) -> Result<Chat, String> {
        let read = || {
            let (name, topic) = match text.split_once('/') {
                Some((name, topic)) => (name, Some(topic.parse().ok()?)),
                None => (text, None),
            };
            let is_word = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let name = match name.strip_prefix('@') {
                Some(public) if !public.is_empty() && is_word(public) => Name::Public(name.to_owned()),
                Some(_) => return None,
                None => Name::Id(name.parse().ok()?),
            };
            Some(Chat { name, topic })
        };
        read().ok_or_else(|| format!("`{text}` is no chat of Telegram: write its number, NUMBER/TOPIC or @name"))
    }
}
