//! The ledger of tasks, for clients.

use claw_core::event::RunEnd;
use claw_core::id::RunId;
use claw_core::outbound::Spoken;
use claw_gateway::{RpcError, TaskCall, TaskList};
use claw_store::{RunState, Task, TaskRow, TasksOf};
use serde_json::{Value, json};

use super::{Api, stored};
use crate::tasks;

/// Tasks that are read at a time.
const PAGE: usize = 200;
/// Tasks that one call looks at; where there are more, its answer ends with a cursor even if nothing was found.
const LOOKED_AT: usize = 10_000;

impl Api {
    pub(super) async fn task_call(&self, call: TaskCall) -> Result<Value, RpcError> {
        match call {
            TaskCall::List(list) => self.tasks(&list),
            TaskCall::Get(run) => {
                let store = self.host.store_of_run(&run).map_err(stored)?;
                let row = store.task(&run).map_err(stored)?.ok_or_else(|| unknown(&run))?;
                Ok(json!({"task": in_full(&row)}))
            }
            TaskCall::Cancel(run) => self.cancel_task(&run).await,
        }
    }

    fn tasks(&self, list: &TaskList) -> Result<Value, RpcError> {
        let store = list.session.as_ref().map_or(&self.host.store, |session| self.host.store_of(session));
        let of = list.session.clone().map_or(TasksOf::All, TasksOf::With);
        let mut last = match &list.after {
            Some(after) => Some(store.task(after).map_err(stored)?.ok_or_else(|| unknown(after))?.task),
            None => None,
        };
        let (mut found, mut looked_at, mut has_more) = (Vec::new(), 0, true);
        'pages: while has_more && looked_at < LOOKED_AT {
            let page = store.tasks(&of, last.as_ref(), PAGE).map_err(stored)?;
            looked_at += page.len();
            has_more = page.len() == PAGE;
            for row in page {
                if is_wanted(&row, list) {
                    if found.len() == list.limit {
                        has_more = true;
                        break 'pages;
                    }
                    found.push(task(&row));
                }
                last = Some(row.task);
            }
        }
        let next = last.filter(|_| has_more).map(|task| task.run);
        Ok(json!({"tasks": found, "nextCursor": next}))
    }

    /// Stops the run of a task and all that it has handed over. Its parent is told.
    async fn cancel_task(&self, run: &RunId) -> Result<Value, RpcError> {
        let host = &self.host;
        let Some(row) = host.store_of_run(run).and_then(|store| store.task(run)).map_err(stored)? else {
            return Ok(json!({"found": false, "cancelled": false, "reason": unknown(run).message}));
        };
        if matches!(row.state, RunState::Ended(_)) {
            let reason = format!("it has ended: {}", tasks::state(&row.state));
            return Ok(json!({"found": true, "cancelled": false, "reason": reason, "task": task(&row)}));
        }
        let session = row.task.session.clone();
        let cancelled = tasks::stop_one(host, session.clone(), run.clone()).await;
        tasks::stop_of(host, &session, Some(run)).await.map_err(stored)?;
        Ok(json!({"found": true, "cancelled": cancelled, "task": task(&row)}))
    }
}

fn is_wanted(row: &TaskRow, list: &TaskList) -> bool {
    list.agent.as_ref().is_none_or(|agent| *agent == row.task.session.agent())
        && (list.statuses.is_empty()
            || list
                .statuses
                .iter()
                .any(|wanted| [status(&row.state), tasks::state(&row.state)].contains(&wanted.as_str())))
}

fn unknown(run: &RunId) -> RpcError {
    RpcError::invalid(format!("there is no task `{run}`; `openclaw-host tasks list` shows those that there are"))
}

/// Where a task stands, in the words of the protocol.
fn status(state: &RunState) -> &'static str {
    match state {
        RunState::Ended(RunEnd::Failed { kind, .. }) if kind == "timeout" => "timed_out",
        state => match tasks::state(state) {
            "done" => "completed",
            "lost" => "failed",
            word => word,
        },
    }
}

fn task(row: &TaskRow) -> Value {
    let Task { run, session, parent, parent_run, title, seconds, created, .. } = &row.task;
    let agent = row.sub_agent.as_ref();
    json!({
        "id": run,
        "kind": if agent.is_some() { "subagent" } else { "message" },
        "runtime": "subagent",
        "status": status(&row.state),
        "state": tasks::state(&row.state),
        "title": title,
        "label": agent.map(|agent| &agent.label).filter(|label| !label.is_empty()),
        "agentId": session.agent(),
        "sessionKey": parent,
        "childSessionKey": session,
        "parentRunId": parent_run,
        "timeoutSeconds": seconds,
        "createdAt": created.0,
        "endedAt": row.ended.map(|at| at.0),
    })
}

/// The same with what the sub-agent may use and what it said.
fn in_full(row: &TaskRow) -> Value {
    let mut value = task(row);
    value["tools"] = json!(row.sub_agent.as_ref().and_then(|agent| agent.tools.as_ref()));
    value["depth"] = json!(row.sub_agent.as_ref().map(|agent| agent.depth));
    match &row.state {
        RunState::Ended(RunEnd::Done { text, .. } | RunEnd::Aborted { text }) => {
            value["result"] = json!(Spoken::shown().all(text))
        }
        RunState::Ended(RunEnd::Failed { message, .. }) => value["error"] = json!(message),
        RunState::Ended(RunEnd::Joined { .. }) | RunState::Received | RunState::Running => {}
    }
    value
}
