//! Messages that become part of a run at work: they are put in front of the model before it is asked again.

use std::sync::Arc;

use claw_core::event::{HostEvent, RunEnd};
use claw_core::id::RunId;
use claw_store::{Record, StoreError};
use tokio::sync::oneshot;

use super::Shell;
use crate::crash_point;
use crate::driver::DriverEvent;
use crate::host::now;

impl Shell {
    /// Takes up the messages that wait for the next question to the model.
    pub(super) async fn take_joining(&mut self) -> Result<(), StoreError> {
        let mut joins = std::mem::take(&mut self.joining);
        // What a skill's command does next depends on what was said last.
        if self.has_asked && self.command.is_none() && self.stopped().is_none() {
            joins.extend(self.steered().await);
        }
        self.has_asked = true;
        if joins.is_empty() {
            return Ok(());
        }
        crash_point::pass("joining");
        let record = Record { joins: joins.clone(), ..Record::default() };
        self.append(record).await?;
        crash_point::pass("joined");
        // What another conversation has said brought its labels with it.
        if let Some(session) = self.store().session(&self.row.session)? {
            self.labels.join(&session.labels);
        }
        for joined in joins {
            // One that was stopped meanwhile has ended otherwise, and whoever asked knows.
            if let Some(entry) = self.log.iter().find(|entry| entry.run == joined) {
                let images = entry.message.images().to_vec();
                self.tell_of_unseen(&images);
                let (session, end) = (self.row.session.clone(), RunEnd::Joined { run: self.row.run.clone() });
                self.host.tell(HostEvent::RunEnded { run: joined, session, end: Arc::new(end), at: now() });
            }
        }
        Ok(())
    }

    /// The messages that steer this run; none while the host stops.
    async fn steered(&mut self) -> Vec<RunId> {
        let (reply, runs) = oneshot::channel();
        let event = DriverEvent::Boundary(self.row.session.clone(), reply);
        match self.host.driver.send(event).await {
            Ok(()) => runs.await.unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }
}
