//! The folders that components can reach: the workspace, one of each component's own, and those that the owner has named.
//!
//! Some places are off limits whoever names them (FS-18): what is in them would give a component more than files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use claw_core::id::ComponentName;
use claw_policy::{Access, Folder};
use claw_sandbox::{Mount, Place, Quota};

use crate::home::Home;
use crate::settings::Settings;

/// What a component's own folder may hold by default, in MiB: many times what tools keep, and little of a disk.
const SCRATCH_MIB: u64 = 256;
/// How many files and directories; each costs the file system some hundred bytes even if it is empty.
const SCRATCH_FILES: u64 = 10_000;

/// What grants and guests call the folder of the skill that a call names.
pub const SKILL: &str = "skill";

/// Trees of the system: devices, processes, programs, settings and the queues of services that run programs.
const SYSTEM: &[&str] = &[
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/etc",
    "/boot",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/var/lib",
    "/var/spool",
    "/var/run",
    "/var/cache",
    "/var/log",
];

/// Why a folder cannot be named.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Its name is no name.
    #[error(
        "`{name}` is no name of a folder: use 1 to 32 of `a-z 0-9 - _`, a letter or digit first, not `workspace`, `scratch` or `skill`"
    )]
    Name {
        /// What was written.
        name: String,
    },
    /// It depends on where the host was started.
    #[error("`{}` is not absolute; write the whole path", path.display())]
    Relative {
        /// As written.
        path: PathBuf,
    },
    /// It is not there, or no folder.
    #[error("`{}` is no folder that can be opened: {err}", path.display())]
    Missing {
        /// As written.
        path: PathBuf,
        /// Why.
        err: io::Error,
    },
    /// It is, contains or lies in a place that is off limits.
    #[error("`{}` can never be granted: {rule}", path.display())]
    OffLimits {
        /// Where it really is.
        path: PathBuf,
        /// Which rule says so.
        rule: String,
    },
}

/// The places that can never be granted on this machine, apart from those of the system.
#[derive(Clone, Debug, PartialEq)]
pub struct OffLimits {
    home: PathBuf,
    user_home: Option<PathBuf>,
    workspaces: Vec<PathBuf>,
}

/// The owner's folders, each checked when it was named and again each time it is mounted.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedFolders {
    off_limits: OffLimits,
    /// As the owner wrote them.
    paths: BTreeMap<String, PathBuf>,
}

/// Everything that can be mounted.
#[derive(Debug)]
pub struct Folders {
    /// In which each component has its own.
    scratch: PathBuf,
    named: NamedFolders,
    /// In MiB, where it is not the default.
    scratch_mib: BTreeMap<ComponentName, u64>,
}

// === impl OffLimits ===

impl OffLimits {
    /// `home` is the host's, `user_home` that of the user that it runs as, `workspaces` those of all agents.
    pub fn new<'w>(home: &Path, user_home: Option<&Path>, workspaces: impl Iterator<Item = &'w Path>) -> Self {
        OffLimits { home: real(home), user_home: user_home.map(real), workspaces: workspaces.map(real).collect() }
    }

    /// Gives the real place of a folder that may be granted.
    ///
    /// # Errors
    /// [`FolderError`] naming the rule that it breaks.
    pub fn admit(&self, path: &Path) -> Result<PathBuf, FolderError> {
        if !path.is_absolute() {
            return Err(FolderError::Relative { path: path.to_owned() });
        }
        let missing = |err| FolderError::Missing { path: path.to_owned(), err };
        let path_there = fs::canonicalize(path).map_err(missing)?;
        if !fs::metadata(&path_there).map_err(missing)?.is_dir() {
            return Err(missing(io::ErrorKind::NotADirectory.into()));
        }
        match self.rule_against(&path_there) {
            Some(rule) => Err(FolderError::OffLimits { path: path_there, rule }),
            None => Ok(path_there),
        }
    }

    fn rule_against(&self, path: &Path) -> Option<String> {
        let overlaps = |place: &Path| path.starts_with(place) || place.starts_with(path);
        if let Some(place) = SYSTEM.iter().find(|place| overlaps(Path::new(place))) {
            return Some(format!("it is, holds or lies in `{place}`, which belongs to the system"));
        }
        if self.user_home.as_ref().is_some_and(|user_home| user_home.starts_with(path)) {
            return Some("it is or holds your whole home directory; name a folder in it".to_owned());
        }
        if overlaps(&self.home) {
            return Some("it is, holds or lies in the host's own home".to_owned());
        }
        if self.workspaces.iter().any(|workspace| overlaps(workspace)) {
            return Some("it is, holds or lies in an agent's workspace; grant that by its own name".to_owned());
        }
        let first = path.strip_prefix(self.user_home.as_ref()?).ok()?.components().next()?;
        let hidden = first.as_os_str().as_encoded_bytes().starts_with(b".");
        hidden.then(|| "it lies in a hidden folder of your home, where keys and settings of programs are".to_owned())
    }
}

/// Where a path leads, as far as it exists.
pub fn real(path: &Path) -> PathBuf {
    if let Ok(there) = fs::canonicalize(path) {
        return there;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_owned(),
    }
}

// === impl NamedFolders ===

impl NamedFolders {
    /// No folders yet.
    pub fn new(off_limits: OffLimits) -> Self {
        NamedFolders { off_limits, paths: BTreeMap::new() }
    }

    /// Adds one. A folder that is not there is an error here, and yet may come later: it keeps its name.
    ///
    /// # Errors
    /// [`FolderError`] if it cannot be granted, or is not there now.
    pub fn add(&mut self, name: &str, path: &Path) -> Result<(), FolderError> {
        if !matches!(Folder::parse(name), Some(Folder::Named(_))) || name == SKILL {
            return Err(FolderError::Name { name: name.to_owned() });
        }
        let admitted = self.off_limits.admit(path);
        if let Ok(there) = &admitted {
            self.expect_apart(there)?;
        }
        if matches!(admitted, Ok(_) | Err(FolderError::Missing { .. })) {
            self.paths.insert(name.to_owned(), path.to_owned());
        }
        admitted.map(|_| ())
    }

    /// One place under two names could be reached with the rights of the other.
    fn expect_apart(&self, there: &Path) -> Result<(), FolderError> {
        let overlaps = |other: &Path| there.starts_with(other) || other.starts_with(there);
        match self.paths.iter().find(|(_, other)| overlaps(&real(other))) {
            Some((other, _)) => Err(FolderError::OffLimits {
                path: there.to_owned(),
                rule: format!("it is, holds or lies in the folder `{other}`; name one of the two"),
            }),
            None => Ok(()),
        }
    }

    /// Whether the owner has named it.
    pub fn knows(&self, name: &str) -> bool {
        self.paths.contains_key(name)
    }

    /// The real place of a folder, checked now; `None` for a name that the owner has not given.
    fn mountable(&self, name: &str) -> Option<Result<PathBuf, FolderError>> {
        let path = self.paths.get(name)?;
        Some(self.off_limits.admit(path))
    }
}

// === impl Folders ===

/// Behind the name of a component, whose names have no dot: its folder while it is being removed.
const ASIDE: &str = ".removed";

impl Folders {
    /// Puts a component's own folder aside, before the component goes; [`Folders::settle`] decides what becomes of it.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub fn set_aside(&self, component: &ComponentName) -> Result<(), (PathBuf, io::Error)> {
        let path = self.own(component);
        match fs::rename(&path, self.scratch.join(format!("{component}{ASIDE}"))) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => Err((path, err)),
            _ => Ok(()),
        }
    }

    /// Removes what was put aside of components that are gone, and puts back that of those that are installed still: a
    /// host may have been stopped between the two.
    pub fn settle(&self, is_installed: impl Fn(&ComponentName) -> bool) {
        for entry in fs::read_dir(&self.scratch).into_iter().flatten().flatten() {
            let (path, file) = (entry.path(), entry.file_name());
            let name = file.to_str().and_then(|file| file.strip_suffix(ASIDE)).map(ComponentName::parse);
            let Some(Ok(name)) = name else { continue };
            let settled = match is_installed(&name) {
                true => fs::rename(&path, self.own(&name)),
                false => fs::remove_dir_all(&path),
            };
            if let Err(err) = settled {
                tracing::warn!(path = %path.display(), error = %err, "a component's folder cannot be put right");
            }
        }
    }

    fn own(&self, component: &ComponentName) -> PathBuf {
        self.scratch.join(component.as_str())
    }

    /// The folders of a host with these settings.
    pub fn new(settings: &Settings, home: &Home) -> Self {
        let mib = |(name, component): (&ComponentName, &crate::settings::ComponentSettings)| {
            Some((name.clone(), component.limits.scratch_mib?))
        };
        Folders {
            scratch: home.component_scratch(),
            named: settings.folders.clone(),
            scratch_mib: settings.components.iter().filter_map(mib).collect(),
        }
    }

    /// The mounts for what policy lets a component reach for an agent with this workspace, which lies at such a place. A
    /// folder that cannot be mounted is left out, with a line in the log.
    pub fn mounts(
        &self,
        (workspace, place): (&Path, Place),
        component: &ComponentName,
        allowed: Vec<(Folder, Access)>,
    ) -> Vec<Mount> {
        // Which one that is, only the call says: see `skills`.
        let of_call = |folder: &Folder| folder.as_str() == SKILL;
        let mount = |(folder, access): (Folder, Access)| {
            let (host, place) = match &folder {
                Folder::Workspace => (workspace.to_owned(), place),
                Folder::Scratch => (self.scratch_of(component)?, Place::Scratch { quota: self.quota(component) }),
                Folder::Named(name) => (self.named_folder(component, name)?, Place::Named),
            };
            Some(Mount { guest: format!("/{folder}"), host, write: access == Access::ReadWrite, place })
        };
        allowed.into_iter().filter(|(folder, _)| !of_call(folder)).filter_map(mount).collect()
    }

    fn quota(&self, component: &ComponentName) -> Quota {
        let mib = self.scratch_mib.get(component).copied().unwrap_or(SCRATCH_MIB);
        Quota { bytes: mib << 20, files: SCRATCH_FILES }
    }

    fn scratch_of(&self, component: &ComponentName) -> Option<PathBuf> {
        let folder = self.scratch.join(component.as_str());
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        match made.and_then(|()| fs::canonicalize(&folder)) {
            Ok(folder) => Some(folder),
            Err(err) => {
                tracing::error!(%component, folder = %folder.display(), error = %err, "a component's own folder cannot be made");
                None
            }
        }
    }

    fn named_folder(&self, component: &ComponentName, name: &str) -> Option<PathBuf> {
        match self.named.mountable(name) {
            Some(Ok(path)) => Some(path),
            Some(Err(err)) => {
                tracing::warn!(%component, folder = name, error = %err, "a granted folder is not mounted");
                None
            }
            None => {
                tracing::debug!(%component, folder = name, "a granted folder is not in the configuration");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
