//! One tool call of a run: checked, decided, run in the sandbox, its effects answered one by one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use claw_core::effect::{EffectError, EffectReply, EffectRequest};
use claw_core::message::ToolCall;
use claw_core::outcome::{FailureKind, ToolOutcome};
use claw_effects::{ExecLimits, HttpAnswer, HttpLimits, plan_exec, plan_http, run_exec};
use claw_policy::{Access, Action, Denial, Facts, ToolInvocation};
use claw_sandbox::{Answerer, CallFacts, Mount, SandboxError, Signal};
use claw_store::{JournalStep, Record, StoreError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::catalog::Installed;
use crate::crash_point;
use crate::gate::{Asker, Refused};
use crate::host::{Host, now};
use crate::run_clock::RunClock;

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
}

/// Runs one call to its outcome. Never fails: what goes wrong is the outcome.
pub async fn run(context: &CallContext, call: &ToolCall) -> ToolOutcome {
    let host = &context.host;
    let Some(tool) = host.catalog.tool(&call.tool) else {
        let known: Vec<_> = host.catalog.specs().iter().map(|spec| spec.name.as_str()).collect();
        let message = format!("no installed component offers `{}`; there are: {}", call.tool, known.join(", "));
        return ToolOutcome::failed(FailureKind::UnknownTool, message);
    };
    let arguments = match serde_json::from_str::<serde_json::Value>(&call.arguments) {
        Ok(arguments) => arguments,
        Err(err) => {
            let message = format!("the arguments of `{}` are not valid JSON ({err}); send one JSON object", call.tool);
            return ToolOutcome::failed(FailureKind::InvalidArguments, message);
        }
    };
    if let Err(message) = tool.check(&arguments) {
        return ToolOutcome::failed(FailureKind::InvalidArguments, message);
    }
    let installed = host.catalog.owner(tool);
    let invocation =
        ToolInvocation { call: call.id.clone(), tool: call.tool.clone(), arguments: call.arguments.clone() };
    let asker =
        Asker { host, subject: &installed.subject, facts: &context.facts, call: &call.id, cancel: &context.cancel };
    let admitted = host.gate.admit(&asker, Action::CallTool(invocation), || context.clock.pause()).await;
    match admitted {
        // A tool call's approval is used up by the journal's own entry of the call, which is already durable.
        Ok(admitted) => in_sandbox(context, call, installed, admitted.permit).await,
        Err(refused) => refusal(refused),
    }
}

async fn in_sandbox(
    context: &CallContext,
    call: &ToolCall,
    installed: &Installed,
    permit: claw_policy::Permit,
) -> ToolOutcome {
    let host = &context.host;
    let facts = CallFacts {
        run: context.facts.run.clone(),
        session: context.facts.session.clone(),
        origin: context.facts.origin,
    };
    let mounts = mounts(host, installed, &context.facts);
    let mut running = match host.sandbox.start(&installed.component, permit, facts, &mounts, host.limits.call).await {
        Ok(running) => running,
        Err(err) => return not_started(err),
    };
    let effects = Arc::new(Effects {
        context: context.clone(),
        call: call.clone(),
        component: installed.subject.component.clone(),
        answerer: running.answerer(),
        journalled: AtomicU32::new(0),
    });
    // Dropped with this function: no effect outlives its call.
    let mut tasks = JoinSet::new();
    let mut stopping = false;
    loop {
        let signal = tokio::select! {
            signal = running.next() => signal,
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
                let effects = Arc::clone(&effects);
                tasks.spawn(async move { effects.perform(effect, request).await }.in_current_span());
            }
            Signal::Progress { percent, note } => {
                tracing::debug!(call = %call.id, tool = %call.tool, percent, note, "tool progress");
            }
            Signal::Done { outcome, stdio } => {
                if !stdio.is_empty() {
                    tracing::debug!(call = %call.id, tool = %call.tool, stdio, "tool printed");
                }
                tasks.shutdown().await;
                return outcome;
            }
        }
    }
}

/// The folders that policy lets the component reach now.
fn mounts(host: &Host, installed: &Installed, facts: &Facts) -> Vec<Mount> {
    let folders = host.policy().folders(&installed.subject, facts);
    let mount = |(claw_policy::Folder::Workspace, access): (claw_policy::Folder, Access)| Mount {
        guest: "/workspace".to_owned(),
        host: host.about.workspace.clone(),
        write: access == Access::ReadWrite,
    };
    folders.into_iter().map(mount).collect()
}

/// Whether a call that was cut off before its first effect may simply run again: it cannot have changed a file.
pub fn repeatable(host: &Host, call: &ToolCall, facts: &Facts) -> claw_store::Repeatable {
    let Some(tool) = host.catalog.tool(&call.tool) else { return claw_store::Repeatable::Yes };
    let writes = mounts(host, host.catalog.owner(tool), facts).iter().any(|mount| mount.write);
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

/// Performs the effects of one call.
struct Effects {
    context: CallContext,
    call: ToolCall,
    component: claw_core::id::ComponentName,
    answerer: Answerer,
    journalled: AtomicU32,
}

impl Effects {
    async fn perform(&self, effect: u32, request: EffectRequest) {
        match request {
            EffectRequest::Exec(request) => {
                let answer = self.exec(request).await.map(EffectReply::Exec);
                self.answerer.answer(effect, answer).await;
            }
            EffectRequest::Http(request) => match self.http(request).await {
                Ok((answer, index)) => self.pump(effect, index, answer).await,
                Err(err) => self.answerer.answer(effect, Err(err)).await,
            },
        }
    }

    async fn exec(&self, request: claw_core::effect::ExecRequest) -> Result<claw_core::effect::ExecExit, EffectError> {
        let host = &self.context.host;
        let workspace = host.about.workspace.clone();
        // Resolving a program reads and hashes it.
        let plan = tokio::task::spawn_blocking(move || plan_exec(&request, &workspace, &ExecLimits::default())).await;
        let plan = plan.map_err(|err| EffectError::Other(err.to_string()))??;
        let (permit, index) = self.admit(Action::RunProgram(plan)).await?;
        // A program has a time-out of its own, which may be longer than that of a call which only computes.
        let exit = {
            let _pause = self.answerer.pause();
            run_exec(permit, &host.exec, &self.context.cancel).await
        };
        crash_point::pass("effect done");
        let summary = match &exit {
            Ok(exit) => format!("{:?} after {} ms", exit.ended, exit.duration_ms),
            Err(err) => err.to_string(),
        };
        self.ended(index, summary).await?;
        crash_point::pass("effect end noted");
        exit
    }

    async fn http(&self, request: claw_core::effect::HttpRequest) -> Result<(HttpAnswer, u32), EffectError> {
        let plan = plan_http(&request, &HttpLimits::default())?;
        let (permit, index) = self.admit(Action::SendRequest(plan)).await?;
        match self.context.host.http.send(permit, &self.component, &|_| None, &self.context.cancel).await {
            Ok(answer) => Ok((answer, index)),
            Err(err) => {
                self.ended(index, err.to_string()).await?;
                Err(err)
            }
        }
    }

    /// Passes a response on to the guest as it arrives.
    async fn pump(&self, effect: u32, index: u32, answer: HttpAnswer) {
        let HttpAnswer { head, mut body } = answer;
        let summary = format!("status {}", head.status);
        let sink = self.answerer.answer_with_body(effect, EffectReply::Http(head)).await;
        let passed = async {
            while let Some(chunk) = body.next().await? {
                sink.send(chunk).await?;
            }
            Ok(())
        };
        let passed: Result<(), EffectError> = passed.await;
        sink.end(passed).await;
        if let Err(err) = self.ended(index, summary).await {
            tracing::error!(call = %self.call.id, %err, "the end of an effect could not be recorded");
        }
    }

    /// Decides, asks where needed, and makes the start durable; only then may the effect begin.
    async fn admit(&self, action: Action) -> Result<(claw_policy::Permit, u32), EffectError> {
        let CallContext { host, facts, cancel, clock } = &self.context;
        let installed = host.catalog.component(&self.component).expect("tool call: its component is installed");
        let asker = Asker { host, subject: &installed.subject, facts, call: &self.call.id, cancel };
        let admitted = host.gate.admit(&asker, action, || (self.answerer.pause(), clock.pause())).await;
        let admitted = admitted.map_err(|refused| match refused {
            Refused::Denied(Denial { code, reason, .. }) => EffectError::Denied { code, reason },
            Refused::Cancelled => EffectError::Cancelled,
            Refused::Store(err) => EffectError::Unavailable(err.to_string()),
        })?;
        crash_point::pass("effect decided");
        let index = self.journalled.fetch_add(1, Ordering::Relaxed);
        let step = JournalStep::EffectStarted {
            call: self.call.id.clone(),
            index,
            digest: admitted.permit.digest(),
            approval: admitted.approval,
        };
        self.record(step).await.map_err(|err| EffectError::denied("E_APPR_USED", err.to_string()))?;
        crash_point::pass("effect noted");
        Ok((admitted.permit, index))
    }

    async fn ended(&self, index: u32, summary: String) -> Result<(), EffectError> {
        let step = JournalStep::EffectEnded { call: self.call.id.clone(), index, summary };
        self.record(step).await.map_err(|err| EffectError::Unavailable(err.to_string()))
    }

    async fn record(&self, step: JournalStep) -> Result<(), StoreError> {
        let record = Record { steps: vec![step], ..Record::default() };
        self.context.host.store.record(&self.context.facts.run, record, now()).await.map(|_| ())
    }
}
