//! The bot: its methods, called over HTTP.

use openclaw_sdk::channel::{Batch, Failure, Outgoing, OutgoingFile};
use openclaw_sdk::http::{BodyEnd, Request};
use openclaw_sdk::{config, secrets};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::{self, Trouble};
use crate::chat::Chat;
use crate::multipart::Form;
use crate::{html, update};

/// The public server; the setting `api` names another one.
const API: &str = "https://api.telegram.org";
/// Seconds that a poll waits for messages; well below what the host and the proxies between wait for an answer.
const POLL_SECONDS: u32 = 25;
/// Messages of one poll. With all that Telegram says about each they stay below [`MAX_ANSWER_BYTES`].
const MAX_UPDATES: u32 = 50;
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// Bytes of an attachment, as `fetch` of the interface has it.
const MAX_FETCHED_BYTES: usize = 4 << 20;
/// Bytes of a picture that is shown as one.
const MAX_PHOTO_BYTES: usize = 10_000_000;
/// What Telegram shows as a picture.
const PHOTOS: [&str; 2] = ["image/png", "image/jpeg"];

pub struct Bot {
    /// `https://api.telegram.org/bot{{secret:telegram-token}}`; the host puts the token in.
    url: String,
    /// The same for files: `https://api.telegram.org/file/bot…`.
    files: String,
}

impl Bot {
    pub fn of_owner() -> Result<Bot, Failure> {
        let api = config::get("api").map_err(|err| Failure::Unavailable(format!("the setting `api`: {err:?}")))?;
        let token = secrets::get("telegram-token")?.placeholder();
        let api = api.as_deref().unwrap_or(API).trim_end_matches('/');
        Ok(Bot { url: format!("{api}/bot{token}"), files: format!("{api}/file/bot{token}") })
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
        if let Some(reply) = reply_parameters(message.reply_to.as_deref()) {
            body["reply_parameters"] = reply;
        }
        let sent = self.call::<answer::Sent>("sendMessage", &body)?;
        Ok(sent.map(|sent| sent.message_id.to_string()))
    }

    /// Sends a file: a picture that Telegram can show as one, or else a document. What it cannot show, e.g. for its
    /// sides, is sent as a document as well. If the group has become a supergroup, it goes there.
    pub fn send_file(&self, file: &OutgoingFile) -> Result<String, Failure> {
        let mut chat: Chat = file.chat.parse().map_err(Failure::Rejected)?;
        let is_photo = PHOTOS.contains(&file.media_type.as_str()) && file.bytes.len() <= MAX_PHOTO_BYTES;
        let mut way = if is_photo { Way::Photo } else { Way::Document };
        // Two things can be mended, each once.
        for _ in 0..2 {
            match self.send_file_once(&chat, way, file)? {
                Err(Trouble::Moved(to, _)) => chat = chat.moved(to),
                Err(Trouble::Refused(_)) if way == Way::Photo => way = Way::Document,
                sent => return sent.map_err(Trouble::of_sending),
            }
        }
        self.send_file_once(&chat, way, file)?.map_err(Trouble::of_sending)
    }

    fn send_file_once(&self, chat: &Chat, way: Way, file: &OutgoingFile) -> Result<Result<String, Trouble>, Failure> {
        let (method, name) = match way {
            Way::Photo => ("sendPhoto", "photo"),
            Way::Document => ("sendDocument", "document"),
        };
        let id = match chat.id() {
            Value::String(name) => name,
            id => id.to_string(),
        };
        let mut fields = vec![("chat_id", id)];
        fields.extend(chat.topic.map(|topic| ("message_thread_id", topic.to_string())));
        fields.extend(file.caption.clone().map(|caption| ("caption", caption)));
        fields.extend(reply_parameters(file.reply_to.as_deref()).map(|reply| ("reply_parameters", reply.to_string())));
        let form = Form::new(&fields, name, file);
        let kind = form.content_type();
        let sent = self.post::<answer::Sent>(method, &kind, form.body)?;
        Ok(sent.map(|sent| sent.message_id.to_string()))
    }

    /// Asks where a file lies, and gets it from there.
    pub fn fetch(&self, attachment: &str) -> Result<Vec<u8>, Failure> {
        let file = self.call::<answer::File>("getFile", &json!({"file_id": attachment}))?;
        let path = file.map_err(Trouble::of_polling)?.file_path;
        let path = path.ok_or_else(|| Failure::Rejected("Telegram does not give files of this size to bots".into()))?;
        let response = Request::new("GET", &format!("{}/{path}", self.files)).send(MAX_FETCHED_BYTES)?;
        match (response.status, response.end) {
            (200, BodyEnd::Complete) => Ok(response.body),
            (200, BodyEnd::Cut) => Err(Failure::Rejected(format!("it has more than {MAX_FETCHED_BYTES} bytes"))),
            (status, _) => Err(Failure::Unavailable(format!("Telegram's file server answers with status {status}"))),
        }
    }

    /// Calls a method. The outer error is one of the way there.
    fn call<T: DeserializeOwned>(&self, method: &str, body: &Value) -> Result<Result<T, Trouble>, Failure> {
        self.post(method, "application/json", body.to_string().into_bytes())
    }

    fn post<T: DeserializeOwned>(
        &self,
        method: &str,
        kind: &str,
        body: Vec<u8>,
    ) -> Result<Result<T, Trouble>, Failure> {
        let response = Request::new("POST", &format!("{}/{method}", self.url))
            .header("content-type", kind)
            .body(body)
            .send(MAX_ANSWER_BYTES)?;
        if response.end == BodyEnd::Cut {
            return Ok(Err(Trouble::Senseless(format!("more than {MAX_ANSWER_BYTES} bytes"))));
        }
        Ok(answer::read(response.status, &response.body))
    }
}

/// How a file is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Photo,
    Document,
}

/// The message that is answered, if there is one and as long as it is there.
fn reply_parameters(reply_to: Option<&str>) -> Option<Value> {
    let id = reply_to?.parse::<i64>().ok()?;
    Some(json!({"message_id": id, "allow_sending_without_reply": true}))
}
