//! A message on its way in, after the edge has parsed it and before it is durable.

use serde::{Deserialize, Serialize};

use crate::id::{RunId, SessionKey};
use crate::image::Image;
use crate::route::Whence;

/// Who or what started a run. Set by the host, never by a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The authenticated owner, on any client.
    Owner,
    /// Another conversation: it has handed work over, or tells what became of some.
    SubAgent,
}

impl Origin {
    /// The word used in policies and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Owner => "owner",
            Origin::SubAgent => "sub-agent",
        }
    }
}

/// Where a message came from: the account on a channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// `ws`, `http`, `cli`, or a channel's name.
    pub channel: String,
    /// The account or device on that channel; `owner` for shared-secret clients.
    pub account: String,
}

impl Source {
    /// The same for a look at the bindings, with the person behind the account where that is known.
    pub fn whence<'a>(&'a self, peer: Option<&'a str>) -> Whence<'a> {
        Whence { channel: &self.channel, account: &self.account, peer }
    }
}

/// A chat on an account of a channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chat {
    /// The account on which it is.
    pub source: Source,
    /// Its name as the service writes it: unlike in a session's key, large and small letters count.
    pub id: String,
}

/// One accepted message. `(source, run)` is its identity: a redelivery carries the same pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// The run that it starts; the client's idempotency key where one was given.
    pub run: RunId,
    /// The conversation it belongs to.
    pub session: SessionKey,
    /// Where it came from.
    pub source: Source,
    /// Who started it.
    pub origin: Origin,
    /// What it says.
    pub text: String,
    /// What it shows.
    pub images: Vec<Image>,
}
