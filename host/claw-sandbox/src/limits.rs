//! Every limit of the host's workers and of a call, with its default and its reason.

use std::time::Duration;

use serde::{Deserialize, Serialize};

mod inventory;

pub use inventory::Limit;

/// Limits that all components share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostLimits {
    /// Calls that run at the same time beyond the first of each component, which never waits for other components.
    pub shared_calls: usize,
    /// Bytes of compiled components that are kept; the longest unused ones go first.
    pub cache_bytes: u64,
}

impl Default for HostLimits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        // Calls wait for effects more than they compute.
        HostLimits { shared_calls: (4 * cores).max(8), cache_bytes: 2 << 30 }
    }
}

/// Limits of one worker process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerLimits {
    /// Calls that run at the same time in one worker; more wait in the host. Four keep two cores busy with some
    /// waiting for effects.
    pub concurrency: u32,
    /// Open descriptors of the process; a guest's files count here.
    pub descriptors: u64,
    /// Private writable memory of the process in MiB, compiled code and host side included: the blast wall behind
    /// the per-call limit.
    pub data_mib: u64,
    /// A worker without a call for this long is ended: idle memory is the host's alone.
    pub idle: Duration,
    /// Calls after which a worker is replaced, so that whatever it gathers over time ends.
    pub calls: u64,
    /// Private memory in MiB beyond which a worker is replaced once it is idle.
    pub keep_mib: u64,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        WorkerLimits {
            concurrency: 4,
            descriptors: 512,
            data_mib: 1024,
            idle: Duration::from_secs(60),
            calls: 10_000,
            keep_mib: 256,
        }
    }
}

/// Limits of one call that an owner may change for a component. [`CallLimits::inventory`] lists these and the fixed ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallLimits {
    /// Linear memory of all the call's instances together, in bytes.
    pub memory_bytes: u64,
    /// Wall time in milliseconds; waiting for a person's answer does not count.
    pub wall_ms: u64,
    /// Time in which guest code runs, in milliseconds, at the ticker's resolution of 10 ms.
    pub cpu_ms: u64,
    /// Effects that it may ask for.
    pub effects: u32,
    /// Resource handles that it may hold at the same time.
    pub handles: u32,
    /// Lines that it may write to the log.
    pub log_lines: u32,
}

impl Default for CallLimits {
    fn default() -> Self {
        CallLimits {
            memory_bytes: 64 << 20,
            wall_ms: 60_000,
            cpu_ms: 30_000,
            effects: 4096,
            handles: 4096,
            log_lines: 256,
        }
    }
}

impl CallLimits {
    /// The limits with each number brought into the range that the engine and the host can keep.
    #[must_use]
    pub fn clamped(self) -> CallLimits {
        CallLimits {
            // A guest's own stack takes the first MiB.
            memory_bytes: self.memory_bytes.clamp(1 << 20, MAX_MEMORY_BYTES),
            wall_ms: self.wall_ms.clamp(1, MAX_TIME_MS),
            cpu_ms: self.cpu_ms.clamp(1, MAX_TIME_MS),
            effects: self.effects.min(MAX_EFFECTS),
            // Guests hold some handles before their own code runs: output streams, granted folders.
            handles: self.handles.clamp(16, MAX_HANDLES),
            log_lines: self.log_lines.min(MAX_LOG_LINES),
        }
    }
}

/// The largest linear memory a call can be allowed; the engine reserves no more.
pub(crate) const MAX_MEMORY_BYTES: u64 = 1 << 30;
/// The longest time a call can be allowed: a day.
const MAX_TIME_MS: u64 = 24 * 3600 * 1000;
/// The most effects a call can be allowed.
const MAX_EFFECTS: u32 = 65_536;
/// The most handles a call can be allowed.
const MAX_HANDLES: u32 = 65_536;
/// The most log lines a call can be allowed: half of what may wait for the host to take it.
const MAX_LOG_LINES: u32 = 512;

/// Length of an epoch tick: what a cancelled spinning guest may still run, and the unit of CPU time.
pub(crate) const TICK_MS: u64 = 10;
/// Largest frame between host and worker: the data of one host call with room for its envelope.
pub(crate) const FRAME_BYTES: usize = 9 << 20;
const _: () = assert!(FRAME_BYTES >= claw_core::channel::MAX_FILE_BYTES + (1 << 20), "a file fits with its envelope");
/// Data that one host call lifts from a guest.
pub(crate) const HOSTCALL_BYTES: usize = 8 << 20;
/// Live entries of the host's table for a call.
pub(crate) const TABLE_ENTRIES: usize = 1024;
/// Files and directories that a call may hold open: the calls of a worker together stay below its descriptors, so that
/// none can keep the others from opening theirs.
pub(crate) const OPEN_FILES: usize = 100;
/// Table elements of all the call's instances together; interpreters need about 50,000.
pub(crate) const TABLE_ELEMENTS: usize = 200_000;
/// Random bytes that a guest gets in one host call.
pub(crate) const RANDOM_BYTES: u64 = 64 << 10;
/// Random bytes that a guest gets in one call.
pub(crate) const RANDOM_CALL_BYTES: u64 = 16 << 20;
/// Bytes kept of the start, and again of the end, of what a guest prints.
pub(crate) const STDIO_BYTES: usize = 4 << 10;
/// Largest result text.
pub(crate) const RESULT_BYTES: usize = 1 << 20;
/// What a worker may have asked for that was not answered yet, in bytes as sent.
pub(crate) const UNANSWERED_BYTES: usize = 48 << 20;
/// What the host holds of a worker's frames before it ends the worker; the rest of it is for frames without an answer.
pub(crate) const HELD_BYTES: usize = UNANSWERED_BYTES + (16 << 20);
/// Largest request body of `wasi:http` that travels with its request; larger ones are streamed.
pub(crate) const INLINE_BODY_BYTES: usize = 64 << 10;
/// Bytes of one part of a streamed request body.
pub(crate) const REQUEST_PART_BYTES: usize = 64 << 10;
/// Parts of a request body in flight to the host before the guest has to wait.
pub(crate) const REQUEST_PARTS: usize = 4;
/// Response bytes in flight to a guest before the host waits for it to read.
pub(crate) const BODY_CREDIT_BYTES: u32 = 256 << 10;
/// Bytes of a header list.
pub(crate) const HEADER_BYTES: usize = 32 << 10;
/// Progress reports per call, and bytes kept of each.
pub(crate) const PROGRESS_REPORTS: u32 = 64;
/// Bytes kept of a progress note.
pub(crate) const PROGRESS_BYTES: usize = 512;
/// Bytes kept of a log line.
pub(crate) const LOG_LINE_BYTES: usize = 2 << 10;
/// Bytes of all the log lines of a call.
pub(crate) const LOG_BYTES: usize = 64 << 10;
/// Readings of its clocks that are kept of a call; a call that looks at the clock more often cannot be replayed.
pub(crate) const CLOCK_READINGS: usize = 4096;

#[cfg(test)]
mod tests;
