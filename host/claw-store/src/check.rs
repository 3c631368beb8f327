//! Whether all that is stored can be read, fits together, and is what a model accepts.
//!
//! The pages are verified when the file is opened; here are the rows, the indexes, the logs and the record.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use claw_core::id::SessionKey;
use claw_core::message::Entry;
use redb::{Key, ReadableTable, ReadableTableMetadata, TableDefinition};

use crate::card::StoredCard;
use crate::checkpoint::{StoredCheckpoint, StoredKnown, TurnBack};
use crate::command::CommandRow;
use crate::error::{Failure, StoreError};
use crate::key_rest::KeyRest;
use crate::log::OpenCalls;
use crate::preference::Preferences;
use crate::record::JournalStep;
use crate::row::{
    Row, StoredApproval, StoredBranch, StoredGrants, StoredImages, StoredLabels, StoredOutgoing, StoredPackage,
    StoredRoute, StoredRun, StoredSession, StoredStanding, StoredSubAgent, StoredTask, decode, unsealed,
};
use crate::session;
use crate::store::Store;
use crate::tables::{self, Bytes, Snapshot};
use crate::task::Task;

mod outbox;

/// Faults that are told; where there are more, the first ones say enough.
const FAULTS: usize = 100;

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Conversations that were looked at.
    pub sessions: u64,
    /// Entries of their branches that were looked at; one that is on two branches counts twice.
    pub entries: u64,
    /// What does not hold, in sentences; the first hundred.
    pub faults: Vec<String>,
}

impl Store {
    /// Reads all rows, compares the indexes with what they point at, follows each branch of each log, and verifies the
    /// record. Takes some seconds for a million entries.
    ///
    /// # Errors
    /// [`StoreError`] if the engine cannot read the file. What is wrong with the content is no error but a fault.
    pub fn check(&self) -> Result<Checked, StoreError> {
        let mut checked = self.read_file(|snapshot| {
            let mut check = Check { snapshot, checked: Checked::default() };
            check.rows()?;
            check.indexes()?;
            check.logs()?;
            Ok(check.checked)
        })?;
        if let Some(broken) = self.verify_audit()?.broken {
            note(
                &mut checked,
                format_args!("the record breaks at entry {}: {}", broken.sequence, broken.fault.as_str()),
            );
        }
        Ok(checked)
    }
}

fn note(checked: &mut Checked, fault: impl Display) {
    if checked.faults.len() < FAULTS {
        checked.faults.push(fault.to_string());
    }
}

struct Check<'a> {
    snapshot: &'a Snapshot,
    checked: Checked,
}

impl Check<'_> {
    fn fault(&mut self, fault: impl Display) {
        note(&mut self.checked, fault);
    }

    /// Reads the rows that the logs do not lead to.
    fn rows(&mut self) -> Result<(), Failure> {
        self.table::<_, StoredRun>(tables::RUNS)?;
        self.table::<_, JournalStep>(tables::JOURNAL)?;
        self.table::<_, StoredApproval>(tables::APPROVALS)?;
        self.table::<_, StoredGrants>(tables::GRANTS)?;
        self.table::<_, StoredStanding>(tables::STANDING)?;
        self.table::<_, KeyRest>(tables::KEY_RESTS)?;
        self.table::<_, StoredPackage>(tables::PACKAGES)?;
        self.table::<_, Preferences>(tables::PREFERENCES)?;
        self.table::<_, StoredSubAgent>(tables::SUB_AGENTS)?;
        self.table::<_, StoredTask>(tables::TASKS)?;
        self.table::<_, StoredLabels>(tables::LABELS)?;
        self.table::<_, StoredKnown>(tables::WATCHED)?;
        self.table::<_, StoredCheckpoint>(tables::CHECKPOINTS)?;
        self.table::<_, TurnBack>(tables::UNDOS)?;
        self.table::<_, StoredImages>(tables::IMAGES)?;
        self.table::<_, StoredRoute>(tables::ROUTES)?;
        self.table::<_, CommandRow>(tables::COMMANDS)?;
        self.table::<_, StoredCard>(tables::CARDS)?;
        self.table::<_, StoredOutgoing>(tables::OUTBOX)?;
        self.sealed("recording", tables::RECORDINGS)?;
        self.sealed("cursor", tables::CURSORS)?;
        self.sealed("kv", tables::KV)
    }

    fn table<K: Key + 'static, R: Row>(&mut self, table: TableDefinition<'static, K, Bytes>) -> Result<(), Failure> {
        self.each(table, |key, bytes| decode::<R>(key, bytes).map(drop))
    }

    fn sealed<K: Key + 'static>(
        &mut self,
        name: &'static str,
        table: TableDefinition<'static, K, Bytes>,
    ) -> Result<(), Failure> {
        self.each(table, |key, bytes| unsealed(name, key, bytes).map(drop))
    }

    fn each<K: Key + 'static>(
        &mut self,
        table: TableDefinition<'static, K, Bytes>,
        read: impl Fn(&str, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), Failure> {
        let Some(open) = self.snapshot.table_if_there(table)? else { return Ok(()) };
        for item in open.iter()? {
            let (key, bytes) = item?;
            let key = format!("{:?}", key.value());
            if let Err(err) = read(key.trim_matches('"'), bytes.value()) {
                self.fault(told(&err));
            }
        }
        Ok(())
    }

    fn indexes(&mut self) -> Result<(), Failure> {
        let snapshot = self.snapshot;
        let (runs, sessions) = (snapshot.table(tables::RUNS)?, snapshot.table(tables::SESSIONS)?);
        let mut open_runs: BTreeMap<u64, String> = BTreeMap::new();
        for item in runs.iter()? {
            let (id, bytes) = item?;
            // Rows that cannot be read are told above.
            let Ok(row) = decode::<StoredRun>(id.value(), bytes.value()) else { continue };
            if row.end.is_none() {
                open_runs.insert(row.arrival, id.value().to_owned());
            }
            if sessions.get(row.session.as_str())?.is_none() {
                self.fault(format_args!("run `{}` belongs to `{}`, which is not there", id.value(), row.session));
            }
        }
        for item in snapshot.table(tables::UNFINISHED)?.iter()? {
            let (arrival, id) = item?;
            if open_runs.remove(&arrival.value()).as_deref() != Some(id.value()) {
                self.fault(format_args!("run `{}` waits, but its row does not say so", id.value()));
            }
        }
        for id in open_runs.into_values() {
            self.fault(format_args!("run `{id}` has not ended, and does not wait"));
        }
        self.tasks(&runs)?;
        self.routes(&sessions)?;
        self.outbox()?;
        self.approvals()
    }

    fn tasks(&mut self, runs: &impl ReadableTable<&'static str, Bytes>) -> Result<(), Failure> {
        let Some(tasks) = self.snapshot.table_if_there(tables::TASKS)? else { return Ok(()) };
        let lists = self.snapshot.table(tables::TASK_LISTS)?;
        let mut listed = 0;
        for item in tasks.iter()? {
            let (id, bytes) = item?;
            if runs.get(id.value())?.is_none() {
                self.fault(format_args!("task `{}` is done by a run that is not there", id.value()));
            }
            let Ok(row) = decode::<StoredTask>(id.value(), bytes.value()) else { continue };
            let task = Task::from(row);
            for list in task.lists() {
                match lists.get((list.as_str(), task.created.0, id.value()))? {
                    Some(_) => listed += 1,
                    None => self.fault(format_args!("task `{}` is not on the list `{list}` of tasks", id.value())),
                }
            }
        }
        self.astray("tasks", lists.len()?, listed);
        Ok(())
    }

    fn routes(&mut self, sessions: &impl ReadableTable<&'static str, Bytes>) -> Result<(), Failure> {
        for item in self.snapshot.table(tables::ROUTES)?.iter()? {
            let key = item?.0;
            if sessions.get(key.value())?.is_none() {
                self.fault(format_args!("`{}` belongs to a chat, but is not there", key.value()));
            }
        }
        Ok(())
    }

    fn approvals(&mut self) -> Result<(), Failure> {
        let approvals = self.snapshot.table(tables::APPROVALS)?;
        let mut pending = BTreeSet::new();
        for item in approvals.iter()? {
            let (id, bytes) = item?;
            let Ok(row) = decode::<StoredApproval>(id.value(), bytes.value()) else { continue };
            if claw_core::approval::Approval::from(row).state.is_pending() {
                pending.insert(id.value().to_owned());
            }
        }
        for item in self.snapshot.table(tables::PENDING)?.iter()? {
            let (id, ()) = item.map(|(id, _)| (id, ()))?;
            if !pending.remove(id.value()) {
                self.fault(format_args!("approval `{}` is listed as pending and is not", id.value()));
            }
        }
        for id in pending {
            self.fault(format_args!("approval `{id}` is pending and not listed"));
        }
        for item in self.snapshot.table(tables::ASKED)?.iter()? {
            let place = item?.0;
            let (run, id) = place.value();
            if approvals.get(id)?.is_none() {
                self.fault(format_args!("run `{run}` asked for approval `{id}`, which is not there"));
            }
        }
        Ok(())
    }

    /// Each session: its place in the lists, and its branches.
    fn logs(&mut self) -> Result<(), Failure> {
        let snapshot = self.snapshot;
        let (recent, titles) = (snapshot.table(tables::RECENT)?, snapshot.table(tables::TITLES)?);
        let (mut listed, mut titled) = (0, 0);
        for item in snapshot.table(tables::SESSIONS)?.iter()? {
            let (key, bytes) = item?;
            self.checked.sessions += 1;
            let read = decode::<StoredSession>(key.value(), bytes.value());
            let (row, key) = match (read, SessionKey::try_from(key.value().to_owned())) {
                (Ok(row), Ok(key)) => (row, key),
                (Err(err), _) => {
                    self.fault(told(&err));
                    continue;
                }
                (_, Err(err)) => {
                    self.fault(err);
                    continue;
                }
            };
            match recent.get((row.updated.0, key.as_str()))? {
                Some(_) => listed += 1,
                None => self.fault(format_args!("`{key}` is not in the list of sessions")),
            }
            if let Some(title) = &row.title {
                match titles.get((title.as_str(), key.as_str()))? {
                    Some(_) => titled += 1,
                    None => self.fault(format_args!("`{key}` is not found by its label")),
                }
            }
            self.branch(&key, "the branch that is spoken on", &row.branch())?;
            self.left(&key)?;
        }
        self.astray("sessions", recent.len()?, listed);
        self.astray("labels", titles.len()?, titled);
        Ok(())
    }

    /// Notes that a list has more rows than those that lead somewhere.
    fn astray(&mut self, list: &str, rows: u64, known: u64) {
        if rows > known {
            self.fault(format_args!("the list of {list} has {} rows that lead nowhere", rows - known));
        }
    }

    fn left(&mut self, key: &SessionKey) -> Result<(), Failure> {
        let branches = self.snapshot.table(tables::BRANCHES)?;
        for item in branches.range((key.as_str(), 0)..=(key.as_str(), u64::MAX))? {
            let (place, bytes) = item?;
            match decode::<StoredBranch>(key.as_str(), bytes.value()) {
                Ok(branch) => self.branch(key, &format!("branch {}", place.value().1), &branch)?,
                Err(err) => self.fault(told(&err)),
            }
        }
        Ok(())
    }

    /// Follows a branch from its first entry to its last.
    fn branch(&mut self, key: &SessionKey, name: &str, branch: &StoredBranch) -> Result<(), Failure> {
        let entries = self.snapshot.table(tables::ENTRIES)?;
        let mut calls = OpenCalls::default();
        for range in branch.segments.ranges() {
            let read = session::read_entries(&entries, key, branch.epoch, std::iter::once(range));
            let read = match read {
                Ok(read) => read,
                Err(Failure::Refused(err)) => {
                    self.fault(told(&err));
                    return Ok(());
                }
                Err(failure) => return Err(failure),
            };
            for Entry { seq, run, message, .. } in read {
                self.checked.entries += 1;
                if let Err(why) = calls.take(&run, &message) {
                    self.fault(format_args!("`{key}`, {name}, entry {}: {why}", seq.0));
                    return Ok(());
                }
            }
        }
        let runs = self.snapshot.table(tables::RUNS)?;
        if let Some(run) = calls.owner()
            && crate::run::find(&runs, run)?.is_none_or(|row| row.end.is_some())
        {
            self.fault(format_args!("`{key}`, {name}: run `{run}` has ended and left a tool call without its answer"));
        }
        Ok(())
    }
}

/// An error with its cause.
fn told(err: &StoreError) -> String {
    match std::error::Error::source(err) {
        Some(cause) => format!("{err}: {cause}"),
        None => err.to_string(),
    }
}

#[cfg(test)]
mod tests;
