//! Questions about the record of what was decided and done.

use crate::id::{ComponentName, RunId, SessionKey, Timestamp};

/// Which entries to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditQuery {
    /// Where to begin, and in which direction.
    pub from: AuditFrom,
    /// Entries at most.
    pub limit: usize,
    /// Only those not older than this.
    pub since: Option<Timestamp>,
    /// Only those of this kind or group of kinds, e.g. `decision`.
    pub kind: Option<String>,
    /// Only those of this component.
    pub component: Option<ComponentName>,
    /// Only those of this run.
    pub run: Option<RunId>,
    /// Only those of this conversation.
    pub session: Option<SessionKey>,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFrom {
    /// At the end, going back.
    End,
    /// At the entry before this one, going back.
    Before(u64),
    /// At the entry after this one, going on.
    After(u64),
}

impl AuditFrom {
    /// Whether the newest entries come first.
    pub fn goes_back(self) -> bool {
        matches!(self, AuditFrom::End | AuditFrom::Before(_))
    }
}
