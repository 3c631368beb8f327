//! Where a run stands among conversations that hand work to each other: what that leaves it, and on whose account it is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use claw_core::id::{RunId, SessionKey, ToolName};
use claw_store::{StoreError, SubAgent, Task};

use crate::host::Host;

/// What a run has from the conversations above its own.
#[derive(Clone, Debug)]
pub struct Lineage {
    /// The only tools that its agent has.
    tools: Option<Arc<BTreeSet<ToolName>>>,
    /// What its conversation is, if another one has started it.
    pub sub_agent: Option<SubAgent>,
    /// The task that it does.
    pub task: Option<Task>,
    /// The conversations above, the nearest first; what it spends counts for them too.
    pub above: Vec<SessionKey>,
    /// The run at the beginning of the chain: this one where nobody has handed it anything.
    pub root: RunId,
}

impl Lineage {
    /// Looks it up.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn of(host: &Host, session: &SessionKey, run: &RunId) -> Result<Lineage, StoreError> {
        let store = host.store_of(session);
        let task = store.task(run)?.map(|row| row.task);
        Ok(Lineage {
            tools: host.agents.of(session).tools(),
            sub_agent: store.sub_agent(session)?,
            above: store.ancestors(session)?,
            root: task.as_ref().map_or_else(|| run.clone(), |task| task.root.clone()),
            task,
        })
    }

    /// Whether a tool is its agent's, and was left to it.
    pub fn allows(&self, tool: &ToolName) -> bool {
        self.tools.as_ref().is_none_or(|tools| tools.contains(tool)) && is_left(self.sub_agent.as_ref(), tool)
    }

    /// How long it may work, if it does a task.
    pub fn limit(&self) -> Option<Duration> {
        self.task.as_ref().map(|task| Duration::from_secs(task.seconds))
    }

    /// How many conversations are above.
    pub fn depth(&self) -> u32 {
        self.sub_agent.as_ref().map_or(0, |agent| agent.depth)
    }
}

/// Whether a tool is worth showing to the model of a conversation, which another one may have started: one that was left
/// to it, can do something there, and is its agent's.
pub fn offers(host: &Host, session: &SessionKey, sub_agent: Option<&SubAgent>, tool: &ToolName) -> bool {
    let starts_others = tool.as_str() == "sessions_spawn";
    let depth = sub_agent.map_or(0, |sub_agent| sub_agent.depth);
    host.agents.of(session).has(tool) && is_left(sub_agent, tool) && (!starts_others || depth < host.sub_agents.depth)
}

fn is_left(sub_agent: Option<&SubAgent>, tool: &ToolName) -> bool {
    let tools = sub_agent.and_then(|sub_agent| sub_agent.tools.as_ref());
    tools.is_none_or(|tools| tools.contains(tool))
}
