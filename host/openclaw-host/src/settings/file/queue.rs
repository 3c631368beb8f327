//! The section `queue`: what becomes of messages that arrive while others are at work.

use claw_core::lane::{DropPolicy, LONGEST_DEBOUNCE, MOST_WAITING, QueueMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of messages that arrive while others are at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct QueueFile {
    /// What a message does whose conversation is at work. `steer`: it joins the run between two steps. `followup`: it
    /// runs next. `collect`: it runs next, together with the others that wait. `interrupt`: it ends the run.
    pub mode: QueueWord,
    /// With `collect`: milliseconds without a new message before those that wait are run.
    #[schemars(range(min = 0, max = LONGEST_DEBOUNCE.as_secs() * 1000))]
    pub debounce_ms: u64,
    /// Messages that may wait in one conversation.
    #[schemars(range(min = 1, max = MOST_WAITING))]
    pub cap: u64,
    /// Which one is left out when more wait. `old`: the oldest. `new`: the newest. `summarize`: the oldest, and the
    /// model sees how it began.
    pub drop: DropWord,
    /// Runs at the same time, over all conversations.
    #[schemars(range(min = 1, max = 1024))]
    pub parallel: u64,
}

/// What a message does whose conversation is at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum QueueWord {
    /// It joins the run between two steps.
    #[default]
    Steer,
    /// It runs next.
    Followup,
    /// It runs next, together with the others that wait.
    Collect,
    /// It ends the run.
    Interrupt,
}

/// Which message is left out when too many wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum DropWord {
    /// The oldest.
    Old,
    /// The newest.
    New,
    /// The oldest, and the model sees how it began.
    #[default]
    Summarize,
}

impl Default for QueueFile {
    fn default() -> Self {
        // OpenClaw's values, but for `parallel`.
        QueueFile { mode: QueueWord::default(), debounce_ms: 500, cap: 20, drop: DropWord::default(), parallel: 64 }
    }
}

impl From<QueueWord> for QueueMode {
    fn from(word: QueueWord) -> QueueMode {
        match word {
            QueueWord::Steer => QueueMode::Steer,
            QueueWord::Followup => QueueMode::Followup,
            QueueWord::Collect => QueueMode::Collect,
            QueueWord::Interrupt => QueueMode::Interrupt,
        }
    }
}

impl From<DropWord> for DropPolicy {
    fn from(word: DropWord) -> DropPolicy {
        match word {
            DropWord::Old => DropPolicy::Old,
            DropWord::New => DropPolicy::New,
            DropWord::Summarize => DropPolicy::Summarize,
        }
    }
}
