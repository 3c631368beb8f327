//! The rows of sessions and of the branches that they have left.

use claw_core::id::{RunId, SessionKey, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Row, StoredLabels};
use crate::segments::Segments;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredSession {
    pub session_id: String,
    /// The epoch of the branch that is spoken on.
    pub epoch: u64,
    /// The highest epoch that there ever was.
    pub last_epoch: u64,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// The entries of the branch that is spoken on.
    pub segments: Segments,
    pub runs: u64,
    pub preview: String,
    /// Runs that ended unheard while another run's tool calls were open: their text still has to reach the log.
    pub deferred: Vec<RunId>,
    /// What has flowed into the branch that is spoken on.
    pub labels: StoredLabels,
    /// What its owner calls it.
    pub title: Option<String>,
    /// Where its first entries were copied from.
    pub fork: Option<StoredFork>,
    /// Branches that it has ever left; the number of the last one.
    pub left: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredFork {
    pub session: SessionKey,
    pub session_id: String,
    /// The last entry that was copied.
    pub seq: u64,
}

/// A branch that is no longer spoken on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredBranch {
    pub session_id: String,
    pub epoch: u64,
    pub segments: Segments,
    /// When it last changed.
    pub updated: Timestamp,
    pub preview: String,
    pub labels: StoredLabels,
}

impl StoredSession {
    /// A conversation in which nothing was said yet.
    pub fn new(session_id: String, at: Timestamp) -> Self {
        StoredSession {
            session_id,
            epoch: 1,
            last_epoch: 1,
            created: at,
            updated: at,
            segments: Segments::default(),
            runs: 0,
            preview: String::new(),
            deferred: Vec::new(),
            labels: StoredLabels::default(),
            title: None,
            fork: None,
            left: 0,
        }
    }

    /// The branch that is spoken on, as it is kept when it is left.
    pub fn branch(&self) -> StoredBranch {
        StoredBranch {
            session_id: self.session_id.clone(),
            epoch: self.epoch,
            segments: self.segments.clone(),
            updated: self.updated,
            preview: self.preview.clone(),
            labels: self.labels.clone(),
        }
    }
}

/// As of version 2: without branches.
#[derive(Deserialize)]
struct SessionV2 {
    session_id: String,
    epoch: u64,
    created: Timestamp,
    updated: Timestamp,
    entries: u64,
    runs: u64,
    preview: String,
    deferred: Vec<RunId>,
    labels: StoredLabels,
}

/// As of version 1: without labels.
#[derive(Deserialize)]
struct SessionV1 {
    session_id: String,
    epoch: u64,
    created: Timestamp,
    updated: Timestamp,
    entries: u64,
    runs: u64,
    preview: String,
    deferred: Vec<RunId>,
}

impl From<SessionV2> for StoredSession {
    fn from(row: SessionV2) -> Self {
        let SessionV2 { session_id, epoch, created, updated, entries, runs, preview, deferred, labels } = row;
        StoredSession {
            epoch,
            last_epoch: epoch,
            updated,
            segments: Segments::first(entries),
            runs,
            preview,
            deferred,
            labels,
            ..StoredSession::new(session_id, created)
        }
    }
}

impl From<SessionV1> for SessionV2 {
    fn from(row: SessionV1) -> Self {
        let SessionV1 { session_id, epoch, created, updated, entries, runs, preview, deferred } = row;
        let labels = StoredLabels::unknown();
        SessionV2 { session_id, epoch, created, updated, entries, runs, preview, deferred, labels }
    }
}

impl Row for StoredSession {
    const KIND: &'static str = "session";
    const VERSION: u8 = 3;

    fn older(version: u8, bytes: &[u8]) -> Option<postcard::Result<Self>> {
        match version {
            1 => Some(postcard::from_bytes::<SessionV1>(bytes).map(|row| SessionV2::from(row).into())),
            2 => Some(postcard::from_bytes::<SessionV2>(bytes).map(Into::into)),
            _ => None,
        }
    }
}

impl Row for StoredBranch {
    const KIND: &'static str = "branch";
    const VERSION: u8 = 1;
}
