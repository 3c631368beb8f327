//! Conversations of which nothing is kept: how they end. Where their rows are, [`Host::store_of`] says.

use std::sync::Arc;
use std::time::Duration;

use claw_core::event::HostEvent;
use claw_core::id::{SessionKey, Timestamp};
use claw_store::{Retention, Store, StoreError, TasksOf};
use tokio_util::sync::CancellationToken;

use crate::app;
use crate::audit;
use crate::host::{Host, now};

/// Between two looks at what is idle; the setting counts minutes.
const EVERY: Duration = Duration::from_secs(60);
/// Tasks of one conversation among which its sub-agents are looked for: far more than any has room for.
const TASKS: usize = 100_000;

/// Ends those that are idle, until `stop`.
pub async fn follow(host: Arc<Host>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
        match end_idle(&host).await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "idle incognito conversations have ended"),
            Err(err) => {
                tracing::error!(error = &err as &dyn std::error::Error, "idle incognito conversations cannot be ended");
            }
        }
    }
}

async fn end_idle(host: &Host) -> Result<usize, StoreError> {
    if host.store.has_no_incognito() {
        return Ok(0);
    }
    let mut ended = 0;
    for key in idle(&host.incognito, host.incognito_idle, now())? {
        match end(host, &key, audit::HOST).await {
            Ok(_) => ended += 1,
            Err(StoreError::Busy { .. }) => {}
            Err(err) => return Err(err),
        }
    }
    Ok(ended)
}

/// Those in which nothing has happened for `age`. A sub-agent ends with the conversation that has started it, which may
/// still ask it something.
fn idle(store: &Store, age: Duration, at: Timestamp) -> Result<Vec<SessionKey>, StoreError> {
    let mut idle = Vec::new();
    for stale in store.stale_sessions(Retention { age: Some(age), count: None }, at)? {
        let parent = store.sub_agent(&stale.key)?.map(|agent| agent.parent);
        let is_needed = parent.map(|parent| store.session(&parent)).transpose()?.flatten().is_some();
        if !is_needed {
            idle.push(stale.key);
        }
    }
    Ok(idle)
}

/// Ends one with all sub-agents that it has started: nothing is left of them. Says whether there was one.
///
/// # Errors
/// [`StoreError::Busy`] if one of them is at work: then all stay.
pub async fn end(host: &Host, key: &SessionKey, by: &str) -> Result<bool, StoreError> {
    let all = with_sub_agents(&host.incognito, key)?;
    if let Some(row) = host.incognito.unfinished_runs()?.into_iter().find(|row| all.contains(&row.session)) {
        return Err(StoreError::Busy { session: row.session, run: row.run });
    }
    let mut existed = false;
    for session in all.iter().rev() {
        existed = host.incognito.delete_session(session, by, now()).await?;
        host.tell(HostEvent::SessionChanged { session: session.clone(), reason: "delete", at: now() });
    }
    if host.store.has_no_incognito() {
        app::give_memory_back();
    }
    Ok(existed)
}

/// A conversation, then those that it has started, directly or through others.
fn with_sub_agents(store: &Store, key: &SessionKey) -> Result<Vec<SessionKey>, StoreError> {
    let (mut all, mut looked_at) = (vec![key.clone()], 0);
    while let Some(parent) = all.get(looked_at).cloned() {
        looked_at += 1;
        for row in store.tasks(&TasksOf::For(parent.clone()), None, TASKS)? {
            let is_child = row.sub_agent.is_some_and(|agent| agent.parent == parent);
            if is_child && !all.contains(&row.task.session) {
                all.push(row.task.session);
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use claw_core::id::{AgentId, RunId};
    use claw_core::inbound::{Inbound, Origin, Source};
    use claw_store::{AuditKey, Cost, HandOver, Record, SubAgent, Task};

    use super::*;

    fn key(name: &str) -> SessionKey {
        SessionKey::parse(name, &AgentId::parse("main").unwrap()).unwrap()
    }

    fn inbound(run: &str, session: &str) -> Inbound {
        let source = Source { channel: "ws".to_owned(), account: "owner".to_owned() };
        let (run, session, origin) = (RunId::parse(run).unwrap(), key(session), Origin::Owner);
        Inbound { run, session, source, origin, text: "hello".to_owned(), images: Vec::new() }
    }

    async fn answer(store: &Store, run: &str, at: u64) {
        let end = Some(claw_core::event::RunEnd::Aborted { text: String::new() });
        let run = RunId::parse(run).unwrap();
        store.record(&run, Record { end, ..Record::default() }, Timestamp(at)).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_idle_ends_and_a_sub_agent_with_who_has_started_it() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("host.redb"), AuditKey::new([7; 32])).unwrap();
        let incognito = store.incognito();
        for (run, session) in [("a", "incognito:a"), ("b", "incognito:b")] {
            incognito.accept(inbound(run, session), Timestamp(1)).await.unwrap();
        }
        store.accept(inbound("kept", "main"), Timestamp(1)).await.unwrap();
        answer(&store, "kept", 1).await;
        let task = Task {
            run: RunId::parse("t").unwrap(),
            session: key("incognito:subagent:1"),
            parent: key("incognito:a"),
            parent_run: RunId::parse("a").unwrap(),
            root: RunId::parse("a").unwrap(),
            title: String::new(),
            seconds: 1,
            created: Timestamp(2),
        };
        let (parent, chat, tools) = (key("incognito:a"), key("incognito:a"), None);
        let sub_agent = Some(SubAgent { parent, chat, depth: 1, label: String::new(), tools });
        let inbound = inbound("t", "incognito:subagent:1");
        let work = HandOver { inbound, sub_agent, task, labels: Default::default(), used: Cost::default() };
        incognito.hand_over(work, Timestamp(2)).await.unwrap();
        answer(&incognito, "t", 2).await;
        answer(&incognito, "a", 100).await;
        let idle = |at| idle(&incognito, Duration::from_millis(50), Timestamp(at)).unwrap();
        assert_eq!(idle(60), [], "`b` waits, `a` has just spoken, and the sub-agent is its");
        answer(&incognito, "b", 100).await;
        assert_eq!(idle(140), []);
        assert_eq!(idle(160), [key("incognito:a"), key("incognito:b")]);
        assert_eq!(with_sub_agents(&incognito, &key("incognito:a")).unwrap().len(), 2);
        incognito.delete_session(&key("incognito:a"), "test", Timestamp(160)).await.unwrap();
        assert!(idle(160).contains(&key("incognito:subagent:1")), "nobody is left who needs it");
    }
}
