//! One tool call of a run: checked, decided, run in the sandbox, its effects answered one by one.

use std::sync::Arc;
use std::time::Duration;

use claw_core::effect::EffectError;
use claw_core::id::{ComponentName, ToolName};
use claw_core::label::Labels;
use claw_core::message::ToolCall;
use claw_core::mode::{self, Mode};
use claw_core::outcome::{Failure, FailureKind, ToolOutcome};
use claw_policy::{Access, Action, Denial, Facts, ToolInvocation, Trust};
use claw_sandbox::{CallFacts, Ground, LogLevel, Mount, Place, Running, SandboxError, Signal, Trace};
use claw_store::{Cost, LabelledPlace, Store, StoreError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::audit;
use crate::catalog::{Catalog, Installed};
use crate::checkpoints::Writing;
use crate::effects::Effects;
use crate::gate::{Asker, Refused};
use crate::host::{Host, now, random_bytes};
use crate::labels::RunLabels;
use crate::lineage::Lineage;
use crate::masking::{mask_line, masked};
use crate::recording::Recording;
use crate::run::Threshold;
use crate::run_clock::RunClock;
use crate::{skills, tool_search};

/// How long effects may take to end that were stopped with their call. What they run ends sooner.
const EFFECTS_END: Duration = Duration::from_secs(1);

/// What a call is part of.
#[derive(Clone)]
pub struct CallContext {
    /// The host.
    pub host: Arc<Host>,
    /// The facts that the policy sees.
    pub facts: Facts,
    /// Stops the run.
    pub cancel: CancellationToken,
    /// The run's time, which stands still while a person thinks.
    pub clock: Arc<RunClock>,
    /// What has flowed into the run so far.
    pub labels: Arc<RunLabels>,
    /// Whether the client that started the run shows cards and can answer them.
    pub shows_cards: bool,
    /// The skill that its owner started with this run.
    pub started: Option<Arc<str>>,
    /// What it has from the conversations above its own.
    pub lineage: Arc<Lineage>,
    /// What the model has used in this run.
    pub used: Cost,
    /// What effects wait at until what they rest on is durable; nothing where that is so.
    pub threshold: Option<Arc<Threshold>>,
}

impl CallContext {
    /// The facts as they are now.
    pub fn facts_now(&self) -> Facts {
        let person_present = self.host.somebody_answers(self.shows_cards);
        let mode = self.host.mode(&self.facts.session, &self.lineage.above);
        Facts { labels: self.labels.now(), at: now(), person_present, mode, ..self.facts.clone() }
    }

    /// Where its conversation is.
    pub fn store(&self) -> &Store {
        self.host.store_of(&self.facts.session)
    }

    /// What has flowed into the run, for what components keep on the disk: why is a secret of what is incognito.
    pub fn labels_to_keep(&self) -> Labels {
        let Labels { tainted, private } = self.labels.now();
        let kept = |cause: String| match self.facts.session.is_incognito() {
            true => "an incognito conversation".to_owned(),
            false => cause,
        };
        Labels { tainted: tainted.map(kept), private: private.map(kept) }
    }

    /// To be held while something may write to the workspace, and ended then.
    ///
    /// # Errors
    /// [`EffectError::Cancelled`] if the call is stopped meanwhile.
    pub async fn writing(&self) -> Result<Option<Writing>, EffectError> {
        let Facts { run, session, .. } = self.facts.clone();
        let host = Arc::clone(&self.host);
        let mut begun =
            tokio::spawn(
                async move { host.checkpoints.begin(&run, &session, &host.agents.of(&session).workspace).await },
            );
        tokio::select! {
            begun = &mut begun => begun.map_err(|err| EffectError::Other(err.to_string())),
            () = self.cancel.cancelled() => {
                // What has begun ends, but nobody waits for it.
                tokio::spawn(async move {
                    if let Ok(Some(writing)) = begun.await {
                        writing.end().await;
                    }
                });
                Err(EffectError::Cancelled)
            }
        }
    }
}

/// What became of a call.
pub struct Called {
    /// For the model.
    pub outcome: ToolOutcome,
    /// For a replay; a call that did not get as far as its component has none.
    pub recording: Option<Recording>,
    /// Whether the outcome may hold what somebody outside wrote.
    pub outside: bool,
    /// Why it may, where that came with one of its effects.
    pub brought: Option<String>,
}

impl From<ToolOutcome> for Called {
    fn from(outcome: ToolOutcome) -> Self {
        Called { outcome, recording: None, outside: false, brought: None }
    }
}

/// Runs one call to its outcome. Never fails: what goes wrong is the outcome.
pub async fn run(context: &CallContext, call: &ToolCall) -> Called {
    let host = &context.host;
    let catalog = host.catalog();
    if call.tool.as_str() == tool_search::NAME {
        return tool_search::answer(&catalog, &call.arguments, |tool| context.lineage.allows(tool)).into();
    }
    let Some(tool) = catalog.tool(&call.tool).filter(|_| context.lineage.allows(&call.tool)) else {
        note_not_left(context, &catalog, call).await;
        let message = tool_search::unknown(&catalog, &call.tool, |tool| context.lineage.allows(tool));
        return ToolOutcome::failed(FailureKind::UnknownTool, message).into();
    };
    let arguments = match serde_json::from_str::<serde_json::Value>(&call.arguments) {
        Ok(arguments) => arguments,
        Err(err) => {
            let message = format!("the arguments of `{}` are not valid JSON ({err}); send one JSON object", call.tool);
            return ToolOutcome::failed(FailureKind::InvalidArguments, message).into();
        }
    };
    if let Err(message) = tool.check(&arguments) {
        return ToolOutcome::failed(FailureKind::InvalidArguments, message).into();
    }
    let installed = catalog.owner(tool);
    let invocation =
        ToolInvocation { call: call.id.clone(), tool: call.tool.clone(), arguments: call.arguments.clone() };
    let facts = context.facts_now();
    let subject = installed.subject();
    let asker = Asker { host, subject: &subject, facts: &facts, call: &call.id, cancel: &context.cancel };
    let admitted = host.gate.admit(&asker, Action::CallTool(invocation), || context.clock.pause()).await;
    match admitted {
        // A tool call's approval is for this call alone, which begins once: a restart asks the model for another.
        Ok(admitted) => {
            audit::allowed(&asker, &admitted);
            let mut writing = None;
            let approved = admitted.approval.is_some();
            let called = in_sandbox(context, call, installed, (admitted.permit, approved), &mut writing).await;
            let called = with_mode(&facts, called);
            if let Some(writing) = writing {
                writing.end().await;
            }
            let marked = || untrusted_output(installed, &call.tool);
            let cause = outside(installed).or_else(marked).or_else(|| called.brought.clone());
            if let Some(cause) = &cause {
                context.labels.join(&Labels::tainted(cause));
            }
            Called { outside: cause.is_some(), ..masked(&host.vault, called) }
        }
        Err(refused) => refusal(refused).into(),
    }
}

/// Tells the model why a call may have failed that wanted to change a file.
fn with_mode(facts: &Facts, called: Called) -> Called {
    match called.outcome {
        ToolOutcome::Failed(Failure { kind, message })
            if facts.mode == Mode::Suggest && !message.contains(mode::SUGGEST) =>
        {
            let message = format!("{message}\n{}: {}", mode::SUGGEST, mode::refusal("changing files"));
            Called { outcome: ToolOutcome::Failed(Failure { kind, message }), ..called }
        }
        outcome => Called { outcome, ..called },
    }
}

/// Puts the call of a tool on record that is there, but not for this run. Whoever called it hears what it would of one that
/// is nowhere.
async fn note_not_left(context: &CallContext, catalog: &Catalog, call: &ToolCall) {
    let Some(tool) = catalog.tool(&call.tool) else { return };
    let subject = catalog.owner(tool).subject();
    let (host, facts) = (&context.host, context.facts_now());
    let asker = Asker { host, subject: &subject, facts: &facts, call: &call.id, cancel: &context.cancel };
    let (call, tool, arguments) = (call.id.clone(), call.tool.clone(), call.arguments.clone());
    let wanted = audit::Wanted::of(&Action::CallTool(ToolInvocation { call, tool, arguments }));
    let whose = if context.lineage.sub_agent.is_some() { "left to this sub-agent" } else { "of this agent" };
    let denial = Denial {
        code: "E_TOOL_NOT_LEFT".to_owned(),
        reason: format!("it is not among the tools {whose}"),
        decided_by: Vec::new(),
        digest: None,
    };
    audit::denied(&asker, wanted, None, denial).await;
}

/// `writing` is what the caller is to end when the call has, if it can write to the workspace.
async fn in_sandbox(
    context: &CallContext,
    call: &ToolCall,
    installed: &Arc<Installed>,
    (permit, approved): (claw_policy::Permit, bool),
    writing: &mut Option<Writing>,
) -> Called {
    let host = &context.host;
    let opened = match skills::open(context, installed, call).await {
        Ok(opened) => opened,
        Err(outcome) => return outcome.into(),
    };
    let recording = Recording {
        component: installed.component.digest,
        seed: random_bytes(),
        begins: now(),
        clock: Vec::new(),
        effects: Vec::new(),
        lacks: opened.is_some().then(|| "skills are not kept as they were".to_owned()),
    };
    let facts = CallFacts {
        run: context.facts.run.clone(),
        session: context.facts.session.clone(),
        origin: context.facts.origin,
        seed: recording.seed,
        begins: recording.begins,
        clock: None,
        file: Vec::new(),
    };
    // Taken before anything is looked up: what is taken back from now on ends the call.
    let revoked = installed.calls();
    let mut mounts = mounts(host, installed, &context.facts_now(), approved);
    let scratch = match label_mounts(context, &installed.component.name, &mounts).await {
        Ok(scratch) => scratch,
        Err(err) => return ToolOutcome::failed(FailureKind::Unavailable, err.to_string()).into(),
    };
    let mut config = installed.settings.config.clone();
    if let Some(opened) = opened {
        if let Some(cause) = opened.outside {
            context.labels.join(&Labels::tainted(&cause));
        }
        mounts.push(opened.mount);
        config = opened.config;
    }
    if mounts.iter().any(|mount| mount.write && matches!(mount.place, Place::Workspace | Place::Guarded | Place::Lent))
    {
        *writing = match context.writing().await {
            Ok(writing) => writing,
            Err(EffectError::Cancelled) => {
                return ToolOutcome::failed(FailureKind::Cancelled, "the call was stopped").into();
            }
            Err(err) => return ToolOutcome::failed(FailureKind::Unavailable, err.to_string()).into(),
        };
    }
    let ground = Ground { mounts, config };
    let limits = installed.settings.call_limits(host.limits.call);
    let starting = host.sandbox.start(&installed.component, permit, facts, &ground, limits);
    let mut running = tokio::select! {
        running = starting => match running {
            Ok(running) => running,
            Err(err) => return not_started(err).into(),
        },
        // It may have to wait for its turn.
        () = context.cancel.cancelled() => {
            return ToolOutcome::failed(FailureKind::Cancelled, "the call was stopped").into();
        }
    };
    // A child of its own: what is taken back ends this call, and not the run.
    let context = &CallContext { cancel: context.cancel.child_token(), ..context.clone() };
    let effects = Arc::new(Effects::new(context.clone(), call.clone(), installed, running.answerer(), scratch));
    let (outcome, Trace { clock, .. }) = attend(context, call, &mut running, &effects, &revoked).await;
    let recording = effects.recording(Recording { clock, ..recording });
    if revoked.is_cancelled() {
        let message = format!(
            "E_GRANT_REVOKED: its owner took something back from `{}` or paused it while this call ran",
            installed.component.name
        );
        return ToolOutcome::failed(FailureKind::Denied, message).into();
    }
    Called { outcome, recording: Some(recording), outside: false, brought: effects.brought() }
}

/// Answers what a call asks for until it ends, with what it leaves behind. It ends early when its context is cancelled, or
/// something is taken back from its component.
pub async fn attend(
    context: &CallContext,
    call: &ToolCall,
    running: &mut Running,
    effects: &Arc<Effects>,
    revoked: &CancellationToken,
) -> (ToolOutcome, Trace) {
    let host = &context.host;
    // Dropped with this function: no effect outlives its call.
    let mut tasks = JoinSet::new();
    let mut stopping = false;
    loop {
        let signal = tokio::select! {
            signal = running.next() => signal,
            () = revoked.cancelled(), if !context.cancel.is_cancelled() => {
                context.cancel.cancel();
                continue;
            }
            () = context.cancel.cancelled(), if !stopping => {
                stopping = true;
                running.cancel().await;
                continue;
            }
            // Finished effects are taken away as they end.
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
        };
        match signal {
            Signal::Effect { effect, request } => {
                let effects = Arc::clone(effects);
                tasks.spawn(async move { effects.perform(effect, request).await }.in_current_span());
            }
            Signal::Progress { percent, note } => {
                let note = mask_line(&host.vault, &note);
                tracing::debug!(call = %call.id, tool = %call.tool, percent, note, "tool progress");
            }
            Signal::Log { level, context: about, message } => {
                log(call, level, &mask_line(&host.vault, &about), &mask_line(&host.vault, &message));
            }
            Signal::Done { outcome, trace } => {
                if !trace.stdio.is_empty() {
                    let stdio = mask_line(&host.vault, &trace.stdio);
                    tracing::debug!(call = %call.id, tool = %call.tool, stdio, "tool printed");
                }
                if trace.log_dropped > 0 {
                    tracing::warn!(call = %call.id, tool = %call.tool, "{} log lines dropped", trace.log_dropped);
                }
                if stopping {
                    // What it began ends before the run does, e.g. a program with all that it has started.
                    let ended = async { while tasks.join_next().await.is_some() {} };
                    let _ = tokio::time::timeout(EFFECTS_END, ended).await;
                }
                tasks.shutdown().await;
                return (outcome, trace);
            }
        }
    }
}

/// Why whatever a component says is content from outside, if it is.
pub fn outside(installed: &Installed) -> Option<String> {
    let is_stranger = installed.subject().trust == Trust::Untrusted;
    is_stranger.then(|| format!("words of `{}`, which did not come with the host", installed.component.name))
}

/// Why what a tool answers is content from outside, if its manifest says so.
fn untrusted_output(installed: &Installed, tool: &ToolName) -> Option<String> {
    let marked = installed.component.manifest.tools.iter().any(|it| it.name == *tool && it.untrusted_output);
    marked.then(|| format!("an answer of `{tool}`"))
}

/// Labels the run with what the call can read; gives the component's scratch if the call can write it.
async fn label_mounts(
    context: &CallContext,
    component: &ComponentName,
    mounts: &[Mount],
) -> Result<Option<LabelledPlace>, StoreError> {
    let mut scratch = None;
    for mount in mounts {
        match mount.place {
            Place::Workspace | Place::Guarded | Place::Lent | Place::Named => {
                let cause = format!("`{component}` could read {}", mount.guest);
                context.labels.join(&Labels::private(&cause));
            }
            Place::Scratch { .. } => {
                let place = LabelledPlace::Scratch(component.clone());
                context.labels.join(&context.host.store.labels(&place)?);
                scratch = mount.write.then_some(place);
            }
        }
    }
    if let Some(place) = &scratch {
        context.host.store.add_labels(place, &context.labels_to_keep()).await?;
    }
    Ok(scratch)
}

/// A guest's own line in the host's log, always as a field: its text is never taken for the host's.
fn log(call: &ToolCall, level: LogLevel, context: &str, message: &str) {
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(call = %call.id, tool = %call.tool, context, text = message, "tool says")
        };
    }
    match level {
        LogLevel::Trace => line!(trace),
        LogLevel::Debug => line!(debug),
        LogLevel::Info => line!(info),
        LogLevel::Warn => line!(warn),
        LogLevel::Error => line!(error),
    }
}

/// The folders that policy lets the component reach now, in a call that its owner may have `approved`.
pub fn mounts(host: &Host, installed: &Installed, facts: &Facts, approved: bool) -> Vec<Mount> {
    let subject = installed.subject();
    let place = match subject.trust {
        Trust::Untrusted => Place::Lent,
        // Who has read what somebody else wrote does not tell the agent by itself what it is from now on.
        Trust::Shipped if facts.labels.tainted.is_some() && !approved => Place::Guarded,
        Trust::Shipped => Place::Workspace,
    };
    let workspace = (host.agents.of(&facts.session).workspace.as_path(), place);
    host.folders.mounts(workspace, &subject.component, host.policy(&facts.session).folders(&subject, facts))
}

/// Whether a call that was cut off before its first effect may simply run again: it cannot have changed a file.
pub fn repeatable(host: &Host, call: &ToolCall, facts: &Facts) -> claw_store::Repeatable {
    let catalog = host.catalog();
    let Some(tool) = catalog.tool(&call.tool) else { return claw_store::Repeatable::Yes };
    let allowed = host.policy(&facts.session).folders(&catalog.owner(tool).subject(), facts);
    let writes = allowed.iter().any(|(_, access)| *access == Access::ReadWrite);
    if writes { claw_store::Repeatable::No } else { claw_store::Repeatable::Yes }
}

fn not_started(err: SandboxError) -> ToolOutcome {
    let kind = match err {
        SandboxError::Busy { .. } => FailureKind::Busy,
        _ => FailureKind::Unavailable,
    };
    tracing::error!(error = &err as &dyn std::error::Error, "a tool call could not start");
    ToolOutcome::failed(kind, err.to_string())
}

fn refusal(refused: Refused) -> ToolOutcome {
    match refused {
        Refused::Denied(Denial { code, reason, .. }) => {
            ToolOutcome::failed(FailureKind::Denied, format!("{code}: {reason}"))
        }
        Refused::Cancelled => ToolOutcome::failed(FailureKind::Cancelled, "the call was stopped"),
        Refused::Store(err) => ToolOutcome::failed(FailureKind::Unavailable, err.to_string()),
    }
}
