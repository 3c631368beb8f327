//! A call's random numbers: from the host's seed, so that they are as good as the system's and can be had again; and
//! counted.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{SeedableRng, TryRng};

use crate::limits::RANDOM_CALL_BYTES;

/// What all generators of a call have given. One that has given too much goes on, because numbers that are not random
/// are worse; the call ends at its next tick.
#[derive(Clone, Default)]
pub(super) struct Given {
    bytes: Arc<AtomicU64>,
}

/// One generator of a call.
pub(super) struct Chance {
    numbers: ChaCha20Rng,
    given: Given,
}

impl Given {
    /// Whether the call has had more than its share.
    pub(super) fn is_too_much(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > RANDOM_CALL_BYTES
    }

    /// A generator that counts here.
    pub(super) fn generator(&self, seed: [u8; 32]) -> Chance {
        Chance { numbers: ChaCha20Rng::from_seed(seed), given: self.clone() }
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.given.add(4);
        self.numbers.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.given.add(8);
        self.numbers.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.given.add(bytes.len());
        self.numbers.try_fill_bytes(bytes)
    }
}
