//! Deleting the conversations that are not kept: at the start, every hour, and when the owner says so.

use std::sync::Arc;
use std::time::Duration;

use claw_core::event::HostEvent;
use claw_store::{Retention, Stale, StoreError};
use tokio_util::sync::CancellationToken;

use crate::audit;
use crate::host::{Host, now};

/// Between two looks. A conversation that is not kept is one for days; an hour more does not matter.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// Deletes what the configuration does not keep, until `stop`.
pub async fn follow(host: Arc<Host>, stop: CancellationToken) {
    if host.retention == Retention::default() {
        return;
    }
    loop {
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
