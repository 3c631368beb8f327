//! The bot: its methods, called over HTTP.

use openclaw_sdk::channel::{Batch, Failure, Outgoing};
use openclaw_sdk::http::{BodyEnd, Request};
use openclaw_sdk::{config, secrets};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::{self, Trouble};
use crate::chat::Chat;
use crate::{html, update};

/// The public server; the setting `api` names another one.
const API: &str = "https://api.telegram.org";
/// Seconds that a poll waits for messages; well below what the host and the proxies between wait for an answer.
const POLL_SECONDS: u32 = 25;
/// Messages of one poll. With all that Telegram says about each they stay below [`MAX_ANSWER_BYTES`].
const MAX_UPDATES: u32 = 50;
const MAX_ANSWER_BYTES: usize = 8 << 20;

pub struct Bot {
    /// `https://api.telegram.org/bot{{secret:telegram-token}}`; the host puts the token in.
    url: String,
}

impl Bot {
    pub fn of_owner() -> Result<Bot, Failure> {
        let api = config::get("api").map_err(|err| Failure::Unavailable(format!("the setting `api`: {err:?}")))?;
        let token = secrets::get("telegram-token")?.placeholder();
        Ok(Bot { url: format!("{}/bot{token}", api.as_deref().unwrap_or(API).trim_end_matches('/')) })
    }

    /// Polls for messages. The cursor is the number of the next update: asking with it tells Telegram that all before
    /// are safe.
    pub fn receive(&self, cursor: Option<String>) -> Result<Batch, Failure> {
        let offset = cursor.as_deref().and_then(|cursor| cursor.parse::<i64>().ok());
        let asked = json!({
            "offset": offset, "limit": MAX_UPDATES, "timeout": POLL_SECONDS, "allowed_updates": ["message"],
        });
        match self.call::<Vec<Value>>("getUpdates", &asked)? {
            Ok(updates) => Ok(update::batch(updates, cursor)),
            Err(trouble) => Err(trouble.of_polling()),
        }
    }

    /// Sends a message, or changes one, as HTML; if Telegram cannot read that, as the plain text that it was made from. If
    /// the group has become a supergroup, it goes there.
    pub fn send(&self, message: &Outgoing) -> Result<String, Failure> {
        let mut chat: Chat = message.chat.parse().map_err(Failure::Rejected)?;
        let replaces = message.replaces.as_deref().map(|id| {
            let no_id = |_| Failure::Rejected(format!("`{id}` is no message of Telegram: its ids are numbers"));
            id.parse::<i64>().map_err(no_id)
        });
        let replaces = replaces.transpose()?;
        let mut html = html::of_markdown(&message.text);
        // Two things can be mended, each once.
        for _ in 0..2 {
            match self.send_once(&chat, message, replaces, html.as_deref())? {
                Ok(id) => return Ok(id),
                Err(Trouble::Unreadable(_)) if html.is_some() => html = None,
                Err(Trouble::Moved(to, _)) => chat = chat.moved(to),
                Err(trouble) => return Err(trouble.of_sending()),
            }
        }
        self.send_once(&chat, message, replaces, html.as_deref())?.map_err(Trouble::of_sending)
    }

    fn send_once(
        &self,
        chat: &Chat,
        message: &Outgoing,
        replaces: Option<i64>,
        html: Option<&str>,
    ) -> Result<Result<String, Trouble>, Failure> {
        let mut body = json!({
            "chat_id": chat.id(),
            "text": html.unwrap_or(&message.text),
            // Else Telegram would fetch whatever a model has put into a link, before anybody has clicked on it.
            "link_preview_options": {"is_disabled": true},
        });
        if html.is_some() {
            body["parse_mode"] = "HTML".into();
        }
        if let Some(id) = replaces {
            body["message_id"] = id.into();
            return Ok(match self.call::<answer::Sent>("editMessageText", &body)? {
                Err(Trouble::Unchanged(_)) => Ok(id.to_string()),
                changed => changed.map(|sent| sent.message_id.to_string()),
            });
        }
        if let Some(topic) = chat.topic {
            body["message_thread_id"] = topic.into();
        }
        if let Some(id) = message.reply_to.as_deref().and_then(|id| id.parse::<i64>().ok()) {
            body["reply_parameters"] = json!({"message_id": id, "allow_sending_without_reply": true});
        }
        let sent = self.call::<answer::Sent>("sendMessage", &body)?;
        Ok(sent.map(|sent| sent.message_id.to_string()))
    }

    /// Calls a method. The outer error is one of the way there.
    fn call<T: DeserializeOwned>(&self, method: &str, body: &Value) -> Result<Result<T, Trouble>, Failure> {
        let response = Request::new("POST", &format!("{}/{method}", self.url))
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .send(MAX_ANSWER_BYTES)?;
        if response.end == BodyEnd::Cut {
            return Ok(Err(Trouble::Senseless(format!("more than {MAX_ANSWER_BYTES} bytes"))));
        }
        Ok(answer::read(response.status, &response.body))
    }
}
