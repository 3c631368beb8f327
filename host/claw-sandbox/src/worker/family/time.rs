//! Clocks, as a call sees them: coarse, and the same again when the call is replayed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use crate::frame::CallClock;
use crate::limits::CLOCK_READINGS;

/// The time of one call: milliseconds since it began.
#[derive(Clone)]
pub(in crate::worker) struct Time {
    start_ms: u64,
    readings: Arc<Mutex<Readings>>,
}

enum Readings {
    /// Read from the machine, and kept.
    Live { began: Instant, kept: Vec<u32> },
    /// Given again as they were kept; the last one stays.
    Replayed { rest: std::vec::IntoIter<u32>, last: u32 },
}

impl Time {
    pub(in crate::worker) fn new(clock: CallClock) -> Self {
        let readings = match clock.replay {
            Some(kept) => Readings::Replayed { rest: kept.into_iter(), last: 0 },
            None => {
                #[expect(clippy::disallowed_methods, reason = "this is the clock that guests are given")]
                let began = Instant::now();
                Readings::Live { began, kept: Vec::new() }
            }
        };
        Time { start_ms: clock.start_ms, readings: Arc::new(Mutex::new(readings)) }
    }

    fn read(&self) -> u64 {
        match &mut *self.readings.lock().unwrap_or_else(PoisonError::into_inner) {
            Readings::Live { began, kept } => {
                let elapsed = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
                if kept.len() < CLOCK_READINGS {
                    kept.push(elapsed);
                }
                u64::from(elapsed)
            }
            Readings::Replayed { rest, last } => {
                *last = rest.next().unwrap_or(*last);
                u64::from(*last)
            }
        }
    }

    /// What was read, for a replay.
    pub(in crate::worker) fn kept(&self) -> Vec<u32> {
        match &mut *self.readings.lock().unwrap_or_else(PoisonError::into_inner) {
            Readings::Live { kept, .. } => std::mem::take(kept),
            Readings::Replayed { .. } => Vec::new(),
        }
    }
}

impl HostMonotonicClock for Time {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        // It may begin anywhere, but not at zero: Go's runtime takes that for a broken clock and ends.
        (self.read() + 1) * 1_000_000
    }
}

impl HostWallClock for Time {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.start_ms + self.read())
    }
}
