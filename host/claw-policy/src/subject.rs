//! Who asks, and what the host knows about the run that asks.

use claw_core::id::{ComponentName, Digest, RunId, SessionKey, Timestamp};
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_core::mode::Mode;

use crate::declared::Declared;
use crate::given::GivenGrants;

/// Where a component came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// With the host itself.
    Shipped,
    /// From anywhere else.
    Untrusted,
}

impl Trust {
    /// The word used in policies and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            Trust::Shipped => "shipped",
            Trust::Untrusted => "untrusted",
        }
    }
}

/// The component that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its name.
    pub component: ComponentName,
    /// Who published it.
    pub publisher: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Where it came from.
    pub trust: Trust,
    /// What it can be given at most.
    pub declared: Declared,
    /// What the owner gave it.
    pub grants: GivenGrants,
}

/// What the host knows about the run; no guest can set any of it. The agent is the session's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The conversation.
    pub session: SessionKey,
    /// The run.
    pub run: RunId,
    /// Who or what started it.
    pub origin: Origin,
    /// Whether somebody who may answer an approval can be reached now.
    pub person_present: bool,
    /// What has flowed into the run and its conversation so far.
    pub labels: Labels,
    /// Whether its conversation acts, or only suggests.
    pub mode: Mode,
    /// Host time.
    pub at: Timestamp,
}
