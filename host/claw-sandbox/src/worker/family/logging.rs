//! `wasi:logging`: lines for the host's log, capped here so that a chatty guest costs the host nothing.

use crate::frame::{FromWorker, LogLevel};
use crate::limits::{LOG_BYTES, LOG_LINE_BYTES};
use crate::worker::bindings::wasi::logging::logging;
use crate::worker::guest::Guest;
use crate::worker::stdio::one_line;

/// Test builds only: a line that makes this import panic, to show what a bug in the host's own code does.
#[cfg(feature = "test-weaken")]
const FAULT: &str = "openclaw-host test: panic in this import";

/// What a call may still log, and what it could not.
pub(in crate::worker) struct LogBudget {
    lines: u32,
    bytes: usize,
    pub(in crate::worker) dropped: u64,
}

impl LogBudget {
    pub(in crate::worker) fn new(lines: u32) -> Self {
        LogBudget { lines, bytes: LOG_BYTES, dropped: 0 }
    }
}

impl logging::Host for Guest {
    fn log(&mut self, level: logging::Level, context: String, message: String) {
        #[cfg(feature = "test-weaken")]
        assert_ne!(message, FAULT, "the fault that a test asked for");
        let context = one_line(&context, LOG_LINE_BYTES);
        let message = one_line(&message, LOG_LINE_BYTES);
        let Some(bytes_left) = self.log.bytes.checked_sub(context.len() + message.len()) else {
            self.log.dropped += 1;
            return;
        };
        if self.log.lines == 0 {
            self.log.dropped += 1;
            return;
        }
        self.log.lines -= 1;
        self.log.bytes = bytes_left;
        let level = match level {
            logging::Level::Trace => LogLevel::Trace,
            logging::Level::Debug => LogLevel::Debug,
            logging::Level::Info => LogLevel::Info,
            logging::Level::Warn => LogLevel::Warn,
            logging::Level::Error | logging::Level::Critical => LogLevel::Error,
        };
        // As with progress: a broken socket ends the worker elsewhere.
        let _ = self.door.send(&FromWorker::Log { id: self.call.id, level, context, message });
    }
}
