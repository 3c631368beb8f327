//! The record of what was decided, answered, done and changed: append-only, chained, sealed.
//!
//! What has a transaction of its own is recorded in it: an approval moves, an effect starts and ends, grants change
//! together with their entries, or not at all. The rest comes through [`Store::audit`], which waits for the disk, or
//! [`Store::note_audit`], which lets the next transaction carry it.
//!
//! **Invariant.** Entries are appended by the writer alone, in the order in which they become durable, and removed only
//! from the front by [`Store::prune_audit`].

mod chain;
mod derive;
mod entry;
mod held;

use std::fmt;
use std::time::Duration;

use claw_core::audit::{AuditFrom, AuditQuery};
use claw_core::id::{Digest, Timestamp};

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::store::Store;
use crate::tables::{self, Snapshot};

pub(crate) use chain::{Prune, append, prune};
pub(crate) use derive::{of_approval, of_grants, of_standing, of_steps};
pub use entry::{AuditEntry, AuditKind};
pub(crate) use held::apply_fact;
pub use held::{AuditFact, FactKind};

/// Entries that one page looks at: a filter that fits few of them must not hold a reader up.
const LOOKED_AT: usize = 4096;

/// The clock may have been set back by this much and nothing is left out of what is asked for since a time.
const CLOCK_STEP: Duration = Duration::from_secs(60 * 60);

/// The key of the seal. Whoever has it can write the record anew.
#[derive(Clone)]
pub struct AuditKey([u8; 32]);

/// One entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number: one more than that of the entry before. Refusals name it.
    pub sequence: u64,
    /// The hash of the entry before.
    pub previous: Digest,
    /// Its own hash, over `previous`, `sequence` and `text`.
    pub hash: Digest,
    /// What it says.
    pub entry: AuditEntry,
    /// The same as the JSON text that was hashed.
    pub text: String,
}

/// Some entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// In the order in which they were recorded.
    pub rows: Vec<AuditRow>,
    /// Where the next page begins, if there may be more.
    pub next: Option<AuditFrom>,
}

/// What a walk along the chain found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditVerified {
    /// Entries that are sound.
    pub entries: u64,
    /// The number of the first entry that is kept.
    pub first: Option<u64>,
    /// The number of the last sound one; before the first, that of the last pruned one.
    pub last: u64,
    /// Its hash: noted elsewhere, it proves later that nothing up to here was changed.
    pub hash: Digest,
    /// Where the chain breaks, if it does. What comes behind is not looked at.
    pub broken: Option<AuditBreak>,
}

/// Where the chain breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditBreak {
    /// At which entry.
    pub sequence: u64,
    /// How.
    pub fault: AuditFault,
}

/// How the chain breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFault {
    /// The entry is not there.
    Missing,
    /// The entry, or the link to the one before, is not what it was.
    Changed,
    /// The entry stands behind the sealed end: the host did not write it.
    Added,
    /// When the entry was written, the seal of those before did not fit.
    Unsealed,
    /// The entries fit each other, but not the seal: they were written anew.
    Rewritten,
    /// The seal is missing or was not made with this host's key.
    Seal,
}

impl AuditKey {
    /// The key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        AuditKey(bytes)
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(***)")
    }
}

impl AuditFault {
    /// What is wrong, in a sentence for people.
    pub fn as_str(self) -> &'static str {
        match self {
            AuditFault::Missing => "this entry is missing",
            AuditFault::Changed => "this entry, or its link to the one before, was changed",
            AuditFault::Added => "this entry was added by somebody else than the host",
            AuditFault::Unsealed => "when this entry was written, the seal of those before it did not fit",
            AuditFault::Rewritten => "the entries up to this one were written anew",
            AuditFault::Seal => "the seal is missing, or was not made with the key of this host",
        }
    }
}

impl Store {
    /// Appends one entry and makes it durable; gives its number.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written. What the entry is about must not happen then.
    pub async fn audit(&self, entry: AuditEntry) -> Result<u64, StoreError> {
        self.write(|tables| {
            let answer = chain::next(tables)?;
            Ok(Decided { answer, changes: vec![Change::Audit(Box::new(entry))] })
        })
        .await
    }

    /// Appends one entry in front of whatever is written next, without waiting: for what is followed by a record that
    /// waits, such as that of an effect or of the end of a call. Lost if the host is killed before that.
    pub fn note_audit(&self, entry: AuditEntry) {
        self.shared().notes().push(entry);
    }

    /// Says what is there now; records what has changed since the last time. Gives the number of changes.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn audit_held(&self, facts: Vec<AuditFact>, at: Timestamp) -> Result<usize, StoreError> {
        self.write(move |tables| held::compare(tables, facts, at)).await
    }

    /// One entry.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn audit_entry(&self, sequence: u64) -> Result<Option<AuditRow>, StoreError> {
        let from = AuditFrom::After(sequence.saturating_sub(1));
        let query = AuditQuery { from, limit: 1, since: None, kind: None, component: None, run: None, session: None };
        Ok(self.audit_page(&query)?.rows.into_iter().find(|row| row.sequence == sequence))
    }

    /// Some entries, read without reading the others.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read; [`StoreError::Row`] if an entry was changed into what is none.
    pub fn audit_page(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.read_file(|snapshot| page(snapshot, query))
    }

    /// Walks the whole chain and tells where it breaks. Takes about a millisecond for a thousand entries.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn verify_audit(&self) -> Result<AuditVerified, StoreError> {
        self.read_file(|snapshot| {
            let (Some(entries), Some(head)) =
                (snapshot.table_if_there(tables::AUDIT)?, snapshot.table_if_there(tables::AUDIT_HEAD)?)
            else {
                return Ok(AuditVerified { entries: 0, first: None, last: 0, hash: Digest([0; 32]), broken: None });
            };
            chain::verify(&entries, chain::head(&head, self.shared().audit_key())?)
        })
    }

    /// Removes the entries from the front that are older than `before`, and records that; gives how many. What is
    /// broken stays, with all that follows.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn prune_audit(&self, before: Timestamp, at: Timestamp) -> Result<u64, StoreError> {
        self.write(move |tables| {
            let Some(prune) = chain::prunable(tables, |entry| entry.at < before)? else {
                return Ok(Decided::unchanged(0));
            };
            let (first, last) = (prune.first, prune.through());
            let subject = Some(format!("entries {first} to {last}"));
            let entry = AuditEntry { subject, ..AuditEntry::new(AuditKind::AuditPruned, "host", at) };
            let changes = vec![Change::AuditPrune(prune), Change::Audit(Box::new(entry))];
            Ok(Decided { answer: last + 1 - first, changes })
        })
        .await
    }
}

fn page(snapshot: &Snapshot, query: &AuditQuery) -> Result<AuditPage, Failure> {
    let Some(table) = snapshot.table_if_there(tables::AUDIT)? else {
        return Ok(AuditPage { rows: Vec::new(), next: None });
    };
    let mut going_on;
    let mut going_back;
    let items: &mut dyn Iterator<Item = _> = match query.from {
        AuditFrom::After(sequence) => {
            going_on = table.range(sequence.saturating_add(1)..)?;
            &mut going_on
        }
        AuditFrom::Before(sequence) => {
            going_back = table.range(..sequence)?.rev();
            &mut going_back
        }
        AuditFrom::End => {
            going_back = table.range::<u64>(..)?.rev();
            &mut going_back
        }
    };
    let mut rows = Vec::new();
    let mut last = None;
    let mut looked_at = 0;
    for item in items {
        let (sequence, value) = item?;
        let (sequence, (hash, text)) = (sequence.value(), value.value());
        let entry: AuditEntry = serde_json::from_str(text).map_err(|err| StoreError::Row {
            kind: "audit",
            key: sequence.to_string(),
            err: std::sync::Arc::new(err),
        })?;
        // Going back, what is older than this was recorded before.
        if query.from.goes_back() && query.since.is_some_and(|since| entry.at.plus(CLOCK_STEP) < since) {
            last = None;
            break;
        }
        last = Some(sequence);
        looked_at += 1;
        if wants(query, &entry) {
            let previous = previous(snapshot, &table, sequence)?;
            rows.push(AuditRow { sequence, previous, hash: Digest(hash), entry, text: text.to_owned() });
        }
        if rows.len() >= query.limit || looked_at >= LOOKED_AT {
            break;
        }
    }
    let cut = rows.len() >= query.limit || looked_at >= LOOKED_AT;
    let next = last.filter(|_| cut).map(|last| match query.from {
        AuditFrom::After(_) => AuditFrom::After(last),
        AuditFrom::Before(_) | AuditFrom::End => AuditFrom::Before(last),
    });
    if query.from.goes_back() {
        rows.reverse();
    }
    Ok(AuditPage { rows, next })
}

/// The hash that an entry follows: that of the entry before, or of the last one that was pruned.
fn previous(snapshot: &Snapshot, table: &impl chain::Entries, sequence: u64) -> Result<Digest, Failure> {
    if let Some(before) = table.get(sequence.saturating_sub(1))? {
        return Ok(Digest(before.value().0));
    }
    let head = snapshot.table_if_there(tables::AUDIT_HEAD)?;
    let head = head.map(|head| chain::anchor(&head)).transpose()?.flatten();
    Ok(head.unwrap_or(Digest([0; 32])))
}

fn wants(query: &AuditQuery, entry: &AuditEntry) -> bool {
    query.since.is_none_or(|since| entry.at >= since)
        && query.kind.as_ref().is_none_or(|kind| entry.kind.is(kind))
        && query.component.as_ref().is_none_or(|component| entry.component.as_ref() == Some(component))
        && query.run.as_ref().is_none_or(|run| entry.run.as_ref() == Some(run))
        && query.session.as_ref().is_none_or(|session| entry.is_of(session))
}

#[cfg(test)]
mod tests;
