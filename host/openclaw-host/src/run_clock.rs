//! A run's time. It stands still while the run waits for a person.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The clock of one run.
pub struct RunClock {
    limit: Duration,
    state: Mutex<State>,
}

struct State {
    left: Duration,
    /// Since when it runs; moved forward whenever `left` is brought up to date.
    since: Instant,
    pauses: usize,
}

/// While it lives, the clock stands still.
pub struct RunPause {
    clock: Arc<RunClock>,
}

/// How often a standing clock is looked at, at most.
const LOOK: Duration = Duration::from_millis(100);

impl RunClock {
    /// A clock that allows `limit` from now on.
    pub fn start(limit: Duration) -> Self {
        RunClock { limit, state: Mutex::new(State { left: limit, since: Instant::now(), pauses: 0 }) }
    }

    /// What it started with.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether the time is used up.
    pub fn is_reached(&self) -> bool {
        self.left().is_zero()
    }

    /// Waits until the time is used up.
    pub async fn reached(&self) {
        loop {
            let left = self.left();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.max(LOOK)).await;
        }
    }

    /// Stops the clock until the pause is dropped.
    pub fn pause(self: &Arc<Self>) -> RunPause {
        let mut state = self.lock();
        state.catch_up();
        state.pauses += 1;
        RunPause { clock: Arc::clone(self) }
    }

    fn left(&self) -> Duration {
        let mut state = self.lock();
        state.catch_up();
        state.left
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn catch_up(&mut self) {
        let now = Instant::now();
        if self.pauses == 0 {
            self.left = self.left.saturating_sub(now.duration_since(self.since));
        }
        self.since = now;
    }
}

impl Drop for RunPause {
    fn drop(&mut self) {
        let mut state = self.clock.lock();
        state.catch_up();
        state.pauses -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_person_takes_no_time_of_the_run() {
        let clock = Arc::new(RunClock::start(Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(4)).await;
        let (first, second) = (clock.pause(), clock.pause());
        tokio::time::advance(Duration::from_secs(100)).await;
        drop(first);
        tokio::time::advance(Duration::from_secs(100)).await;
        drop(second);
        assert!(!clock.is_reached());
        let started = Instant::now();
        clock.reached().await;
        assert_eq!(started.elapsed(), Duration::from_secs(6));
    }
}
