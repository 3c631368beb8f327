//! The outbox: each row stands in its indexes, the indexes lead to nothing else, and the queues are in order.

use std::collections::BTreeMap;

use redb::{ReadableTable, ReadableTableMetadata};

use super::Check;
use crate::error::Failure;
use crate::outbox;
use crate::row::{StoredOutgoing, StoredRoute, StoredSending, decode};
use crate::tables;

impl Check<'_> {
    pub(super) fn outbox(&mut self) -> Result<(), Failure> {
        let snapshot = self.snapshot;
        let (chats, due) = (snapshot.table(tables::OUTBOX_CHATS)?, snapshot.table(tables::OUTBOX_DUE)?);
        let (states, of) = (snapshot.table(tables::OUTBOX_STATES)?, snapshot.table(tables::OUTBOX_OF)?);
        let sessions = snapshot.table(tables::SESSIONS)?;
        let last = outbox::last_number(&snapshot.table(tables::META)?)?;
        let (mut stands, mut queued, mut belong, mut waiting) = (0, 0, 0, 0);
        let mut queues: BTreeMap<StoredRoute, BTreeMap<u64, (u64, StoredSending)>> = BTreeMap::new();
        for item in snapshot.table(tables::OUTBOX)?.iter()? {
            let (id, bytes) = item?;
            let id = id.value();
            // Rows that cannot be read are told elsewhere.
            let Ok(row) = decode::<StoredOutgoing>(&id.to_string(), bytes.value()) else { continue };
            if id > last || row.place > last {
                self.fault(format_args!("message {id} to send has a number that was not given yet"));
            }
            match states.get((row.state.name(), id))? {
                Some(_) => stands += 1,
                None => self.fault(format_args!("message {id} to send is not listed as {}", row.state.name())),
            }
            let (channel, account, chat) = row.chat();
            if row.state != StoredSending::Dead {
                match chats.get((channel, account, chat, row.place))?.is_some_and(|found| found.value() == id) {
                    true => queued += 1,
                    false => self.fault(format_args!("message {id} to send is not in the queue of its chat")),
                }
                queues.entry(row.to.clone()).or_default().insert(row.place, (id, row.state));
            }
            if let Some(session) = &row.session {
                match of.get((session.as_str(), id))? {
                    Some(_) => belong += 1,
                    None => self.fault(format_args!("message {id} to send is not found by its conversation")),
                }
                if sessions.get(session.as_str())?.is_none() {
                    self.fault(format_args!("message {id} to send belongs to `{session}`, which is not there"));
                }
            }
        }
        for (StoredRoute { channel, account, chat }, queue) in queues {
            let mut queue = queue.into_iter();
            if let Some((place, (id, StoredSending::Waiting { next }))) = queue.next() {
                match due.get((channel.as_str(), account.as_str(), next.0, place))?.is_some_and(|due| due.value() == id)
                {
                    true => waiting += 1,
                    false => self.fault(format_args!("message {id} to send is the first of `{chat}`, and never due")),
                }
            }
            for (_, (id, _)) in queue.filter(|(_, (_, state))| *state == StoredSending::Sending) {
                self.fault(format_args!("message {id} to send is sent before those in front of it"));
            }
        }
        self.astray("messages to send by state", states.len()?, stands);
        self.astray("messages to send by chat", chats.len()?, queued);
        self.astray("messages to send by conversation", of.len()?, belong);
        self.astray("messages that are due", due.len()?, waiting);
        Ok(())
    }
}
