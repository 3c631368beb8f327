//! What was looked over for an owner who has not decided yet.

use std::sync::{Mutex, PoisonError};

use claw_core::id::Digest;

/// The newest offers, by the digest of their bytes.
pub struct Offers<T> {
    room: usize,
    /// The newest comes last.
    known: Mutex<Vec<(Digest, T)>>,
}

impl<T: Clone> Offers<T> {
    /// Remembers so many; who prepares more has to prepare the oldest again.
    pub fn new(room: usize) -> Offers<T> {
        Offers { room, known: Mutex::default() }
    }

    /// The offer of these bytes.
    pub fn get(&self, digest: &Digest) -> Option<T> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(of, _)| of == digest).map(|(_, offer)| offer.clone())
    }

    /// Remembers an offer, in place of an older one of the same bytes.
    pub fn remember(&self, digest: Digest, offer: T) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(of, _)| *of != digest);
        if known.len() >= self.room {
            known.remove(0);
        }
        known.push((digest, offer));
    }

    /// Forgets the offer of these bytes.
    pub fn forget(&self, digest: &Digest) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _)| of != digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_offer_makes_room_and_one_of_the_same_bytes_is_replaced() {
        let (offers, of) = (Offers::new(2), |byte: u8| Digest([byte; 32]));
        offers.remember(of(1), "a");
        offers.remember(of(2), "b");
        offers.remember(of(1), "c");
        offers.remember(of(3), "d");
        assert_eq!([1, 2, 3].map(|byte| offers.get(&of(byte))), [Some("c"), None, Some("d")]);
        offers.forget(&of(3));
        assert_eq!(offers.get(&of(3)), None);
    }
}
