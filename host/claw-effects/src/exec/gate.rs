//! How many programs run at a time.

use claw_core::effect::EffectError;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

/// Programs that run at a time and are waited for.
const RUNNING: usize = 8;
/// Programs that may wait for their turn.
const WAITING: usize = 64;

/// Lets a few programs run at a time, the others wait in the order in which they came, and refuses the rest.
#[derive(Debug)]
pub struct ExecGate {
    running: Semaphore,
    places: Semaphore,
}

/// The right to run one program; given back when dropped.
#[derive(Debug)]
pub struct ExecPass<'a> {
    _running: SemaphorePermit<'a>,
    _place: SemaphorePermit<'a>,
}

impl Default for ExecGate {
    /// 8 run, 64 wait.
    fn default() -> Self {
        ExecGate { running: Semaphore::new(RUNNING), places: Semaphore::new(RUNNING + WAITING) }
    }
}

impl ExecGate {
    /// Waits for a turn. Hold the pass while the program runs.
    ///
    /// Cancel-safe: a dropped wait leaves the queue.
    /// # Errors
    /// [`EffectError::Limit`] with `E_BUSY` if too many wait already; [`EffectError::Cancelled`] on `cancel`.
    pub async fn enter(&self, cancel: &CancellationToken) -> Result<ExecPass<'_>, EffectError> {
        let place = self.places.try_acquire().map_err(|_| {
            EffectError::Limit(format!("E_BUSY: {RUNNING} programs run and {WAITING} wait: try again later"))
        })?;
        tokio::select! {
            // The semaphore serves in the order of arrival.
            running = self.running.acquire() => {
                let running = running.expect("gate: the semaphore is never closed");
                Ok(ExecPass { _running: running, _place: place })
            }
            () = cancel.cancelled() => Err(EffectError::Cancelled),
        }
    }
}

#[cfg(test)]
mod tests;
