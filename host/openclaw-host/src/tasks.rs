//! Tasks at work: how they begin, what is heard of their ends, and what stops them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claw_core::context::fenced;
use claw_core::event::{HOST_MARK, RunEnd};
use claw_core::id::{CallId, RunId, SessionKey, ToolName};
use claw_core::inbound::{Inbound, Origin, Source};
use claw_store::{Accepted, HandOver, PreferencesOf, RunState, StoreError, Task};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::driver::DriverEvent;
use crate::host::{Host, now};
use crate::queue;
use crate::ways::Ways;

/// The channel of what conversations say to each other.
pub const CHANNEL: &str = "sub-agent";
/// Characters of a result that its parent gets to see; the sub-agent's own conversation keeps all of it.
const RESULT_CHARS: usize = 32_000;
/// The tool that results are said to come from.
const TOOL: &str = "sessions_spawn";

/// The tasks that were stopped with those who wanted them: nobody waits for their results.
#[derive(Debug, Default)]
pub struct Unheard(Mutex<HashSet<RunId>>);

impl Unheard {
    fn add(&self, run: RunId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(run);
    }

    fn take(&self, run: &RunId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(run)
    }
}

/// Where a task stands, in one word.
pub fn state(state: &RunState) -> &'static str {
    match state {
        RunState::Received => "queued",
        RunState::Running => "running",
        RunState::Ended(RunEnd::Done { .. } | RunEnd::Joined { .. }) => "done",
        RunState::Ended(RunEnd::Failed { kind, .. }) if kind == RunEnd::LOST => "lost",
        RunState::Ended(RunEnd::Failed { .. }) => "failed",
        RunState::Ended(RunEnd::Aborted { .. }) => "cancelled",
    }
}

/// Hands work over: durable first, then queued. Goes on to its end whatever becomes of the caller, so that no work is
/// accepted and then forgotten; work of a run that is stopped meanwhile is stopped as well.
///
/// # Errors
/// [`StoreError`] if it could not be accepted.
pub async fn begin(host: &Arc<Host>, work: HandOver, stopped: CancellationToken) -> Result<(), StoreError> {
    let host = Arc::clone(host);
    let (session, run) = (work.inbound.session.clone(), work.inbound.run.clone());
    let began = tokio::spawn(async move {
        if host.store_of(&session).hand_over(work, now()).await? != Accepted::New {
            return Ok(());
        }
        // While the host stops, nobody listens; the work begins at the next start.
        let event = DriverEvent::Arrived(session.clone(), run.clone(), queue::taken_up(), None);
        let _ = host.driver.send(event).await;
        if stopped.is_cancelled() {
            host.unheard.add(run.clone());
            stop_one(&host, session, run).await;
        }
        Ok(())
    });
    began.await.unwrap_or(Err(StoreError::Closed))
}

/// What the parent of a task is told when it ends; `None` where there is no task, or nobody waits for it.
pub fn announcement(host: &Host, run: &RunId, end: &RunEnd) -> Result<Option<Inbound>, StoreError> {
    let Some(row) = host.store_of_run(run)?.task(run)? else { return Ok(None) };
    let Task { session, parent, created, .. } = row.task;
    if host.unheard.take(run) {
        return Ok(None);
    }
    let (what, said) = match end {
        RunEnd::Done { text, .. } => ("done", text),
        RunEnd::Failed { kind, message } if kind == RunEnd::LOST => ("lost", message),
        RunEnd::Failed { message, .. } => ("failed", message),
        RunEnd::Aborted { text } => ("cancelled by the owner", text),
        // The other run answers, and has no task of its own.
        RunEnd::Joined { .. } => return Ok(None),
    };
    let who = match row.sub_agent.filter(|agent| !agent.label.is_empty()) {
        Some(agent) => format!("sub-agent `{}` (`{session}`)", agent.label),
        None => format!("`{session}`"),
    };
    let took = Duration::from_millis(now().0.saturating_sub(created.0)).as_secs();
    let mut text = format!("{HOST_MARK} {who}, task `{run}`: {what}, after {took} s.");
    if !said.is_empty() {
        text.push_str(" It says:\n");
        text.push_str(&quoted(host, &parent, run, said));
    }
    let source = Source { channel: CHANNEL.to_owned(), account: session.to_string() };
    let id = RunId::parse(&format!("{run}-end")).expect("tasks: a task's id leaves room for a suffix");
    Ok(Some(Inbound { run: id, session: parent, source, origin: Origin::SubAgent, text, images: Vec::new() }))
}

/// Another conversation's words, as information: between marks that it cannot know.
pub fn quoted(host: &Host, reader: &SessionKey, run: &RunId, said: &str) -> String {
    let mut kept: String = said.chars().take(RESULT_CHARS).collect();
    if kept.len() < said.len() {
        kept.push_str("\n[cut here; `sessions_history` has the rest]");
    }
    let call = CallId::parse(run.as_str()).expect("tasks: a task's id is short and printable");
    let tool = ToolName::parse(TOOL).expect("tasks: the literal is a tool name");
    fenced(&kept, &tool, &host.fences.mark(reader, &call))
}

/// Tells the driver of an announcement that has been recorded.
pub async fn arrived(host: &Host, announced: Inbound) {
    // It is not there if the conversation was deleted meanwhile.
    if let Ok(Some(row)) = host.store_of(&announced.session).run(&announced.run)
        && row.state == RunState::Received
    {
        let of = PreferencesOf::Session(announced.session.clone());
        let own = host.store_of(&announced.session).preferences(&of).unwrap_or_default();
        let queueing = queue::announced(Ways::of(host, host.agents.of(&announced.session), &own).waiting);
        let _ = host.driver.send(DriverEvent::Arrived(announced.session, announced.run, queueing, None)).await;
    }
}

/// Stops the tasks that a conversation, or only one of its runs, has handed over, and those that they have. Their ends
/// are not announced: who wanted them was stopped.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub async fn stop_of(host: &Host, session: &SessionKey, run: Option<&RunId>) -> Result<Vec<RunId>, StoreError> {
    let open = host.store_of(session).open_tasks()?;
    let mut stopped: Vec<&Task> =
        open.iter().filter(|task| task.parent == *session && run.is_none_or(|run| task.parent_run == *run)).collect();
    let mut at = 0;
    while let Some(task) = stopped.get(at) {
        let (session, run) = (&task.session, &task.run);
        let below: Vec<_> = open
            .iter()
            .filter(|below| below.parent == *session && below.parent_run == *run)
            .filter(|below| !stopped.iter().any(|known| known.run == below.run))
            .collect();
        stopped.extend(below);
        at += 1;
    }
    for task in &stopped {
        host.unheard.add(task.run.clone());
        stop_one(host, task.session.clone(), task.run.clone()).await;
    }
    Ok(stopped.into_iter().map(|task| task.run.clone()).collect())
}

/// Stops one run; says whether it was there.
pub async fn stop_one(host: &Host, session: SessionKey, run: RunId) -> bool {
    let (reply, runs) = oneshot::channel();
    match host.driver.send(DriverEvent::Stop(session, Some(run), reply)).await {
        Ok(()) => !runs.await.unwrap_or_default().is_empty(),
        Err(_) => false,
    }
}
