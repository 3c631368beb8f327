//! Deleting sessions, with all that belongs to them. The bytes leave the file when it is compacted.
//!
//! The record of what was decided and done is not a conversation's own, and stays.

use std::collections::BTreeSet;
use std::time::Duration;

use claw_core::id::{ApprovalId, RunId, SessionKey, Timestamp};
use redb::{ReadableTable, ReadableTableMetadata};

use crate::audit::{AuditEntry, AuditKind};
use crate::branch;
use crate::card::StoredCard;
use crate::change::{Change, Decided};
use crate::checkpoint;
use crate::command::CommandRow;
use crate::cost::CostOf;
use crate::error::{Failure, StoreError};
use crate::image;
use crate::listing::{self, SessionQuery};
use crate::outbox;
use crate::preference::{self, Preferences, PreferencesOf};
use crate::row::{StoredEntry, StoredRun, StoredSession, decode};
use crate::run;
use crate::session;
use crate::store::Store;
use crate::tables::{self, Tables};
use crate::task;

/// Sessions that one look for stale ones names at most.
const STALE: usize = 1000;

/// Which sessions are kept. The default keeps all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Those that changed within this time.
    pub age: Option<Duration>,
    /// Only so many, those that changed last.
    pub count: Option<u64>,
}

/// A session that is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Which.
    pub key: SessionKey,
    /// When it last changed.
    pub updated: Timestamp,
}

/// All that belongs to a session and is found under another name.
#[derive(Debug)]
pub(crate) struct Forgotten {
    key: SessionKey,
    row: StoredSession,
    runs: Vec<StoredRun>,
    approvals: Vec<(RunId, ApprovalId)>,
    outgoing: Vec<u64>,
}

impl Store {
    /// Deletes a session: what was said on all of its branches, its runs with their journals and recordings, its
    /// approvals, and its messages in the outbox. That `by` did so goes on record, and how many messages were never sent.
    /// Returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if one of its runs is at work or waits; [`StoreError`] if the store cannot be written.
    pub async fn delete_session(&self, key: &SessionKey, by: &str, at: Timestamp) -> Result<bool, StoreError> {
        let key = key.clone();
        let entry = AuditEntry { session: Some(key.clone()), ..AuditEntry::new(AuditKind::SessionDeleted, by, at) };
        let of = PreferencesOf::Session(key.clone());
        self.write(move |tables| {
            let Some(row) = session::find(&tables.sessions, &key)? else {
                let own = preference::find(&tables.preferences()?, &of)?;
                let left = (!own.is_empty()).then(|| preference::set(&of, &Preferences::default()));
                return Ok(Decided { answer: false, changes: left.into_iter().collect() });
            };
            branch::busy(tables, &key)?;
            let runs = runs_of(tables, &key, &row)?;
            let mut approvals = Vec::new();
            for run in &runs {
                let asked = tables.asked()?;
                for item in asked.range((run.run.as_str(), "")..(after(run.run.as_str()).as_str(), ""))? {
                    let id = item?.0.value().1.to_owned();
                    let err = |err| StoreError::Row { kind: "approval", key: id.clone(), err };
                    let id = ApprovalId::parse(&id).map_err(|wrong| err(std::sync::Arc::new(wrong)))?;
                    approvals.push((run.run.clone(), id));
                }
            }
            let outgoing = outbox::of_session(&tables.outbox_of()?, &key)?;
            let unsent =
                (!outgoing.is_empty()).then(|| format!("with messages that were not sent: {}", outgoing.len()));
            let entry = AuditEntry { outcome: unsent, ..entry };
            let forgotten = Forgotten { key, row, runs, approvals, outgoing };
            let changes = vec![Change::Forget(Box::new(forgotten)), Change::Audit(Box::new(entry))];
            Ok(Decided { answer: true, changes })
        })
        .await
    }

    /// The sessions that `retention` does not keep, the oldest first; those with a run at work, or with messages that are
    /// still to be sent, are left out. At most 1000: look again once they are deleted.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn stale_sessions(&self, retention: Retention, at: Timestamp) -> Result<Vec<Stale>, StoreError> {
        self.read(|snapshot| {
            let surplus = match retention.count {
                Some(count) => snapshot.table(tables::SESSIONS)?.len()?.saturating_sub(count),
                None => 0,
            };
            let too_old = |updated: Timestamp| {
                let age = Duration::from_millis(at.0.saturating_sub(updated.0));
                retention.age.is_some_and(|kept| age > kept)
            };
            let unfinished = run::unfinished(&snapshot.table(tables::UNFINISHED)?, &snapshot.table(tables::RUNS)?)?;
            let busy: BTreeSet<_> = unfinished.into_iter().map(|run| run.session.to_string()).collect();
            let oldest_first = listing::positions(snapshot, &SessionQuery::default())?.rev();
            let mut stale = Vec::new();
            for (position, index) in oldest_first.zip(0..) {
                let (updated, key) = position?;
                if (index >= surplus && !too_old(updated)) || stale.len() == STALE {
                    break;
                }
                if !busy.contains(key.as_str()) && !outbox::holds_back(snapshot, &key, at)? {
                    stale.push(Stale { key, updated });
                }
            }
            Ok(stale)
        })
    }
}

impl Forgotten {
    /// The session.
    pub fn key(&self) -> &SessionKey {
        &self.key
    }

    /// Removes it all.
    pub fn apply(&self, tables: &mut Tables<'_>) -> Result<(), Failure> {
        let key = self.key.as_str();
        tables.costs.remove(CostOf::Session(self.key.clone()).place().as_str())?;
        tables.preferences()?.remove(PreferencesOf::Session(self.key.clone()).place().as_str())?;
        for StoredRun { run, arrival, end, .. } in &self.runs {
            tables.preferences()?.remove(PreferencesOf::Run(run.clone()).place().as_str())?;
            task::remove(tables, run)?;
            let (run, next) = (run.as_str(), after(run.as_str()));
            if end.is_none() {
                tables.unfinished.remove(arrival)?;
            }
            tables.journal.retain_in((run, 0)..=(run, u32::MAX), |_, _| false)?;
            tables.recordings()?.retain_in((run, "")..(next.as_str(), ""), |_, _| false)?;
            tables.asked()?.retain_in((run, "")..(next.as_str(), ""), |_, _| false)?;
            tables.costs.remove(format!("run/{run}").as_str())?;
            checkpoint::forget(tables, run)?;
            tables.runs.remove(run)?;
        }
        for (_, id) in &self.approvals {
            tables.pending()?.remove(id.as_str())?;
            tables.approvals()?.remove(id.as_str())?;
        }
        tables.entries.retain_in((key, 0, 0)..=(key, u64::MAX, u64::MAX), |_, _| false)?;
        tables.branches()?.retain_in((key, 0)..=(key, u64::MAX), |_, _| false)?;
        if let Some(title) = &self.row.title {
            tables.titles()?.remove((title.as_str(), key))?;
        }
        tables.sub_agents()?.remove(key)?;
        tables.undos()?.remove(key)?;
        image::forget(tables, key)?;
        tables.routes()?.remove(key)?;
        let is_others = |bytes: &[u8]| decode::<CommandRow>(key, bytes).is_ok_and(|row| row.session != self.key);
        tables.commands()?.retain(|_, bytes| is_others(bytes))?;
        let is_others = |bytes: &[u8]| decode::<StoredCard>(key, bytes).is_ok_and(|row| row.session != self.key);
        tables.cards()?.retain(|_, bytes| is_others(bytes))?;
        self.outgoing.iter().try_for_each(|id| outbox::put(tables, *id, None))?;
        tables.recent.remove((self.row.updated.0, key))?;
        tables.sessions.remove(key)?;
        Ok(())
    }
}

/// The first text after all that begin with `text` and end there.
fn after(text: &str) -> String {
    format!("{text}\0")
}

/// The runs of a session: those that said something in it, and those that still have to. A copy of what was said
/// elsewhere names runs that are not its own.
fn runs_of(tables: &Tables<'_>, key: &SessionKey, row: &StoredSession) -> Result<Vec<StoredRun>, Failure> {
    let mut ids: BTreeSet<String> = row.deferred.iter().map(ToString::to_string).collect();
    let all = (key.as_str(), 0, 0)..=(key.as_str(), u64::MAX, u64::MAX);
    for item in tables.entries.range(all)? {
        let entry: StoredEntry = decode(key.as_str(), item?.1.value())?;
        ids.insert(entry.run.to_string());
    }
    let mut runs = Vec::new();
    for id in ids {
        let row = tables.runs.get(id.as_str())?;
        let row = row.map(|row| decode::<StoredRun>(&id, row.value())).transpose()?;
        runs.extend(row.filter(|row| row.session == *key));
    }
    Ok(runs)
}

#[cfg(test)]
mod tests;
