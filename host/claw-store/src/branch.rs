//! Branches: going back in a conversation without losing what was said since.
//!
//! ```text
//!          1 ─ 2 ─ 3 ─ 4 ─ 5     left by the rewind: branch 1
//!                  └── 6 ─ 7     spoken on
//! ```
//! A branch ends where a log may end: after a whole exchange, so that a model accepts it. It is left and taken up while
//! no run of the session is at work, so that nobody writes to it meanwhile.

use std::sync::Arc;

use claw_core::id::{Seq, SessionKey, Timestamp};
use claw_core::label::Labels;
use claw_core::message::{Entry, Message};
use redb::ReadableTable;

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::image;
use crate::listing;
use crate::log::OpenCalls;
use crate::memory::Room;
use crate::preference::{self, PreferencesOf};
use crate::row::{StoredBranch, StoredFork, StoredLabels, StoredSession, decode};
use crate::run;
use crate::segments::Segments;
use crate::session::{self, SessionRow};
use crate::store::Store;
use crate::tables::{self, Bytes, Tables};

/// A place in a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Its end.
    End,
    /// After this entry.
    After(Seq),
    /// Before this entry.
    Before(Seq),
    /// Before the last so many messages of people; 1 or more.
    Turns(u32),
}

/// What a rewind did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewound {
    /// Entries that are left.
    pub entries: u64,
    /// Entries that were left behind.
    pub dropped: u64,
    /// The number of the branch that holds them; `None` if there were none.
    pub branch: Option<u64>,
    /// The text of the first message that was left behind, if a person said it.
    pub text: Option<String>,
}

/// A branch of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Its number; `None` for the one that is spoken on.
    pub number: Option<u64>,
    /// The id that the conversation had.
    pub session_id: String,
    /// How many entries it has.
    pub entries: u64,
    /// Its last entry.
    pub last: Option<Entry>,
    /// When it last changed.
    pub updated: Timestamp,
    /// The beginning of its last message, on one line.
    pub last_message: String,
}

impl Store {
    /// Goes back to an earlier point; what was said since stays readable as a branch. What has flowed into the
    /// conversation stays on its labels.
    ///
    /// # Errors
    /// [`StoreError::UnknownSession`], [`StoreError::Busy`], [`StoreError::UnknownEntry`], or [`StoreError::NotAPoint`]
    /// with the nearest points at which a conversation may end.
    pub async fn rewind(&self, key: &SessionKey, to: Point, at: Timestamp) -> Result<Rewound, StoreError> {
        let key = key.clone();
        self.write(move |tables| {
            let was = idle(tables, &key)?;
            let (answer, changes) = go_back(tables, &key, &was, to, at)?;
            Ok(Decided { answer, changes })
        })
        .await
    }

    /// Begins a new session with a copy of what was said in another one up to a point, its labels and preferences
    /// included.
    ///
    /// # Errors
    /// As [`Store::rewind`]; [`StoreError::SessionTaken`] if the new one exists.
    pub async fn fork(
        &self,
        key: &SessionKey,
        to: Point,
        new: &SessionKey,
        new_session_id: String,
        at: Timestamp,
    ) -> Result<SessionRow, StoreError> {
        let (key, new, shared) = (key.clone(), new.clone(), Arc::clone(self.shared()));
        self.write(move |tables| {
            let from = idle(tables, &key)?;
            shared.check_room(tables)?;
            if session::find(&tables.sessions, &new)?.is_some() {
                return Err(StoreError::SessionTaken { session: new.clone() }.into());
            }
            let count = resolve(tables, &key, &from, to)?;
            let window = from.segments.window(0, count);
            let mut copies = session::read_entries(&tables.entries, &key, from.epoch, window)?;
            let seq = copies.last().map_or(0, |entry| entry.seq.0);
            // The copies are numbered anew, and so is what a summary says of them.
            for (entry, seq) in copies.iter_mut().zip(1..) {
                entry.seq = Seq(seq);
                if let Message::Summary { kept_from, .. } = &mut entry.message {
                    *kept_from = Seq(from.segments.count_to(kept_from.0.saturating_sub(1)) + 1);
                }
            }
            let mut row = StoredSession::new(new_session_id, at);
            row.segments = Segments::first(count);
            row.preview = newest_words(tables, &key, from.epoch, &from.segments.keep(count))?;
            row.labels = from.labels;
            let own = preference::find(&tables.preferences()?, &PreferencesOf::Session(key.clone()))?;
            let shown = if tables.room == Room::Memory { image::bytes_of(tables, &key)? } else { Vec::new() };
            row.fork = Some(StoredFork { session: key, session_id: from.session_id, seq });
            let kept = preference::set(&PreferencesOf::Session(new.clone()), &own);
            let answer = session::shown(new.clone(), row.clone(), own);
            let entry = |entry| Change::Entry { key: new.clone(), epoch: 1, entry };
            let images = copies.iter().filter_map(|copy| image::name(&new, &copy.run, copy.message.images()));
            let mut changes: Vec<_> = images.collect();
            if tables.room == Room::Memory {
                changes.push(Change::ImageBytes { key: new.clone(), bytes: shown });
            }
            changes.extend(copies.into_iter().map(entry));
            changes.extend([Change::Session { key: new, was: None, row }, kept]);
            Ok(Decided { answer, changes })
        })
        .await
    }

    /// Takes up a branch that was left; the one that was spoken on is left in its place. Returns the number that this
    /// one gets.
    ///
    /// # Errors
    /// [`StoreError::UnknownSession`], [`StoreError::UnknownBranch`], [`StoreError::Busy`].
    pub async fn switch_branch(&self, key: &SessionKey, number: u64, at: Timestamp) -> Result<u64, StoreError> {
        let key = key.clone();
        self.write(move |tables| {
            let was = idle(tables, &key)?;
            let branch = get(&tables.branches()?, &key, number)?;
            let mut row = was.clone();
            // In the same epoch the model may have been told of the one what flowed into the other.
            let mut labels = Labels::from(branch.labels);
            if branch.epoch == was.epoch {
                labels.join(&was.labels.clone().into());
            }
            row.labels = labels.into();
            row.session_id = branch.session_id;
            row.epoch = branch.epoch;
            row.segments = branch.segments;
            row.preview = branch.preview;
            row.updated = row.updated.max(at);
            row.left += 1;
            let left = row.left;
            let changes = vec![
                Change::Branch { key: key.clone(), number, row: None },
                Change::Branch { key: key.clone(), number: left, row: Some(was.branch()) },
                Change::Session { key, was: Some(was), row },
            ];
            Ok(Decided { answer: left, changes })
        })
        .await
    }

    /// The branches of a session: the one that is spoken on, then those that were left, the last one first. Empty if
    /// there is no such session. Costs as much as there are branches.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn branches(&self, key: &SessionKey) -> Result<Vec<Branch>, StoreError> {
        self.read(|snapshot| {
            let Some(row) = session::find(&snapshot.table(tables::SESSIONS)?, key)? else {
                return Ok(Vec::new());
            };
            let entries = snapshot.table(tables::ENTRIES)?;
            let shown = |number, branch: StoredBranch| -> Result<Branch, Failure> {
                let last = session::backwards(&entries, key, branch.epoch, &branch.segments).next().transpose()?;
                let StoredBranch { session_id, segments, updated, preview, .. } = branch;
                Ok(Branch { number, session_id, entries: segments.len(), last, updated, last_message: preview })
            };
            let mut branches = vec![shown(None, row.branch())?];
            let left = snapshot.table(tables::BRANCHES)?;
            for item in left.range((key.as_str(), 0)..=(key.as_str(), u64::MAX))?.rev() {
                let (place, row) = item?;
                branches.push(shown(Some(place.value().1), decode(key.as_str(), row.value())?)?);
            }
            Ok(branches)
        })
    }

    /// Begins a session in which nothing was said yet, if there is none; one that is there gets the title, if there is
    /// one. Returns its id.
    ///
    /// # Errors
    /// [`StoreError::Title`] if the title is too long; [`StoreError`] if the store cannot be written.
    pub async fn begin_session(
        &self,
        key: &SessionKey,
        new_session_id: String,
        title: Option<&str>,
        at: Timestamp,
    ) -> Result<String, StoreError> {
        let (key, title, shared) = (key.clone(), listing::tidy(title)?, Arc::clone(self.shared()));
        self.write(move |tables| {
            let was = session::find(&tables.sessions, &key)?;
            if was.is_none() {
                shared.check_room(tables)?;
            }
            let mut row = was.clone().unwrap_or_else(|| StoredSession::new(new_session_id, at));
            row.title = title.or(row.title);
            let answer = row.session_id.clone();
            let is_same = was.as_ref() == Some(&row);
            let changes = if is_same { Vec::new() } else { vec![Change::Session { key, was, row }] };
            Ok(Decided { answer, changes })
        })
        .await
    }

    /// Begins a new epoch: what was said so far stays readable as a branch. Runs that have begun go on writing to
    /// that; those that wait will write to the new one.
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
            let Some(was) = session::find(&tables.sessions, &key)? else {
                return Ok(Decided::unchanged(false));
            };
            let mut row = was.clone();
            row.session_id = new_session_id;
            row.last_epoch += 1;
            row.epoch = row.last_epoch;
            row.segments = Segments::default();
            row.preview = String::new();
            row.labels = StoredLabels::default();
            row.updated = row.updated.max(at);
            row.left += 1;
            let branch = Change::Branch { key: key.clone(), number: row.left, row: Some(was.branch()) };
            Ok(Decided { answer: true, changes: vec![branch, Change::Session { key, was: Some(was), row }] })
        })
        .await
    }
}

/// What goes back to an earlier point.
pub(crate) fn go_back(
    tables: &Tables<'_>,
    key: &SessionKey,
    was: &StoredSession,
    to: Point,
    at: Timestamp,
) -> Result<(Rewound, Vec<Change>), Failure> {
    let count = resolve(tables, key, was, to)?;
    let dropped = was.segments.len() - count;
    if dropped == 0 {
        return Ok((Rewound { entries: count, dropped, branch: None, text: None }, Vec::new()));
    }
    let first = was.segments.window(count, 1);
    let first = session::read_entries(&tables.entries, key, was.epoch, first)?;
    let text = first.into_iter().find_map(|entry| match entry.message {
        Message::User { text, .. } => Some(text),
        _ => None,
    });
    let mut row = was.clone();
    row.segments = was.segments.keep(count);
    row.preview = newest_words(tables, key, row.epoch, &row.segments)?;
    row.updated = row.updated.max(at);
    row.left += 1;
    let left = row.left;
    let answer = Rewound { entries: count, dropped, branch: Some(left), text };
    let branch = Change::Branch { key: key.clone(), number: left, row: Some(was.branch()) };
    Ok((answer, vec![branch, Change::Session { key: key.clone(), was: Some(was.clone()), row }]))
}

/// The branch with this number.
pub(crate) fn get(
    branches: &impl ReadableTable<(&'static str, u64), Bytes>,
    key: &SessionKey,
    number: u64,
) -> Result<StoredBranch, Failure> {
    let unknown = || StoreError::UnknownBranch { session: key.clone(), branch: number };
    let row = branches.get((key.as_str(), number))?.ok_or_else(unknown)?;
    Ok(decode(key.as_str(), row.value())?)
}

/// The branch with which an epoch was left; runs that had begun write to it.
pub(crate) fn left_with(
    branches: &impl ReadableTable<(&'static str, u64), Bytes>,
    key: &SessionKey,
    epoch: u64,
) -> Result<Option<(u64, StoredBranch)>, Failure> {
    for item in branches.range((key.as_str(), 0)..=(key.as_str(), u64::MAX))?.rev() {
        let (place, row) = item?;
        let branch: StoredBranch = decode(key.as_str(), row.value())?;
        if branch.epoch == epoch {
            return Ok(Some((place.value().1, branch)));
        }
    }
    Ok(None)
}

/// The row of a session in which no run is at work or waits.
pub(crate) fn idle(tables: &Tables<'_>, key: &SessionKey) -> Result<StoredSession, Failure> {
    let row = session::find(&tables.sessions, key)?;
    let row = row.ok_or_else(|| StoreError::UnknownSession { session: key.clone() })?;
    busy(tables, key)?;
    Ok(row)
}

/// Refuses if a run of the session is at work or waits.
pub(crate) fn busy(tables: &Tables<'_>, key: &SessionKey) -> Result<(), Failure> {
    let unfinished = run::unfinished(&tables.unfinished, &tables.runs)?;
    match unfinished.into_iter().find(|run| run.session == *key) {
        Some(run) => Err(StoreError::Busy { session: key.clone(), run: run.run }.into()),
        None => Ok(()),
    }
}

/// How many entries of the branch come before a point at which it may end.
fn resolve(tables: &Tables<'_>, key: &SessionKey, row: &StoredSession, to: Point) -> Result<u64, Failure> {
    let on_branch = |seq: Seq| match row.segments.contains(seq.0) {
        true => Ok(row.segments.count_to(seq.0)),
        false => Err(StoreError::UnknownEntry { session: key.clone(), seq }),
    };
    let count = match to {
        Point::End => row.segments.len(),
        Point::After(Seq(0)) => 0,
        Point::After(seq) => on_branch(seq)?,
        Point::Before(seq) => on_branch(seq)? - 1,
        Point::Turns(turns) => before_turns(tables, key, row, turns)?,
    };
    if may_end(tables, key, row, count)? {
        return Ok(count);
    }
    let seq_at = |count: u64| row.segments.keep(count).last().map(Seq);
    let earlier = nearest(tables, key, row, (0..count).rev())?;
    let later = nearest(tables, key, row, count + 1..=row.segments.len())?;
    let (before, after) = (earlier.and_then(seq_at), later.and_then(seq_at));
    let seq = seq_at(count).unwrap_or(Seq(0));
    Err(StoreError::NotAPoint { session: key.clone(), seq, before, after }.into())
}

fn before_turns(tables: &Tables<'_>, key: &SessionKey, row: &StoredSession, turns: u32) -> Result<u64, Failure> {
    let mut left = turns.max(1);
    for entry in session::backwards(&tables.entries, key, row.epoch, &row.segments) {
        let entry = entry?;
        if matches!(entry.message, Message::User { .. }) {
            left -= 1;
            if left == 0 {
                return Ok(row.segments.count_to(entry.seq.0) - 1);
            }
        }
    }
    Ok(0)
}

/// Whether a log that ends with the first `count` entries is one that a model accepts.
fn may_end(tables: &Tables<'_>, key: &SessionKey, row: &StoredSession, count: u64) -> Result<bool, Failure> {
    let segments = row.segments.keep(count);
    Ok(OpenCalls::of(session::backwards(&tables.entries, key, row.epoch, &segments))?.is_empty())
}

fn nearest(
    tables: &Tables<'_>,
    key: &SessionKey,
    row: &StoredSession,
    counts: impl Iterator<Item = u64>,
) -> Result<Option<u64>, Failure> {
    for count in counts {
        if may_end(tables, key, row, count)? {
            return Ok(Some(count));
        }
    }
    Ok(None)
}

/// What a list shows of a branch: the last words on it.
fn newest_words(tables: &Tables<'_>, key: &SessionKey, epoch: u64, segments: &Segments) -> Result<String, Failure> {
    for entry in session::backwards(&tables.entries, key, epoch, segments) {
        if let Message::User { text, .. } | Message::Assistant { text, .. } = entry?.message
            && !text.is_empty()
        {
            return Ok(session::preview(&text));
        }
    }
    Ok(String::new())
}

#[cfg(test)]
mod tests;
