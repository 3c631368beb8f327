//! Putting names back as they were. Each step can be done again after it was cut off, and none loses anything: what is
//! taken away goes to the home's trash.
//!
//! The folder may be changed at any moment, also by who means it. So nothing is followed, new files are written beside
//! their places and moved there, and what was moved away is looked at again: it comes back if it is not what was expected.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, OsStr};
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use claw_core::checkpoint::{Act, Content, FilePath, FileState, Known, Node, Plan, Stays};
use claw_sandbox::TEMP_PREFIX;
use claw_sandbox::beneath::{self, DIRECTORY, Links};
use claw_store::Blobs;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::walk::node;
use crate::crash_point;

/// A folder in which names are put back.
pub struct Restorer<'a> {
    /// The folder.
    pub root: BorrowedFd<'a>,
    /// The content of files.
    pub blobs: &'a Blobs,
    /// The folder, of this undo alone, to which goes what is taken away; made when it is needed.
    pub trash: PathBuf,
}

/// What became of the names of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Those that hold again what they held.
    pub restored: Vec<FilePath>,
    /// Those that are there again.
    pub back: Vec<FilePath>,
    /// Those that are gone again.
    pub removed: Vec<FilePath>,
    /// Those that stay as they are, and why.
    pub left: Vec<(FilePath, String)>,
    /// What is known of those that were put right; `None` for what is gone.
    pub known: Vec<(FilePath, Option<Known>)>,
}

impl Restored {
    /// What became of another plan.
    pub fn extend(&mut self, other: Restored) {
        self.restored.extend(other.restored);
        self.back.extend(other.back);
        self.removed.extend(other.removed);
        self.left.extend(other.left);
        self.known.extend(other.known);
    }
}

/// Why a step was not done.
#[derive(Debug)]
enum Refused {
    Folder,
    Taken,
    Changed,
    NotEmpty,
    Content(String),
    Io(&'static str, io::Error),
}

impl Restorer<'_> {
    /// Does all steps of a plan that can be done.
    pub fn perform(&self, plan: &Plan) -> Restored {
        let mut done = Restored::default();
        for (path, stays) in &plan.left {
            done.left.push((path.clone(), stays_because(*stays)));
        }
        for (path, known) in &plan.as_before {
            self.tidy(path);
            done.known.push((path.clone(), self.known_now(path, known)));
            done.restored.push(path.clone());
        }
        let (mut modes, mut stuck) = (Vec::new(), BTreeSet::new());
        for (path, act) in &plan.steps {
            if stuck.contains(path) {
                continue;
            }
            self.tidy(path);
            let result = match act {
                Act::Remove(node) => self.remove(path, node),
                Act::Put { before, over } => self.put(path, before, over.as_ref()),
            };
            crash_point::pass("a file is as it was");
            match (result, act) {
                (Err(refused), _) => {
                    stuck.insert(path);
                    done.left.push((path.clone(), refused.to_string()));
                }
                (Ok(()), Act::Remove(_)) => {
                    done.known.push((path.clone(), None));
                    done.removed.push(path.clone());
                }
                (Ok(()), Act::Put { before, over }) => {
                    if let Node::Folder { mode } = before.node {
                        modes.push((path, mode));
                    }
                    done.known.push((path.clone(), self.known_now(path, before)));
                    if over.is_some() { &mut done.restored } else { &mut done.back }.push(path.clone());
                }
            }
        }
        // Only now: nothing more has to be written into them.
        for (path, mode) in modes.into_iter().rev() {
            let _ = self.open(path).and_then(|folder| rustix::fs::fchmod(folder, Mode::from_raw_mode(mode)));
        }
        // What was emptied to make room for something else is not gone.
        done.removed.retain(|path| !done.back.contains(path));
        if let Ok(folder) = self.open(b".") {
            let _ = rustix::fs::syncfs(folder);
        }
        done
    }

    /// A state that a name is in again.
    fn known_now(&self, path: &[u8], before: &Known) -> Option<Known> {
        let (folder, name) = self.place(path).ok()?;
        let folder_mode = match before.node {
            Node::Folder { .. } => Some(before.node.clone()),
            Node::File(_) | Node::Link { .. } => None,
        };
        let node = folder_mode.or_else(|| node(folder.as_fd(), &name))?;
        let content = match before.content {
            Content::Kept { digest, .. } => Content::Kept { digest, settled: false },
            content => content,
        };
        Some(Known { version: before.version, node, content })
    }

    fn remove(&self, path: &[u8], expected: &Node) -> Result<(), Refused> {
        let (folder, name) = self.place(path)?;
        if !matches!(expected, Node::Folder { .. }) {
            return self.take_away(&folder, &name, path, expected);
        }
        match rustix::fs::unlinkat(&folder, &*name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Err(Refused::NotEmpty),
            Err(Errno::NOTDIR) => Err(Refused::Changed),
            Err(errno) => Err(Refused::Io("cannot be removed", errno.into())),
        }
    }

    fn put(&self, path: &[u8], before: &Known, over: Option<&Node>) -> Result<(), Refused> {
        let (folder, name) = self.place(path)?;
        let failed = |errno: Errno| Refused::Io("cannot be written", errno.into());
        if let Node::Folder { mode } = before.node {
            // What is put into it must have a way in.
            let mode = Mode::from_raw_mode(mode | 0o700);
            if over.is_none() {
                rustix::fs::mkdirat(&folder, &*name, mode).map_err(|errno| match errno {
                    Errno::EXIST => Refused::Taken,
                    errno => failed(errno),
                })?;
            }
            return self.open(path).and_then(|folder| rustix::fs::fchmod(folder, mode)).map_err(failed);
        }
        let new = new_name(&self.trash, path);
        self.write(&folder, &new, before)?;
        let placed = match over {
            Some(over) => self.exchange(&folder, &new, &name, path, over),
            None => place_new(&folder, &new, &name),
        };
        if placed.is_err() {
            let _ = rustix::fs::unlinkat(&folder, &*new, AtFlags::empty());
        }
        placed
    }

    /// Writes a file or link beside its place, and to the disk.
    fn write(&self, folder: &OwnedFd, new: &CStr, before: &Known) -> Result<(), Refused> {
        let failed = |err: io::Error| Refused::Io("cannot be written", err);
        match (&before.node, before.content) {
            (Node::File(state), Content::Kept { digest, .. }) => {
                let bytes = self.blobs.get(&digest).map_err(|err| Refused::Content(err.to_string()))?;
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = rustix::fs::openat(folder, new, flags, Mode::RUSR | Mode::WUSR);
                let mut file = File::from(file.map_err(|errno| failed(errno.into()))?);
                file.write_all(&bytes).map_err(failed)?;
                rustix::fs::fchmod(&file, Mode::from_raw_mode(state.mode)).map_err(|errno| failed(errno.into()))?;
                file.sync_all().map_err(failed)
            }
            (Node::Link { target }, _) => {
                rustix::fs::symlinkat(target.as_slice(), folder, new).map_err(|errno| failed(errno.into()))
            }
            (Node::File(_) | Node::Folder { .. }, _) => Err(Refused::Content("what it held is not kept".to_owned())),
        }
    }

    /// Puts a new file into the place of what is there, which goes to the trash.
    fn exchange(&self, folder: &OwnedFd, new: &CStr, name: &CStr, path: &[u8], expected: &Node) -> Result<(), Refused> {
        let exchange = || rustix::fs::renameat_with(folder, new, folder, name, RenameFlags::EXCHANGE);
        match exchange() {
            Ok(()) => {}
            Err(Errno::NOENT) => return Err(Refused::Changed),
            // The file system cannot do that; for a moment the place is empty.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                self.take_away(folder, name, path, expected)?;
                return place_new(folder, new, name);
            }
            Err(errno) => return Err(Refused::Io("cannot be replaced", errno.into())),
        }
        crash_point::pass("exchanged");
        let moved = self.take_away(folder, new, path, expected);
        if moved.is_err() {
            exchange().map_err(|errno| Refused::Io("cannot be put back", errno.into()))?;
        }
        moved
    }

    /// Moves a file or link to the trash, if it is what is expected.
    fn take_away(&self, folder: &OwnedFd, name: &CStr, path: &[u8], expected: &Node) -> Result<(), Refused> {
        let failed = |err: io::Error| Refused::Io("cannot be moved to the trash", err);
        if !is_still(folder.as_fd(), name, expected) {
            return Err(Refused::Changed);
        }
        let place = self.place_in_trash(path).map_err(failed)?;
        match rustix::fs::renameat_with(folder, name, rustix::fs::CWD, &place, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            // Another file system, or one that cannot keep from replacing; the place is new in any case.
            Err(Errno::XDEV | Errno::INVAL) => return move_over(folder, name, &place, expected).map_err(failed),
            Err(Errno::NOENT) => return Err(Refused::Changed),
            Err(errno) => return Err(failed(errno.into())),
        }
        let parent = place.parent().and_then(|parent| File::open(parent).ok());
        let at = CString::new(place.file_name().unwrap_or_default().as_bytes()).unwrap_or_default();
        if parent.is_some_and(|parent| is_still(parent.as_fd(), &at, expected)) {
            return Ok(());
        }
        // Exchanged at the same moment.
        rustix::fs::renameat_with(rustix::fs::CWD, &place, folder, name, RenameFlags::NOREPLACE)
            .map_err(|errno| failed(errno.into()))?;
        Err(Refused::Changed)
    }

    /// A name in the trash that is free.
    fn place_in_trash(&self, path: &[u8]) -> io::Result<PathBuf> {
        let place = self.trash.join(OsStr::from_bytes(path));
        let folder = place.parent().unwrap_or(&self.trash);
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let numbered = |number: u32| {
            let mut name = place.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{number}"));
            place.with_file_name(name)
        };
        let is_free = |place: &PathBuf| std::fs::symlink_metadata(place).is_err();
        let places = std::iter::once(place.clone()).chain((2..100).map(numbered));
        let free = places.into_iter().find(is_free);
        free.ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))
    }

    /// Moves what a step that was cut off has left beside a place to the trash: it may be all that is left of a file.
    fn tidy(&self, path: &[u8]) {
        let Ok((folder, _)) = self.place(path) else { return };
        let new = new_name(&self.trash, path);
        if let Some(left) = node(folder.as_fd(), &new)
            && let Err(refused) = self.take_away(&folder, &new, path, &left)
        {
            tracing::warn!(error = %refused, "what an undo has left cannot be moved to the trash");
        }
    }

    /// The open folder of a name, and the name in it.
    fn place(&self, path: &[u8]) -> Result<(OwnedFd, CString), Refused> {
        let (folder, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&b"."[..], path),
        };
        let folder = self.open(folder).map_err(|_| Refused::Folder)?;
        Ok((folder, CString::new(name).map_err(|_| Refused::Folder)?))
    }

    fn open(&self, folder: &[u8]) -> rustix::io::Result<OwnedFd> {
        beneath::open(self.root, folder, DIRECTORY, Links::Refuse)
    }
}

/// How a file is called that is not in its place yet. The same again after a restart; no listing shows it.
fn new_name(trash: &Path, path: &[u8]) -> CString {
    let mut hash = Sha256::new();
    hash.update(trash.as_os_str().as_bytes());
    hash.update(path);
    let hash: String = hash.finalize()[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    CString::new(format!("{TEMP_PREFIX}undo-{hash}")).expect("restore: hex has no NUL")
}

fn place_new(folder: &OwnedFd, new: &CStr, name: &CStr) -> Result<(), Refused> {
    let placed = match rustix::fs::renameat_with(folder, new, folder, name, RenameFlags::NOREPLACE) {
        // The file system cannot keep from replacing; a second name can.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            rustix::fs::linkat(folder, new, folder, name, AtFlags::empty())
                .and_then(|()| rustix::fs::unlinkat(folder, new, AtFlags::empty()))
        }
        placed => placed,
    };
    placed.map_err(|errno| match errno {
        Errno::EXIST => Refused::Taken,
        errno => Refused::Io("cannot be put in place", errno.into()),
    })
}

/// Whether a name still holds what is expected. That it was moved meanwhile does not count.
fn is_still(folder: BorrowedFd<'_>, name: &CStr, expected: &Node) -> bool {
    match (node(folder, name), expected) {
        (Some(Node::File(now)), Node::File(expected)) => now == FileState { changed: now.changed, ..*expected },
        (now, expected) => now.as_ref() == Some(expected),
    }
}

/// Moves a file or link to another file system.
pub(super) fn move_over(folder: &OwnedFd, name: &CStr, place: &Path, expected: &Node) -> io::Result<()> {
    match expected {
        Node::Link { target } => std::os::unix::fs::symlink(OsStr::from_bytes(target), place)?,
        Node::File(_) | Node::Folder { .. } => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let mut from = File::from(rustix::fs::openat(folder, name, flags, Mode::empty())?);
            let mut to = File::create_new(place)?;
            io::copy(&mut from, &mut to)?;
            to.set_permissions(from.metadata()?.permissions())?;
            to.sync_all()?;
        }
    }
    if !is_still(folder.as_fd(), name, expected) {
        return Err(io::Error::other("it was changed meanwhile"));
    }
    Ok(rustix::fs::unlinkat(folder, name, AtFlags::empty())?)
}

fn stays_because(stays: Stays) -> String {
    use claw_core::checkpoint::LeftOut;
    match stays {
        Stays::Shared => "another run, program or person changed it, too, while the turn was at work",
        Stays::Changed => "it was changed since",
        Stays::NotKept(LeftOut::TooLarge) => "what it held is not kept: it was too large (`undo.maxFileMiB`)",
        Stays::NotKept(LeftOut::NoRoom) => "what it held is not kept: there was no room (`undo.maxMiB`)",
        Stays::NotKept(LeftOut::NoTime) => "what it held is not kept: there was no time (`undo.seconds`)",
        Stays::NotKept(LeftOut::Unreadable) => "what it held is not kept: it could not be read",
    }
    .to_owned()
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refused::Folder => f.write_str("its folder is not there, or is a link now"),
            Refused::Taken => f.write_str("something else has its name now"),
            Refused::Changed => f.write_str("it was changed since"),
            Refused::NotEmpty => f.write_str("something else is in it"),
            Refused::Content(why) => f.write_str(why),
            Refused::Io(what, err) => write!(f, "it {what}: {err}"),
        }
    }
}
