//! The limits as people read them: one row each, for `doctor` and for the table in docs/sandbox.md.

use claw_core::effect::MAX_REQUEST_BODY_BYTES;

use super::*;

/// One limit of a call or of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is limited.
    pub name: &'static str,
    /// The key under `components.<name>.limits` that changes it; `None` if it is the same for everybody.
    pub setting: Option<&'static str>,
    /// What holds if nobody says otherwise.
    pub default: u64,
    /// The most that can be set; the default, if it cannot be changed.
    pub max: u64,
    /// What the two numbers count.
    pub unit: &'static str,
    /// Why this much.
    pub why: &'static str,
}

const fn set(
    name: &'static str,
    setting: &'static str,
    (default, max): (u64, u64),
    unit: &'static str,
    why: &'static str,
) -> Limit {
    Limit { name, setting: Some(setting), default, max, unit, why }
}

const fn fixed(name: &'static str, value: u64, unit: &'static str, why: &'static str) -> Limit {
    Limit { name, setting: None, default: value, max: value, unit, why }
}

const CALL: &[Limit] = &[
    set(
        "memory",
        "memoryMiB",
        (64, MAX_MEMORY_BYTES >> 20),
        "MiB",
        "all memories of the call together; the tools that ship need under 4, an interpreter about 40",
    ),
    set("time", "callSeconds", (60, MAX_TIME_MS / 1000), "s", "waiting for a person's answer does not count"),
    set("processor time", "cpuSeconds", (30, MAX_TIME_MS / 1000), "s", "only while the guest's own code runs"),
    set("effects", "effects", (4096, MAX_EFFECTS as u64), "", "each is a decision and a line in the audit"),
    set(
        "handles",
        "handles",
        (4096, MAX_HANDLES as u64),
        "",
        "a guest that leaks them must not take the host's memory along",
    ),
    set(
        "log lines",
        "logLines",
        (256, MAX_LOG_LINES as u64),
        "",
        "enough to follow a call; what is over is counted and dropped",
    ),
    fixed("log text", (LOG_BYTES >> 10) as u64, "KiB", "256 lines of ordinary length"),
    fixed("log line", (LOG_LINE_BYTES >> 10) as u64, "KiB", "longer lines are cut"),
    fixed("table elements", TABLE_ELEMENTS as u64, "", "interpreters need about 50,000"),
    fixed("objects of the host", TABLE_ENTRIES as u64, "", "open files, requests, streams and timers at the same time"),
    fixed("data of one host call", (HOSTCALL_BYTES >> 20) as u64, "MiB", "a file slice, or what a program reads"),
    fixed("random bytes of one host call", RANDOM_BYTES >> 10, "KiB", "keys and nonces need less than one"),
    fixed("random bytes", RANDOM_CALL_BYTES >> 20, "MiB", "more is no use of chance but of time"),
    fixed("printed text kept", ((2 * STDIO_BYTES) >> 10) as u64, "KiB", "the first and the last half of it"),
    fixed("result", (RESULT_BYTES >> 20) as u64, "MiB", "far more than a model reads"),
    fixed("request body", MAX_REQUEST_BODY_BYTES >> 20, "MiB", "one `wasi:http` request"),
    fixed(
        "request body in one piece",
        (INLINE_BODY_BYTES >> 10) as u64,
        "KiB",
        "longer ones stream as the server reads",
    ),
    fixed("headers of a request", (HEADER_BYTES >> 10) as u64, "KiB", "what servers take"),
    fixed("progress reports", PROGRESS_REPORTS as u64, "", "for people who wait; more are dropped"),
];

const WORKER: &[Limit] = &[
    fixed("calls at the same time", 4, "", "two cores busy, some waiting for effects; more wait their turn"),
    fixed("waiting calls", crate::turnstile::WAITING as u64, "", "beyond them a call is refused as busy"),
    fixed(
        "data of unanswered effects",
        (UNANSWERED_BYTES >> 20) as u64,
        "MiB",
        "the host holds it until it has answered",
    ),
    fixed("memory of the process", 1024, "MiB", "the wall behind the memory of a call"),
    fixed("open files of the process", 512, "", "files and folders that its calls hold open"),
    fixed("idle time", 60, "s", "then the process ends; starting one takes milliseconds"),
    fixed("calls in its life", 10_000, "", "whatever a process gathers ends with it"),
    fixed("memory kept while idle", 256, "MiB", "beyond it the process is replaced before the next call"),
];

impl CallLimits {
    /// All limits of a call.
    pub fn inventory() -> &'static [Limit] {
        CALL
    }
}

impl WorkerLimits {
    /// All limits of a worker process.
    pub fn inventory() -> &'static [Limit] {
        WORKER
    }
}

impl Limit {
    /// The default with its unit, e.g. `64 MiB`.
    pub fn default_text(&self) -> String {
        with_unit(self.default, self.unit)
    }

    /// The most that can be set, with its unit; `None` if it cannot be changed.
    pub fn max_text(&self) -> Option<String> {
        self.setting.map(|_| with_unit(self.max, self.unit))
    }
}

/// A number as people write it: digits in groups of three.
fn with_unit(number: u64, unit: &str) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) && digits.len() > 3 {
            text.push(',');
        }
        text.push(digit);
    }
    if !unit.is_empty() {
        text.push(' ');
        text.push_str(unit);
    }
    text
}
