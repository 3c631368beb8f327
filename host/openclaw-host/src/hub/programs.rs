//! Programs of skills that run, so that they end when their skill is off or gone.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use claw_effects::{ProcessOwner, Processes};
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::Hub;

/// What runs, by the skill's name.
#[derive(Default)]
pub(super) struct Programs(Mutex<HashMap<String, Running>>);

#[derive(Default)]
struct Running {
    off: CancellationToken,
    background: Vec<(ProcessOwner, String)>,
}

impl Hub {
    /// Is cancelled when the skill whose folder a program may read is off; never for other folders.
    pub fn off(&self, reads: Option<&Path>) -> CancellationToken {
        let Some(slug) = self.slug(reads) else { return CancellationToken::new() };
        let mut programs = self.programs.0.lock().unwrap_or_else(PoisonError::into_inner);
        programs.entry(slug).or_default().off.clone()
    }

    /// Remembers a program that outlives its call. One whose skill went off while it started is to be ended: `false`.
    pub fn runs_on(&self, off: &CancellationToken, reads: Option<&Path>, owner: &ProcessOwner, id: &str) -> bool {
        let Some(slug) = self.slug(reads) else { return true };
        let mut programs = self.programs.0.lock().unwrap_or_else(PoisonError::into_inner);
        if off.is_cancelled() {
            return false;
        }
        programs.entry(slug).or_default().background.push((owner.clone(), id.to_owned()));
        true
    }

    /// Ends all programs of a skill; returns when that is done.
    pub(super) async fn end_programs(&self, slug: &str, processes: &Processes) {
        let running = {
            let mut programs = self.programs.0.lock().unwrap_or_else(PoisonError::into_inner);
            let running = programs.remove(slug).unwrap_or_default();
            running.off.cancel();
            running
        };
        // One that has ended by itself is not there any more.
        join_all(running.background.iter().map(|(owner, id)| processes.kill(owner, id))).await;
    }

    fn slug(&self, reads: Option<&Path>) -> Option<String> {
        // Folders of skills come canonical.
        let folder = self.folder.canonicalize().ok()?;
        let below = reads?.strip_prefix(folder).ok()?;
        Some(below.components().next()?.as_os_str().to_str()?.to_owned())
    }
}
