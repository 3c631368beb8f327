//! Accepting messages: each one once, and durable before anybody is told so.

use claw_core::id::Timestamp;
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
        self.write(move |tables| {
            let of = PreferencesOf::Run(inbound.run.clone());
            let mut decided = accept(tables, inbound, &Labels::default(), at)?;
            if decided.answer == Accepted::New && !own.is_empty() {
                decided.changes.push(preference::set(&of, &own));
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
    if let Some(known) = run::find(&tables.runs, &inbound.run)? {
        let state = known.state();
        let known = known.inbound();
        if known.source != inbound.source || known.session != inbound.session {
            return Err(StoreError::RunTaken { run: inbound.run }.into());
        }
        return Ok(Decided::unchanged(Accepted::Duplicate(state)));
    }
    // Among the unfinished runs the order is kept; numbers of finished ones may come again.
    let arrival = tables.unfinished.last()?.map_or(1, |(last, _)| last.value() + 1);
    let key = inbound.session.clone();
    let was = session::find(&tables.sessions, &key)?;
    let mut row = was.clone().unwrap_or_else(|| StoredSession::new(inbound.run.to_string(), at));
    row.runs += 1;
    row.updated = row.updated.max(at);
    row.labels.join(labels);
    row.preview = session::preview(&inbound.text);
    let images = image::name(&key, &inbound.run, &inbound.images);
    let arrived = Change::Arrival { arrival, run: inbound.run.clone() };
    let run = Change::Run(StoredRun::received(inbound, arrival, at));
    let mut changes = vec![arrived, run, Change::Session { key, was, row }];
    changes.extend(images);
    Ok(Decided { answer: Accepted::New, changes })
}

#[cfg(test)]
mod tests;
