//! Parameters of `tasks.*`.

use claw_core::id::{AgentId, RunId, SessionKey};
use serde::Deserialize;
use serde_json::Value;

use super::{Request, host, page, parse, session};
use crate::call::{Call, TaskCall, TaskList};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    status: Option<Statuses>,
    agent_id: Option<AgentId>,
    session_key: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Statuses {
    One(String),
    Some(Vec<String>),
}

/// The words of the protocol, and those of the ledger that differ.
const STATUSES: [&str; 8] = ["queued", "running", "completed", "failed", "cancelled", "timed_out", "done", "lost"];

pub(super) fn list(params: Value) -> Result<Request, String> {
    let ListParams { status, agent_id, session_key, limit, cursor } = parse(params)?;
    let statuses = match status {
        None => Vec::new(),
        Some(Statuses::One(status)) => vec![status],
        Some(Statuses::Some(statuses)) => statuses,
    };
    if let Some(unknown) = statuses.iter().find(|status| !STATUSES.contains(&status.as_str())) {
        let shown: String = unknown.chars().take(40).flat_map(char::escape_default).collect();
        return Err(format!("`{shown}` is no status; there are {}", STATUSES.join(", ")));
    }
    let session: Option<SessionKey> = session_key.map(|key| session(Some(&key), agent_id.clone())).transpose()?;
    let after = cursor.map(|run| RunId::parse(&run).map_err(|err| err.to_string())).transpose()?;
    host(Call::Tasks(TaskCall::List(TaskList { statuses, session, agent: agent_id, limit: page(limit), after })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskParams {
    task_id: RunId,
}

pub(super) fn get(params: Value) -> Result<Request, String> {
    let TaskParams { task_id } = parse(params)?;
    host(Call::Tasks(TaskCall::Get(task_id)))
}

pub(super) fn cancel(params: Value) -> Result<Request, String> {
    let TaskParams { task_id } = parse(params)?;
    host(Call::Tasks(TaskCall::Cancel(task_id)))
}
