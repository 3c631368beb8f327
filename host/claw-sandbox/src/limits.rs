//! Every limit of a worker and of a call, with its default and its reason.

use serde::{Deserialize, Serialize};

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
}

impl Default for WorkerLimits {
    fn default() -> Self {
        WorkerLimits { concurrency: 4, descriptors: 512, data_mib: 1024 }
    }
}

/// Limits of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallLimits {
    /// Linear memory of all the call's instances together, in bytes.
    pub memory_bytes: u64,
    /// Wall time in milliseconds; waiting for a person's answer does not count.
    pub wall_ms: u64,
    /// Time in which guest code runs, in milliseconds, at the ticker's resolution of 10 ms.
    pub cpu_ms: u64,
}

impl Default for CallLimits {
    fn default() -> Self {
        CallLimits { memory_bytes: 64 << 20, wall_ms: 60_000, cpu_ms: 30_000 }
    }
}

/// Length of an epoch tick: what a cancelled spinning guest may still run, and the unit of CPU time.
pub(crate) const TICK_MS: u64 = 10;
/// Largest frame between host and worker: a 4 MiB file slice or 8 MiB request body with room for its envelope.
pub(crate) const FRAME_BYTES: usize = 9 << 20;
/// Data that one host call lifts from a guest.
pub(crate) const HOSTCALL_BYTES: usize = 8 << 20;
/// Live resource handles of a call.
pub(crate) const HANDLES: usize = 4096;
/// Live entries of the host's table for a call.
pub(crate) const TABLE_ENTRIES: usize = 1024;
/// Files and directories that a call may hold open: the calls of a worker together stay below its descriptors, so that
/// none can keep the others from opening theirs.
pub(crate) const OPEN_FILES: usize = 100;
/// Table elements of all the call's instances together; interpreters need about 50,000.
pub(crate) const TABLE_ELEMENTS: usize = 200_000;
/// Random bytes that a guest gets in one host call.
pub(crate) const RANDOM_BYTES: u64 = 64 << 10;
/// Bytes kept of the start, and again of the end, of what a guest prints.
pub(crate) const STDIO_BYTES: usize = 4 << 10;
/// Largest result text.
pub(crate) const RESULT_BYTES: usize = 1 << 20;
/// Largest request body of `wasi:http`.
pub(crate) const REQUEST_BODY_BYTES: usize = 8 << 20;
/// Response bytes in flight to a guest before the host waits for it to read.
pub(crate) const BODY_CREDIT_BYTES: u32 = 256 << 10;
/// Bytes of a header list.
pub(crate) const HEADER_BYTES: usize = 32 << 10;
/// Progress reports per call, and bytes kept of each.
pub(crate) const PROGRESS_REPORTS: u32 = 64;
/// Bytes kept of a progress note.
pub(crate) const PROGRESS_BYTES: usize = 512;
/// Effects that a call may ask for.
pub(crate) const EFFECTS: u32 = 4096;
/// Log lines of a call.
pub(crate) const LOG_LINES: u32 = 256;
/// Bytes kept of a log line.
pub(crate) const LOG_LINE_BYTES: usize = 2 << 10;
/// Bytes of all the log lines of a call.
pub(crate) const LOG_BYTES: usize = 64 << 10;
/// Readings of its clocks that are kept of a call; a call that looks at the clock more often cannot be replayed.
pub(crate) const CLOCK_READINGS: usize = 4096;
