//! The rows of sub-agents and of tasks.

use claw_core::id::{RunId, SessionKey, Timestamp, ToolName};
use serde::{Deserialize, Serialize};

use super::Row;
use crate::task::{SubAgent, Task};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredSubAgent {
    parent: SessionKey,
    chat: SessionKey,
    depth: u32,
    label: String,
    tools: Option<Vec<ToolName>>,
}

impl Row for StoredSubAgent {
    const KIND: &'static str = "sub-agent";
    const VERSION: u8 = 1;
}

impl From<SubAgent> for StoredSubAgent {
    fn from(SubAgent { parent, chat, depth, label, tools }: SubAgent) -> Self {
        StoredSubAgent { parent, chat, depth, label, tools }
    }
}

impl From<StoredSubAgent> for SubAgent {
    fn from(StoredSubAgent { parent, chat, depth, label, tools }: StoredSubAgent) -> Self {
        SubAgent { parent, chat, depth, label, tools }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredTask {
    run: RunId,
    session: SessionKey,
    parent: SessionKey,
    parent_run: RunId,
    root: RunId,
    title: String,
    seconds: u64,
    created: Timestamp,
}

impl Row for StoredTask {
    const KIND: &'static str = "task";
    const VERSION: u8 = 1;
}

impl From<Task> for StoredTask {
    fn from(Task { run, session, parent, parent_run, root, title, seconds, created }: Task) -> Self {
        StoredTask { run, session, parent, parent_run, root, title, seconds, created }
    }
}

impl From<StoredTask> for Task {
    fn from(StoredTask { run, session, parent, parent_run, root, title, seconds, created }: StoredTask) -> Self {
        Task { run, session, parent, parent_run, root, title, seconds, created }
    }
}
