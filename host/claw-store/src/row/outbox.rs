//! The rows of the outbox, and of the chats that conversations belong to.

use claw_core::id::{RunId, SessionKey, Timestamp};
use claw_core::inbound::{Chat, Source};
use serde::{Deserialize, Serialize};

use super::Row;
use crate::outbox::OutgoingState;

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
}

impl Row for StoredOutgoing {
    const KIND: &'static str = "outbox";
    const VERSION: u8 = 2;

    /// Version 1 had nothing behind `unsure`: in these bytes, a message that replaces none.
    fn older(version: u8, bytes: &[u8]) -> Option<postcard::Result<Self>> {
        (version == 1).then(|| postcard::from_bytes(&[bytes, &[0]].concat()))
    }
}
