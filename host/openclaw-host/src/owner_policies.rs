//! The owner's own policies: read at the start, and again whenever a file of them changes.
//!
//! Each agent starts from its preset, and the files come on top of it. What does not validate changes nothing: the set that was in force stays, and `status` says why.

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use claw_core::id::AgentId;
use claw_core::route;
use claw_policy::{Policy, PolicyFile, Preset};
use rustix::fs::inotify;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio_util::sync::CancellationToken;

use crate::audit;
use crate::channels;
use crate::home::owners_file;
use crate::host::Host;

/// An editor makes several changes to save one file.
const SETTLE: Duration = Duration::from_millis(50);

/// A folder of policies on top of a preset.
#[derive(Debug)]
pub struct OwnerPolicies {
    presets: BTreeMap<AgentId, Preset>,
    folder: PathBuf,
    changes: AsyncFd<OwnedFd>,
}

/// The policies of all agents.
pub struct PolicySet {
    of: BTreeMap<AgentId, Arc<Policy>>,
    /// For an agent that is not there any more.
    nobodys: Arc<Policy>,
}

impl PolicySet {
    /// Those of one agent.
    pub fn of(&self, agent: &AgentId) -> &Arc<Policy> {
        self.of.get(agent).unwrap_or(&self.nobodys)
    }

    /// Those of `main`.
    pub fn main(&self) -> &Arc<Policy> {
        self.of(&route::main())
    }
}

impl OwnerPolicies {
    /// Begins to watch, so that no change after the first load is missed.
    ///
    /// # Errors
    /// If the kernel cannot watch the folder.
    pub fn watch(presets: BTreeMap<AgentId, Preset>, folder: PathBuf) -> io::Result<OwnerPolicies> {
        let changes = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        let kinds = inotify::WatchFlags::CLOSE_WRITE
            | inotify::WatchFlags::MOVE
            | inotify::WatchFlags::CREATE
            | inotify::WatchFlags::DELETE;
        inotify::add_watch(&changes, &folder, kinds)?;
        // SAFETY: an owned descriptor stays open, and the same, for as long as it lives.
        let changes = unsafe { AsyncFd::register_with_interest(changes, Interest::READABLE) }?;
        Ok(OwnerPolicies { presets, folder, changes })
    }

    /// The policies as the files have them now.
    ///
    /// # Errors
    /// If a file cannot be read or changed by others, or one of them does not validate.
    pub fn load(&self) -> anyhow::Result<PolicySet> {
        let files = files(&self.folder)?;
        for file in &files {
            owners_file(&self.folder, &self.folder.join(&file.name))?;
        }
        let mut loaded: Vec<(Preset, Arc<Policy>)> = Vec::new();
        let mut of = BTreeMap::new();
        for (agent, preset) in &self.presets {
            let known = loaded.iter().find(|(known, _)| known == preset).map(|(_, policy)| Arc::clone(policy));
            let policy = match known {
                Some(policy) => policy,
                None => {
                    let policy = Arc::new(Policy::load(*preset, &files)?);
                    loaded.push((*preset, Arc::clone(&policy)));
                    policy
                }
            };
            of.insert(agent.clone(), policy);
        }
        Ok(PolicySet { of, nobodys: Arc::new(Policy::load(Preset::DenyAll, &[])?) })
    }

    /// Puts each change in force until the host stops.
    pub async fn follow(self, host: Arc<Host>, stop: CancellationToken) {
        loop {
            let changed = tokio::select! {
                changed = self.changed() => changed,
                () = stop.cancelled() => return,
            };
            if let Err(err) = changed {
                return tracing::error!(error = %err, "changes of the policies are not seen any more");
            }
            let newest = self.load();
            audit::policies(&host, &newest).await;
            if host.gate.replace_policies(newest) {
                host.gate.supersede_cards(&host).await;
                channels::all_changed(&host).await;
            }
        }
    }

    /// Waits for a change, and for those that come with it.
    async fn changed(&self) -> io::Result<()> {
        self.drain().await?;
        while tokio::time::timeout(SETTLE, self.drain()).await.is_ok() {}
        Ok(())
    }

    /// Takes what the kernel has to tell; waits until there is something.
    async fn drain(&self) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let read = |changes: &OwnedFd| Ok(rustix::io::read(changes, &mut buffer).map(drop)?);
        self.changes.async_io(Interest::READABLE, read).await
    }
}

/// The owner's files, in order of their names.
///
/// # Errors
/// If one cannot be read.
pub fn files(folder: &Path) -> anyhow::Result<Vec<PolicyFile>> {
    let unreadable = |path: &Path| format!("cannot read `{}`", path.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| unreadable(folder))? {
        let path = entry.with_context(|| unreadable(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "cedar") {
            let text = std::fs::read_to_string(&path).with_context(|| unreadable(&path))?;
            files.push(PolicyFile { name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}
