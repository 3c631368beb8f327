//! Sessions: their logs by the page, and the list of them.
//!
//! A log has epochs. A reset begins a new one; the entries of the old one stay in the file but are no longer shown.
//! Positions start again at 1, so within what is shown there is never a gap.

use claw_core::id::{AgentId, Seq, SessionKey, Timestamp};
use claw_core::inbound::Inbound;
use claw_core::label::Labels;
use claw_core::message::{Entry, Message};
use redb::ReadableTable;

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::row::{StoredEntry, StoredLabels, StoredSession, decode};
use crate::run;
use crate::store::Store;
use crate::tables::{self, Bytes, Snapshot};

/// Most rows that one call returns, whatever it asks for.
const MAX_PAGE: usize = 1000;
/// Characters of the last message that a listing shows.
const PREVIEW_CHARS: usize = 120;

/// Which part of a log to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only entries before this one; `None` for the newest.
    pub before: Option<Seq>,
    /// At most so many entries; 1 to 1000, clamped.
    pub limit: usize,
}

/// One page of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// In the order of the log.
    pub entries: Vec<Entry>,
    /// Whether there are entries before these.
    pub more: bool,
    /// Entries of the whole log since the last reset.
    pub total: u64,
    /// Accepted messages that are not in the log yet, in order of arrival. Only on the newest page.
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

/// Which sessions to list. `SessionQuery::default()` lists the newest of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionQuery {
    /// At most so many rows; 1 to 1000, clamped.
    pub limit: usize,
    /// Only those that changed at or after this moment.
    pub updated_since: Option<Timestamp>,
    /// Only those of this agent.
    pub agent: Option<AgentId>,
}

/// One session in a listing.
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
    /// Entries of its log since the last reset.
    pub entries: u64,
    /// Messages that it has ever accepted.
    pub runs: u64,
    /// The beginning of the last message, on one line.
    pub last_message: String,
    /// What has flowed into it since the last reset.
    pub labels: Labels,
}

impl Default for SessionQuery {
    fn default() -> Self {
        SessionQuery { limit: 50, updated_since: None, agent: None }
    }
}

impl Store {
    /// One page of what was said since the last reset. Costs as much as the page is long.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn history(&self, session: &SessionKey, page: Page) -> Result<History, StoreError> {
        self.read(|snapshot| history(snapshot, session, page))
    }

    /// All entries since the last reset, for the prompt.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn transcript(&self, session: &SessionKey) -> Result<Vec<Entry>, StoreError> {
        self.read(|snapshot| match find(&snapshot.table(tables::SESSIONS)?, session)? {
            Some(row) => epoch_entries(&snapshot.table(tables::ENTRIES)?, session, row.epoch, 1..=u64::MAX),
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
            Some(row) => context(&snapshot.table(tables::ENTRIES)?, session, row.epoch),
            None => Ok(Vec::new()),
        })
    }

    /// The sessions, the most recently changed first. Costs as much as the list is long; with an agent, as much as
    /// has to be skipped for it.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn sessions(&self, query: SessionQuery) -> Result<Vec<SessionRow>, StoreError> {
        self.read(|snapshot| Ok(list(snapshot, &query)?.rows))
    }

    /// One session.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn session(&self, key: &SessionKey) -> Result<Option<SessionRow>, StoreError> {
        self.read(|snapshot| Ok(find(&snapshot.table(tables::SESSIONS)?, key)?.map(|row| shown(key.clone(), row))))
    }

    /// Begins a new epoch: what was said so far is no longer shown, but stays in the file. Runs that have begun go on
    /// writing to the old epoch; those that wait will write to the new one.
    ///
    /// Returns whether there is such a session.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn reset_session(
        &self,
        key: &SessionKey,
        new_session_id: String,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = key.clone();
        self.write(move |tables| {
            let Some(was) = find(&tables.sessions, &key)? else {
                return Ok(Decided::unchanged(false));
            };
            let mut row = was.clone();
            row.session_id = new_session_id;
            row.epoch += 1;
            row.entries = 0;
            row.preview = String::new();
            row.labels = StoredLabels::default();
            row.updated = row.updated.max(at);
            let over = Change::EpochOver { key: key.clone(), epoch: was.epoch, session_id: was.session_id.clone() };
            Ok(Decided { answer: true, changes: vec![over, Change::Session { key, was: Some(was), row }] })
        })
        .await
    }
}

/// A listing and what it cost.
pub(crate) struct Listing {
    pub rows: Vec<SessionRow>,
    /// Index rows looked at; the proof that a listing costs as much as its page.
    pub scanned: usize,
}

/// The row of a session.
pub(crate) fn find(
    sessions: &impl ReadableTable<&'static str, Bytes>,
    key: &SessionKey,
) -> Result<Option<StoredSession>, Failure> {
    let row = sessions.get(key.as_str())?;
    Ok(row.map(|row| decode(key.as_str(), row.value())).transpose()?)
}

/// Entries of one epoch, in order.
pub(crate) fn epoch_entries(
    table: &impl ReadableTable<(&'static str, u64, u64), Bytes>,
    session: &SessionKey,
    epoch: u64,
    seqs: std::ops::RangeInclusive<u64>,
) -> Result<Vec<Entry>, Failure> {
    let key = session.as_str();
    let mut entries = Vec::new();
    for item in table.range((key, epoch, *seqs.start())..=(key, epoch, *seqs.end()))? {
        let (position, row) = item?;
        entries.push(decode::<StoredEntry>(key, row.value())?.entry(position.value().2));
    }
    Ok(entries)
}

fn context(
    table: &impl ReadableTable<(&'static str, u64, u64), Bytes>,
    session: &SessionKey,
    epoch: u64,
) -> Result<Vec<Entry>, Failure> {
    let key = session.as_str();
    let mut kept_from = Seq(0);
    let mut entries = Vec::new();
    for item in table.range((key, epoch, 0)..=(key, epoch, u64::MAX))?.rev() {
        let (position, row) = item?;
        let entry = decode::<StoredEntry>(key, row.value())?.entry(position.value().2);
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
    let mut words = text.split_whitespace();
    let mut line = String::new();
    while line.len() < PREVIEW_CHARS * 4
        && let Some(word) = words.next()
    {
        line.extend((!line.is_empty()).then_some(' '));
        line.extend(word.chars().take(PREVIEW_CHARS));
    }
    line.chars().take(PREVIEW_CHARS).collect()
}

fn history(snapshot: &Snapshot, session: &SessionKey, page: Page) -> Result<History, Failure> {
    let Some(row) = find(&snapshot.table(tables::SESSIONS)?, session)? else {
        return Ok(History {
            entries: Vec::new(),
            more: false,
            total: 0,
            pending: Vec::new(),
            session_id: String::new(),
        });
    };
    let limit = page.limit.clamp(1, MAX_PAGE) as u64;
    let last = page.before.map_or(row.entries, |seq| seq.0.saturating_sub(1).min(row.entries));
    let first = last.saturating_sub(limit - 1).max(1);
    let entries = epoch_entries(&snapshot.table(tables::ENTRIES)?, session, row.epoch, first..=last)?;
    let pending = match page.before {
        None => pending(snapshot, session, &row)?,
        Some(_) => Vec::new(),
    };
    Ok(History { entries, more: first > 1, total: row.entries, pending, session_id: row.session_id })
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

fn list(snapshot: &Snapshot, query: &SessionQuery) -> Result<Listing, Failure> {
    let sessions = snapshot.table(tables::SESSIONS)?;
    let since = query.updated_since.map_or(0, |at| at.0);
    let mut listing = Listing { rows: Vec::new(), scanned: 0 };
    for item in snapshot.table(tables::RECENT)?.range((since, "")..)?.rev() {
        let position = item?.0;
        listing.scanned += 1;
        let (_, key) = position.value();
        let parsed = SessionKey::try_from(key.to_owned());
        let key = parsed.map_err(|err| unreadable(key, err))?;
        if query.agent.as_ref().is_some_and(|agent| *agent != key.agent()) {
            continue;
        }
        if let Some(row) = find(&sessions, &key)? {
            listing.rows.push(shown(key, row));
        }
        if listing.rows.len() >= query.limit.clamp(1, MAX_PAGE) {
            break;
        }
    }
    Ok(listing)
}

fn unreadable(key: &str, err: claw_core::id::IdError) -> StoreError {
    StoreError::Row { kind: "session index", key: key.to_owned(), err: std::sync::Arc::new(err) }
}

fn shown(key: SessionKey, row: StoredSession) -> SessionRow {
    let StoredSession { session_id, created, updated, entries, runs, preview, labels, .. } = row;
    let labels = labels.into();
    SessionRow { key, session_id, created, updated, entries, runs, last_message: preview, labels }
}

#[cfg(test)]
mod tests;
