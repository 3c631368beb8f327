//! Wrong secrets, counted by address, so that guessing stays slow.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Ten failures within a minute lock an address out for five minutes, as upstream does.
const WINDOW: Duration = Duration::from_secs(60);
const FAILURES: u32 = 10;
const LOCKOUT: Duration = Duration::from_secs(5 * 60);

/// A lockout of loopback would let any local program lock the owner out, so it is only slowed down.
const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Addresses remembered; the oldest is forgotten first.
const REMEMBERED: usize = 4096;

/// The failures of the last minutes.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    seen: HashMap<IpAddr, Record>,
}

#[derive(Debug)]
struct Record {
    since: Instant,
    failures: u32,
    locked_until: Option<Instant>,
}

impl Attempts {
    /// How long this address has to wait before it may try again; `None` if it may.
    pub(crate) fn locked(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let until = self.seen.get(&address.to_canonical())?.locked_until?;
        until.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// Counts a wrong secret. Says how long to wait before answering.
    pub(crate) fn failed(&mut self, address: IpAddr, now: Instant) -> Duration {
        let address = address.to_canonical();
        self.make_room(now);
        let record = self.seen.entry(address).or_insert(Record { since: now, failures: 0, locked_until: None });
        if now.duration_since(record.since) > WINDOW {
            *record = Record { since: now, failures: 0, locked_until: None };
        }
        record.failures = record.failures.saturating_add(1);
        if address.is_loopback() {
            return FIRST_DELAY.saturating_mul(1 << (record.failures - 1).min(10)).min(LONGEST_DELAY);
        }
        if record.failures >= FAILURES {
            record.locked_until = Some(now + LOCKOUT);
        }
        Duration::ZERO
    }

    /// Forgets an address that knew the secret.
    pub(crate) fn succeeded(&mut self, address: IpAddr) {
        self.seen.remove(&address.to_canonical());
    }

    fn make_room(&mut self, now: Instant) {
        if self.seen.len() < REMEMBERED {
            return;
        }
        let stale = |record: &Record| {
            now.duration_since(record.since) > WINDOW && record.locked_until.is_none_or(|until| until <= now)
        };
        self.seen.retain(|_, record| !stale(record));
        if self.seen.len() >= REMEMBERED
            && let Some(oldest) = self.seen.iter().min_by_key(|(_, record)| record.since).map(|(ip, _)| *ip)
        {
            self.seen.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
