//! Whose turn it is to read the socket.
//!
//! ```text
//! nobody ──take──► a reader ──lend──► its call ──take_back──► the reader
//!   ▲                                    │
//!   └──────────── pass ──────────────────┘
//! ```
//!
//! A reader keeps its turn while it runs the call that it read, because most calls are over before another thread would
//! even be awake. The turn is passed on when the call asks for an effect, whose answer somebody must read, and at the
//! next tick, so that a cancel or another call never waits longer than that.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(super) struct Turn {
    whose: Mutex<Whose>,
    free: Condvar,
}

#[derive(Default, PartialEq, Eq)]
enum Whose {
    #[default]
    Nobody,
    Reader,
    Call(u64),
}

impl Turn {
    /// Waits for the turn.
    pub(super) fn take(&self) {
        let mut whose = self.lock();
        while *whose != Whose::Nobody {
            whose = self.free.wait(whose).unwrap_or_else(PoisonError::into_inner);
        }
        *whose = Whose::Reader;
    }

    /// The reader, who has the turn, runs a call.
    pub(super) fn lend(&self, call: u64) {
        *self.lock() = Whose::Call(call);
    }

    /// If a call has the turn, somebody else may read now.
    pub(super) fn pass(&self) {
        let mut whose = self.lock();
        if matches!(*whose, Whose::Call(_)) {
            *whose = Whose::Nobody;
            self.free.notify_one();
        }
    }

    /// The call is over: its reader reads on, or waits for its turn if it was passed on meanwhile.
    pub(super) fn take_back(&self, call: u64) {
        let mut whose = self.lock();
        if *whose == Whose::Call(call) {
            *whose = Whose::Reader;
            return;
        }
        drop(whose);
        self.take();
    }

    fn lock(&self) -> MutexGuard<'_, Whose> {
        self.whose.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_passed_turn_goes_to_another_reader_and_comes_back_after_it() {
        let turn = Arc::new(Turn::default());
        turn.take();
        turn.lend(1);
        let (sender, receiver) = mpsc::channel();
        let other = std::thread::spawn({
            let turn = Arc::clone(&turn);
            move || {
                turn.take();
                sender.send("read").unwrap();
                turn.lend(2);
                turn.pass();
            }
        });
        assert!(receiver.try_recv().is_err(), "the call still has the turn");
        turn.pass();
        assert_eq!(receiver.recv().unwrap(), "read");
        turn.take_back(1);
        other.join().unwrap();
    }

    #[test]
    fn a_turn_that_nobody_wanted_stays_with_its_reader() {
        let turn = Turn::default();
        turn.take();
        turn.lend(7);
        turn.take_back(7);
        assert!(*turn.lock() == Whose::Reader);
        // A reader that waits for a frame is not disturbed.
        turn.pass();
        assert!(*turn.lock() == Whose::Reader);
    }
}
