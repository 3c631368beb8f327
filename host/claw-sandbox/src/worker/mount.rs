//! The granted directories of a worker: opened once, before its walls go up, and reached through these handles only.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use wasmtime_wasi::filesystem::Dir;
use wasmtime_wasi::{FsPerms, OpenMode};

use super::meter::Meter;
use crate::confine::Granted;
use crate::frame::{StartMount, StartPlace};
use crate::workspace::protected::Ground;
use crate::workspace::{self, Workspace, beneath};

/// One granted directory.
pub(super) struct Mount {
    /// Where the guest sees it, e.g. `/workspace`.
    pub(super) guest: String,
    /// Its root as guests get it.
    pub(super) root: Dir,
    pub(super) write: bool,
    pub(super) ground: Ground,
    /// Counts what lies in it, where that is limited.
    pub(super) meter: Option<Arc<Meter>>,
}

impl Mount {
    /// Opens a granted directory.
    ///
    /// Apart from the workspace, whose path is the owner's and may be or contain a link, the path was made canonical
    /// when it was checked, and is refused if a link has come into it since (FS-18).
    pub(super) fn open(start: &StartMount) -> io::Result<Mount> {
        let resolve = match start.place {
            StartPlace::Workspace | StartPlace::Guarded | StartPlace::Lent => ResolveFlags::empty(),
            StartPlace::Named | StartPlace::Scratch { .. } => ResolveFlags::NO_SYMLINKS,
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat2(CWD, &start.host, flags, Mode::empty(), resolve)?;
        let (ground, meter) = match start.place {
            StartPlace::Workspace => (Ground::Workspace, None),
            StartPlace::Guarded => (Ground::Guarded, None),
            StartPlace::Lent => (Ground::Lent, None),
            StartPlace::Named => (Ground::Named, None),
            StartPlace::Scratch { quota } => {
                (Ground::Scratch, Some(Arc::new(Meter::new(directory.try_clone()?, quota))))
            }
        };
        let perms = if start.write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        // The call owns its thread, so file operations need no other one.
        let root = Dir::new(File::from(directory), perms, OpenMode::READ, true);
        Ok(Mount { guest: start.guest.clone(), root, write: start.write, ground, meter })
    }

    /// The workspace behind this mount, if it is the workspace.
    pub(super) fn workspace(&self) -> io::Result<Option<Workspace>> {
        if !matches!(self.ground, Ground::Workspace | Ground::Guarded | Ground::Lent) {
            return Ok(None);
        }
        let mode = if self.write { workspace::Mode::ReadWrite } else { workspace::Mode::ReadOnly };
        Ok(Some(Workspace::new(self.handle()?, mode)?.on(self.ground)))
    }

    /// What the kernel's wall must let through.
    pub(super) fn granted(&self) -> Granted<'_> {
        Granted { directory: self.root.dir.as_fd(), write: self.write }
    }

    /// A handle of its own: reading entries moves a handle's position.
    fn handle(&self) -> io::Result<OwnedFd> {
        Ok(beneath::open(self.root.dir.as_fd(), ".", beneath::DIRECTORY, beneath::Links::Refuse)?)
    }
}
