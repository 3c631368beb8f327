//! Runs: where each accepted message stands.
//!
//! ```text
//! Received ──first record──► Running ──record with an end──► Ended
//!     └──────────────────record with an end──────────────────▲
//! ```
//! Only `record` moves a run.

use claw_core::event::RunEnd;
use claw_core::id::{CallId, RunId, SessionKey, Timestamp};
use claw_core::image::Image;
use claw_core::inbound::{Inbound, Origin, Source};
use claw_core::message::Entry;
use redb::ReadableTable;

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError, cause};
use crate::record::JournalStep;
use crate::row::{StoredEntry, StoredRun, decode, unsealed};
use crate::store::Store;
use crate::tables::{self, Bytes};

/// One run as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its name.
    pub run: RunId,
    /// The conversation it belongs to.
    pub session: SessionKey,
    /// Who started it.
    pub origin: Origin,
    /// Where its message came from.
    pub source: Source,
    /// What the message said.
    pub text: String,
    /// What it showed.
    pub images: Vec<Image>,
    /// Where it stands.
    pub state: RunState,
    /// How often it was taken up again after a restart.
    pub attempts: u32,
    /// When its message was accepted.
    pub received_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Its message is accepted; nothing has been written in its name.
    Received,
    /// It has written something.
    Running,
    /// It is over, like this.
    Ended(RunEnd),
}

impl RunRow {
    /// What a message becomes that is accepted at this time.
    pub fn received(inbound: Inbound, at: Timestamp) -> RunRow {
        StoredRun::received(inbound, 0, at).into()
    }
}

impl Store {
    /// One run.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn run(&self, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        self.read(|snapshot| Ok(find(&snapshot.table(tables::RUNS)?, run)?.map(RunRow::from)))
    }

    /// The runs that have not ended, in order of arrival; for the start of the host.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn unfinished_runs(&self) -> Result<Vec<RunRow>, StoreError> {
        self.read(|snapshot| {
            let rows = unfinished(&snapshot.table(tables::UNFINISHED)?, &snapshot.table(tables::RUNS)?)?;
            Ok(rows.into_iter().map(RunRow::from).collect())
        })
    }

    /// Counts that the run is taken up again, and returns how often that has happened, this time included.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], or [`StoreError::Superseded`] if it has ended.
    pub async fn begin_attempt(&self, run: &RunId, at: Timestamp) -> Result<u32, StoreError> {
        let run = run.clone();
        self.write(move |tables| {
            let mut row = live(&tables.runs, &run)?;
            row.attempts = row.attempts.saturating_add(1);
            tracing::info!(%run, attempt = row.attempts, at = at.0, "run taken up again");
            Ok(Decided { answer: row.attempts, changes: vec![Change::Run(row)] })
        })
        .await
    }

    /// What a run has said in its session's log, in order; empty if it has written nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn run_entries(&self, run: &RunId) -> Result<Vec<Entry>, StoreError> {
        self.read(|snapshot| {
            let row = find(&snapshot.table(tables::RUNS)?, run)?;
            let Some((session, epoch)) = row.and_then(|row| Some((row.session, row.epoch?))) else {
                return Ok(Vec::new());
            };
            let key = session.as_str();
            let mut entries = Vec::new();
            for item in snapshot.table(tables::ENTRIES)?.range((key, epoch, 0)..=(key, epoch, u64::MAX))? {
                let (position, bytes) = item?;
                let entry = decode::<StoredEntry>(key, bytes.value())?.entry(position.value().2);
                if entry.run == *run {
                    entries.push(entry);
                }
            }
            Ok(entries)
        })
    }

    /// What was kept for a replay of a run's calls, by call.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn recordings(&self, run: &RunId) -> Result<Vec<(CallId, Vec<u8>)>, StoreError> {
        self.read(|snapshot| {
            let mut recordings = Vec::new();
            for item in snapshot.table(tables::RECORDINGS)?.range((run.as_str(), "")..)? {
                let (place, bytes) = item?;
                let (owner, call) = place.value();
                if owner != run.as_str() {
                    break;
                }
                let call = CallId::parse(call).map_err(|err| StoreError::Row {
                    kind: "recording",
                    key: run.to_string(),
                    err: cause(&err.to_string()),
                })?;
                recordings.push((call, unsealed("recording", run.as_str(), bytes.value())?.to_vec()));
            }
            Ok(recordings)
        })
    }

    /// The journal of a run, in order.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn journal(&self, run: &RunId) -> Result<Vec<JournalStep>, StoreError> {
        self.read(|snapshot| journal(&snapshot.table(tables::JOURNAL)?, run))
    }
}

/// The row of a run.
pub(crate) fn find(runs: &impl ReadableTable<&'static str, Bytes>, run: &RunId) -> Result<Option<StoredRun>, Failure> {
    let row = runs.get(run.as_str())?;
    Ok(row.map(|row| decode(run.as_str(), row.value())).transpose()?)
}

/// The row of a run that may still write.
pub(crate) fn live(runs: &impl ReadableTable<&'static str, Bytes>, run: &RunId) -> Result<StoredRun, Failure> {
    match find(runs, run)? {
        None => Err(StoreError::UnknownRun { run: run.clone() }.into()),
        Some(row) if row.end.is_some() => Err(StoreError::Superseded { run: run.clone() }.into()),
        Some(row) => Ok(row),
    }
}

/// All runs that have not ended, in order of arrival.
pub(crate) fn unfinished(
    unfinished: &impl ReadableTable<u64, &'static str>,
    runs: &impl ReadableTable<&'static str, Bytes>,
) -> Result<Vec<StoredRun>, Failure> {
    let mut rows = Vec::new();
    for item in unfinished.iter()? {
        let (_, id) = item?;
        if let Some(row) = runs.get(id.value())? {
            rows.push(decode(id.value(), row.value())?);
        }
    }
    Ok(rows)
}

/// The steps of a run, in order.
pub(crate) fn journal(
    journal: &impl ReadableTable<(&'static str, u32), Bytes>,
    run: &RunId,
) -> Result<Vec<JournalStep>, Failure> {
    let mut steps = Vec::new();
    for item in journal.range((run.as_str(), 0)..=(run.as_str(), u32::MAX))? {
        steps.push(decode(run.as_str(), item?.1.value())?);
    }
    Ok(steps)
}

#[cfg(test)]
mod tests;
