//! Programs.

use claw_core::effect::{EffectError, ExecExit, ExecRequest};
use claw_effects::{ExecLimits, plan_exec, run_exec};
use claw_policy::Action;

use super::Effects;
use crate::crash_point;

impl Effects {
    pub(super) async fn exec(&self, request: ExecRequest) -> Result<ExecExit, EffectError> {
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
}
