//! What runs have changed in folders, and turns that are being taken back.
//!
//! ```text
//!   undo_turn ──────────────────────► files come back ──► undone
//!   conversation goes back,          (the host's work)    the turn's checkpoints go
//!   and it is noted that its files
//!   are to follow: one transaction
//! ```
//! A host that is killed in between finds the note, and goes on with the files of that turn before it takes back another.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::checkpoint::{Checkpoint, Content, FilePath, Known};
use claw_core::id::{Digest, RunId, SessionKey, Timestamp};
use claw_core::message::Message;
use redb::{ReadableTable, ReadableTableMetadata};
use serde::{Deserialize, Serialize};

use crate::audit::{AuditEntry, AuditKind};
use crate::branch::{self, Point};
use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::image;
use crate::outbox;
use crate::row::{Row, StoredRun, StoredSession, decode, encode};
use crate::session;
use crate::store::Store;
use crate::tables::{self, Tables};

/// What a look at a folder has found.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// The folder.
    pub folder: String,
    /// Names that are not as they were, and what they are now.
    pub files: Vec<(FilePath, Option<Known>)>,
    /// Of runs that have changed something.
    pub checkpoints: Vec<Checkpoint>,
    /// How many checkpoints are kept, over all conversations.
    pub keep: u64,
}

/// A turn that was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnBack {
    /// The text of its first message, if a person said it.
    pub text: Option<String>,
    /// Entries that were left behind.
    pub dropped: u64,
    /// The number of the branch that holds them; `None` if there were none.
    pub branch: Option<u64>,
    /// Runs that began in it, the last one first.
    pub runs: Vec<RunId>,
    /// A run that began before it, and goes back only with what it began with.
    pub partly: Option<RunId>,
    /// When it was taken back.
    pub at: Timestamp,
}

/// What became of the wish to take a turn back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undoing {
    /// The conversation has gone back; what its runs have changed is to follow.
    Begun(TurnBack),
    /// It had gone back before, and what was to follow was cut off.
    GoesOn(TurnBack),
    /// The conversation has gone back, and its runs have noted no changes.
    Done(TurnBack),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredKnown(Known);

impl Row for StoredKnown {
    const KIND: &'static str = "watched file";
    const VERSION: u8 = 1;
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredCheckpoint {
    order: u64,
    checkpoint: Checkpoint,
}

impl Row for StoredCheckpoint {
    const KIND: &'static str = "checkpoint";
    const VERSION: u8 = 1;
}

impl Row for TurnBack {
    const KIND: &'static str = "undo";
    const VERSION: u8 = 1;
}

impl Store {
    /// What was seen in a folder at the last look.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn watched(&self, folder: &str) -> Result<BTreeMap<FilePath, Known>, StoreError> {
        self.read(|snapshot| {
            let Some(table) = snapshot.table_if_there(tables::WATCHED)? else { return Ok(BTreeMap::new()) };
            let mut known = BTreeMap::new();
            // No name contains a byte 0, so this is behind all of them.
            let next = format!("{folder}\0");
            for item in table.range((folder, &b""[..])..(next.as_str(), &b""[..]))? {
                let (place, row) = item?;
                let StoredKnown(row) = decode(folder, row.value())?;
                known.insert(place.value().1.to_vec(), row);
            }
            Ok(known)
        })
    }

    /// What a run has changed; `None` if it was never about to write, or that is not kept any more.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn checkpoint(&self, run: &RunId) -> Result<Option<Checkpoint>, StoreError> {
        self.read(|snapshot| {
            let Some(table) = snapshot.table_if_there(tables::CHECKPOINTS)? else { return Ok(None) };
            let row = table.get(run.as_str())?;
            let row = row.map(|row| decode::<StoredCheckpoint>(run.as_str(), row.value())).transpose()?;
            Ok(row.map(|row| row.checkpoint))
        })
    }

    /// Keeps what a look has found. Beyond `keep` checkpoints the oldest ones go.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn looked(&self, looked: Looked) -> Result<(), StoreError> {
        self.write(move |_| Ok(Decided { answer: (), changes: vec![Change::Looked(Box::new(looked))] })).await
    }

    /// Takes the last turn of a conversation back, as [`Store::rewind`] does, and notes that what its runs have changed
    /// is to follow; or says what is still to follow of the last time. That `by` did so goes on record with the end of
    /// it: here, or with [`Store::undone`].
    ///
    /// # Errors
    /// As [`Store::rewind`].
    pub async fn undo_turn(&self, key: &SessionKey, by: &str, at: Timestamp) -> Result<Undoing, StoreError> {
        let (key, by) = (key.clone(), by.to_owned());
        self.write(move |tables| undo_turn(tables, key, by, at)).await
    }

    /// Ends it: keeps what the folders are like now, forgets the checkpoints of its runs, and puts it on record.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn undone(
        &self,
        key: &SessionKey,
        turn: TurnBack,
        looks: Vec<Looked>,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let key = key.clone();
        self.write(move |_| {
            let mut changes: Vec<_> = looks.into_iter().map(|looked| Change::Looked(Box::new(looked))).collect();
            changes.push(Change::ForgetCheckpoints { runs: turn.runs });
            changes.push(Change::Undo { key, row: None });
            changes.push(Change::Audit(Box::new(entry)));
            Ok(Decided { answer: (), changes })
        })
        .await
    }

    /// Forgets all that was seen in other folders than these; without one, also what runs have changed.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn watch_only(&self, folders: Vec<String>) -> Result<(), StoreError> {
        let others = self.read(|snapshot| {
            let Some(table) = snapshot.table_if_there(tables::WATCHED)? else { return Ok(false) };
            // The rows of a folder lie together, so a folder that is not wanted any more is nearly always at an end.
            let ends = [table.first()?, table.last()?];
            let is_other = |place: &str| !folders.iter().any(|folder| folder == place);
            let checkpoints = snapshot.table_if_there(tables::CHECKPOINTS)?;
            let has_checkpoints = checkpoints.is_some_and(|table| table.len().is_ok_and(|rows| rows > 0));
            let has_other = ends.iter().flatten().any(|(place, _)| is_other(place.value().0));
            Ok(has_other || (folders.is_empty() && has_checkpoints))
        })?;
        if !others {
            return Ok(());
        }
        self.write(move |_| Ok(Decided { answer: (), changes: vec![Change::WatchOnly { folders }] })).await
    }

    /// The blobs that rows name: of files as they are, as they were before a run, and that are to be sent, and of images that
    /// were said.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn named_blobs(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let digest = |known: &Known| match known.content {
            Content::Kept { digest, .. } => Some(digest),
            Content::Unread | Content::LeftOut(_) => None,
        };
        self.read(|snapshot| {
            let mut named = image::named(snapshot)?;
            named.extend(outbox::files(snapshot)?);
            if let Some(table) = snapshot.table_if_there(tables::WATCHED)? {
                for item in table.iter()? {
                    let (place, row) = item?;
                    let StoredKnown(row) = decode(place.value().0, row.value())?;
                    named.extend(digest(&row));
                }
            }
            if let Some(table) = snapshot.table_if_there(tables::CHECKPOINTS)? {
                for item in table.iter()? {
                    let (run, row) = item?;
                    let row: StoredCheckpoint = decode(run.value(), row.value())?;
                    let states = row.checkpoint.touched.values().flat_map(|touched| [&touched.before, &touched.after]);
                    named.extend(states.flatten().filter_map(digest));
                }
            }
            Ok(named)
        })
    }
}

fn undo_turn(tables: &Tables<'_>, key: SessionKey, by: String, at: Timestamp) -> Result<Decided<Undoing>, Failure> {
    let was = branch::idle(tables, &key)?;
    if let Some(row) = tables.undos()?.get(key.as_str())? {
        return Ok(Decided::unchanged(Undoing::GoesOn(decode(key.as_str(), row.value())?)));
    }
    let (rewound, mut changes) = branch::go_back(tables, &key, &was, Point::Turns(1), at)?;
    let (runs, partly) = runs_behind(tables, &key, &was, rewound.entries)?;
    let turn = TurnBack { text: rewound.text, dropped: rewound.dropped, branch: rewound.branch, runs, partly, at };
    let table = tables.checkpoints()?;
    let mut has_files = false;
    for run in &turn.runs {
        has_files |= table.get(run.as_str())?.is_some();
    }
    if has_files {
        changes.push(Change::Undo { key, row: Some(turn.clone()) });
        return Ok(Decided { answer: Undoing::Begun(turn), changes });
    }
    if turn.branch.is_some() {
        let entry = AuditEntry { session: Some(key), ..AuditEntry::new(AuditKind::SessionUndone, by, at) };
        changes.push(Change::Audit(Box::new(entry)));
    }
    Ok(Decided { answer: Undoing::Done(turn), changes })
}

/// The runs whose words all lie behind the first `kept` entries of a branch, the last one first; and one that has words on
/// both sides.
fn runs_behind(
    tables: &Tables<'_>,
    key: &SessionKey,
    row: &StoredSession,
    kept: u64,
) -> Result<(Vec<RunId>, Option<RunId>), Failure> {
    let left = row.segments.window(kept, row.segments.len() - kept);
    let left = session::read_entries(&tables.entries, key, row.epoch, left)?;
    let mut runs: Vec<RunId> = Vec::new();
    let mut first_received = Timestamp(u64::MAX);
    for entry in left.iter().rev() {
        if !runs.contains(&entry.run) {
            runs.push(entry.run.clone());
            let run = tables.runs.get(entry.run.as_str())?;
            let run = run.map(|run| decode::<StoredRun>(entry.run.as_str(), run.value())).transpose()?;
            first_received = first_received.min(run.map_or(Timestamp(0), |run| run.received_at));
        }
    }
    let begins_behind =
        |run: &RunId| left.iter().any(|entry| entry.run == *run && matches!(entry.message, Message::User { .. }));
    // Whoever said something before that was there then.
    let mut partly = None;
    for entry in session::backwards(&tables.entries, key, row.epoch, &row.segments.keep(kept)) {
        let entry = entry?;
        if entry.at < first_received {
            break;
        }
        if runs.contains(&entry.run) && !begins_behind(&entry.run) {
            partly = Some(entry.run);
            break;
        }
    }
    runs.retain(|run| Some(run) != partly.as_ref());
    Ok((runs, partly))
}

// === impl Looked ===

impl Looked {
    /// Writes it.
    pub(crate) fn apply(self, tables: &mut Tables<'_>) -> Result<(), Failure> {
        if !self.files.is_empty() {
            let mut watched = tables.watched()?;
            for (path, known) in self.files {
                let place = (self.folder.as_str(), path.as_slice());
                match known {
                    Some(known) => drop(watched.insert(place, encode(&StoredKnown(known)).as_slice())?),
                    None => drop(watched.remove(place)?),
                }
            }
        }
        if !self.checkpoints.is_empty() {
            let (mut rows, mut orders) = (tables.checkpoints()?, tables.checkpoint_order()?);
            for checkpoint in self.checkpoints {
                let run = checkpoint.run.clone();
                let row = rows.get(run.as_str())?;
                let row = row.map(|row| decode::<StoredCheckpoint>(run.as_str(), row.value())).transpose()?;
                let order = match row {
                    Some(row) => row.order,
                    None => {
                        let order = orders.last()?.map_or(1, |(last, _)| last.value() + 1);
                        orders.insert(order, run.as_str())?;
                        order
                    }
                };
                rows.insert(run.as_str(), encode(&StoredCheckpoint { order, checkpoint }).as_slice())?;
            }
            while orders.len()? > self.keep
                && let Some((_, run)) = orders.pop_first()?
            {
                rows.remove(run.value())?;
            }
        }
        Ok(())
    }
}

/// Forgets what a run has changed.
pub(crate) fn forget(tables: &Tables<'_>, run: &str) -> Result<(), Failure> {
    let order = {
        let mut rows = tables.checkpoints()?;
        let row = rows.remove(run)?;
        row.map(|row| decode::<StoredCheckpoint>(run, row.value())).transpose()?.map(|row| row.order)
    };
    if let Some(order) = order {
        tables.checkpoint_order()?.remove(order)?;
    }
    Ok(())
}

/// Forgets what was seen in other folders than these; without one, also what runs have changed.
pub(crate) fn watch_only(tables: &Tables<'_>, folders: &[String]) -> Result<(), Failure> {
    tables.watched()?.retain(|(folder, _), _| folders.iter().any(|kept| kept == folder))?;
    if folders.is_empty() {
        tables.checkpoints()?.retain(|_, _| false)?;
        tables.checkpoint_order()?.retain(|_, _| false)?;
        tables.undos()?.retain(|_, _| false)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
