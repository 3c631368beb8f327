//! The host's side: installed components, their workers, and the calls that run in them.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claw_core::id::{AgentId, ComponentName, Digest, RunId, SessionKey, Timestamp};
use claw_core::inbound::Origin;
use claw_policy::{Action, Permit, ToolInvocation};
use tokio::time::Instant;

use crate::cache::Cache;
use crate::channel;
use crate::compile::Compiler;
use crate::error::SandboxError;
use crate::frame::{self, CallClock, Callee, Quota, Start, StartMount, StartPlace, StartWalls, ToWorker, VERSION};
use crate::handle::Worker;
use crate::limits::{CallLimits, HostLimits, WorkerLimits};
use crate::manifest::Manifest;
use crate::plain::Plain;
use crate::quarantine::Quarantine;
use crate::running::Running;
use crate::turnstile::{Full, Turnstile};
use crate::wasm::Wasm;

/// Whether a worker may start on a kernel that lacks a wall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Walls {
    /// Refuse, and name what is missing.
    #[default]
    Required,
    /// Put up what there is. The owner asked for it by name.
    BestEffort,
    /// Test builds only: no WebAssembly wall.
    #[cfg(feature = "test-weaken")]
    OnlyOs,
    /// Test builds only: no operating system's wall.
    #[cfg(feature = "test-weaken")]
    OnlyWasm,
}

/// How the sandbox is set up.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// This program; run as `program worker` and `program compile`.
    pub program: PathBuf,
    /// Where compiled components are kept, 0700.
    pub cache: PathBuf,
    /// The secret that seals the cache; the same at each start.
    pub cache_key: [u8; 32],
    /// What to do on a kernel that lacks a wall.
    pub walls: Walls,
    /// Limits of each worker.
    pub worker: WorkerLimits,
    /// Limits that all components share.
    pub host: HostLimits,
}

/// One installed component.
#[derive(Clone, Debug)]
pub struct Component {
    /// Its name.
    pub name: ComponentName,
    /// The digest of its bytes.
    pub digest: Digest,
    /// What it said of itself at install, pinned by the digest.
    pub manifest: Manifest,
    /// What is known of it if it does not describe itself. The manifest is made of that then.
    pub plain: Option<Arc<Plain>>,
    /// Its bytes, to compile it again when the cache has lost it.
    pub(crate) wasm: Wasm,
}

impl Component {
    /// What a worker calls for a tool, or for one of the host's names for the functions of a channel; a file that is sent
    /// goes along.
    pub(crate) fn callee(&self, tool: &str, file: Vec<u8>) -> Callee {
        if let Some(plain) = &self.plain {
            return Callee::Function(plain.path(&self.manifest, tool).unwrap_or(tool).to_owned());
        }
        let of_channel = self.manifest.channel.and_then(|_| channel::callee(tool, file));
        of_channel.unwrap_or_else(|| Callee::Tool(tool.to_owned()))
    }
}

/// A directory that a call may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where the guest sees it, e.g. `/workspace`.
    pub guest: String,
    /// Where it is.
    pub host: PathBuf,
    /// Whether it may be changed.
    pub write: bool,
    /// What kind of folder it is.
    pub place: Place,
}

/// What kind of folder a mount is; decides which rules hold in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The agent's workspace; its path may be or contain a link.
    Workspace,
    /// The same, for a conversation that others may have talked into something: nothing may change of what is part of each
    /// prompt.
    Guarded,
    /// The same, lent to a component that did not come with the host: it may change nothing of what tells the agent who it
    /// is and what it remembers.
    Lent,
    /// A folder that the owner has named, by its canonical path.
    Named,
    /// The component's own folder, by its canonical path.
    Scratch {
        /// What may lie in it.
        quota: Quota,
    },
}

/// What the guest may know of its run.
#[derive(Clone, Debug)]
pub struct CallFacts {
    /// The run.
    pub run: RunId,
    /// Its conversation.
    pub session: SessionKey,
    /// Who started it.
    pub origin: Origin,
    /// Where the call's random numbers come from: as good as the system's, and the same again in a replay.
    pub seed: [u8; 32],
    /// When the call begins.
    pub begins: Timestamp,
    /// What the clocks of an earlier run showed, to be shown again.
    pub clock: Option<Vec<u32>>,
    /// The bytes of the file that a channel is to send.
    pub file: Vec<u8>,
}

/// What a component's worker is set up with. When any of it changes, the next call gets a new worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ground {
    /// The directories that it may reach.
    pub mounts: Vec<Mount>,
    /// What the owner wrote down for it, see `wasi:config`.
    pub config: Vec<(String, String)>,
}

/// Whether a component has a live worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// No process.
    Absent,
    /// A process that is putting its walls up.
    Starting,
    /// A process without a call.
    Idle,
    /// A process with running calls.
    Running,
}

/// All workers.
pub struct Sandbox {
    pub(crate) config: SandboxConfig,
    pub(crate) cache: Cache,
    pub(crate) compiler: Compiler,
    /// What this host has installed: its code stays in the cache.
    pub(crate) installed: Mutex<HashSet<Digest>>,
    turnstile: Turnstile,
    slots: Mutex<HashMap<ComponentName, Arc<Slot>>>,
}

/// The place of one component's workers.
#[derive(Default)]
struct Slot {
    /// The live ones, at most one for each agent.
    workers: tokio::sync::Mutex<HashMap<AgentId, Live>>,
    /// How its workers have fared.
    record: Arc<Mutex<Quarantine>>,
}

/// A live worker.
struct Live {
    worker: Arc<Worker>,
    /// What it runs.
    build: Digest,
    /// What it was set up with.
    ground: Ground,
}

impl Sandbox {
    /// Opens the sandbox; starts nothing.
    ///
    /// # Errors
    /// [`SandboxError::Cache`].
    pub fn open(config: SandboxConfig) -> Result<Self, SandboxError> {
        let cache = Cache::open(&config.cache, config.cache_key, config.host.cache_bytes);
        let cache = cache.map_err(|err| SandboxError::Cache { path: config.cache.clone(), err })?;
        Ok(Sandbox {
            cache,
            compiler: Compiler::new(&config.program),
            installed: Mutex::default(),
            turnstile: Turnstile::new(config.worker.concurrency as usize, config.host.shared_calls),
            slots: Mutex::default(),
            config,
        })
    }

    /// Starts one permitted call; waits while others of its component run and it is not its turn. Cancel-safe: a call
    /// that is given up while it waits or starts does not run on.
    ///
    /// # Errors
    /// Says why it cannot start; nothing has run then.
    ///
    /// # Panics
    /// If the permit is for something other than a tool call.
    pub async fn start(
        &self,
        component: &Component,
        permit: Permit,
        facts: CallFacts,
        ground: &Ground,
        limits: CallLimits,
    ) -> Result<Running, SandboxError> {
        let Action::CallTool(invocation) = permit.into_action() else {
            panic!("sandbox: only permits for tool calls come here");
        };
        let slot = self.slot(&component.name);
        let busy = |Full| SandboxError::Busy { component: component.name.clone() };
        let mut place = Some(self.turnstile.enter(&component.name).await.map_err(busy)?);
        let wall = Duration::from_millis(limits.clamped().wall_ms);
        let agent = facts.session.agent();
        let call = call(component, invocation, facts, limits);
        loop {
            slot.check_record(&component.name)?;
            let worker = self.worker(&slot, component, &agent, ground).await?;
            // If the worker has closed since that look, the next look starts a new one.
            let Some((id, signals)) = worker.register() else { continue };
            let place = place.take().expect("sandbox: a call starts once");
            let running = Running::new(Arc::clone(&worker), id, signals, wall, place);
            let begin = frame::encode(&ToWorker::Call { id, call }).map_err(|err| SandboxError::Spawn { err })?;
            // A failed write means that the worker died: its reader notices too and ends the call.
            let _ = worker.write(&begin).await;
            return Ok(running);
        }
    }

    /// Whether a component has a live worker.
    pub fn state(&self, component: &ComponentName) -> WorkerState {
        let slot = self.slot(component);
        let Ok(workers) = slot.workers.try_lock() else { return WorkerState::Starting };
        let live = workers.values().filter(|live| !live.worker.is_closed());
        match live.map(|live| live.worker.running()).max() {
            None => WorkerState::Absent,
            Some(0) => WorkerState::Idle,
            Some(_) => WorkerState::Running,
        }
    }

    /// Ends all workers and the compiler.
    pub async fn stop(&self) {
        self.compiler.stop();
        let slots: Vec<_> = self.slots.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for slot in slots {
            for (_, live) in slot.workers.lock().await.drain() {
                live.worker.kill();
            }
        }
    }

    fn slot(&self, component: &ComponentName) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.get(component) {
            Some(slot) => Arc::clone(slot),
            None => Arc::clone(slots.entry(component.clone()).or_default()),
        }
    }

    /// A live worker of the component with this ground. If there is none, a new one takes the place of that of the agent,
    /// which died, or whose build or ground is no longer right.
    async fn worker(
        &self,
        slot: &Slot,
        component: &Component,
        agent: &AgentId,
        ground: &Ground,
    ) -> Result<Arc<Worker>, SandboxError> {
        let mut workers = slot.workers.lock().await;
        let fits = |live: &&Live| !live.worker.is_closed() && live.build == component.digest && live.ground == *ground;
        // What reaches nothing of an agent's own serves them all.
        if let Some(live) = workers.values().find(fits) {
            return Ok(Arc::clone(&live.worker));
        }
        let record = &slot.record;
        let worker = match self.spawn(component, ground, record).await {
            // Another build of this program shares the cache: compile again for this one.
            Err(SandboxError::Incompatible { .. }) => {
                self.admit(&component.name, &component.wasm).await?;
                self.spawn(component, ground, record).await?
            }
            spawned => spawned?,
        };
        workers.retain(|_, live| live.build == component.digest && !live.worker.is_closed());
        let live = Live { worker: Arc::clone(&worker), build: component.digest, ground: ground.clone() };
        workers.insert(agent.clone(), live);
        Ok(worker)
    }

    async fn spawn(
        &self,
        component: &Component,
        ground: &Ground,
        record: &Arc<Mutex<Quarantine>>,
    ) -> Result<Arc<Worker>, SandboxError> {
        let code = self.code(component).await?;
        Worker::spawn(&self.config.program, code, self.start_frame(ground), Arc::clone(record)).await
    }

    pub(crate) fn start_frame(&self, ground: &Ground) -> Start {
        let mounts = ground.mounts.iter().map(StartMount::from).collect();
        let walls = match self.config.walls {
            Walls::Required => StartWalls::Required,
            Walls::BestEffort => StartWalls::BestEffort,
            #[cfg(feature = "test-weaken")]
            Walls::OnlyOs => StartWalls::OnlyOs,
            #[cfg(feature = "test-weaken")]
            Walls::OnlyWasm => StartWalls::OnlyWasm,
        };
        Start { version: VERSION, limits: self.config.worker, mounts, config: ground.config.clone(), walls }
    }
}

impl Slot {
    fn check_record(&self, component: &ComponentName) -> Result<(), SandboxError> {
        let closed = self.record.lock().unwrap_or_else(PoisonError::into_inner).closed(Instant::now());
        match closed {
            None => Ok(()),
            Some(closed) => Err(SandboxError::Quarantined {
                component: component.clone(),
                crashes: closed.crashes,
                left: closed.left,
            }),
        }
    }
}

fn call(component: &Component, invocation: ToolInvocation, facts: CallFacts, limits: CallLimits) -> frame::Call {
    frame::Call {
        call: invocation.call.to_string(),
        callee: component.callee(invocation.tool.as_str(), facts.file),
        arguments: invocation.arguments,
        run: facts.run.to_string(),
        session: facts.session.to_string(),
        agent: facts.session.agent().to_string(),
        origin: facts.origin.as_str().to_owned(),
        limits,
        seed: facts.seed,
        clock: CallClock { start_ms: facts.begins.0, replay: facts.clock },
    }
}

impl From<&Mount> for StartMount {
    fn from(mount: &Mount) -> Self {
        let host = mount.host.to_string_lossy().into_owned();
        let place = match mount.place {
            Place::Workspace => StartPlace::Workspace,
            Place::Guarded => StartPlace::Guarded,
            Place::Lent => StartPlace::Lent,
            Place::Named => StartPlace::Named,
            Place::Scratch { quota } => StartPlace::Scratch { quota },
        };
        StartMount { guest: mount.guest.clone(), host, write: mount.write, place }
    }
}
