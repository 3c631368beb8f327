//! What the owner sees of the outbox, and decides about it.

use claw_core::id::Timestamp;

use super::{OutgoingRow, OutgoingState, noted, queue};
use crate::audit::AuditKind;
use crate::change::{Change, Decided};
use crate::error::StoreError;
use crate::row::{StoredOutgoing, StoredSending, decode};
use crate::session::MAX_PAGE;
use crate::store::Store;
use crate::tables;

impl Store {
    /// One message of the outbox.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn outgoing(&self, id: u64) -> Result<Option<OutgoingRow>, StoreError> {
        self.read(|snapshot| Ok(queue::find(&snapshot.table(tables::OUTBOX)?, id)?.map(|row| shown(id, row))))
    }

    /// Messages of the outbox behind the number `after`, in the order of their numbers: all, or those in the state of this
    /// name. At most 1000. Costs as much as it finds.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn outbox(&self, state: Option<&str>, after: u64, limit: usize) -> Result<Vec<OutgoingRow>, StoreError> {
        let (limit, from) = (limit.min(MAX_PAGE), after.saturating_add(1));
        self.read(|snapshot| {
            let outbox = snapshot.table(tables::OUTBOX)?;
            let mut rows = Vec::new();
            match state {
                Some(state) => {
                    let states = snapshot.table(tables::OUTBOX_STATES)?;
                    for id in queue::in_state(&states, state, from)?.take(limit) {
                        let id = id?;
                        rows.push(shown(id, queue::get(&outbox, id)?));
                    }
                }
                None => {
                    for item in outbox.range(from..)?.take(limit) {
                        let (id, bytes) = item?;
                        rows.push(shown(id.value(), decode(&id.value().to_string(), bytes.value())?));
                    }
                }
            }
            Ok(rows)
        })
    }

    /// Lets dead messages be tried again, behind what waits for their chats, and with all the time they had at first.
    /// Returns those that it was done with; others are not dead, or not there.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn retry_outgoing(&self, ids: Vec<u64>, by: &str, at: Timestamp) -> Result<Vec<u64>, StoreError> {
        let by = by.to_owned();
        self.write(move |tables| {
            let (outbox, mut place) = (tables.outbox()?, queue::last_number(&tables.meta()?)?);
            let (mut answer, mut changes) = (Vec::new(), Vec::new());
            for id in ids {
                let found = queue::find(&outbox, id)?.filter(|row| row.state == StoredSending::Dead);
                let Some(mut row) = found.filter(|_| !answer.contains(&id)) else { continue };
                place += 1;
                row.place = place;
                row.attempts = 0;
                row.since = at;
                row.expires = at.plus(std::time::Duration::from_millis(row.ttl_ms));
                row.state = StoredSending::Waiting { next: at };
                changes.push(noted(AuditKind::OutboxRetried, &by, id, &row, None, at));
                changes.push(Change::Outgoing { id, row: Some(Box::new(row)) });
                answer.push(id);
            }
            Ok(Decided { answer, changes })
        })
        .await
    }

    /// Removes messages that wait or are dead. Returns those that it was done with; others are being sent, or not there.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn drop_outgoing(&self, ids: Vec<u64>, by: &str, at: Timestamp) -> Result<Vec<u64>, StoreError> {
        let by = by.to_owned();
        self.write(move |tables| {
            let outbox = tables.outbox()?;
            let (mut answer, mut changes) = (Vec::new(), Vec::new());
            for id in ids {
                let found = queue::find(&outbox, id)?.filter(|row| row.state != StoredSending::Sending);
                let Some(row) = found.filter(|_| !answer.contains(&id)) else { continue };
                let outcome = Some(row.state.name().to_owned());
                changes.push(noted(AuditKind::OutboxDropped, &by, id, &row, outcome, at));
                changes.push(Change::Outgoing { id, row: None });
                answer.push(id);
            }
            Ok(Decided { answer, changes })
        })
        .await
    }
}

pub(super) fn shown(id: u64, row: StoredOutgoing) -> OutgoingRow {
    let content = row.content();
    let StoredOutgoing {
        to,
        reply_to,
        session,
        run,
        created,
        expires,
        attempts,
        state,
        since,
        why,
        unsure,
        replaces,
        ..
    } = row;
    let (to, state) = (to.into(), state.into());
    OutgoingRow {
        id,
        to,
        content,
        reply_to,
        replaces,
        session,
        run,
        created,
        expires,
        state,
        since,
        attempts,
        why,
        unsure,
    }
}

impl From<StoredSending> for OutgoingState {
    fn from(state: StoredSending) -> Self {
        match state {
            StoredSending::Waiting { next } => OutgoingState::Waiting { next },
            StoredSending::Sending => OutgoingState::Sending,
            StoredSending::Dead => OutgoingState::Dead,
        }
    }
}
