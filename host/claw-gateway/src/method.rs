//! The registry of methods: name, scope, and how parameters become a [`Call`]. Nothing else is callable.

mod approvals;
mod audit;
mod components;
mod hub;
mod outbox;
mod packages;
mod sessions;
mod tasks;

use std::path::PathBuf;
use std::time::Duration;

use claw_core::id::{AgentId, RunId, Seq, SessionKey, ToolName};
use claw_core::image::NewImage;
use claw_core::route;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) use self::approvals::answer;
use crate::attachment::{self, Attachment};
use crate::call::{Call, ChatAbort, ChatHistory, ChatSend, HubCall, MAX_MESSAGE_BYTES, PackageCall, ToolsInvoke};
use crate::clock;
use crate::frame::RpcError;
use crate::scope::Scope;

/// One method of the protocol.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) scope: Scope,
    read: fn(Value) -> Result<Request, String>,
}

/// What a request comes down to.
#[derive(Debug)]
pub(crate) enum Request {
    /// The host answers.
    Host(Call),
    /// The gateway answers by itself.
    Here(Value),
}

/// Every method but `connect`, which is the handshake.
pub(crate) const METHODS: &[Method] = &[
    Method { name: "health", scope: Scope::Read, read: |_| host(Call::Health) },
    Method { name: "status", scope: Scope::Read, read: |_| host(Call::Status) },
    Method { name: "chat.send", scope: Scope::Write, read: chat_send },
    Method { name: "chat.history", scope: Scope::Read, read: chat_history },
    Method { name: "chat.abort", scope: Scope::Write, read: chat_abort },
    Method { name: "agent", scope: Scope::Write, read: agent },
    Method { name: "agent.wait", scope: Scope::Write, read: agent_wait },
    Method { name: "agent.identity.get", scope: Scope::Read, read: agent_identity },
    Method { name: "agents.list", scope: Scope::Read, read: |_| host(Call::AgentsList) },
    Method { name: "channels.status", scope: Scope::Read, read: |_| host(Call::ChannelsStatus) },
    Method { name: "models.list", scope: Scope::Read, read: |_| host(Call::ModelsList) },
    Method { name: "sessions.list", scope: Scope::Read, read: sessions::list },
    Method { name: "sessions.describe", scope: Scope::Read, read: sessions::describe },
    Method { name: "sessions.resolve", scope: Scope::Read, read: sessions::resolve },
    Method { name: "sessions.search", scope: Scope::Read, read: sessions::search },
    Method { name: "sessions.create", scope: Scope::Write, read: sessions::create },
    Method { name: "sessions.patch", scope: Scope::Write, read: sessions::patch },
    Method { name: "sessions.branches.list", scope: Scope::Read, read: sessions::branches },
    Method { name: "sessions.branches.switch", scope: Scope::Admin, read: sessions::switch },
    Method { name: "sessions.rewind", scope: Scope::Admin, read: sessions::rewind },
    Method { name: "sessions.undo", scope: Scope::Admin, read: sessions::undo },
    Method { name: "sessions.fork", scope: Scope::Write, read: sessions::fork },
    Method { name: "sessions.delete", scope: Scope::Admin, read: sessions::delete },
    Method { name: "sessions.cleanup", scope: Scope::Admin, read: sessions::cleanup },
    Method { name: "sessions.subscribe", scope: Scope::Read, read: |_| here(json!({"subscribed": true})) },
    Method {
        name: "sessions.messages.subscribe",
        scope: Scope::Read,
        read: |p| sessions::messages_subscription(p, true),
    },
    Method {
        name: "sessions.messages.unsubscribe",
        scope: Scope::Read,
        read: |p| sessions::messages_subscription(p, false),
    },
    Method { name: "sessions.reset", scope: Scope::Admin, read: sessions::reset },
    Method { name: "exec.approval.list", scope: Scope::Approvals, read: |_| host(Call::ApprovalList) },
    Method { name: "exec.approval.get", scope: Scope::Approvals, read: approvals::get },
    Method { name: "exec.approval.resolve", scope: Scope::Approvals, read: approvals::resolve },
    Method { name: "approval.resolve", scope: Scope::Approvals, read: approvals::resolve },
    Method { name: "tools.catalog", scope: Scope::Read, read: |p| of_agent(p, Call::ToolsCatalog) },
    Method { name: "tools.invoke", scope: Scope::Write, read: tools_invoke },
    Method { name: "components.list", scope: Scope::Read, read: |_| host(Call::ComponentsList) },
    Method { name: "components.inspect", scope: Scope::Read, read: components::inspect },
    Method { name: "components.grants", scope: Scope::Read, read: components::grants },
    Method { name: "components.grants.change", scope: Scope::Admin, read: components::change_grants },
    Method { name: "components.pause", scope: Scope::Admin, read: components::pause },
    Method { name: "components.resume", scope: Scope::Admin, read: components::resume },
    Method { name: "packages.list", scope: Scope::Read, read: |_| host(Call::Packages(PackageCall::List)) },
    Method { name: "packages.prepare", scope: Scope::Admin, read: packages::prepare },
    Method { name: "packages.install", scope: Scope::Admin, read: packages::accept },
    Method { name: "packages.rollback", scope: Scope::Admin, read: packages::roll_back },
    Method { name: "packages.pin", scope: Scope::Admin, read: packages::pin },
    Method { name: "packages.unpin", scope: Scope::Admin, read: packages::unpin },
    Method { name: "packages.remove", scope: Scope::Admin, read: packages::remove },
    Method { name: "packages.verify", scope: Scope::Admin, read: packages::verify },
    Method { name: "packages.revoke", scope: Scope::Admin, read: packages::revoke },
    Method { name: "packages.unrevoke", scope: Scope::Admin, read: packages::unrevoke },
    Method { name: "packages.revocations", scope: Scope::Admin, read: packages::revocations },
    Method { name: "hub.search", scope: Scope::Admin, read: hub::search },
    Method { name: "hub.prepare", scope: Scope::Admin, read: hub::prepare },
    Method { name: "hub.install", scope: Scope::Admin, read: hub::accept },
    Method { name: "hub.list", scope: Scope::Read, read: |_| host(Call::Hub(HubCall::List)) },
    Method { name: "hub.rollback", scope: Scope::Admin, read: hub::roll_back },
    Method { name: "hub.pin", scope: Scope::Admin, read: hub::pin },
    Method { name: "hub.unpin", scope: Scope::Admin, read: hub::unpin },
    Method { name: "hub.remove", scope: Scope::Admin, read: hub::remove },
    Method { name: "hub.verify", scope: Scope::Admin, read: hub::verify },
    Method { name: "tasks.list", scope: Scope::Read, read: tasks::list },
    Method { name: "tasks.get", scope: Scope::Read, read: tasks::get },
    Method { name: "tasks.cancel", scope: Scope::Write, read: tasks::cancel },
    Method { name: "outbox.list", scope: Scope::Read, read: outbox::list },
    Method { name: "outbox.retry", scope: Scope::Admin, read: outbox::retry },
    Method { name: "outbox.drop", scope: Scope::Admin, read: outbox::drop },
    Method { name: "backup.create", scope: Scope::Admin, read: backup },
    Method { name: "runs.show", scope: Scope::Read, read: runs_show },
    Method { name: "runs.replay", scope: Scope::Admin, read: runs_replay },
    // All that ever happened here is nothing that a client sees who may only read conversations.
    Method { name: "audit.list", scope: Scope::Admin, read: audit::list },
    Method { name: "audit.show", scope: Scope::Admin, read: audit::show },
    Method { name: "audit.verify", scope: Scope::Admin, read: |_| host(Call::AuditVerify) },
    // This host never asks questions, has no plugins and suggests no tasks; the terminal client polls for them.
    Method { name: "question.list", scope: Scope::Questions, read: |_| here(json!({"questions": []})) },
    Method { name: "plugin.approval.list", scope: Scope::Approvals, read: |_| here(json!([])) },
    Method { name: "taskSuggestions.list", scope: Scope::Read, read: |_| here(json!({"suggestions": []})) },
    Method { name: "commands.list", scope: Scope::Read, read: |p| of_agent(p, Call::CommandsList) },
    Method { name: "models.status", scope: Scope::Read, read: |_| host(Call::ModelsStatus) },
    Method { name: "secrets.reload", scope: Scope::Admin, read: secrets_reload },
    Method { name: "skills.status", scope: Scope::Read, read: |p| of_agent(p, Call::SkillsStatus) },
];

/// Methods that are about one agent even where they name no conversation. In the others, an agent narrows a list.
const OF_ONE_AGENT: &[&str] =
    &["agent", "agent.identity.get", "tools.catalog", "tools.invoke", "commands.list", "skills.status"];

/// The names that clients see in `features.methods`.
pub(crate) fn names() -> Vec<&'static str> {
    std::iter::once("connect").chain(METHODS.iter().map(|method| method.name)).collect()
}

impl Method {
    /// Finds a method.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for names that are not in the registry.
    pub(crate) fn find(name: &str) -> Result<&'static Method, RpcError> {
        METHODS.iter().find(|method| method.name == name).ok_or_else(|| {
            let shown: String = name.chars().take(80).flat_map(char::escape_default).collect();
            RpcError::invalid(format!("unknown method: {shown}"))
        })
    }

    /// Parses the parameters of a client who means this agent where it names none.
    ///
    /// # Errors
    /// `INVALID_REQUEST` with the first fault.
    pub(crate) fn read(&self, params: Value, agent: &AgentId) -> Result<Request, RpcError> {
        let checked = match params {
            Value::Null => (self.read)(for_agent(self.name, json!({}), agent)),
            Value::Object(_) => (self.read)(for_agent(self.name, params, agent)),
            _ => Err("expected an object".to_owned()),
        };
        checked.map_err(|why| RpcError::invalid(format!("invalid {} params: {why}", self.name)))
    }
}

/// The parameters of a client who means this agent where it names none: a short key becomes a conversation of the
/// agent's, whatever the method is.
pub(crate) fn for_agent(method: &str, mut params: Value, agent: &AgentId) -> Value {
    if params.get("agentId").is_some_and(|named| !named.is_null()) {
        return params;
    }
    // Elsewhere a key is another one, say a publisher's.
    let fields: &[&str] = if method.starts_with("sessions.") { &["sessionKey", "key"] } else { &["sessionKey"] };
    match fields.iter().copied().find(|field| params[*field].is_string()) {
        // A key that cannot be read stays, for the method to refuse.
        Some(field) => {
            if let Ok(key) = SessionKey::parse(params[field].as_str().unwrap_or_default(), agent) {
                params[field] = json!(key);
            }
        }
        None if OF_ONE_AGENT.contains(&method) => params["agentId"] = json!(agent),
        None => {}
    }
    params
}

// === parameters ===

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunParams {
    run_id: RunId,
}

fn runs_show(params: Value) -> Result<Request, String> {
    let RunParams { run_id: run } = parse(params)?;
    host(Call::RunsShow { run })
}

fn runs_replay(params: Value) -> Result<Request, String> {
    let RunParams { run_id: run } = parse(params)?;
    host(Call::RunsReplay { run })
}

#[derive(Deserialize)]
struct SecretsReloadParams {
    provider: Option<String>,
}

fn secrets_reload(params: Value) -> Result<Request, String> {
    let SecretsReloadParams { provider } = parse(params)?;
    host(Call::SecretsReload { provider })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChatSendParams {
    session_key: String,
    agent_id: Option<AgentId>,
    message: String,
    idempotency_key: RunId,
    timeout_ms: Option<u64>,
    thinking: Option<String>,
    queue_mode: Option<String>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

fn chat_send(params: Value) -> Result<Request, String> {
    let params: ChatSendParams = parse(params)?;
    let (text, images) = message(params.message, params.attachments)?;
    host(Call::ChatSend(ChatSend {
        session: session(Some(&params.session_key), params.agent_id)?,
        run: params.idempotency_key,
        text,
        images,
        timeout: params.timeout_ms.and_then(run_timeout),
        thinking: params.thinking,
        queue: params.queue_mode,
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChatHistoryParams {
    session_key: String,
    agent_id: Option<AgentId>,
    limit: Option<u64>,
    offset: Option<u64>,
    /// Only entries before this one; a number of this host's, in `__openclaw.seq`.
    before: Option<Seq>,
    /// A branch that was left.
    branch: Option<u64>,
}

fn chat_history(params: Value) -> Result<Request, String> {
    let params: ChatHistoryParams = parse(params)?;
    host(Call::ChatHistory(ChatHistory {
        session: session(Some(&params.session_key), params.agent_id)?,
        limit: page(params.limit),
        branch: params.branch,
        offset: saturating(params.offset),
        before: params.before,
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChatAbortParams {
    session_key: String,
    agent_id: Option<AgentId>,
    run_id: Option<RunId>,
}

fn chat_abort(params: Value) -> Result<Request, String> {
    let params: ChatAbortParams = parse(params)?;
    let session = session(Some(&params.session_key), params.agent_id)?;
    host(Call::ChatAbort(ChatAbort { session, run: params.run_id }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AgentParams {
    session_key: Option<String>,
    agent_id: Option<AgentId>,
    message: String,
    idempotency_key: RunId,
    /// Seconds.
    timeout: Option<u64>,
    thinking: Option<String>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

fn agent(params: Value) -> Result<Request, String> {
    let params: AgentParams = parse(params)?;
    let (text, images) = message(params.message, params.attachments)?;
    host(Call::Agent(ChatSend {
        session: session(params.session_key.as_deref(), params.agent_id)?,
        run: params.idempotency_key,
        text,
        images,
        timeout: params.timeout.and_then(|seconds| run_timeout(seconds.saturating_mul(1000))),
        thinking: params.thinking,
        queue: None,
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AgentWaitParams {
    run_id: RunId,
    timeout_ms: Option<u64>,
}

fn agent_wait(params: Value) -> Result<Request, String> {
    let params: AgentWaitParams = parse(params)?;
    let timeout_ms = params.timeout_ms.unwrap_or(30_000).min(600_000);
    host(Call::AgentWait { run: params.run_id, timeout_ms })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfAgentParams {
    agent_id: Option<AgentId>,
}

fn of_agent(params: Value, call: fn(AgentId) -> Call) -> Result<Request, String> {
    let OfAgentParams { agent_id } = parse(params)?;
    host(call(agent_id.unwrap_or_else(route::main)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AgentIdentityParams {
    agent_id: Option<AgentId>,
    session_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupParams {
    path: PathBuf,
}

fn backup(params: Value) -> Result<Request, String> {
    let BackupParams { path } = parse(params)?;
    host(Call::Backup { to: path })
}

fn agent_identity(params: Value) -> Result<Request, String> {
    let params: AgentIdentityParams = parse(params)?;
    host(Call::AgentIdentity { agent: session(params.session_key.as_deref(), params.agent_id)?.agent() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolsInvokeParams {
    #[serde(alias = "tool")]
    name: ToolName,
    args: Option<Value>,
    session_key: Option<String>,
    agent_id: Option<AgentId>,
    idempotency_key: Option<RunId>,
}

/// What no caller can say of a call.
const OWNERS_WORDS: [&str; 6] = ["approved", "approval", "decision", "ask", "security", "elevated"];

/// Parses the parameters of `tools.invoke` and the body of `POST /tools/invoke`.
pub(crate) fn tools_invoke(params: Value) -> Result<Request, String> {
    // Ignored, these would look as though they had counted. AP-29
    if let Some(key) = OWNERS_WORDS.iter().find(|key| params.get(key).is_some()) {
        return Err(format!("`{key}` cannot be given with a call: policies and the owner's answers decide"));
    }
    let params: ToolsInvokeParams = parse(params)?;
    let args = params.args.unwrap_or_else(|| json!({}));
    if !args.is_object() {
        return Err("`args` must be an object".to_owned());
    }
    let session = session(Some(params.session_key.as_deref().unwrap_or("tools")), params.agent_id)?;
    let run = params.idempotency_key.unwrap_or_else(clock::fresh_run);
    host(Call::ToolsInvoke(ToolsInvoke { name: params.name, args, session, run }))
}

// === words that several methods share ===

fn host(call: Call) -> Result<Request, String> {
    Ok(Request::Host(call))
}

fn here(answer: Value) -> Result<Request, String> {
    Ok(Request::Here(answer))
}

fn parse<T: DeserializeOwned>(params: Value) -> Result<T, String> {
    T::deserialize(params).map_err(|err| err.to_string())
}

/// The conversation that `key` names within `agent`; `main` where either is missing.
pub(crate) fn session(key: Option<&str>, agent: Option<AgentId>) -> Result<SessionKey, String> {
    session_of(key, agent, &route::main())
}

/// The same for a client who means the agent `usual` where it names none.
pub(crate) fn session_of(key: Option<&str>, agent: Option<AgentId>, usual: &AgentId) -> Result<SessionKey, String> {
    let scope = agent.clone().unwrap_or_else(|| usual.clone());
    let session = SessionKey::parse(key.unwrap_or("main"), &scope).map_err(|err| err.to_string())?;
    match agent {
        Some(agent) if agent != session.agent() => {
            Err(format!("`agentId` is `{agent}`, but the session belongs to `{}`", session.agent()))
        }
        _ => Ok(session),
    }
}

fn message(text: String, attachments: Vec<Attachment>) -> Result<(String, Vec<NewImage>), String> {
    let images = attachment::images(attachments)?;
    check_message(&text, &images)?;
    Ok((text, images))
}

/// Whether a text can be a turn, with these images.
pub(crate) fn check_message(text: &str, images: &[NewImage]) -> Result<(), String> {
    match text.len() {
        0..=MAX_MESSAGE_BYTES if !images.is_empty() => Ok(()),
        0 => Err("`message` is empty".to_owned()),
        length if length > MAX_MESSAGE_BYTES => {
            Err(format!("`message` has {length} bytes; at most {MAX_MESSAGE_BYTES} are taken"))
        }
        _ if text.trim().is_empty() => Err("`message` is empty".to_owned()),
        _ => Ok(()),
    }
}

/// 0 means "no wish". A day is longer than any turn; the host's own limit is lower.
fn run_timeout(millis: u64) -> Option<Duration> {
    const LONGEST_MS: u64 = 24 * 60 * 60 * 1000;
    (millis > 0).then(|| Duration::from_millis(millis.clamp(1000, LONGEST_MS)))
}

/// Entries of one page: 200 unless asked, never more than upstream's 1000.
fn page(limit: Option<u64>) -> usize {
    saturating(Some(limit.unwrap_or(200).clamp(1, 1000)))
}

fn saturating(number: Option<u64>) -> usize {
    usize::try_from(number.unwrap_or(0)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
