//! What a channel component is asked and answers: the types of `wit/channel`, as they go through its calls.
//!
//! The host calls [`RECEIVE`], [`SEND`], [`SEND_FILE`] and [`FETCH`] as it calls tools. Arguments and answers are JSON as
//! the sandbox makes it of WIT types: names stay in kebab case, an option is its value or `null`, a case of a variant is
//! `{"case": …}`, and what is in `ok` is the text of the outcome, a string without quotes. The bytes of files go beside.

use serde::{Deserialize, Serialize};

use crate::id::Digest;
use crate::outcome::{self, FailureKind, ToolOutcome};

/// The interface that makes a component a channel.
pub const INTERFACE: &str = "openclaw:channel/guest@0.1.0";
/// The host's name for the interface's `receive`. No model can call it.
pub const RECEIVE: &str = "channel-receive";
/// The host's name for the interface's `send`. No model can call it.
pub const SEND: &str = "channel-send";

/// The host's name for the interface's `send-file`. No model can call it.
pub const SEND_FILE: &str = "channel-send-file";
/// The host's name for the interface's `fetch`. No model can call it.
pub const FETCH: &str = "channel-fetch";
/// All of these names.
pub const CALLED: [&str; 4] = [RECEIVE, SEND, SEND_FILE, FETCH];

/// Messages of one batch.
pub const MAX_MESSAGES: usize = 100;
/// Bytes of the ids of messages, chats and people.
pub const MAX_ID_BYTES: usize = 256;
/// Bytes of a message's text.
pub const MAX_TEXT_BYTES: usize = 64 << 10;
/// Attachments of one message.
pub const MAX_ATTACHMENTS: usize = 16;
/// Bytes of a file that is sent: with its envelope it goes to a worker in one frame.
pub const MAX_FILE_BYTES: usize = 8 << 20;
/// Bytes of an attachment that is fetched; images of messages have fewer.
pub const MAX_FETCHED_BYTES: usize = 4 << 20;
/// Bytes of a cursor.
pub const MAX_CURSOR_BYTES: usize = 16 << 10;
/// The longest text that a service can be said to take, in UTF-16 units.
const MAX_TEXT_LIMIT: u32 = 1 << 16;
/// A minute: whoever waits longer between two batches keeps people waiting.
const MAX_WAIT_MS: u32 = 60_000;
/// A day: what is to be sent is given up then.
const MAX_LIMITED_MS: u32 = 24 * 3600 * 1000;
/// Bytes of why something failed.
const MAX_REASON_BYTES: usize = 1 << 10;

/// What a service can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Abilities {
    /// Length of the longest message, in UTF-16 units; 1 to 65,536.
    pub text_limit: u32,
    /// Whether the service shows two messages with the same key only once.
    pub idempotent: bool,
    /// Whether the service can change what a message says after it was sent.
    pub edits: bool,
    /// Bytes of the largest file that it takes; 0 for none.
    pub file_limit: u32,
}

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// As the service knows the person.
    pub id: String,
    /// As the service shows the person: anybody may call themselves anything.
    pub name: String,
}

/// A file that came with a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Attachment {
    /// What [`FETCH`] finds it by.
    pub id: String,
    /// As its sender calls it, or empty.
    pub name: String,
    /// Its media type, as the service says, or empty.
    pub media_type: String,
    /// Its bytes, as the service says; 0 if it does not.
    pub size: u64,
}

/// A message that has come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Received {
    /// The service's id of it, unique in its chat.
    pub id: String,
    /// The service's id of the chat.
    pub chat: String,
    /// Whether nobody but the sender is in the chat with the account.
    pub direct: bool,
    /// Who wrote it.
    pub sender: Person,
    /// What it says.
    pub text: String,
    /// What came with it.
    pub attachments: Vec<Attachment>,
    /// When it was written, in milliseconds since 1970, as the service says.
    pub sent_ms: u64,
}

/// Some messages, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Batch {
    /// In the order in which they are to be read.
    pub messages: Vec<Received>,
    /// Goes into the next call.
    pub cursor: String,
    /// How long to wait before that call, in milliseconds.
    pub wait_ms: u32,
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outgoing {
    /// Names the message: the same at each attempt to send it.
    pub key: String,
    /// The service's id of the chat.
    pub chat: String,
    /// Markdown.
    pub text: String,
    /// The service's id of the message that is answered.
    pub reply_to: Option<String>,
    /// The service's id of a message of ours that says this from now on; only where the service [`Abilities::edits`].
    pub replaces: Option<String>,
}

/// A file to be sent, whose bytes go beside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OutgoingFile {
    /// Names the message: the same at each attempt to send it.
    pub key: String,
    /// The service's id of the chat.
    pub chat: String,
    /// Its name, without folders.
    pub name: String,
    /// What its first bytes say that it is.
    pub media_type: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// What stands with it, in plain text.
    pub caption: Option<String>,
    /// The service's id of the message that is answered.
    pub reply_to: Option<String>,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// It will never work like this. Nothing was sent.
    #[error("{0}")]
    Rejected(String),
    /// Not before so many milliseconds have passed. Nothing was sent.
    #[error("the service takes nothing more for {0} ms")]
    Limited(u32),
    /// It does not work at the moment. Nothing was sent.
    #[error("{0}")]
    Unavailable(String),
    /// It may have been sent, or not.
    #[error("{0}")]
    Unknown(String),
    /// What it takes is not granted, or refused by policy. Nothing was sent. No component says this: the host knows.
    #[serde(skip)]
    #[error("{0}")]
    Refused(String),
}

impl Abilities {
    /// Bytes of the largest file that is sent.
    pub fn largest_file(&self) -> usize {
        MAX_FILE_BYTES.min(self.file_limit as usize)
    }

    /// Checks what a component said.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub fn check(&self) -> Result<(), String> {
        if (1..=MAX_TEXT_LIMIT).contains(&self.text_limit) {
            return Ok(());
        }
        Err(format!(
            "its channel says that a message has at most {} units; 1 to {MAX_TEXT_LIMIT} are possible",
            self.text_limit
        ))
    }
}

/// The arguments of [`RECEIVE`].
pub fn receive_arguments(cursor: Option<&str>) -> String {
    serde_json::json!({ "cursor": cursor }).to_string()
}

/// The messages that [`RECEIVE`] came back with, checked.
///
/// # Errors
/// Why there are none. Whatever it is, the same cursor gives the same messages later.
pub fn received(outcome: ToolOutcome) -> Result<Batch, Failure> {
    let text = match outcome {
        ToolOutcome::Done { text } => text,
        ToolOutcome::Failed(failed) => return Err(unread(&failed)),
    };
    let wrong = |why: String| Failure::Unavailable(format!("the component gives messages that make no sense: {why}"));
    let batch = serde_json::from_str::<Batch>(&text).map_err(|err| wrong(err.to_string()))?;
    batch.checked().map_err(wrong)
}

/// Why a call gave nothing that changes nothing: whatever it was, it can be made again.
fn unread(failed: &outcome::Failure) -> Failure {
    let said = if failed.kind == FailureKind::Tool { Failure::parse(&failed.message) } else { None };
    said.unwrap_or_else(|| Failure::Unavailable(reason(&failed.to_string())))
}

/// The arguments of [`FETCH`].
pub fn fetch_arguments(attachment: &str) -> String {
    serde_json::json!({ "attachment": attachment }).to_string()
}

/// Whether [`FETCH`] has fetched what lies beside its outcome.
///
/// # Errors
/// Why it has not.
pub fn fetched(outcome: ToolOutcome) -> Result<(), Failure> {
    match outcome {
        ToolOutcome::Done { .. } => Ok(()),
        ToolOutcome::Failed(failed) => Err(unread(&failed)),
    }
}

/// The service's id of the message that [`SEND`] or [`SEND_FILE`] has sent.
///
/// # Errors
/// Why it was not sent, or may not have been.
pub fn sent(outcome: ToolOutcome) -> Result<String, Failure> {
    let failed = match outcome {
        ToolOutcome::Done { text } if is_id(&text) => return Ok(text),
        ToolOutcome::Done { .. } => {
            let text = "the component says that it has sent the message, but not as what";
            return Err(Failure::Unknown(text.to_owned()));
        }
        ToolOutcome::Failed(failed) => failed,
    };
    let why = reason(&failed.to_string());
    Err(match failed.kind {
        FailureKind::Tool => Failure::parse(&failed.message).unwrap_or(Failure::Unknown(why)),
        // The component has not run.
        FailureKind::InvalidArguments | FailureKind::UnknownTool | FailureKind::NotFound => Failure::Rejected(why),
        // By the interface's rule, what sends the message comes last.
        FailureKind::Denied | FailureKind::Busy => Failure::Unavailable(why),
        FailureKind::Deadline
        | FailureKind::MemoryLimit
        | FailureKind::Stack
        | FailureKind::HandleLimit
        | FailureKind::DataLimit
        | FailureKind::Crash
        | FailureKind::Cancelled
        | FailureKind::Loop
        | FailureKind::Unavailable
        | FailureKind::OutcomeUnknown => Failure::Unknown(why),
    })
}

// === impl Batch ===

impl Batch {
    /// The same within the limits; a sentence if it is of no use.
    fn checked(mut self) -> Result<Batch, String> {
        if self.messages.len() > MAX_MESSAGES {
            return Err(format!("{} messages at once; at most {MAX_MESSAGES} are taken", self.messages.len()));
        }
        if self.cursor.len() > MAX_CURSOR_BYTES {
            return Err(format!("a cursor of {} bytes; at most {MAX_CURSOR_BYTES} are kept", self.cursor.len()));
        }
        self.wait_ms = self.wait_ms.min(MAX_WAIT_MS);
        for (at, message) in self.messages.iter_mut().enumerate() {
            for (what, id) in [("", &message.id), ("chat ", &message.chat), ("sender ", &message.sender.id)] {
                if !is_id(id) {
                    let rule = format!("1 to {MAX_ID_BYTES} bytes without control characters");
                    return Err(format!("the {what}id of message {} is not {rule}", at + 1));
                }
            }
            if message.attachments.len() > MAX_ATTACHMENTS {
                let count = message.attachments.len();
                return Err(format!("message {} has {count} attachments; at most {MAX_ATTACHMENTS} are taken", at + 1));
            }
            for attachment in &mut message.attachments {
                if !is_id(&attachment.id) {
                    let rule = format!("1 to {MAX_ID_BYTES} bytes without control characters");
                    return Err(format!("the id of an attachment of message {} is not {rule}", at + 1));
                }
                attachment.name = one_line(&attachment.name, MAX_ID_BYTES);
                attachment.media_type = one_line(&attachment.media_type, MAX_ID_BYTES);
            }
            message.sender.name = one_line(&message.sender.name, MAX_ID_BYTES);
            clip(&mut message.text, MAX_TEXT_BYTES);
        }
        Ok(self)
    }
}

// === impl Outgoing ===

impl Outgoing {
    /// The arguments of [`SEND`].
    pub fn arguments(&self) -> String {
        serde_json::json!({ "message": self }).to_string()
    }
}

// === impl OutgoingFile ===

impl OutgoingFile {
    /// The arguments of [`SEND_FILE`].
    pub fn arguments(&self) -> String {
        serde_json::to_string(self).expect("channel: plain words always serialize")
    }
}

// === impl Failure ===

impl Failure {
    /// What a component said, within the limits.
    fn parse(text: &str) -> Option<Failure> {
        Some(match serde_json::from_str(text).ok()? {
            Failure::Rejected(why) => Failure::Rejected(reason(&why)),
            Failure::Limited(ms) => Failure::Limited(ms.min(MAX_LIMITED_MS)),
            Failure::Unavailable(why) => Failure::Unavailable(reason(&why)),
            Failure::Unknown(why) => Failure::Unknown(reason(&why)),
            Failure::Refused(_) => return None,
        })
    }
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn reason(text: &str) -> String {
    one_line(text, MAX_REASON_BYTES)
}

fn one_line(text: &str, max_bytes: usize) -> String {
    let mut line = text.replace(char::is_control, " ");
    clip(&mut line, max_bytes);
    line
}

fn clip(text: &mut String, max_bytes: usize) {
    if text.len() > max_bytes {
        text.truncate(text.floor_char_boundary(max_bytes - '…'.len_utf8()));
        text.push('…');
    }
}

#[cfg(test)]
mod tests;
