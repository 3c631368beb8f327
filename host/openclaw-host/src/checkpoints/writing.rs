//! While something may write.

use std::sync::Arc;

use claw_core::id::RunId;

use super::{Checkpoints, Writer};

/// A call or program that may write. Dropped without [`Writing::end`], the next look sees what it did.
pub struct Writing {
    pub(super) checkpoints: Arc<Checkpoints>,
    pub(super) run: RunId,
    pub(super) writer: Writer,
    pub(super) is_seen: bool,
}

impl Writing {
    /// It has ended: what it has changed is noted.
    pub async fn end(mut self) {
        if self.writer.session.is_incognito() {
            return;
        }
        let checkpoints = Arc::clone(&self.checkpoints);
        let _looking = checkpoints.looking.lock().await;
        let is_last = checkpoints.writers().now.get(&self.run).is_some_and(|(_, count)| *count == 1);
        if !is_last {
            self.is_seen = true;
            return;
        }
        match checkpoints.note_end(&[(self.run.clone(), self.writer.clone())]).await {
            Ok(()) => self.is_seen = true,
            Err(err) => {
                let run = &self.run;
                tracing::error!(%run, error = &err as &dyn std::error::Error, "what a call has changed cannot be noted");
            }
        }
    }

    /// It has ended, and what it has started goes on.
    pub async fn goes_on(self) {
        if self.writer.session.is_incognito() {
            return;
        }
        let (checkpoints, run, writer) = (Arc::clone(&self.checkpoints), self.run.clone(), self.writer.clone());
        self.end().await;
        if let Err(err) = checkpoints.note_background(&run, &writer).await {
            tracing::error!(%run, error = &err as &dyn std::error::Error, "a background program cannot be noted");
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut writers = self.checkpoints.writers();
        let left = writers.now.get_mut(&self.run).map_or(0, |(_, count)| {
            *count -= 1;
            *count
        });
        if left == 0 {
            writers.now.remove(&self.run);
            let has_others = writers.now.values().any(|(other, _)| other.workspace == self.writer.workspace);
            let matters = has_others || !self.writer.session.is_incognito();
            if matters && !self.is_seen {
                writers.unseen.insert(self.run.clone(), self.writer.clone());
            }
        }
    }
}
