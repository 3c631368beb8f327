//! How messages wait whose conversation is at work.

use std::time::Duration;

use claw_core::lane::{DropPolicy, QueueMode, Queueing};

/// How a message that has just been accepted waits, where the others of its conversation wait as `wanted`.
pub fn arriving(wanted: Queueing, channel: &str, is_slash: bool) -> Queueing {
    // Who asks over HTTP waits for an answer of its own, and a command is no part of what others talk about.
    if channel == "http" || is_slash {
        return Queueing { mode: QueueMode::Followup, drop: DropPolicy::New, ..wanted };
    }
    wanted
}

/// How the end of a task waits, where messages wait as `wanted`. It interrupts nobody: the run at work may have handed over
/// more, which would end with it.
pub fn announced(wanted: Queueing) -> Queueing {
    match wanted.mode {
        QueueMode::Interrupt => Queueing { mode: QueueMode::Followup, ..wanted },
        QueueMode::Steer | QueueMode::Followup | QueueMode::Collect => wanted,
    }
}

/// How a message waits that was accepted before the host started: one after the other, and all of them.
pub fn taken_up() -> Queueing {
    Queueing { mode: QueueMode::Followup, debounce: Duration::ZERO, cap: usize::MAX, drop: DropPolicy::New }
}
