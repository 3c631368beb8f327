//! The keys of one provider: which may be used now, and which rest after a failure.
//!
//! ```text
//!            rate limit, overload, no connection
//!   ready ─────────────────────────────────────► resting ──► ready, when the time is over
//!     │      refused, no credit                  disabled ─► ready, after five hours
//!     └────────────────────────────────────────────▲
//! ```
//! What rests can be told and taken up again, for a key that is still the same.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::error::ModelError;
use crate::provider::{Credential, KeyUse, Secret};

/// The first rest without a wish of the provider; it doubles with each failure in a row.
const FIRST_REST: Duration = Duration::from_secs(15);

/// The longest rest without a wish of the provider.
const MAX_REST: Duration = Duration::from_secs(5 * 60);

/// The longest rest that a provider may wish for.
const MAX_WISH: Duration = Duration::from_secs(60 * 60);

/// How long a key rests that was refused or has no credit. Whoever pays the bill need not restart the host for ever.
const DISABLED: Duration = Duration::from_secs(5 * 60 * 60);

/// How a key is, for its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// The provider.
    pub provider: String,
    /// The owner's name of the key; `None` stands for no key at all.
    pub key: Option<String>,
    /// Whether it is used.
    pub state: KeyState,
}

/// Whether a key is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It is used.
    Ready,
    /// It rests after a passing failure, as long as there is another one.
    Resting {
        /// How long.
        left: Duration,
        /// What failed.
        reason: String,
    },
    /// It was refused, or its account has no credit.
    Disabled {
        /// Until it is tried again.
        left: Duration,
        /// What the provider said.
        reason: String,
    },
}

/// A key that rests, in words that may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRest {
    /// The provider.
    pub provider: String,
    /// The owner's name of the key; `None` stands for no key at all.
    pub key: Option<String>,
    /// Tells whether it is still the same key: eight random bytes, and as many of the digest of these and the key. So few
    /// say nothing of a key that is random itself.
    pub mark: [u8; 16],
    /// How long.
    pub left: Duration,
    /// Whether it was refused, or its account has no credit.
    pub is_disabled: bool,
    /// How often it failed in a row.
    pub failures: u32,
    /// What failed.
    pub reason: String,
}

/// The keys of one provider. A provider without keys has one place for none.
#[derive(Debug)]
pub(crate) struct Keyring {
    provider: String,
    keys: Vec<Option<Credential>>,
    key_use: KeyUse,
    states: Mutex<Vec<State>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    failures: u32,
    out: Option<Out>,
    /// The number of its last use among those of all keys.
    used: u64,
}

#[derive(Clone, Debug)]
struct Out {
    until: Instant,
    is_disabled: bool,
    reason: String,
}

impl Keyring {
    pub(crate) fn new(provider: &str, keys: &[Credential], key_use: KeyUse) -> Self {
        let keys: Vec<_> = if keys.is_empty() { vec![None] } else { keys.iter().cloned().map(Some).collect() };
        let states = Mutex::new(vec![State::default(); keys.len()]);
        Keyring { provider: provider.to_owned(), keys, key_use, states }
    }

    pub(crate) fn key(&self, slot: usize) -> Option<&Credential> {
        self.keys[slot].as_ref()
    }

    /// The key of this name.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.keys.iter().position(|key| key.as_ref().is_some_and(|key| key.name == name))
    }

    /// The names of the keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().flatten().map(|key| key.name.as_str())
    }

    /// The keys that may be used now, `first` before the others.
    pub(crate) fn ready(&self, first: Option<usize>, now: Instant) -> Vec<usize> {
        let states = self.states();
        let is_ready = |slot: &usize| states[*slot].out.as_ref().is_none_or(|out| out.until <= now);
        let mut ready: Vec<usize> = (0..self.keys.len()).filter(is_ready).collect();
        ready.sort_by_key(|slot| match self.key_use {
            _ if Some(*slot) == first => (0, 0),
            KeyUse::InOrder => (1, 0),
            KeyUse::Spread => (1, states[*slot].used),
        });
        ready
    }

    /// Notes that a key is used now.
    pub(crate) fn asked(&self, slot: usize) {
        let mut states = self.states();
        let last = states.iter().map(|state| state.used).max().unwrap_or_default();
        states[slot].used = last + 1;
    }

    /// The key that may be used again first, and when.
    pub(crate) fn soonest(&self) -> (Option<Instant>, usize) {
        let states = self.states();
        let until = |slot: usize| states[slot].out.as_ref().map(|out| out.until);
        (0..states.len()).map(|slot| (until(slot), slot)).min().expect("keyring: there is at least one place")
    }

    /// Notes a success. Returns whether the key had failed before.
    pub(crate) fn worked(&self, slot: usize) -> bool {
        let state = &mut self.states()[slot];
        let was = std::mem::replace(state, State { used: state.used, ..State::default() });
        was.out.is_some() || was.failures > 0
    }

    /// Notes a failure. Returns whether the key rests because of it.
    pub(crate) fn failed(&self, slot: usize, error: &ModelError, now: Instant) -> bool {
        let mut states = self.states();
        let state = &mut states[slot];
        let out = |rest, is_disabled| Some(Out { until: now + rest, is_disabled, reason: error.brief() });
        match error {
            ModelError::Auth { .. } | ModelError::Quota { .. } => state.out = out(DISABLED, true),
            ModelError::RateLimited { retry_after, .. } | ModelError::Overloaded { retry_after, .. } => {
                let rest = FIRST_REST.saturating_mul(2u32.saturating_pow(state.failures)).min(MAX_REST);
                state.out = out(retry_after.map_or(rest, |wish| wish.min(MAX_WISH)), false);
                state.failures = state.failures.saturating_add(1);
            }
            ModelError::Unreachable { .. } | ModelError::Idle { .. } => state.out = out(FIRST_REST, false),
            _ => return false,
        }
        true
    }

    /// The keys that rest.
    pub(crate) fn rests(&self, now: Instant) -> Vec<KeyRest> {
        let rest = |(key, State { failures, out, .. }): (&Option<Credential>, &State)| {
            let Out { until, is_disabled, reason } = out.as_ref().filter(|out| out.until > now)?;
            Some(KeyRest {
                provider: self.provider.clone(),
                key: key.as_ref().map(|key| key.name.clone()),
                mark: mark(&salt(), key.as_ref()),
                left: until.duration_since(now),
                is_disabled: *is_disabled,
                failures: *failures,
                reason: reason.clone(),
            })
        };
        self.keys.iter().zip(self.states().iter()).filter_map(rest).collect()
    }

    /// Lets a key rest that rested before, if it is one of these and still the same. No clock can make it rest for longer
    /// than it ever would.
    pub(crate) fn take_up(&self, rest: &KeyRest, now: Instant) {
        let is_it = |key: &Option<Credential>| {
            let name = key.as_ref().map(|key| &key.name);
            name == rest.key.as_ref() && mark(&rest.mark[..8], key.as_ref()) == rest.mark
        };
        let slot = self.keys.iter().position(is_it).filter(|_| rest.provider == self.provider);
        if let Some(slot) = slot {
            let until = now + rest.left.min(DISABLED);
            let out = Out { until, is_disabled: rest.is_disabled, reason: rest.reason.clone() };
            let state = &mut self.states()[slot];
            (state.failures, state.out) = (rest.failures, Some(out));
        }
    }

    /// How the keys are.
    pub(crate) fn status(&self, now: Instant) -> Vec<KeyStatus> {
        let state = |state: &State| match &state.out {
            Some(Out { until, is_disabled, reason }) if *until > now => {
                let (left, reason) = (until.duration_since(now), reason.clone());
                if *is_disabled { KeyState::Disabled { left, reason } } else { KeyState::Resting { left, reason } }
            }
            Some(_) | None => KeyState::Ready,
        };
        let status = |(key, it): (&Option<Credential>, &State)| KeyStatus {
            provider: self.provider.clone(),
            key: key.as_ref().map(|key| key.name.clone()),
            state: state(it),
        };
        self.keys.iter().zip(self.states().iter()).map(status).collect()
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn salt() -> [u8; 8] {
    let mut salt = [0; 8];
    getrandom::fill(&mut salt).expect("keyring: the kernel gives random bytes");
    salt
}

fn mark(salt: &[u8], key: Option<&Credential>) -> [u8; 16] {
    let key = key.map(|key| Secret::expose(&key.key)).unwrap_or_default();
    let digest = Sha256::new().chain_update(salt).chain_update(key).finalize();
    let mut mark = [0; 16];
    mark[..8].copy_from_slice(salt);
    mark[8..].copy_from_slice(&digest[..8]);
    mark
}

#[cfg(test)]
mod tests;
