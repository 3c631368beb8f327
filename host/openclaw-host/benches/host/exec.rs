//! A confined program: the plan, the decision and the run, beside a plain start of the same program.

use anyhow::{Result, bail, ensure};
use claw_core::effect::{ExecEnd, ExecRequest};
use claw_core::id::{ComponentName, Digest};
use claw_effects::{ExecLimits, ExecPaths, plan_exec, run_exec};
use claw_policy::{Action, Decision, Policy, Preset};
use tokio_util::sync::CancellationToken;

use crate::report::{Report, Row};
use crate::samples::Samples;
use crate::setup::{PROGRAM, TRUE, facts, folder, runtime, spawns, subject};

const RUNS: usize = 300;

pub fn measure(report: &mut Report) -> Result<()> {
    let runs = report.times(RUNS);
    let spawn = spawns(runs, TRUE, &[])?;
    report.add(Row::time("exec.spawn", &spawn));
    let folder = folder()?;
    let (workspace, scratch) = (folder.path().join("workspace"), folder.path().join("scratch"));
    std::fs::create_dir(&workspace)?;
    std::fs::create_dir(&scratch)?;
    let workspaces = vec![workspace.canonicalize()?];
    let paths = ExecPaths { launcher: PROGRAM.into(), workspaces, scratch, cgroups: None };
    let policy = Policy::load(Preset::Cautious, &[])?;
    let subject = subject(&ComponentName::parse("exec")?, Digest([1; 32]), &["exec true"])?;
    let facts = facts()?;
    let request = ExecRequest {
        argv: vec!["true".to_owned()],
        cwd: String::new(),
        env: Vec::new(),
        stdin: Vec::new(),
        timeout_ms: 60_000,
        max_output_bytes: 1024,
    };
    let runtime = runtime()?;
    let plan =
        Samples::of(20, runs, || plan_exec(&request, None, &paths.workspaces[0], &ExecLimits::default()).map(drop))?;
    report.add(Row::time("exec.plan", &plan));
    let confined = Samples::of(20, runs, || {
        let plan = plan_exec(&request, None, &paths.workspaces[0], &ExecLimits::default())?;
        let permit = match policy.decide(&subject, &facts, Action::RunProgram(plan)) {
            Decision::Allow(permit) => permit,
            Decision::Ask(_) | Decision::Deny(_) => bail!("the policy does not allow `true`"),
        };
        let exit = runtime.block_on(run_exec(permit, &paths, &CancellationToken::new()))?;
        ensure!(exit.ended == ExecEnd::Code(0), "`true` ended with {:?}", exit.ended);
        Ok(())
    })?;
    report.add(Row::time("exec.confined", &confined).against("spawn", &spawn));
    Ok(())
}
