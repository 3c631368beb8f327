//! The host's side: installed components, their workers, and the calls that run in them.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use claw_core::effect::EffectError;
use claw_core::id::{ComponentName, Digest, RunId, SessionKey, Timestamp};
use claw_core::inbound::Origin;
use claw_policy::{Action, Permit};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::cache::Cache;
use crate::engine::COMPILED_BYTES;
use crate::frame::{self, CallClock, FromWorker, Quota, Start, StartMount, StartPlace, StartWalls, ToWorker, VERSION};
use crate::handle::Worker;
use crate::limits::{CallLimits, WorkerLimits};
use crate::manifest::Manifest;
use crate::running::Running;

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
    /// A worker without a call for this long is ended.
    pub idle: Duration,
}

/// Why a component cannot be installed or a call not be started.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The cache's directory or files cannot be used.
    #[error("cannot use the cache of compiled components at `{}`; check its owner and the free space", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// What failed.
        #[source]
        err: io::Error,
    },
    /// The component does not compile.
    #[error("component `{component}` cannot be compiled: {message}")]
    Compile {
        /// Which.
        component: ComponentName,
        /// What the compiler says.
        message: String,
    },
    /// The component's own description is missing or makes no sense.
    #[error("component `{component}` has no usable manifest: {message}")]
    Manifest {
        /// Which.
        component: ComponentName,
        /// What is wrong with it.
        message: String,
    },
    /// The process could not be started.
    #[error("cannot start a worker process")]
    Spawn {
        /// What failed.
        #[source]
        err: io::Error,
    },
    /// The kernel lacks a wall.
    #[error(
        "this kernel lacks {feature}, so components are not run; use a newer kernel, or accept less with \
         `sandbox.walls: \"best-effort\"` in the configuration"
    )]
    Kernel {
        /// What is missing.
        feature: String,
    },
    /// The cached code is not for this program.
    #[error("the cached code does not fit this program: {detail}")]
    Incompatible {
        /// What the engine says.
        detail: String,
    },
    /// The worker could not set itself up.
    #[error("the worker could not start: {message}")]
    Start {
        /// What it says.
        message: String,
    },
    /// Too many calls wait for this component.
    #[error("component `{component}` has {CALLS_WAITING} calls waiting already; try again later")]
    Busy {
        /// Which.
        component: ComponentName,
    },
}

/// Calls that may wait for a place in their component's worker.
const CALLS_WAITING: usize = 64;
/// Compiling the largest interpreter takes 20 s on two slow cores.
const COMPILE_WITHIN: Duration = Duration::from_secs(300);

/// The bytes of a component and their SHA-256.
#[derive(Clone, Debug)]
pub struct Wasm {
    bytes: Bytes,
    digest: Digest,
}

impl Wasm {
    /// Hashes the bytes.
    pub fn new(bytes: Bytes) -> Self {
        let digest = Digest(Sha256::digest(&bytes).into());
        Wasm { bytes, digest }
    }

    /// Bytes that are part of this program, hashed when it was built.
    pub fn hashed(bytes: Bytes, digest: Digest) -> Self {
        Wasm { bytes, digest }
    }
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
    /// Its bytes, to compile it again when the cache has lost it.
    wasm: Bytes,
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
    config: SandboxConfig,
    cache: Cache,
    slots: Mutex<HashMap<ComponentName, Arc<Slot>>>,
}

/// The place of one component's worker.
struct Slot {
    places: Arc<Semaphore>,
    waiting: Semaphore,
    /// The live worker and what it was set up with.
    worker: tokio::sync::Mutex<Option<(Arc<Worker>, Ground)>>,
}

impl Sandbox {
    /// Opens the sandbox; starts nothing.
    ///
    /// # Errors
    /// [`SandboxError::Cache`].
    pub fn open(config: SandboxConfig) -> Result<Self, SandboxError> {
        let cache = Cache::open(&config.cache, config.cache_key);
        let cache = cache.map_err(|err| SandboxError::Cache { path: config.cache.clone(), err })?;
        Ok(Sandbox { config, cache, slots: Mutex::default() })
    }

    /// Installs a component: finds it in the cache, or compiles it in a confined process and reads its manifest in a
    /// worker that is granted nothing. Quick for a known component.
    ///
    /// # Errors
    /// Says why it cannot be used.
    pub async fn install(&self, name: ComponentName, wasm: Wasm) -> Result<Component, SandboxError> {
        let Wasm { bytes: wasm, digest } = wasm;
        let manifest = match self.cache.manifest(&digest) {
            Some(manifest) => manifest,
            None => self.admit(&name, &digest, &wasm).await?,
        };
        if manifest.name != name.as_str() {
            let message = format!("it calls itself `{}`", manifest.name);
            return Err(SandboxError::Manifest { component: name, message });
        }
        Ok(Component { name, digest, manifest, wasm })
    }

    async fn admit(&self, name: &ComponentName, digest: &Digest, wasm: &[u8]) -> Result<Manifest, SandboxError> {
        let started = Instant::now();
        let cache = |err| SandboxError::Cache { path: self.config.cache.clone(), err };
        let compiled = self.compile(name, wasm).await?;
        let code = self.cache.put_code(digest, &compiled).map_err(cache)?;
        let worker =
            Worker::spawn(&self.config.program, code, self.start_frame(&Ground::default()), self.config.idle).await?;
        let manifest = describe(&worker).await;
        worker.kill();
        let manifest = manifest.map_err(|message| SandboxError::Manifest { component: name.clone(), message })?;
        self.cache.seal(digest, &compiled, manifest.clone()).map_err(cache)?;
        tracing::info!(component = %name, digest = %digest.short(), took = ?started.elapsed(), "component compiled");
        Ok(manifest)
    }

    async fn compile(&self, name: &ComponentName, wasm: &[u8]) -> Result<Vec<u8>, SandboxError> {
        let spawn = |err| SandboxError::Spawn { err };
        let mut child = tokio::process::Command::new(&self.config.program)
            .arg("compile")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(spawn)?;
        let mut stdin = child.stdin.take().expect("sandbox: stdin is piped");
        let stdout = child.stdout.take().expect("sandbox: stdout is piped");
        let work = async {
            stdin.write_all(wasm).await?;
            drop(stdin);
            let mut out = Vec::new();
            stdout.take(COMPILED_BYTES as u64 + 2).read_to_end(&mut out).await?;
            io::Result::Ok(out)
        };
        let error = |message: String| SandboxError::Compile { component: name.clone(), message };
        let out = tokio::time::timeout(COMPILE_WITHIN, work).await;
        let mut out = out.map_err(|_| error("it takes too long".to_owned()))?.map_err(spawn)?;
        match out.first() {
            Some(0) => {
                out.remove(0);
                Ok(out)
            }
            Some(_) => Err(error(String::from_utf8_lossy(&out[1..]).chars().take(2000).collect())),
            None => Err(error("the compiler reached its memory or time limit".to_owned())),
        }
    }

    /// Starts one permitted call.
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
        let place = self.place(&slot, &component.name).await?;
        let call = frame::Call {
            call: invocation.call.to_string(),
            tool: invocation.tool.to_string(),
            arguments: invocation.arguments,
            run: facts.run.to_string(),
            session: facts.session.to_string(),
            agent: facts.session.agent().to_string(),
            origin: facts.origin.as_str().to_owned(),
            limits,
            seed: facts.seed,
            clock: CallClock { start_ms: facts.begins.0, replay: facts.clock },
        };
        loop {
            let worker = self.worker(&slot, component, ground).await?;
            let begun = worker.begin(|id| ToWorker::Call { id, call: call.clone() }).await;
            if let Some((id, signals)) = begun.map_err(|err| SandboxError::Spawn { err })? {
                let wall = Duration::from_millis(limits.clamped().wall_ms);
                return Ok(Running::new(worker, id, signals, wall, place));
            }
            // The worker closed between the look and the call: the next look starts a new one.
        }
    }

    /// Whether a component has a live worker.
    pub fn state(&self, component: &ComponentName) -> WorkerState {
        let slot = self.slot(component);
        let Ok(worker) = slot.worker.try_lock() else { return WorkerState::Starting };
        match &*worker {
            Some((worker, _)) if worker.is_closed() => WorkerState::Absent,
            Some((worker, _)) if worker.running() > 0 => WorkerState::Running,
            Some(_) => WorkerState::Idle,
            None => WorkerState::Absent,
        }
    }

    /// Ends all workers.
    pub async fn stop(&self) {
        let slots: Vec<_> = self.slots.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for slot in slots {
            if let Some((worker, _)) = slot.worker.lock().await.take() {
                worker.kill();
            }
        }
    }

    fn slot(&self, component: &ComponentName) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let concurrency = self.config.worker.concurrency.max(1) as usize;
        let slot = slots.entry(component.clone()).or_insert_with(|| {
            Arc::new(Slot {
                places: Arc::new(Semaphore::new(concurrency)),
                waiting: Semaphore::new(CALLS_WAITING + concurrency),
                worker: tokio::sync::Mutex::new(None),
            })
        });
        Arc::clone(slot)
    }

    async fn place(&self, slot: &Slot, component: &ComponentName) -> Result<OwnedSemaphorePermit, SandboxError> {
        let Ok(_queue) = slot.waiting.try_acquire() else {
            return Err(SandboxError::Busy { component: component.clone() });
        };
        Ok(Arc::clone(&slot.places).acquire_owned().await.expect("sandbox: places are never closed"))
    }

    /// The component's live worker, or a new one if there is none, it died, or its ground is no longer right.
    async fn worker(&self, slot: &Slot, component: &Component, ground: &Ground) -> Result<Arc<Worker>, SandboxError> {
        let mut live = slot.worker.lock().await;
        if let Some((worker, set_up_with)) = &*live
            && !worker.is_closed()
            && set_up_with == ground
        {
            return Ok(Arc::clone(worker));
        }
        let worker = match self.spawn(component, ground).await {
            // Another build of this program shares the cache: compile again for this one.
            Err(SandboxError::Incompatible { .. }) => {
                self.admit(&component.name, &component.digest, &component.wasm).await?;
                self.spawn(component, ground).await?
            }
            spawned => spawned?,
        };
        *live = Some((Arc::clone(&worker), ground.clone()));
        Ok(worker)
    }

    async fn spawn(&self, component: &Component, ground: &Ground) -> Result<Arc<Worker>, SandboxError> {
        let code = match self.cache.code(&component.digest) {
            Some(code) => code,
            None => {
                tracing::warn!(component = %component.name, "the cached code is missing or was changed; compiling again");
                self.admit(&component.name, &component.digest, &component.wasm).await?;
                self.cache.code(&component.digest).ok_or_else(|| SandboxError::Cache {
                    path: self.config.cache.clone(),
                    err: io::ErrorKind::InvalidData.into(),
                })?
            }
        };
        Worker::spawn(&self.config.program, code, self.start_frame(ground), self.config.idle).await
    }

    fn start_frame(&self, ground: &Ground) -> Start {
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

impl From<&Mount> for StartMount {
    fn from(mount: &Mount) -> Self {
        let host = mount.host.to_string_lossy().into_owned();
        let place = match mount.place {
            Place::Workspace => StartPlace::Workspace,
            Place::Named => StartPlace::Named,
            Place::Scratch { quota } => StartPlace::Scratch { quota },
        };
        StartMount { guest: mount.guest.clone(), host, write: mount.write, place }
    }
}

/// Reads the manifest; whatever else the guest asks for meanwhile is refused.
async fn describe(worker: &Worker) -> Result<Manifest, String> {
    let limits = CallLimits { wall_ms: 10_000, cpu_ms: 5_000, ..CallLimits::default() };
    let begun = worker.begin(|id| ToWorker::Describe { id, limits }).await.map_err(|err| err.to_string())?;
    let (id, mut signals) = begun.ok_or("its worker died")?;
    let described = async {
        while let Some(signal) = signals.recv().await {
            match signal {
                FromWorker::Described { manifest, .. } => return manifest,
                FromWorker::Effect { effect, .. } => {
                    let refusal =
                        EffectError::denied("E_POLICY_DENY", "nothing is granted while a component is described");
                    let _ = worker.send(&ToWorker::Answer { id, effect, answer: Err(refusal) }).await;
                }
                _ => {}
            }
        }
        Err("its worker died while it described itself".to_owned())
    };
    tokio::time::timeout(Duration::from_millis(limits.wall_ms), described)
        .await
        .unwrap_or_else(|_| Err("it takes too long to describe itself".to_owned()))
}
