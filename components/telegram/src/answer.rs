//! What the Bot API answers, and what it means for the host.
//!
//! Source: <https://core.telegram.org/bots/api#making-requests>, and `ResponseParameters` there.

use openclaw_sdk::channel::Failure;
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[cfg(test)]
mod tests;

/// What a method answers, whatever the HTTP status.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Answer<T> {
    ok: bool,
    result: Option<T>,
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    /// The group is a supergroup now and has this id.
    migrate_to_chat_id: Option<i64>,
    /// Seconds.
    retry_after: Option<u32>,
}

/// The part of a sent message that matters.
#[derive(Debug, Deserialize)]
pub struct Sent {
    pub message_id: i64,
}

/// Where a file lies.
#[derive(Debug, Deserialize)]
pub struct File {
    /// Behind `/file/bot<token>/`; missing for what is too large for bots.
    pub file_path: Option<String>,
}

/// Why a method gave no result; with Telegram's own words.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It does not know the token.
    Token(String),
    /// Somebody else gets this bot's messages.
    Conflict(String),
    /// Too much at once; seconds.
    Flood(u32),
    /// The markup of the text makes no sense to it.
    Unreadable(String),
    /// The message that is to be changed says that already.
    Unchanged(String),
    /// The chat has another id now.
    Moved(i64, String),
    /// It will not do that.
    Refused(String),
    /// It does not work at the moment.
    Down(String),
    /// The answer is none of the Bot API's.
    Senseless(String),
}

/// Reads an answer.
pub fn read<T: DeserializeOwned>(status: u16, body: &[u8]) -> Result<T, Trouble> {
    let Ok(answer) = serde_json::from_slice::<Answer<T>>(body) else {
        // Of a proxy before it.
        return Err(match status {
            500.. => Trouble::Down(format!("it answers with status {status}")),
            401 | 404 => Trouble::Token(format!("status {status}")),
            429 => Trouble::Flood(1),
            400..500 => Trouble::Refused(format!("it answers with status {status}")),
            _ => Trouble::Senseless(format!("status {status} and no answer of the Bot API")),
        });
    };
    let words = answer.description;
    match (answer.ok, answer.result) {
        (true, Some(result)) => return Ok(result),
        (true, None) => return Err(Trouble::Senseless("it is done, but there is no result".to_owned())),
        (false, _) => {}
    }
    Err(match answer.error_code.unwrap_or(status) {
        429 => Trouble::Flood(answer.parameters.retry_after.unwrap_or(1)),
        409 => Trouble::Conflict(words),
        // A token of another form than theirs leads to no method at all.
        401 | 404 => Trouble::Token(words),
        500.. => Trouble::Down(words),
        400 if words.contains("can't parse entities") => Trouble::Unreadable(words),
        400 if words.contains("message is not modified") => Trouble::Unchanged(words),
        _ => match answer.parameters.migrate_to_chat_id {
            Some(id) => Trouble::Moved(id, words),
            None => Trouble::Refused(words),
        },
    })
}

// === impl Trouble ===

impl Trouble {
    /// For whoever waits for messages: nothing is lost, so all but the token may be better the next time.
    pub fn of_polling(self) -> Failure {
        match self {
            Trouble::Refused(words)
            | Trouble::Unreadable(words)
            | Trouble::Unchanged(words)
            | Trouble::Moved(_, words) => Failure::Unavailable(format!("Telegram does not give its messages: {words}")),
            Trouble::Senseless(words) => Failure::Unavailable(format!("Telegram's answer makes no sense: {words}")),
            other => other.of_sending(),
        }
    }

    /// For whoever has sent a message.
    pub fn of_sending(self) -> Failure {
        match self {
            Trouble::Token(words) => Failure::Rejected(format!(
                "Telegram does not know the bot's token ({words}): set the secret `telegram-token` to the one that \
                 @BotFather gave you"
            )),
            Trouble::Conflict(words) => Failure::Unavailable(format!(
                "something else gets this bot's messages, and only one can ({words}): stop it, or give it another bot"
            )),
            Trouble::Flood(seconds) => Failure::Limited(seconds.saturating_mul(1000)),
            Trouble::Unreadable(words)
            | Trouble::Unchanged(words)
            | Trouble::Moved(_, words)
            | Trouble::Refused(words) => Failure::Rejected(format!("Telegram refuses the message: {words}")),
            Trouble::Down(words) => Failure::Unavailable(format!("Telegram does not work at the moment: {words}")),
            Trouble::Senseless(words) => Failure::Unknown(format!("Telegram's answer makes no sense: {words}")),
        }
    }
}
