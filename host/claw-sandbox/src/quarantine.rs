//! Which components are left alone for a while, because their worker keeps crashing.
//!
//! ```text
//! open ──3 crashes in 60 s──► closed for 1 s ──time──► on trial ──crash──► closed for twice as long, at most 5 min
//!   ▲                                                     │
//!   └──────────────────────── a good call ────────────────┘
//! ```

use std::time::Duration;

use tokio::time::Instant;

/// Crashes within [`WITHIN`] that close a component.
const CRASHES: usize = 3;
const WITHIN: Duration = Duration::from_secs(60);
/// How long it is closed for the first time; then twice as long each time.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

/// One component's record.
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    recent: Vec<Instant>,
    /// Crashes since the last good call.
    crashes: u32,
    /// Times that it was closed since the last good call.
    closings: u32,
    until: Option<Instant>,
}

/// Why a component takes no call now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) crashes: u32,
    pub(crate) left: Duration,
}

impl Quarantine {
    /// Whether the component is closed at this time.
    pub(crate) fn closed(&self, now: Instant) -> Option<Closed> {
        let left = self.until?.checked_duration_since(now).filter(|left| !left.is_zero())?;
        Some(Closed { crashes: self.crashes, left })
    }

    /// Its worker has crashed.
    pub(crate) fn crashed(&mut self, now: Instant) {
        self.crashes += 1;
        self.recent.retain(|crash| now.duration_since(*crash) < WITHIN);
        self.recent.push(now);
        if self.closings > 0 || self.recent.len() >= CRASHES {
            let longer = FIRST.saturating_mul(1 << self.closings.min(16));
            self.until = Some(now + longer.min(LONGEST));
            self.closings += 1;
        }
    }

    /// A call has given its result.
    pub(crate) fn worked(&mut self) {
        if self.crashes > 0 {
            *self = Quarantine::default();
        }
    }
}

#[cfg(test)]
mod tests;
