//! The rows of the outbox, and of the chats that conversations belong to.

use claw_core::id::{Digest, RunId, SessionKey, Timestamp};
use claw_core::inbound::{Chat, Source};
use serde::{Deserialize, Serialize};

use super::Row;
use crate::outbox::{Content, OutgoingFile, OutgoingState};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct StoredRoute {
    pub channel: String,
    pub account: String,
    pub chat: String,
}

impl Row for StoredRoute {
    const KIND: &'static str = "route";
    const VERSION: u8 = 1;
}

impl From<Chat> for StoredRoute {
    fn from(Chat { source: Source { channel, account }, id: chat }: Chat) -> Self {
        StoredRoute { channel, account, chat }
    }
}

impl From<StoredRoute> for Chat {
    fn from(StoredRoute { channel, account, chat }: StoredRoute) -> Self {
        Chat { source: Source { channel, account }, id: chat }
    }
}

/// A message that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredOutgoing {
    pub to: StoredRoute,
    /// What it says; the name of a file.
    pub text: String,
    pub reply_to: Option<String>,
    pub session: Option<SessionKey>,
    pub run: Option<RunId>,
    pub created: Timestamp,
    pub ttl_ms: u64,
    pub expires: Timestamp,
    /// Its place in the order of its chat.
    pub place: u64,
    pub attempts: u32,
    pub state: StoredSending,
    /// When it came into that state.
    pub since: Timestamp,
    pub why: Option<String>,
    pub unsure: bool,
    pub replaces: Option<String>,
    pub file: Option<StoredFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    media_type: String,
    digest: [u8; 32],
    bytes: u64,
}

impl StoredFile {
    /// The name of its bytes.
    pub fn digest(&self) -> Digest {
        Digest(self.digest)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredSending {
    Waiting { next: Timestamp },
    Sending,
    Dead,
}

impl StoredSending {
    /// How the state is called.
    pub fn name(self) -> &'static str {
        OutgoingState::from(self).as_str()
    }
}

impl StoredOutgoing {
    /// Where it goes: channel, account and chat.
    pub fn chat(&self) -> (&str, &str, &str) {
        (&self.to.channel, &self.to.account, &self.to.chat)
    }

    /// What is sent.
    pub fn content(&self) -> Content {
        let text = self.text.clone();
        match &self.file {
            None => Content::Text(text),
            Some(StoredFile { media_type, digest, bytes }) => Content::File(OutgoingFile {
                name: text,
                media_type: media_type.clone(),
                digest: Digest(*digest),
                bytes: *bytes,
            }),
        }
    }
}

impl From<Content> for (String, Option<StoredFile>) {
    fn from(content: Content) -> Self {
        match content {
            Content::Text(text) => (text, None),
            Content::File(OutgoingFile { name, media_type, digest: Digest(digest), bytes }) => {
                (name, Some(StoredFile { media_type, digest, bytes }))
            }
        }
    }
}

impl Row for StoredOutgoing {
    const KIND: &'static str = "outbox";
    const VERSION: u8 = 3;

    /// Version 1 had nothing behind `unsure`, version 2 nothing behind `replaces`: in these bytes, a message that replaces
    /// none, and a text.
    fn older(version: u8, bytes: &[u8]) -> Option<postcard::Result<Self>> {
        let nothing: &[u8] = match version {
            1 => &[0, 0],
            2 => &[0],
            _ => return None,
        };
        Some(postcard::from_bytes(&[bytes, nothing].concat()))
    }
}
