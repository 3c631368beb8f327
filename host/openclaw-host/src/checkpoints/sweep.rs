//! What nobody needs any more: blobs that no row names, and what has lain in the trash for long.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use claw_core::id::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Checkpoints;
use crate::host::now;

/// Between two looks at what may have become old.
const EVERY: Duration = Duration::from_secs(60 * 60);

impl Checkpoints {
    /// To be called when rows are gone that may have named blobs.
    pub fn forgotten(&self) {
        self.unnamed.notify_one();
    }

    /// Sweeps at the start, every hour and when rows are gone, until `stop`.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let store = self.store.clone();
            match self.blobs.sweep(move || store.named_blobs()).await {
                Ok(swept) if swept.files == 0 => {}
                Ok(swept) => tracing::debug!(files = swept.files, bytes = swept.bytes, "blobs were swept"),
                Err(err) => tracing::error!(error = &err as &dyn std::error::Error, "blobs cannot be swept"),
            }
            let (trash, kept) = (self.trash.clone(), self.settings.trash);
            let emptied = tokio::task::spawn_blocking(move || empty(&trash, kept, now())).await;
            if let Err(err) = emptied {
                tracing::error!(error = %err, "the trash cannot be emptied");
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.unnamed.notified() => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

/// Removes what came into the trash longer ago than `kept`.
fn empty(trash: &Path, kept: Duration, now: Timestamp) {
    for entry in fs::read_dir(trash).into_iter().flatten().flatten() {
        let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let changed = entry.metadata().and_then(|entry| entry.modified()).map(since);
        let Ok(changed) = changed else { continue };
        if Duration::from_millis(now.0).saturating_sub(changed) <= kept {
            continue;
        }
        let path = entry.path();
        match fs::remove_dir_all(&path) {
            Ok(()) => tracing::info!(path = %path.display(), "old things were removed from the trash"),
            Err(err) => {
                tracing::warn!(path = %path.display(), error = %err, "something in the trash cannot be removed")
            }
        }
    }
}
