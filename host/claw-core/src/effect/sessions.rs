//! Other conversations, and sub-agents: `openclaw:sessions`.

use serde::{Deserialize, Serialize};

/// What a guest asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionsRequest {
    /// The conversations that its own one has started, directly or through others.
    Own {
        /// At most so many.
        limit: u32,
    },
    /// All conversations of the agent.
    All {
        /// At most so many.
        limit: u32,
    },
    /// What was said in one.
    History {
        /// Its key.
        key: String,
        /// At most so many messages.
        limit: u32,
        /// Only what was said before this one.
        before: Option<u64>,
    },
    /// Says something in one.
    Send {
        /// Its key.
        key: String,
        /// What.
        text: String,
    },
    /// Starts a sub-agent.
    Spawn(SpawnRequest),
}

/// A sub-agent that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpawnRequest {
    /// What it is to do.
    pub task: String,
    /// What it is called; may be empty.
    pub label: String,
    /// The only tools that it may use; empty for all that the run may use.
    pub tools: Vec<String>,
    /// How long it may work, in seconds; 0 for as long as the host allows.
    pub seconds: u32,
}

/// What is decided on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionsPlan {
    /// Looking at one conversation, or at the list of them.
    Read(Reach),
    /// Saying something in one, which starts a run there.
    Send {
        /// Which.
        to: Reach,
        /// What.
        text: String,
    },
    /// Starting a sub-agent.
    Spawn(SpawnPlan),
}

/// A conversation, seen from the one that asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Its key; `*` for all of them.
    pub key: String,
    /// Whether it is the asking one itself, or was started by it, directly or through others.
    pub own: bool,
}

/// A sub-agent as it will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpawnPlan {
    /// What it is to do.
    pub task: String,
    /// What it is called.
    pub label: String,
    /// The model that it asks.
    pub model: String,
    /// The only tools that it may use; `None` for all that are installed.
    pub tools: Option<Vec<String>>,
    /// How long it may work, in seconds, without the time it waits for people.
    pub seconds: u64,
    /// How many conversations are above it.
    pub depth: u32,
}

/// What the host answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionsReply {
    /// Conversations, the latest first.
    List(Vec<SessionSummary>),
    /// What was said.
    History(SessionPage),
    /// A run was started.
    Started(StartedTask),
}

/// One conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// Its key.
    pub key: String,
    /// What it is called; empty if nobody has named it.
    pub title: String,
    /// Milliseconds since 1970 of its last message.
    pub updated_ms: u64,
    /// Where its latest task stands: `queued`, `running`, `done`, `failed`, `cancelled` or `lost`; empty if it has none.
    pub state: String,
}

/// A page of what was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPage {
    /// In the order in which it was said.
    pub entries: Vec<SessionEntry>,
    /// The number of the first message, if there are others before it.
    pub before: Option<u64>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEntry {
    /// `user`, `assistant`, `tool` or `host`.
    pub role: String,
    /// Its text, cut where it is long.
    pub text: String,
}

/// Work that was handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedTask {
    /// The run that does it, which is also the name of the task.
    pub run: String,
    /// The conversation that does it.
    pub key: String,
}
