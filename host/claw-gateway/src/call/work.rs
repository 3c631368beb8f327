//! What is asked about work that was handed over, and about messages that are to be sent.

use claw_core::id::{AgentId, RunId, SessionKey};

/// What is asked about tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskCall {
    /// `{tasks, nextCursor?}`
    List(TaskList),
    /// `{task}`
    Get(RunId),
    /// `{found, cancelled, reason?, task?}`
    Cancel(RunId),
}

/// Which tasks to list, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskList {
    /// Only those that stand so, in the protocol's words; empty for all.
    pub statuses: Vec<String>,
    /// Only those that this conversation does or wants done.
    pub session: Option<SessionKey>,
    /// Only those of this agent.
    pub agent: Option<AgentId>,
    /// At most so many.
    pub limit: usize,
    /// Those behind this one.
    pub after: Option<RunId>,
}

/// What is asked about messages that are to be sent over channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxCall {
    /// `{messages, nextCursor?}`
    List(OutboxList),
    /// `{done, left}`: dead ones are tried again.
    Retry(OutboxChoice),
    /// `{done, left}`: they are not sent any more.
    Drop(OutboxChoice),
}

/// Which messages to list, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxList {
    /// Only those in this state.
    pub state: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Those behind this number.
    pub after: u64,
}

/// Which messages are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxChoice {
    /// Those with these numbers.
    These(Vec<u64>),
    /// All that are dead.
    AllDead,
}
