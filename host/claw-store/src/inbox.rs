//! Accepting messages: each one once, and durable before anybody is told so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claw_core::id::{Digest, RunId, SessionKey, Timestamp};
use claw_core::inbound::Inbound;
use claw_core::label::Labels;

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::image;
use crate::preference::{self, Preferences, PreferencesOf};
use crate::row::{StoredRun, StoredSession};
use crate::run::{self, RunState};
use crate::session;
use crate::store::Store;
use crate::tables::Tables;
use redb::ReadableTable;

/// What became of an inbound message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is in the store and waits for its run.
    New,
    /// It had been accepted before; its run stands here.
    Duplicate(RunState),
}

impl Store {
    /// Takes a message in: its run is received, its session exists. One fsync pair, shared with other requests.
    ///
    /// A message is known by its source and run id; the text of a duplicate is ignored. A new session gets the run's
    /// id as its session id.
    ///
    /// # Errors
    /// [`StoreError::RunTaken`] if the run id came from another source or into another conversation before.
    pub async fn accept(&self, inbound: Inbound, at: Timestamp) -> Result<Accepted, StoreError> {
        self.accept_with(inbound, Preferences::default(), at).await
    }

    /// As [`Store::accept`], for a message that has preferences of its own.
    ///
    /// # Errors
    /// As [`Store::accept`].
    pub async fn accept_with(&self, inbound: Inbound, own: Preferences, at: Timestamp) -> Result<Accepted, StoreError> {
        self.accept_showing(inbound, own, Vec::new(), at).await
    }

    /// As [`Store::accept_with`], with the bytes of its images where they must not become blobs on the disk.
    ///
    /// # Errors
    /// As [`Store::accept`].
    pub async fn accept_showing(
        &self,
        inbound: Inbound,
        own: Preferences,
        bytes: Vec<(Digest, Vec<u8>)>,
        at: Timestamp,
    ) -> Result<Accepted, StoreError> {
        let shared = Arc::clone(self.shared());
        self.write(move |tables| {
            let (of, key) = (PreferencesOf::Run(inbound.run.clone()), inbound.session.clone());
            let mut decided = accept(tables, inbound, &Labels::default(), at)?;
            if decided.answer == Accepted::New {
                shared.check_room(tables)?;
            }
            if decided.answer == Accepted::New && !own.is_empty() {
                decided.changes.push(preference::set(&of, &own));
            }
            if decided.answer == Accepted::New && !bytes.is_empty() {
                decided.changes.push(Change::ImageBytes { key, bytes });
            }
            Ok(decided)
        })
        .await
    }
}

/// Takes a message in that brings these labels with it.
pub(crate) fn accept(
    tables: &Tables<'_>,
    inbound: Inbound,
    labels: &Labels,
    at: Timestamp,
) -> Result<Decided<Accepted>, Failure> {
    let mut arrivals = Arrivals::open(tables)?;
    let answer = arrivals.take(inbound, labels, at)?;
    Ok(Decided { answer, changes: arrivals.finish() })
}

/// Messages that one request takes in.
pub(crate) struct Arrivals<'a, 'txn> {
    tables: &'a Tables<'txn>,
    /// Where the next one stands among the unfinished runs.
    next: u64,
    runs: BTreeSet<RunId>,
    /// Their conversations, as they were and as they are then.
    sessions: BTreeMap<SessionKey, (Option<StoredSession>, StoredSession)>,
    changes: Vec<Change>,
}

impl<'a, 'txn> Arrivals<'a, 'txn> {
    pub fn open(tables: &'a Tables<'txn>) -> Result<Self, Failure> {
        // Among the unfinished runs the order is kept; numbers of finished ones may come again.
        let next = tables.unfinished.last()?.map_or(1, |(last, _)| last.value() + 1);
        Ok(Arrivals { tables, next, runs: BTreeSet::new(), sessions: BTreeMap::new(), changes: Vec::new() })
    }

    /// Takes one in.
    pub fn take(&mut self, inbound: Inbound, labels: &Labels, at: Timestamp) -> Result<Accepted, Failure> {
        if let Some(known) = run::find(&self.tables.runs, &inbound.run)? {
            let state = known.state();
            let known = known.inbound();
            if known.source != inbound.source || known.session != inbound.session {
                return Err(StoreError::RunTaken { run: inbound.run }.into());
            }
            return Ok(Accepted::Duplicate(state));
        }
        if !self.runs.insert(inbound.run.clone()) {
            return Ok(Accepted::Duplicate(RunState::Received));
        }
        let key = inbound.session.clone();
        if !self.sessions.contains_key(&key) {
            let was = session::find(&self.tables.sessions, &key)?;
            let row = was.clone().unwrap_or_else(|| StoredSession::new(inbound.run.to_string(), at));
            self.sessions.insert(key.clone(), (was, row));
        }
        let (_, row) = self.sessions.get_mut(&key).expect("inbox: it was put there above");
        row.runs += 1;
        row.updated = row.updated.max(at);
        row.labels.join(labels);
        row.preview = session::preview(&inbound.text);
        let (arrival, run) = (self.next, inbound.run.clone());
        self.next += 1;
        self.changes.extend(image::name(&key, &run, &inbound.images));
        self.changes.push(Change::Run(StoredRun::received(inbound, arrival, at)));
        self.changes.push(Change::Arrival { arrival, run });
        Ok(Accepted::New)
    }

    /// All that has to be written for them.
    pub fn finish(self) -> Vec<Change> {
        let session = |(key, (was, row))| Change::Session { key, was, row };
        self.changes.into_iter().chain(self.sessions.into_iter().map(session)).collect()
    }
}

#[cfg(test)]
mod tests;
