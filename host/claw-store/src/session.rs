//! Sessions: what was said in them, by the page.
//!
//! A log has epochs, and in an epoch branches. A reset begins a new epoch, a rewind a new branch; what is left stays
//! readable, and can be gone back to. Positions rise along a branch, and no position is used twice in an epoch.

use claw_core::id::{Seq, SessionKey, Timestamp};
use claw_core::inbound::Inbound;
use claw_core::label::Labels;
use claw_core::message::{Entry, Message};
use redb::ReadableTable;

use crate::branch;
use crate::error::{Failure, StoreError, cause};
use crate::preference::{self, Preferences, PreferencesOf};
use crate::row::{StoredBranch, StoredEntry, StoredFork, StoredSession, decode};
use crate::run;
use crate::segments::Segments;
use crate::store::Store;
use crate::tables::{self, Bytes, Snapshot};

/// Most rows that one call returns, whatever it asks for.
pub(crate) const MAX_PAGE: usize = 1000;
/// Characters of the last message that a listing shows.
const PREVIEW_CHARS: usize = 120;

/// Which part of a log to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where it ends.
    pub end: PageEnd,
    /// At most so many entries; 1 to 1000, clamped.
    pub limit: usize,
}

/// Where a page of a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageEnd {
    /// With the newest entry.
    Newest,
    /// With the last entry before this one.
    Before(Seq),
    /// So many entries before the newest one.
    Skip(u64),
}

/// One page of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// In the order of the log.
    pub entries: Vec<Entry>,
    /// Whether there are entries before these.
    pub more: bool,
    /// Entries of the whole branch.
    pub total: u64,
    /// Accepted messages that are not in the log yet, in order of arrival. Only on the newest page of the branch that
    /// is spoken on.
    pub pending: Vec<Pending>,
    /// The id of the conversation since its last reset; empty if there is no such session.
    pub session_id: String,
}

/// A message that has been accepted but does not stand in the log yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The message.
    pub inbound: Inbound,
    /// When it was accepted.
    pub at: Timestamp,
}

/// One session, without what was said in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its key.
    pub key: SessionKey,
    /// The id of the conversation since its last reset.
    pub session_id: String,
    /// When its first message was accepted.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Entries of the branch that is spoken on.
    pub entries: u64,
    /// Messages that it has ever accepted.
    pub runs: u64,
    /// The beginning of the last message, on one line.
    pub last_message: String,
    /// What has flowed into it since the last reset.
    pub labels: Labels,
    /// What its owner calls it.
    pub title: Option<String>,
    /// Where its first entries were copied from.
    pub fork: Option<Fork>,
    /// What its owner prefers in it.
    pub preferences: Preferences,
}

/// Where a conversation branched off another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The other one.
    pub session: SessionKey,
    /// Its id at that time.
    pub session_id: String,
    /// The last entry that they have in common.
    pub seq: Seq,
}

impl Store {
    /// One page of a branch: that with this number, or the one that is spoken on. Costs as much as the page is long.
    ///
    /// # Errors
    /// [`StoreError::UnknownBranch`], or [`StoreError`] if the store cannot be read.
    pub fn history(&self, session: &SessionKey, branch: Option<u64>, page: Page) -> Result<History, StoreError> {
        self.read(|snapshot| history(snapshot, session, branch, page))
    }

    /// All entries of the branch that is spoken on, for the prompt.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn transcript(&self, session: &SessionKey) -> Result<Vec<Entry>, StoreError> {
        self.read(|snapshot| match find(&snapshot.table(tables::SESSIONS)?, session)? {
            Some(row) => read_entries(&snapshot.table(tables::ENTRIES)?, session, row.epoch, row.segments.ranges()),
            None => Ok(Vec::new()),
        })
    }

    /// What a model may still see: all since the last summary and what that kept. Costs as much as it returns, however
    /// long the log is.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn context(&self, session: &SessionKey) -> Result<Vec<Entry>, StoreError> {
        self.read(|snapshot| match find(&snapshot.table(tables::SESSIONS)?, session)? {
            Some(row) => context(&snapshot.table(tables::ENTRIES)?, session, &row),
            None => Ok(Vec::new()),
        })
    }

    /// One session.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn session(&self, key: &SessionKey) -> Result<Option<SessionRow>, StoreError> {
        self.read(|snapshot| {
            let Some(row) = find(&snapshot.table(tables::SESSIONS)?, key)? else { return Ok(None) };
            let own = preference::seen(snapshot, &PreferencesOf::Session(key.clone()))?;
            Ok(Some(shown(key.clone(), row, own)))
        })
    }
}

/// The row of a session.
pub(crate) fn find(
    sessions: &impl ReadableTable<&'static str, Bytes>,
    key: &SessionKey,
) -> Result<Option<StoredSession>, Failure> {
    let row = sessions.get(key.as_str())?;
    Ok(row.map(|row| decode(key.as_str(), row.value())).transpose()?)
}

/// Entries of one epoch, in order. All of the ranges must be there: a row that the engine does not find any more must
/// not be taken for one that never was.
pub(crate) fn read_entries(
    table: &impl ReadableTable<(&'static str, u64, u64), Bytes>,
    session: &SessionKey,
    epoch: u64,
    ranges: impl Iterator<Item = std::ops::RangeInclusive<u64>>,
) -> Result<Vec<Entry>, Failure> {
    let key = session.as_str();
    let mut entries = Vec::new();
    for range in ranges {
        let mut expected = *range.start();
        for item in table.range((key, epoch, *range.start())..=(key, epoch, *range.end()))? {
            let (position, row) = item?;
            let seq = position.value().2;
            if seq != expected {
                break;
            }
            entries.push(decode::<StoredEntry>(key, row.value())?.entry(seq));
            expected += 1;
        }
        if expected <= *range.end() {
            let err = cause(&format!("entry {expected} is missing"));
            return Err(StoreError::Row { kind: "log", key: key.to_owned(), err }.into());
        }
    }
    Ok(entries)
}

/// Entries of one branch, the newest first.
pub(crate) fn backwards<'a>(
    table: &'a impl ReadableTable<(&'static str, u64, u64), Bytes>,
    session: &'a SessionKey,
    epoch: u64,
    segments: &'a Segments,
) -> impl Iterator<Item = Result<Entry, Failure>> + 'a {
    let key = session.as_str();
    segments.ranges().rev().flat_map(move |range| {
        let (rows, err) = match table.range((key, epoch, *range.start())..=(key, epoch, *range.end())) {
            Ok(rows) => (Some(rows), None),
            Err(err) => (None, Some(Err(Failure::from(err)))),
        };
        let entry = move |item: Result<_, redb::StorageError>| {
            let (position, row): (redb::AccessGuard<'_, (&str, u64, u64)>, redb::AccessGuard<'_, Bytes>) = item?;
            Ok(decode::<StoredEntry>(key, row.value())?.entry(position.value().2))
        };
        err.into_iter().chain(rows.into_iter().flat_map(move |rows| rows.rev().map(entry)))
    })
}

fn context(
    table: &impl ReadableTable<(&'static str, u64, u64), Bytes>,
    session: &SessionKey,
    row: &StoredSession,
) -> Result<Vec<Entry>, Failure> {
    let mut kept_from = Seq(0);
    let mut entries = Vec::new();
    for entry in backwards(table, session, row.epoch, &row.segments) {
        let entry = entry?;
        if entry.seq < kept_from {
            break;
        }
        if let (Message::Summary { kept_from: from, .. }, Seq(0)) = (&entry.message, kept_from) {
            kept_from = *from;
        }
        entries.push(entry);
    }
    entries.reverse();
    Ok(entries)
}

/// The beginning of a text, on one line.
pub(crate) fn preview(text: &str) -> String {
    let mut line = String::new();
    let mut room = PREVIEW_CHARS;
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
            room -= 1;
        }
        let end = word.char_indices().nth(room).map_or(word.len(), |(end, _)| end);
        line.push_str(&word[..end]);
        room -= word[..end].chars().count();
        if room == 0 {
            break;
        }
    }
    line
}

fn history(snapshot: &Snapshot, session: &SessionKey, branch: Option<u64>, page: Page) -> Result<History, Failure> {
    let row = find(&snapshot.table(tables::SESSIONS)?, session)?;
    let (row, branch) = match (row, branch) {
        (row, Some(number)) => (row, branch::get(&snapshot.table(tables::BRANCHES)?, session, number)?),
        (Some(row), None) => {
            let branch = row.branch();
            (Some(row), branch)
        }
        (None, None) => {
            let (entries, pending) = (Vec::new(), Vec::new());
            return Ok(History { entries, more: false, total: 0, pending, session_id: String::new() });
        }
    };
    let StoredBranch { session_id, epoch, segments, .. } = branch;
    let total = segments.len();
    let end = match page.end {
        PageEnd::Newest => total,
        PageEnd::Before(seq) => segments.count_to(seq.0.saturating_sub(1)),
        PageEnd::Skip(count) => total.saturating_sub(count),
    };
    let start = end.saturating_sub(page.limit.clamp(1, MAX_PAGE) as u64);
    let window = segments.window(start, end - start);
    let entries = read_entries(&snapshot.table(tables::ENTRIES)?, session, epoch, window)?;
    let newest = end == total && !matches!(page.end, PageEnd::Before(_));
    let pending = match row.filter(|row| newest && row.epoch == epoch && row.segments == segments) {
        Some(row) => pending(snapshot, session, &row)?,
        None => Vec::new(),
    };
    Ok(History { entries, more: start > 0, total, pending, session_id })
}

fn pending(snapshot: &Snapshot, session: &SessionKey, row: &StoredSession) -> Result<Vec<Pending>, Failure> {
    let runs = snapshot.table(tables::RUNS)?;
    let mut waiting = run::unfinished(&snapshot.table(tables::UNFINISHED)?, &runs)?;
    waiting.retain(|run| run.session == *session && run.epoch.is_none());
    for deferred in &row.deferred {
        waiting.extend(run::find(&runs, deferred)?);
    }
    waiting.sort_by_key(|run| run.arrival);
    let pending = |run: crate::row::StoredRun| Pending { at: run.received_at, inbound: run.inbound() };
    Ok(waiting.into_iter().map(pending).collect())
}

/// A session as callers see it.
pub(crate) fn shown(key: SessionKey, row: StoredSession, preferences: Preferences) -> SessionRow {
    let entries = row.segments.len();
    let StoredSession { session_id, created, updated, runs, preview, labels, title, fork, .. } = row;
    let (labels, last_message, fork) = (labels.into(), preview, fork.map(Fork::from));
    SessionRow { key, session_id, created, updated, entries, runs, last_message, labels, title, fork, preferences }
}

impl From<StoredFork> for Fork {
    fn from(StoredFork { session, session_id, seq }: StoredFork) -> Self {
        Fork { session, session_id, seq: Seq(seq) }
    }
}

#[cfg(test)]
mod tests;
