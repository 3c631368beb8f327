//! `openclaw:session`: what a call may know of its run.

use crate::frame::FromWorker;
use crate::limits::{PROGRESS_BYTES, PROGRESS_REPORTS, TICK_MS};
use crate::worker::bindings::openclaw::session::run;
use crate::worker::guest::Guest;

impl run::Host for Guest {
    fn get_info(&mut self) -> run::Info {
        self.info.clone()
    }

    fn get_budget(&mut self) -> run::Budget {
        run::Budget {
            cpu_ms: self.ticks_left * TICK_MS,
            memory_bytes: self.limiter.memory_left(),
            effects: self.call.effects_left(),
        }
    }

    fn is_cancelled(&mut self) -> bool {
        self.call.is_cancelled()
    }

    fn progress(&mut self, percent: Option<u8>, note: String) {
        if self.progress >= PROGRESS_REPORTS {
            return;
        }
        self.progress += 1;
        let end = note.floor_char_boundary(PROGRESS_BYTES);
        let percent = percent.map(|percent| percent.min(100));
        // A report that does not get through is not missed; a broken socket ends the worker elsewhere.
        let _ = self.door.send(&FromWorker::Progress { id: self.call.id, percent, note: note[..end].to_owned() });
    }
}
