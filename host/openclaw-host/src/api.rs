//! What clients ask, answered. The gateway parses and authenticates; here a call meets the store and the driver.

mod accept;
mod command;
mod directive;
mod exporting;
mod figures;
mod hub;
mod obey;
mod outbox;
mod packages;
mod preferences;
mod run_view;
mod session_view;
mod sessions;
mod skills_view;
mod tasks;
mod view;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use claw_core::approval::{Answer, Approval};
use claw_core::event::{HostEvent, RunEnd};
use claw_core::id::{AgentId, CallId, ComponentName, RunId, SessionKey, Timestamp, ToolName};
use claw_core::inbound::{Inbound, Origin, Source};
use claw_core::message::{Message, ToolCall, Usage};
use claw_core::outcome::ToolOutcome;
use claw_gateway::{Call, Caller, ChatAbort, Command, ErrorCode, RpcError, Scope, ToolsInvoke};
use claw_store::{
    Accepted, ApprovalFilter, AuditEntry, AuditKind, BlobError, CommandRow, Cost, Record, ResolveError, RunRow,
    RunState, SessionQuery, StoreError,
};
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

pub use self::accept::Said;
pub use self::command::{COMMANDS, Slash};
use self::obey::ended;
pub use self::view::given;
use crate::agents::Agent;
use crate::audit;
use crate::backup::{self, BackupError};
use crate::causes;
use crate::driver::DriverEvent;
use crate::host::{Host, now};
use crate::labels::RunLabels;
use crate::lineage::Lineage;
use crate::replay;
use crate::rights::ChangeError;
use crate::run_clock::RunClock;
use crate::tool_call::{self, CallContext, Called};

/// The channel of calls that a person makes without a model. Such a run is never taken up again after a restart.
pub const DIRECT: &str = "direct";
/// The code for an answer by who may not give one.
const NOT_AN_APPROVER: &str = "E_APPR_ACTOR";

/// Answers commands until the gateway ends.
pub struct Api {
    host: Arc<Host>,
}

impl Api {
    /// An API for one host.
    pub fn new(host: Arc<Host>) -> Arc<Self> {
        Arc::new(Api { host })
    }

    /// Takes commands until their sender is gone or `stop`. Each runs in a task of its own.
    pub async fn serve(self: Arc<Self>, mut commands: mpsc::Receiver<Command>, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                command = commands.recv() => {
                    let Some(Command { caller, call, reply }) = command else { break };
                    let api = Arc::clone(&self);
                    tasks.spawn(async move {
                        let _ = reply.send(api.answer(caller, call).await);
                    });
                }
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
                () = stop.cancelled() => break,
            }
        }
        // Answers in flight are short, but for those that wait for a run: these end with their connection.
        tasks.shutdown().await;
    }

    async fn answer(&self, caller: Caller, call: Call) -> Result<Value, RpcError> {
        let host = &self.host;
        match call {
            Call::Health => self.health(),
            Call::Status => self.status(),
            Call::Refused { method, scope } => {
                let why = format!("it lacks the scope `{}`", scope.as_str());
                let code = if scope == Scope::Approvals { NOT_AN_APPROVER } else { "FORBIDDEN" };
                audit::refused(host, by(&caller), method, code, why.clone()).await;
                Err(RpcError::new(ErrorCode::Forbidden, why))
            }
            Call::ChatSend(chat) => self.accept(caller, chat, "started").await,
            Call::Agent(turn) => self.accept(caller, turn, "accepted").await,
            Call::AgentWait { run, timeout_ms } => self.wait(run, Duration::from_millis(timeout_ms)).await,
            Call::ChatHistory(page) => self.history(&page),
            Call::ChatAbort(ChatAbort { session, run }) => {
                let runs = self.stop(session, run).await?;
                Ok(json!({"ok": true, "aborted": !runs.is_empty(), "runIds": runs}))
            }
            Call::Sessions(call) => self.session_call(&caller, call).await,
            Call::Tasks(call) => self.task_call(call).await,
            Call::Outbox(call) => {
                let answer = outbox::answer(&host.store, &by(&caller), call).await;
                // What is tried again can go now, and so can what a dropped one held back.
                host.channels.wake();
                answer
            }
            Call::Backup { to } => self.back_up(&caller, &to).await,
            Call::ApprovalList => {
                let approvals = self.pending().map_err(stored)?;
                let at = now();
                let open = approvals.iter().filter(|approval| approval.expires > at);
                Ok(open.map(claw_gateway::approval_payload).collect())
            }
            Call::ApprovalGet { id } => {
                match host.store_of_approval(&id).and_then(|it| it.approval(&id)).map_err(stored)? {
                    Some(approval) => Ok(claw_gateway::approval_payload(&approval)),
                    None => Err(RpcError::new(ErrorCode::ApprovalNotFound, format!("there is no approval `{id}`"))),
                }
            }
            Call::ApprovalResolve { id, answer } => self.resolve(&caller, id.as_str(), answer).await,
            Call::ToolsCatalog(agent) => Ok(view::tools_catalog(host, self.agent(&agent)?)),
            Call::ToolsInvoke(invoke) => self.invoke(caller, invoke).await,
            Call::ComponentsList => {
                let catalog = host.catalog();
                let components: Vec<_> = catalog.components().map(|it| view::component(host, it)).collect();
                let refused = catalog.refused().iter();
                let refused: Vec<_> = refused.map(|(name, why)| json!({"name": name, "error": why})).collect();
                Ok(json!({"components": components, "refused": refused}))
            }
            Call::ComponentsInspect { name } => {
                let known = host.catalog().component(&name).map(|it| view::component_in_full(host, it));
                known.ok_or_else(|| RpcError::invalid(format!("no component `{name}` is installed")))
            }
            Call::Grants { name } => self.grants(&name),
            Call::ChangeGrants { name, add, remove } => {
                host.change_grants(&name, add, &remove, &by(&caller)).await.map_err(not_changed)?;
                self.grants(&name)
            }
            Call::PauseComponent { name } => {
                host.pause_component(&name, &by(&caller)).await.map_err(not_changed)?;
                Ok(json!({"ok": true, "name": name}))
            }
            Call::ResumeComponent { name } => {
                let was_paused = host.resume_component(&name, &by(&caller)).await.map_err(not_changed)?;
                Ok(json!({"ok": true, "name": name, "wasPaused": was_paused}))
            }
            Call::Packages(call) => self.packages(&caller, call).await,
            Call::Hub(call) => self.hub(&caller, call).await,
            Call::RunsShow { run } => self.show_run(&run),
            Call::RunsReplay { run } => {
                let replayed = replay::replay(host, &run).await.map_err(stored)?;
                Ok(run_view::replayed(&run, &replayed))
            }
            Call::AuditList(list) => {
                let page = host.store.audit_page(&list).map_err(stored)?;
                Ok(audit::view::page(&page))
            }
            Call::AuditShow { sequence } => match host.store.audit_entry(sequence).map_err(stored)? {
                Some(row) => Ok(audit::view::row(&row)),
                None => Err(RpcError::invalid(format!("there is no entry {sequence} in the record"))),
            },
            Call::AuditVerify => {
                let store = host.store.clone();
                let verified = tokio::task::spawn_blocking(move || store.verify_audit()).await;
                let verified = verified.map_err(|err| RpcError::unavailable(err.to_string()))?.map_err(stored)?;
                Ok(audit::view::verified(&verified))
            }
            Call::ModelsStatus => Ok(view::model_keys(&host.model())),
            Call::SecretsReload { provider } => {
                let read = host.models.reload(&host.about.home, &host.vault, provider.as_deref()).await;
                read.map_err(|failure| RpcError::invalid(failure.in_one_line()))?;
                Ok(json!({"ok": true, "model": host.model().name()}))
            }
            Call::SkillsStatus(agent) => {
                let agent = self.agent(&agent)?;
                Ok(skills_view::status(agent, &*agent.skills.shelf(host).await))
            }
            Call::CommandsList(agent) => Ok(skills_view::commands(&*self.agent(&agent)?.skills.shelf(host).await)),
            Call::ChannelsStatus => Ok(view::channels(host)),
            Call::AgentsList => Ok(view::agents(host)),
            Call::ModelsList => Ok(view::models(host)),
            Call::AgentIdentity { agent } => {
                self.agent(&agent)?;
                Ok(json!({"agentId": agent, "name": "openclaw-host", "nameSource": "default"}))
            }
        }
    }

    fn agent(&self, id: &AgentId) -> Result<&Agent, RpcError> {
        let agents = &self.host.agents;
        agents.get(id).ok_or_else(|| {
            let known: Vec<_> = agents.all().map(|agent| format!("`{}`", agent.id)).collect();
            let error = RpcError::invalid(format!("there is no agent `{id}`; this host has {}", known.join(", ")));
            error.with_details(json!({"code": "UNKNOWN_AGENT_ID"}))
        })
    }

    async fn back_up(&self, caller: &Caller, to: &Path) -> Result<Value, RpcError> {
        let host = &self.host;
        let workspaces = host.agents.all().map(|agent| agent.workspace.clone()).collect();
        let made = backup::create(&host.about.home, workspaces, &host.store, &host.blobs, to).await;
        let made = made.map_err(|err| match err {
            BackupError::Store(_) | BackupError::Io { .. } => RpcError::unavailable(causes::chain(&err)),
            unfit => RpcError::invalid(unfit.to_string()),
        })?;
        let subject = Some(to.display().to_string());
        let entry = AuditEntry { subject, ..AuditEntry::new(AuditKind::BackupMade, by(caller), now()) };
        audit::note(&host.store, entry).await;
        Ok(made.view(to))
    }

    async fn resolve(&self, caller: &Caller, id: &str, answer: Answer) -> Result<Value, RpcError> {
        match self.host.gate.resolve(&self.host, id, answer, &by(caller)).await {
            Ok(approval) => {
                Ok(json!({"ok": true, "applied": true, "approval": claw_gateway::approval_payload(&approval)}))
            }
            Err(err) => Err(not_resolved(&err)),
        }
    }

    async fn stop(&self, session: SessionKey, run: Option<RunId>) -> Result<Vec<RunId>, RpcError> {
        let (reply, runs) = oneshot::channel();
        self.tell_driver(DriverEvent::Stop(session.clone(), run.clone(), reply)).await?;
        let mut stopped = runs.await.map_err(|_| stopping())?;
        stopped.extend(crate::tasks::stop_of(&self.host, &session, run.as_ref()).await.map_err(stored)?);
        Ok(stopped)
    }

    async fn tell_driver(&self, event: DriverEvent) -> Result<(), RpcError> {
        self.host.driver.send(event).await.map_err(|_| stopping())
    }

    /// Waits for the end of a run, or of the one that answers it instead.
    async fn wait(&self, mut run: RunId, patience: Duration) -> Result<Value, RpcError> {
        let mut asked = None;
        let mut events = self.host.events.subscribe();
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let row = self.host.store_of_run(&run).and_then(|store| store.run(&run)).map_err(stored)?;
            let started = match row {
                None => match self.command(&run)? {
                    None => return Err(no_run(&run)),
                    Some(CommandRow { answer: Some(text), .. }) => return Ok(view::run_end(&run, &ended(text), None)),
                    Some(command) => command.at,
                },
                Some(RunRow { state: RunState::Ended(RunEnd::Joined { run: other }), .. }) => {
                    asked.get_or_insert(run);
                    run = other;
                    continue;
                }
                Some(RunRow { state: RunState::Ended(end), received_at, ended_at, .. }) => {
                    let times = Some((received_at, ended_at));
                    let mut ended = view::run_end(asked.as_ref().unwrap_or(&run), &end, times);
                    if asked.is_some() {
                        ended["joinedRunId"] = json!(run);
                    }
                    return Ok(ended);
                }
                Some(row) => row.received_at,
            };
            loop {
                match tokio::time::timeout_at(deadline, events.recv()).await {
                    Err(_) => return Ok(json!({"runId": run, "status": "timeout", "startedAt": started.0})),
                    Ok(Ok(HostEvent::RunEnded { run: ended, .. })) if ended == run => break,
                    // Some events were missed; the row tells.
                    Ok(Err(broadcast::error::RecvError::Lagged(_))) => break,
                    Ok(Err(broadcast::error::RecvError::Closed)) => return Err(stopping()),
                    Ok(Ok(_)) => {}
                }
            }
        }
    }

    /// Runs one tool for a person, without a model; recorded like a run.
    async fn invoke(&self, caller: Caller, invoke: ToolsInvoke) -> Result<Value, RpcError> {
        let host = &self.host;
        let session = invoke.session;
        self.agent(&session.agent())?;
        let arguments = invoke.args.to_string();
        let text = format!("tool {} {arguments}", invoke.name);
        let source = Source { channel: DIRECT.to_owned(), account: caller.source.account };
        let (run, name) = (invoke.run, invoke.name);
        let (origin, images) = (Origin::Owner, Vec::new());
        let inbound = Inbound { run: run.clone(), session: session.clone(), source, origin, text, images };
        let store = host.store_for(&session, &run).map_err(stored)?;
        match store.accept(inbound, now()).await.map_err(stored)? {
            Accepted::New => {}
            Accepted::Duplicate(RunState::Ended(end)) => return Ok(view::run_end(&run, &end, None)),
            Accepted::Duplicate(_) => return Ok(json!({"runId": run, "status": "in_flight"})),
        }
        // Every line of its log carries its names.
        let span = tracing::info_span!("run", runId = %run, %session);
        let outcome = self.invoke_once(&session, &run, &name, arguments).instrument(span).await?;
        Ok(match outcome {
            ToolOutcome::Done { text } => json!({"ok": true, "toolName": name, "output": text, "runId": run}),
            ToolOutcome::Failed(failure) => json!({
                "ok": false, "toolName": name, "runId": run,
                "error": {"code": failure.kind.code(), "message": failure.message},
            }),
        })
    }

    async fn invoke_once(
        &self,
        session: &SessionKey,
        run: &RunId,
        name: &ToolName,
        arguments: String,
    ) -> Result<ToolOutcome, RpcError> {
        let host = &self.host;
        let call = CallId::parse("direct").expect("api: the literal is a call id");
        let call = ToolCall { id: call, tool: name.clone(), arguments };
        // Whoever calls a tool directly waits for its outcome and sees no card.
        let shows_cards = false;
        let store = host.store_of(session);
        let known = store.session(session).map_err(stored)?;
        let labels = Arc::new(RunLabels::new(known.map(|known| known.labels).unwrap_or_default()));
        let context = CallContext {
            host: Arc::clone(host),
            facts: claw_policy::Facts {
                session: session.clone(),
                run: run.clone(),
                origin: Origin::Owner,
                person_present: host.somebody_answers(shows_cards),
                labels: labels.now(),
                mode: claw_core::mode::Mode::Act,
                at: now(),
            },
            cancel: CancellationToken::new(),
            clock: Arc::new(RunClock::start(host.limits.run)),
            labels: Arc::clone(&labels),
            shows_cards,
            started: None,
            lineage: Arc::new(Lineage::of(host, session, run).map_err(stored)?),
            used: Cost::default(),
            threshold: None,
        };
        if let Some(entry) = audit::requested(&context, &call) {
            host.store.audit(entry).await.map_err(stored)?;
        }
        let Called { outcome, recording, outside, .. } = tool_call::run(&context, &call).await;
        let recording = recording.filter(|_| !session.is_incognito());
        let recordings = recording.map(|recording| (call.id.clone(), recording.encode())).into_iter().collect();
        let answered =
            Message::Tool { call: call.id.clone(), tool: call.tool.clone(), outcome: outcome.clone(), outside };
        let end = RunEnd::Done { text: outcome.text(), usage: Usage::default() };
        let entries = vec![Message::Assistant { text: String::new(), calls: vec![call], replay: None }, answered];
        let record = Record { entries, recordings, end: Some(end), labels: labels.now(), ..Record::default() };
        store.record(run, record, now()).await.map_err(stored)?;
        Ok(outcome)
    }

    fn grants(&self, name: &ComponentName) -> Result<Value, RpcError> {
        let installed = self.host.catalog().component(name).cloned();
        let installed = installed.ok_or_else(|| RpcError::invalid(format!("no component `{name}` is installed")))?;
        let stored = self.host.store.grants(name, &installed.component.digest).map_err(stored)?;
        Ok(view::grants(&installed, &stored))
    }

    fn show_run(&self, run: &RunId) -> Result<Value, RpcError> {
        let store = self.host.store_of_run(run).map_err(stored)?;
        let row = store.run(run).map_err(stored)?;
        let row = row.ok_or_else(|| no_run(run))?;
        let entries = store.run_entries(run).map_err(stored)?;
        let recordings = store.recordings(run).map_err(stored)?;
        Ok(run_view::run_in_full(&row, &entries, &recordings))
    }

    fn health(&self) -> Result<Value, RpcError> {
        let started = tokio::time::Instant::now();
        let recent = self.host.store.sessions(&SessionQuery { limit: 5, ..SessionQuery::default() });
        let recent = recent.map_err(stored)?.rows;
        let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(view::health(&self.host, &recent, now(), took))
    }

    /// All questions that wait for an answer.
    fn pending(&self) -> Result<Vec<Approval>, StoreError> {
        let mut pending = self.host.store.approvals(ApprovalFilter::Pending)?;
        if !self.host.store.has_no_incognito() {
            pending.extend(self.host.incognito.approvals(ApprovalFilter::Pending)?);
            pending.sort_by_key(|approval| approval.created);
        }
        Ok(pending)
    }

    /// All runs that are at work or wait.
    fn unfinished(&self) -> Result<Vec<RunRow>, StoreError> {
        let mut unfinished = self.host.store.unfinished_runs()?;
        if !self.host.store.has_no_incognito() {
            unfinished.extend(self.host.incognito.unfinished_runs()?);
        }
        Ok(unfinished)
    }

    fn status(&self) -> Result<Value, RpcError> {
        let pending = self.pending().map_err(stored)?.len();
        let unfinished = self.unfinished().map_err(stored)?.len();
        Ok(view::status(&self.host, pending, unfinished, now()))
    }
}

/// Who answered, for the record.
fn by(caller: &Caller) -> String {
    format!("{}:{}", caller.source.channel, caller.source.account)
}

fn stopping() -> RpcError {
    RpcError::unavailable("the host is stopping; send it again when it runs")
}

fn not_changed(err: ChangeError) -> RpcError {
    match err {
        ChangeError::Store(err) => stored(err),
        err => RpcError::invalid(err.to_string()),
    }
}

fn stored(err: StoreError) -> RpcError {
    tracing::error!(error = &err as &dyn std::error::Error, "the store refused");
    match err {
        StoreError::RunTaken { .. } | StoreError::MemoryFull { .. } => RpcError::invalid(err.to_string()),
        _ => RpcError::unavailable(err.to_string()),
    }
}

fn no_run(run: &RunId) -> RpcError {
    RpcError::invalid(format!(
        "there is no run `{run}`; `openclaw-host --json sessions show KEY` has the ids of a conversation's runs"
    ))
}

fn not_kept(err: &BlobError) -> RpcError {
    tracing::error!(error = err as &dyn std::error::Error, "images cannot be kept");
    RpcError::unavailable(format!("the images cannot be kept: {}", causes::chain(err)))
}

/// What became of an answer, in one line for the chat.
fn answered(resolved: &Result<Approval, ResolveError>) -> String {
    match resolved {
        Ok(approval) => format!("{} {} ({})", view::answered(approval), approval.card.title, approval.id.short()),
        Err(err) => not_resolved(err).message,
    }
}

fn not_resolved(err: &ResolveError) -> RpcError {
    let text = err.to_string();
    match err {
        ResolveError::NotFound { .. } => RpcError::new(ErrorCode::ApprovalNotFound, text),
        ResolveError::Ambiguous { .. } => RpcError::invalid(text).with_details(json!({"code": "E_APPR_AMBIGUOUS"})),
        ResolveError::NoChoice(_) => RpcError::invalid(text).with_details(json!({"code": "E_APPR_CHOICE"})),
        ResolveError::Already(_) => {
            RpcError::invalid(text).with_details(json!({"reason": "APPROVAL_ALREADY_RESOLVED"}))
        }
        ResolveError::Expired(_) => RpcError::invalid(text).with_details(json!({"code": "E_APPR_EXPIRED"})),
        ResolveError::Store(_) => RpcError::unavailable(text),
    }
}

/// When a run was received and when it ended.
type Times = Option<(Timestamp, Option<Timestamp>)>;
