//! Calls of one component, with and without the sandbox around it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use claw_core::id::{CallId, ComponentName, Timestamp, ToolName};
use claw_policy::{Action, Decision, Facts, Permit, Policy, Preset, Subject, ToolInvocation};
use claw_sandbox::{
    Bare, CallFacts, CallLimits, Component, Ground, HostLimits, Mount, Running, Sandbox, SandboxConfig, Signal, Walls,
    Wasm, WorkerLimits,
};
use tokio::runtime::Runtime;

use crate::samples::{Samples, Stopwatch};
use crate::setup::{PROGRAM, facts, subject};

const WARM_UP: usize = 200;

/// One call: the component's name and bytes, the tool and its arguments, and what the component is granted.
pub struct Called {
    pub component: &'static str,
    pub wasm: Vec<u8>,
    pub tool: &'static str,
    pub arguments: String,
    pub grants: Vec<String>,
    pub mounts: Vec<Mount>,
}

/// Everything that one call takes.
pub struct Caller {
    pub policy: Policy,
    pub sandbox: Sandbox,
    pub component: Component,
    pub subject: Subject,
    pub facts: Facts,
    ground: Ground,
    tool: ToolName,
    arguments: String,
}

impl Caller {
    /// Opens a sandbox with its cache in `folder` and installs the component.
    pub fn set_up(runtime: &Runtime, folder: &Path, called: Called) -> Result<Caller> {
        let name = ComponentName::parse(called.component)?;
        let sandbox = Sandbox::open(SandboxConfig {
            program: PROGRAM.into(),
            cache: folder.join("cache"),
            cache_key: [7; 32],
            walls: Walls::Required,
            worker: WorkerLimits::default(),
            host: HostLimits::default(),
        })?;
        let wasm = Wasm::new(called.wasm.into());
        let component = runtime.block_on(sandbox.install(name.clone(), wasm))?;
        let grants: Vec<&str> = called.grants.iter().map(String::as_str).collect();
        Ok(Caller {
            policy: Policy::load(Preset::Cautious, &[])?,
            sandbox,
            subject: subject(&name, component.digest, &grants)?,
            component,
            facts: facts()?,
            ground: Ground { mounts: called.mounts, config: Vec::new() },
            tool: ToolName::parse(called.tool)?,
            arguments: called.arguments,
        })
    }

    /// The same component in this process, without the sandbox.
    pub fn bare(&self) -> Result<Bare> {
        Bare::load(&self.component, &self.ground.mounts).map_err(|err| anyhow!(err))
    }

    /// The same call of it.
    pub fn call_bare(&self, bare: &Bare) -> Result<()> {
        let outcome = bare.call(self.tool.as_str(), &self.arguments);
        ensure!(outcome.is_done(), "the bare call failed: {}", outcome.text());
        Ok(())
    }

    /// Calls without the sandbox, one after the other.
    pub fn bare_calls(&self, count: usize) -> Result<Samples> {
        let bare = self.bare()?;
        Samples::of(warm_up(count), count, || self.call_bare(&bare))
    }

    /// Calls that find no worker: a process, its walls and its code come before them.
    pub async fn first_calls(&self, count: usize) -> Result<Samples> {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            self.sandbox.stop().await;
            let watch = Stopwatch::start();
            self.call().await?;
            times.push(watch.elapsed());
        }
        Ok(Samples::new(times))
    }

    pub fn decide(&self) -> Result<Permit> {
        let call = CallId::parse("call_1")?;
        let arguments = self.arguments.clone();
        self.permit(Action::CallTool(ToolInvocation { call, tool: self.tool.clone(), arguments }))
    }

    /// The policy's permit for an action of the component.
    pub fn permit(&self, action: Action) -> Result<Permit> {
        match self.policy.decide(&self.subject, &self.facts, action) {
            Decision::Allow(permit) => Ok(permit),
            Decision::Ask(_) => bail!("the policy asks about `{}`", self.tool),
            Decision::Deny(denial) => bail!("the policy denies `{}`: {}", self.tool, denial.reason),
        }
    }

    /// Decides and starts the call.
    pub async fn start(&self, limits: CallLimits) -> Result<Running> {
        let facts = CallFacts {
            run: self.facts.run.clone(),
            session: self.facts.session.clone(),
            origin: self.facts.origin,
            seed: [7; 32],
            begins: Timestamp(1_760_000_000_000),
            clock: None,
            file: Vec::new(),
        };
        Ok(self.sandbox.start(&self.component, self.decide()?, facts, &self.ground, limits).await?)
    }

    /// One call from the decision to its outcome.
    pub async fn call(&self) -> Result<()> {
        let mut running = self.start(CallLimits::default()).await?;
        loop {
            if let Signal::Done { outcome, .. } = running.next().await {
                ensure!(outcome.is_done(), "the sandboxed call failed: {}", outcome.text());
                return Ok(());
            }
        }
    }
}

/// Calls before those that are measured: as many as bring caches and worker into their steady state, few for slow ones.
fn warm_up(count: usize) -> usize {
    WARM_UP.min(count.div_ceil(5))
}

/// Many calls by several callers at a time; gives the times of each and of all.
pub async fn calls(caller: &Arc<Caller>, callers: usize, count: usize) -> Result<(Samples, Duration)> {
    for _ in 0..warm_up(count) {
        caller.call().await?;
    }
    let each = count.div_ceil(callers);
    let watch = Stopwatch::start();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let caller = Arc::clone(caller);
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(each);
                for _ in 0..each {
                    let watch = Stopwatch::start();
                    caller.call().await?;
                    times.push(watch.elapsed());
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::with_capacity(each * callers);
    for task in tasks {
        times.extend(task.await.context("a caller failed")??);
    }
    Ok((Samples::new(times), watch.elapsed()))
}
