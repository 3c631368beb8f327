//! How a component comes in: looked over and compiled in a confined process, described in a worker that is granted
//! nothing, and kept in the cache.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use claw_core::effect::EffectError;
use claw_core::id::{ComponentName, Digest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::compile::CompileError;
use crate::error::SandboxError;
use crate::frame::{FromWorker, ToWorker};
use crate::handle::Worker;
use crate::limits::CallLimits;
use crate::manifest::Manifest;
use crate::plain::Described;
use crate::sandbox::{Component, Ground, Sandbox};
use crate::wasm::Wasm;

impl Sandbox {
    /// The component in a file. Quick for a file that has not changed since an earlier start: it is not read.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open_wasm(&self, path: &Path) -> io::Result<Wasm> {
        Wasm::open(path, &self.cache)
    }

    /// Installs a component: finds it in the cache, or compiles it in a confined process and reads its manifest in a
    /// worker that is granted nothing. Quick for a known component. Cancel-safe: dropping it ends the compiler.
    ///
    /// # Errors
    /// Says why it cannot be used.
    pub async fn install(&self, name: ComponentName, wasm: Wasm) -> Result<Component, SandboxError> {
        let digest = wasm.digest;
        let component = self.known_as(&name, wasm).await?;
        if component.name != name {
            let message = format!("it calls itself `{}`", component.name);
            return Err(SandboxError::Manifest { component: name, message });
        }
        self.installed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(digest);
        Ok(component)
    }

    /// Looks a component over whose name is not known yet, as [`Sandbox::install`] does: it is the one that the component
    /// gives itself or, for one that gives itself none, the one that is `offered`. The code stays in the cache for as long
    /// as there is room.
    ///
    /// # Errors
    /// Says why it cannot be used.
    pub async fn examine(&self, wasm: Wasm, offered: &ComponentName) -> Result<Component, SandboxError> {
        self.known_as(offered, wasm).await
    }

    async fn known_as(&self, offered: &ComponentName, wasm: Wasm) -> Result<Component, SandboxError> {
        let described = match self.cache.described(&wasm.digest) {
            Some(described) => described,
            None => self.admit(offered, &wasm).await?,
        };
        let unusable = |message| SandboxError::Manifest { component: offered.clone(), message };
        let (name, manifest, plain) = match described {
            Described::Itself(manifest) => {
                let name = ComponentName::parse(&manifest.name)
                    .map_err(|err| unusable(format!("it calls itself `{}`: {err}", manifest.name.escape_default())))?;
                (name, manifest, None)
            }
            Described::ByTypes(plain) => {
                let manifest = plain.manifest(offered).map_err(unusable)?;
                (offered.clone(), manifest, Some(Arc::new(plain)))
            }
        };
        Ok(Component { name, digest: wasm.digest, manifest, plain, wasm })
    }

    /// A note that was kept about a component; nothing if there is none, or if it is not as it was kept.
    pub fn note<T: DeserializeOwned>(&self, component: &Digest, kind: &str) -> Option<T> {
        self.cache.note(component, kind)
    }

    /// Keeps what was found out with a component, for later starts. It is sealed, and goes with the component.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep_note(&self, component: &Digest, kind: &str, note: &impl Serialize) -> io::Result<()> {
        self.cache.keep_note(component, kind, note)
    }

    /// Compiles and describes a component, and keeps both.
    pub(crate) async fn admit(&self, name: &ComponentName, wasm: &Wasm) -> Result<Described, SandboxError> {
        let started = Instant::now();
        let digest = &wasm.digest;
        let bytes = wasm.read().map_err(|err| SandboxError::Source { component: name.clone(), err })?;
        let compiled = self.compiler.compile(&bytes).await.map_err(|err| match err {
            CompileError::Refused(why) => SandboxError::Refused { component: name.clone(), why },
            CompileError::Process(err) => SandboxError::Spawn { err },
            CompileError::Stopping => SandboxError::Stopping,
        })?;
        let code = self.cache.put_code(digest, &compiled.code).map_err(|err| self.cache_error(err))?;
        let described = match compiled.plain {
            Some(plain) => Described::ByTypes(plain),
            None => Described::Itself(self.describe(name, code).await?),
        };
        self.cache.seal(digest, &compiled.code, described.clone()).map_err(|err| self.cache_error(err))?;
        let mut needed = self.installed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        needed.insert(*digest);
        self.cache.make_room(&needed);
        tracing::info!(component = %name, digest = %digest.short(), took = ?started.elapsed(), "component compiled");
        Ok(described)
    }

    /// Lets a component describe itself, in a worker that is granted nothing.
    async fn describe(&self, name: &ComponentName, code: File) -> Result<Manifest, SandboxError> {
        let start = self.start_frame(&Ground::default());
        let worker = Worker::spawn(&self.config.program, code, start, Arc::default()).await?;
        let manifest = describe(&worker).await;
        worker.kill();
        manifest.map_err(|message| SandboxError::Manifest { component: name.clone(), message })
    }

    /// The component's compiled code, checked; compiled again if the cache has lost it.
    pub(crate) async fn code(&self, component: &Component) -> Result<File, SandboxError> {
        if let Some(code) = self.cache.code(&component.digest) {
            return Ok(code);
        }
        tracing::warn!(component = %component.name, "the cached code is missing or was changed; compiling again");
        self.admit(&component.name, &component.wasm).await?;
        self.cache.code(&component.digest).ok_or_else(|| self.cache_error(io::ErrorKind::InvalidData.into()))
    }

    fn cache_error(&self, err: io::Error) -> SandboxError {
        SandboxError::Cache { path: self.config.cache.clone(), err }
    }
}

/// Reads the manifest; whatever else the guest asks for meanwhile is refused.
async fn describe(worker: &Worker) -> Result<Manifest, String> {
    let limits = CallLimits { wall_ms: 10_000, cpu_ms: 5_000, ..CallLimits::default() };
    let (id, mut signals) = worker.register().ok_or("its worker died")?;
    worker.send(&ToWorker::Describe { id, limits }).await.map_err(|err| err.to_string())?;
    let described = async {
        while let Some(signal) = signals.recv().await {
            match signal.frame {
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
