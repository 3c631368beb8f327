//! Deleting the conversations that are not kept: at the start, every hour, and when the owner says so.

use std::sync::Arc;
use std::time::Duration;

use claw_core::event::HostEvent;
use claw_core::id::Timestamp;
use claw_store::{Retention, Stale, StoreError};
use tokio_util::sync::CancellationToken;

use crate::audit;
use crate::host::{Host, now};

/// Between two looks. A conversation that is not kept is one for days; an hour more does not matter.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// How long a message of the outbox stays that was given up, and how many do.
const DEAD: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const MOST_DEAD: usize = 10_000;
/// How long the answer of a command is known to who sends it again.
const COMMANDS: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Deletes what the configuration does not keep, until `stop`.
pub async fn follow(host: Arc<Host>, stop: CancellationToken) {
    loop {
        leave_behind(&host).await;
        match sweep(&host, host.retention, audit::HOST).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "conversations that are not kept were deleted"),
            Err(err) => tracing::error!(error = &err as &dyn std::error::Error, "conversations cannot be deleted"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Forgets what is of no use any more beside conversations: messages that could not be sent, and answers of commands.
async fn leave_behind(host: &Host) {
    let (dead, gone) = match host.store.sweep_outbox(DEAD, MOST_DEAD, now()).await {
        Ok(swept) => swept,
        Err(err) => return tracing::error!(error = &err as &dyn std::error::Error, "the outbox cannot be swept"),
    };
    if dead + gone > 0 {
        tracing::warn!(dead, gone, "messages could not be sent in time, or were dead for too long; see the record");
    }
    let before = Timestamp(now().0.saturating_sub(COMMANDS.as_millis() as u64));
    if let Err(err) = host.store.forget_commands(before, Vec::new()).await {
        tracing::error!(error = &err as &dyn std::error::Error, "old commands cannot be forgotten");
    }
}

/// Deletes all that `retention` does not keep; gives how many there were.
async fn sweep(host: &Host, retention: Retention, by: &str) -> Result<usize, StoreError> {
    let mut deleted = 0;
    loop {
        let round = delete(host, retention, by).await?.into_iter().filter(|(_, result)| result.is_ok()).count();
        if round == 0 {
            return Ok(deleted);
        }
        deleted += round;
    }
}

/// What became of conversations that were to be deleted.
pub type Deleted = Vec<(Stale, Result<(), StoreError>)>;

/// Deletes up to a thousand conversations that `retention` does not keep. One at which somebody is at work by now stays.
///
/// # Errors
/// [`StoreError`] if they cannot be listed.
pub async fn delete(host: &Host, retention: Retention, by: &str) -> Result<Deleted, StoreError> {
    let mut deleted = Vec::new();
    for stale in host.store.stale_sessions(retention, now())? {
        let result = host.store.delete_session(&stale.key, by, now()).await.map(drop);
        if result.is_ok() {
            host.tell(HostEvent::SessionChanged { session: stale.key.clone(), reason: "delete", at: now() });
        }
        deleted.push((stale, result));
    }
    host.checkpoints.forgotten();
    Ok(deleted)
}
