//! One sandboxed call: decision, round trip to a live worker, a fresh instance, its outcome.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use claw_core::id::{CallId, ComponentName, Timestamp, ToolName};
use claw_policy::{Action, Decision, Facts, Policy, Preset, Subject, ToolInvocation};
use claw_sandbox::{
    Bare, CallFacts, CallLimits, Component, Ground, HostLimits, Mount, Place, Sandbox, SandboxConfig, Signal, Walls,
    Wasm, WorkerLimits,
};

use crate::report::{Report, Row};
use crate::samples::{Samples, Stopwatch};
use crate::setup::{PROGRAM, TRUE, component, facts, folder, runtime, spawns, subject};

const WARM_UP: usize = 200;
const CALLS: usize = 5000;
const SPAWNS: usize = 500;
const FIRST_CALLS: usize = 50;
/// A namespace, mounts and a process, in the usual tool for that.
const BUBBLEWRAP: [&str; 5] = ["--unshare-all", "--ro-bind", "/", "/", TRUE];

/// The calls that are measured: component, tool and arguments. `clock` needs nothing of the host; `read` opens a file.
const TOOLS: [(&str, &str, &str); 2] = [("clock", "clock", "{}"), ("files", "read", r#"{"path":"small.txt"}"#)];

pub fn measure(report: &mut Report) -> Result<()> {
    let spawn = spawns(SPAWNS, TRUE, &[])?;
    report.add(Row::time("call.spawn", &spawn));
    let bubblewrap = bubblewrap(report)?;
    let round_trip = round_trip()?;
    report.add(Row::time("call.round_trip", &round_trip));
    let folder = folder()?;
    std::fs::write(folder.path().join("small.txt"), "milk\neggs\nbread\n")?;
    let runtime = runtime()?;
    for (component, tool, arguments) in TOOLS {
        let caller = Caller::set_up(&runtime, folder.path(), component, tool, arguments)?;
        let caller = Arc::new(caller);
        let bare = caller.bare(component)?;
        report.add(Row::time(format!("call.{tool}.bare"), &bare));
        report.add(Row::time(format!("call.{tool}.decide"), &caller.decisions()?));
        for callers in [1, 2, 8] {
            let (samples, took) = runtime.block_on(calls(&caller, callers))?;
            let name = if callers == 1 { "sandboxed".to_owned() } else { format!("sandboxed_by_{callers}") };
            let rate = CALLS as f64 / took.as_secs_f64();
            let mut row = Row::time(format!("call.{tool}.{name}"), &samples).per_second(rate);
            if callers == 1 {
                row = row.against("bare", &bare).against("round_trip", &round_trip).against("spawn", &spawn);
                if let Some(bubblewrap) = &bubblewrap {
                    row = row.against("bubblewrap", bubblewrap);
                }
                row = row.aim("≤ 2.5× bare, ≤ 1/40 of bubblewrap");
            }
            report.add(row);
        }
        let first = runtime.block_on(caller.first_calls())?;
        report.add(Row::time(format!("call.{tool}.first"), &first).against("spawn", &spawn));
        runtime.block_on(caller.sandbox.stop());
    }
    Ok(())
}

fn bubblewrap(report: &mut Report) -> Result<Option<Samples>> {
    const PATH: &str = "call.bubblewrap";
    match Command::new("bwrap").args(BUBBLEWRAP).output() {
        Err(_) => report.add(Row::absent(PATH, "bubblewrap is not installed")),
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            report.add(Row::absent(PATH, format!("bubblewrap does not work here: {said}")));
        }
        Ok(_) => {
            let samples = spawns(SPAWNS, "bwrap", &BUBBLEWRAP)?;
            report.add(Row::time(PATH, &samples));
            return Ok(Some(samples));
        }
    }
    Ok(None)
}

/// A byte to another process and back: on this machine, no call into another process is quicker.
fn round_trip() -> Result<Samples> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let copy = OwnedFd::from(theirs.try_clone()?);
    let mut echo = Command::new("/bin/cat").stdin(OwnedFd::from(theirs)).stdout(copy).spawn()?;
    let samples = Samples::of(WARM_UP, CALLS, || {
        ours.write_all(&[1])?;
        ours.read_exact(&mut [0])
    });
    drop(ours);
    echo.wait()?;
    Ok(samples?)
}

/// Everything that one call takes.
struct Caller {
    policy: Policy,
    sandbox: Sandbox,
    component: Component,
    subject: Subject,
    facts: Facts,
    ground: Ground,
    tool: ToolName,
    arguments: &'static str,
}

impl Caller {
    fn set_up(
        runtime: &tokio::runtime::Runtime,
        folder: &Path,
        component_name: &str,
        tool: &str,
        arguments: &'static str,
    ) -> Result<Caller> {
        let name = ComponentName::parse(component_name)?;
        let sandbox = Sandbox::open(SandboxConfig {
            program: PROGRAM.into(),
            cache: folder.join("cache"),
            cache_key: [7; 32],
            walls: Walls::Required,
            worker: WorkerLimits::default(),
            host: HostLimits::default(),
        })?;
        let component =
            runtime.block_on(sandbox.install(name.clone(), Wasm::new(component(component_name)?.into())))?;
        let granted = component_name == "files";
        let grants: &[&str] = if granted { &["fs workspace read-write"] } else { &[] };
        let mount =
            Mount { guest: "/workspace".to_owned(), host: folder.to_owned(), write: true, place: Place::Workspace };
        Ok(Caller {
            policy: Policy::load(Preset::Cautious, &[])?,
            sandbox,
            subject: subject(&name, component.digest, grants)?,
            component,
            facts: facts()?,
            ground: Ground { mounts: granted.then_some(mount).into_iter().collect(), config: Vec::new() },
            tool: ToolName::parse(tool)?,
            arguments,
        })
    }

    /// The same calls of the same component without the sandbox.
    fn bare(&self, name: &str) -> Result<Samples> {
        let bare = Bare::load(&component(name)?, &self.ground.mounts).map_err(|err| anyhow!(err))?;
        Samples::of(WARM_UP, CALLS, || {
            let outcome = bare.call(self.tool.as_str(), self.arguments);
            ensure!(outcome.is_done(), "the bare call failed: {}", outcome.text());
            Ok(())
        })
    }

    /// Calls that find no worker: a process, its walls and its code come before them.
    async fn first_calls(&self) -> Result<Samples> {
        let mut times = Vec::with_capacity(FIRST_CALLS);
        for _ in 0..FIRST_CALLS {
            self.sandbox.stop().await;
            let watch = Stopwatch::start();
            self.call().await?;
            times.push(watch.elapsed());
        }
        Ok(Samples::new(times))
    }

    fn decisions(&self) -> Result<Samples> {
        Samples::of(WARM_UP, CALLS, || self.decide().map(drop))
    }

    fn decide(&self) -> Result<claw_policy::Permit> {
        let call = CallId::parse("call_1")?;
        let arguments = self.arguments.to_owned();
        let action = Action::CallTool(ToolInvocation { call, tool: self.tool.clone(), arguments });
        match self.policy.decide(&self.subject, &self.facts, action) {
            Decision::Allow(permit) => Ok(permit),
            Decision::Ask(_) => bail!("the policy asks about `{}`", self.tool),
            Decision::Deny(denial) => bail!("the policy denies `{}`: {}", self.tool, denial.reason),
        }
    }

    async fn call(&self) -> Result<()> {
        let facts = CallFacts {
            run: self.facts.run.clone(),
            session: self.facts.session.clone(),
            origin: self.facts.origin,
            seed: [7; 32],
            begins: Timestamp(0),
            clock: None,
        };
        let permit = self.decide()?;
        let limits = CallLimits::default();
        let mut running = self.sandbox.start(&self.component, permit, facts, &self.ground, limits).await?;
        loop {
            if let Signal::Done { outcome, .. } = running.next().await {
                ensure!(outcome.is_done(), "the sandboxed call failed: {}", outcome.text());
                return Ok(());
            }
        }
    }
}

/// Many calls by several callers at a time; gives the times of each and of all.
async fn calls(caller: &Arc<Caller>, callers: usize) -> Result<(Samples, Duration)> {
    for _ in 0..WARM_UP {
        caller.call().await?;
    }
    let watch = Stopwatch::start();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let caller = Arc::clone(caller);
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(CALLS / callers);
                for _ in 0..CALLS / callers {
                    let watch = Stopwatch::start();
                    caller.call().await?;
                    times.push(watch.elapsed());
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::with_capacity(CALLS);
    for task in tasks {
        times.extend(task.await.context("a caller failed")??);
    }
    Ok((Samples::new(times), watch.elapsed()))
}
