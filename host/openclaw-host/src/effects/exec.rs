//! Programs.

use std::path::Path;
use std::pin::pin;

use claw_core::effect::{Background, EffectError, ExecExit, ExecPlan, ExecRequest, ProcessReply, ProcessRequest};
use claw_core::label::Labels;
use claw_effects::{ExecLimits, ProcessOwner, plan_exec, run_exec};
use claw_policy::Action;

use super::Effects;
use crate::crash_point;
use crate::tool_call::CallContext;

impl Effects {
    pub(super) async fn exec(&self, request: ExecRequest) -> Result<ExecExit, EffectError> {
        let host = &self.context.host;
        let plan = self.plan(request, None).await?;
        let labels = read_by(&plan);
        let off = host.hub.off(plan.reads.as_deref());
        let (permit, index) = self.admit(Action::RunProgram(plan)).await?;
        self.label(labels).await?;
        // A program has a time-out of its own, which may be longer than that of a call which only computes.
        let exit = {
            let _pause = self.answerer.pause();
            let _pass = host.exec_gate.enter(&self.context.cancel).await?;
            let cancel = self.context.cancel.child_token();
            let writing = self.context.writing().await?;
            let mut run = pin!(run_exec(permit, &host.exec, &cancel));
            let exit = tokio::select! {
                biased;
                () = off.cancelled() => {
                    cancel.cancel();
                    run.await
                }
                exit = &mut run => exit,
            };
            if let Some(writing) = writing {
                writing.end().await;
            }
            exit
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

    /// Resolves a program, which reads and hashes it.
    async fn plan(&self, request: ExecRequest, background: Option<Background>) -> Result<ExecPlan, EffectError> {
        let workspace = self.agent().workspace.clone();
        let plan = move || plan_exec(&request, background, &workspace, &ExecLimits::default());
        let plan = tokio::task::spawn_blocking(plan).await.map_err(|err| EffectError::Other(err.to_string()))??;
        Ok(match plan.argv.iter().any(|argument| argument.starts_with('/')) {
            true => self.with_skill(plan).await,
            false => plan,
        })
    }

    /// Lets a program read the skill whose file it is, or is given. Which one that is, its arguments say, and so the card.
    async fn with_skill(&self, plan: ExecPlan) -> ExecPlan {
        let host = &self.context.host;
        let shelf = self.agent().skills.shelf(host).await;
        let skill = plan.argv.iter().find_map(|argument| shelf.holding(Path::new(argument)));
        let beside = skill.map(|skill| skill.folder.as_path()).filter(|folder| !folder.starts_with(&plan.workspace));
        ExecPlan { reads: beside.map(Box::from), ..plan }
    }

    pub(super) async fn process(&self, request: ProcessRequest) -> Result<ProcessReply, EffectError> {
        let CallContext { host, facts, cancel, .. } = &self.context;
        let owner = ProcessOwner { component: self.name().clone(), session: facts.session.clone() };
        match request {
            ProcessRequest::Spawn(request, background) => {
                let plan = self.plan(request, Some(background)).await?;
                let labels = read_by(&plan);
                let off = host.hub.off(plan.reads.as_deref());
                let (permit, index) = self.admit(Action::RunProgram(plan)).await?;
                self.label(labels).await?;
                let writing = self.context.writing().await?;
                let spawned = host.processes.spawn(permit, &owner, cancel).await;
                // Its skill went off while it started: whoever turned it off may not have seen it.
                if let Ok(id) = &spawned
                    && off.is_cancelled()
                {
                    host.processes.kill(&owner, id).await?;
                }
                let summary = spawned.as_ref().map_or_else(ToString::to_string, |id| format!("runs as `{id}`"));
                if let Some(writing) = writing {
                    writing.goes_on().await;
                }
                self.ended(index, summary).await?;
                spawned.map(ProcessReply::Process)
            }
            ProcessRequest::Attach { id } => host.processes.attach(&owner, &id).map(ProcessReply::Process),
            ProcessRequest::All => Ok(ProcessReply::All(host.processes.all(&owner))),
            ProcessRequest::Poll { id, wait_ms } => {
                host.processes.poll(&owner, &id, wait_ms, cancel).await.map(ProcessReply::Progress)
            }
            ProcessRequest::Write { id, bytes, end } => {
                self.may_change(&format!("writing to the program `{id}`"))?;
                host.processes.write(&owner, &id, &bytes, end).map(|()| ProcessReply::Done)
            }
            ProcessRequest::Kill { id } => host.processes.kill(&owner, &id).await.map(|()| ProcessReply::Done),
        }
    }
}

/// What a program can read, and so its output can hold.
fn read_by(plan: &ExecPlan) -> Labels {
    let name = plan.argv.first().map_or("", String::as_str);
    Labels::private(&format!("program `{name}` could read the workspace"))
}
