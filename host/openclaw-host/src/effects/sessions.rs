//! Other conversations and sub-agents, for a component.

mod look;

use std::collections::BTreeSet;

use claw_core::effect::{
    EffectError, Reach, SessionsPlan, SessionsReply, SessionsRequest, SpawnPlan, SpawnRequest, StartedTask,
};
use claw_core::event::HOST_MARK;
use claw_core::id::{RunId, SessionKey, ToolName};
use claw_core::inbound::{Inbound, Origin, Source};
use claw_policy::Action;
use claw_store::{HandOver, PreferencesOf, StoreError, SubAgent, Task};

use super::Effects;
use crate::host::{now, random_bits};
use crate::masking;
use crate::tasks::{self, CHANNEL};
use crate::ways::Ways;

/// Bytes of a task, or of what is said in another conversation.
const TEXT_BYTES: usize = 16 << 10;
/// Bytes of a sub-agent's name.
const LABEL_BYTES: usize = 64;
/// Characters of a task that the ledger shows.
const TITLE_CHARS: usize = 80;

impl Effects {
    pub(super) async fn sessions(&self, request: SessionsRequest) -> Result<SessionsReply, EffectError> {
        match request {
            SessionsRequest::Own { limit } => self.own_sessions(limit).await.map(SessionsReply::List),
            SessionsRequest::All { limit } => self.all_sessions(limit).await.map(SessionsReply::List),
            SessionsRequest::History { key, limit, before } => {
                self.session_history(&key, limit, before).await.map(SessionsReply::History)
            }
            SessionsRequest::Send { key, text } => self.send_to_session(&key, text).await.map(SessionsReply::Started),
            SessionsRequest::Spawn(request) => self.spawn(request).await.map(SessionsReply::Started),
        }
    }

    async fn spawn(&self, request: SpawnRequest) -> Result<StartedTask, EffectError> {
        let plan = self.plan_of_sub_agent(request)?;
        let (permit, index) = self.admit(Action::UseSessions(SessionsPlan::Spawn(plan))).await?;
        let Action::UseSessions(SessionsPlan::Spawn(plan)) = permit.into_action() else {
            unreachable!("effects: the permit is for a sub-agent")
        };
        // Somebody may have thought about it for long.
        self.has_room_for_a_task()?;
        let facts = &self.context.facts;
        let id = format!("{:016x}", random_bits() as u64);
        // Incognito where this one is.
        let session = facts.session.beside(&format!("subagent:{id}")).expect("effects: hex digits make a key");
        let above = self.context.lineage.sub_agent.as_ref();
        let sub_agent = SubAgent {
            parent: facts.session.clone(),
            chat: above.map_or_else(|| facts.session.clone(), |above| above.chat.clone()),
            depth: plan.depth,
            label: plan.label,
            tools: plan.tools.map(|tools| tools.iter().filter_map(|tool| ToolName::parse(tool).ok()).collect()),
        };
        let task = self.spoken(&plan.task);
        let started = self.hand_over(&id, session, task, Some(sub_agent), plan.seconds).await?;
        self.ended(index, format!("started `{}`", started.key)).await?;
        Ok(started)
    }

    async fn send_to_session(&self, key: &str, text: String) -> Result<StartedTask, EffectError> {
        check_text("a message", &text)?;
        let (session, reach) = self.reach(key)?;
        if session == self.context.facts.session {
            return Err(EffectError::Invalid(format!("`{session}` is this very conversation")));
        }
        if self.context.facts.session.is_incognito() && !session.is_incognito() {
            let message = format!("this conversation is incognito, and `{session}` is kept: nothing is said there");
            return Err(EffectError::denied("E_SESSIONS_INCOGNITO", message));
        }
        self.has_room_for_a_task()?;
        let plan = SessionsPlan::Send { to: reach, text };
        let (permit, index) = self.admit(Action::UseSessions(plan)).await?;
        let Action::UseSessions(SessionsPlan::Send { to, text }) = permit.into_action() else {
            unreachable!("effects: the permit is for a message to a conversation")
        };
        self.has_room_for_a_task()?;
        let host = &self.context.host;
        if self.context.store().session(&session).map_err(unreadable)?.is_none() {
            return Err(look::not_there(&session));
        }
        let id = format!("{:016x}", random_bits() as u64);
        let seconds = host.sub_agents.run.min(host.limits.run).as_secs();
        // A sub-agent's work comes from here; in other conversations these are somebody else's words.
        let said = self.spoken(&text);
        let text = if to.own {
            said
        } else {
            let from = &self.context.facts.session;
            let quoted = tasks::quoted(host, &session, &task_id(&id), &said);
            format!("{HOST_MARK} the assistant says from its conversation `{from}`, and gets your answer:\n{quoted}")
        };
        let started = self.hand_over(&id, session, text, None, seconds).await?;
        self.ended(index, format!("said in `{}`", started.key)).await?;
        Ok(started)
    }

    /// What is decided on: everything named, each number as it will be.
    fn plan_of_sub_agent(&self, request: SpawnRequest) -> Result<SpawnPlan, EffectError> {
        let SpawnRequest { task, label, tools, seconds } = request;
        let (host, lineage) = (&self.context.host, &self.context.lineage);
        check_text("a task", &task)?;
        if label.len() > LABEL_BYTES || label.chars().any(char::is_control) {
            let message = format!("a sub-agent's name is one line of at most {LABEL_BYTES} bytes");
            return Err(EffectError::Invalid(message));
        }
        let (depth, deepest) = (lineage.depth() + 1, host.sub_agents.depth);
        if depth > deepest {
            let message = format!(
                "a conversation with {} above it may start no sub-agent; `subAgents.maxDepth` is {deepest}",
                depth - 1
            );
            return Err(EffectError::Limit(message));
        }
        self.has_room_for_a_task()?;
        let catalog = host.catalog();
        for tool in &tools {
            let known = ToolName::parse(tool).ok().filter(|tool| catalog.tool(tool).is_some());
            if !known.is_some_and(|tool| lineage.allows(&tool)) {
                let message = format!("`{tool}` is no tool of this run, so it cannot be left to a sub-agent");
                return Err(EffectError::Invalid(message));
            }
        }
        let named: BTreeSet<_> = tools.into_iter().collect();
        let inherited = || {
            let tools = lineage.sub_agent.as_ref()?.tools.as_ref()?;
            Some(tools.iter().map(ToString::to_string).collect())
        };
        let most = host.sub_agents.run.min(host.limits.run).as_secs();
        Ok(SpawnPlan {
            task,
            label,
            model: self.model(&lineage.above)?,
            tools: if named.is_empty() { inherited() } else { Some(named.into_iter().collect()) },
            seconds: if seconds == 0 { most } else { most.min(seconds.into()) },
            depth,
        })
    }

    /// Who answers where this conversation starts a sub-agent.
    fn model(&self, above: &[SessionKey]) -> Result<String, EffectError> {
        let host = &self.context.host;
        let session = &self.context.facts.session;
        let own = self.context.store().preferences(&PreferencesOf::Session(session.clone()));
        let ways = own.and_then(|own| Ways::of_session(host, session, own, above));
        Ok(ways.map_err(unreadable)?.model.name)
    }

    fn has_room_for_a_task(&self) -> Result<(), EffectError> {
        let (host, session) = (&self.context.host, &self.context.facts.session);
        let open = self.context.store().open_tasks().map_err(unreadable)?;
        let (open, most) = (open.iter().filter(|task| task.parent == *session).count(), host.sub_agents.children);
        if open < most {
            return Ok(());
        }
        let message = format!(
            "{open} tasks of this conversation have not ended, and `subAgents.maxChildren` allows {most}; wait for a result"
        );
        Err(EffectError::Limit(message))
    }

    async fn hand_over(
        &self,
        id: &str,
        session: SessionKey,
        text: String,
        sub_agent: Option<SubAgent>,
        seconds: u64,
    ) -> Result<StartedTask, EffectError> {
        let context = &self.context;
        let facts = &context.facts;
        let run = task_id(id);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let task = Task {
            run: run.clone(),
            session: session.clone(),
            parent: facts.session.clone(),
            parent_run: facts.run.clone(),
            root: context.lineage.root.clone(),
            title: words.chars().take(TITLE_CHARS).collect(),
            seconds,
            created: now(),
        };
        let source = Source { channel: CHANNEL.to_owned(), account: facts.session.to_string() };
        let inbound = Inbound { run, session, source, origin: Origin::SubAgent, text, images: Vec::new() };
        let started = StartedTask { run: task.run.to_string(), key: task.session.to_string() };
        let labels = context.labels.now();
        let work = HandOver { inbound, sub_agent, task, labels, used: context.used };
        tasks::begin(&context.host, work, context.cancel.clone()).await.map_err(unreadable)?;
        Ok(started)
    }

    /// A conversation by the words of a guest, seen from the run's own one.
    fn reach(&self, key: &str) -> Result<(SessionKey, Reach), EffectError> {
        let own = &self.context.facts.session;
        let session = SessionKey::parse(key, &own.agent()).map_err(|err| EffectError::Invalid(err.to_string()))?;
        if session.agent() != own.agent() {
            let message = format!("`{session}` belongs to another agent; an agent reaches only its own conversations");
            return Err(EffectError::denied("E_SESSIONS_REACH", message));
        }
        let is_own = session == *own || self.context.store().descends(&session, own).map_err(unreadable)?;
        // As though it were not there, for whoever has not started it.
        if session.is_incognito() && !is_own {
            return Err(look::not_there(&session));
        }
        if !is_own && self.context.lineage.sub_agent.is_some() {
            return Err(outside_of_its_own());
        }
        Ok((session.clone(), Reach { key: session.to_string(), own: is_own }))
    }

    /// Words of a run as another one may hear them.
    fn spoken(&self, text: &str) -> String {
        masking::spoken(&masking::mask(&self.context.host.vault)).text(text).into_owned()
    }
}

fn outside_of_its_own() -> EffectError {
    EffectError::denied("E_SESSIONS_REACH", "a sub-agent reaches only itself and the sub-agents that it has started")
}

fn check_text(what: &str, text: &str) -> Result<(), EffectError> {
    if text.trim().is_empty() || text.len() > TEXT_BYTES {
        return Err(EffectError::Invalid(format!("{what} has 1 to {TEXT_BYTES} bytes")));
    }
    Ok(())
}

fn task_id(id: &str) -> RunId {
    RunId::parse(&format!("task-{id}")).expect("effects: hex digits make a run id")
}

fn unreadable(err: StoreError) -> EffectError {
    EffectError::Unavailable(err.to_string())
}
