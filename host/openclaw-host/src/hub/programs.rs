//! Programs of skills that run, so that they end when their skill is off or gone.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use claw_effects::Processes;
use tokio_util::sync::CancellationToken;

use super::Hub;

/// What ends the programs of a skill, by its name.
#[derive(Default)]
pub(super) struct Programs(Mutex<HashMap<String, CancellationToken>>);

impl Hub {
    /// Is cancelled when the skill whose folder a program may read is off; never for other folders.
    pub fn off(&self, reads: Option<&Path>) -> CancellationToken {
        let below = reads.and_then(|reads| reads.strip_prefix(&self.folder).ok());
        let slug = below.and_then(|below| below.components().next()?.as_os_str().to_str());
        let Some(slug) = slug else { return CancellationToken::new() };
        let mut programs = self.programs.0.lock().unwrap_or_else(PoisonError::into_inner);
        programs.entry(slug.to_owned()).or_default().clone()
    }

    /// Ends all programs of a skill; returns when that is done. One that is just starting sees it by [`Hub::off`].
    pub(super) async fn end_programs(&self, slug: &str, processes: &Processes) {
        if let Some(off) = self.programs.0.lock().unwrap_or_else(PoisonError::into_inner).remove(slug) {
            off.cancel();
        }
        processes.stop_reading(&self.folder.join(slug)).await;
    }
}
