//! The workspace room: the files that an agent works on, as `openclaw:workspace/files` offers them.
//!
//! A guest's text becomes a path in [`path`]; [`beneath`] is the only place that opens or looks at anything, always
//! below one directory that was opened before the worker was confined; [`plan`] decides on changes and [`change`] makes
//! them; [`walk`] and [`search`] find. Links are followed for reading while they stay inside, and never for writing.
//!
//! **Invariant:** no call takes a path of the host, and no error text names one or the target of a link.

pub(crate) mod path;
pub(crate) mod protected;

pub mod beneath;

mod change;
mod plan;
mod search;
mod sweep;
pub(crate) mod tree;
mod walk;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;

use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::OFlags;

use self::beneath::{Links, Stat};
use self::change::Replacing;
use self::path::{RelPath, TEMP_PREFIX};
use self::protected::Ground;

/// Most bytes one read returns: four times a file that a person would call long, and far below a guest's memory.
pub const MAX_READ_BYTES: u64 = 4 * 1024 * 1024;
/// Most changes in one [`Workspace::commit`]; each holds open files until the end.
pub const MAX_CHANGES: usize = 256;
/// Most bytes in all changes of one [`Workspace::commit`].
pub const MAX_COMMIT_BYTES: usize = 16 * 1024 * 1024;
/// Most entries or lines that one call returns.
pub const MAX_RESULTS: u32 = 10_000;

/// The directory tree that guests call `/workspace`.
#[derive(Debug)]
pub struct Workspace {
    root: OwnedFd,
    mode: Mode,
    /// What of it is protected.
    ground: Ground,
}

/// What a grant allows on the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Every [`Workspace::commit`] is refused.
    ReadOnly,
    /// Files may be created, replaced and removed, except protected ones.
    ReadWrite,
}

/// Why a call on the workspace gave nothing. Texts name guest paths only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// A rule refused; nothing happened.
    #[error("{code}: {reason}")]
    Denied {
        /// `E_FS_OUTSIDE`, `E_FS_LINK`, `E_FS_READONLY`, `E_FS_SPECIAL` or `E_FS_PROTECTED`.
        code: &'static str,
        /// One sentence: what was refused and what to do instead.
        reason: String,
    },
    /// The named file or directory does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The request makes no sense: a bad name (the text starts with `E_FS_NAME`), a bad pattern, a directory where a
    /// file is needed. Nothing happened.
    #[error("{0}")]
    Invalid(String),
    /// A size or count limit was reached; nothing happened.
    #[error("{0}")]
    Limit(String),
    /// The caller asked the walk to stop.
    #[error("the search was stopped")]
    Cancelled,
    /// The file system failed, e.g. it is full.
    #[error("{0}")]
    Io(String),
}

/// What a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A pipe, socket or device; cannot be opened.
    Special,
}

/// One directory entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Relative to the workspace. A name that is not plain text is shown with `\xNN` and `\\`, which no call accepts
    /// as a path: such a file can be seen, but never be confused with another.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes, for regular files; else 0.
    pub size: u64,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// At most the asked bytes.
    pub bytes: Vec<u8>,
    /// The whole file's size in bytes.
    pub size: u64,
}

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Creates or replaces the file with these bytes; missing directories are created.
    Put(String, Vec<u8>),
    /// Removes the file.
    Remove(String),
}

/// Entries, perhaps not all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Sorted by path, component by component.
    pub entries: Vec<Entry>,
    /// Whether there is more than was asked for, or than one call looks at.
    pub more: bool,
}

/// One line that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Relative to the workspace, as in [`Entry::path`].
    pub path: String,
    /// From 1.
    pub line: u32,
    /// The line without its end, cut at 512 bytes; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// Lines that matched, perhaps not all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// In order of path and line.
    pub hits: Vec<Hit>,
    /// Whether there is more than was asked for, or than one call looks at.
    pub more: bool,
}

// === impl Workspace ===

impl Workspace {
    /// Takes the root of the tree, opened before the process was confined: later calls start from this handle and need
    /// no other path.
    ///
    /// # Errors
    /// If `root` is no directory, or the kernel has no `openat2` (older than Linux 5.6, or a container profile that
    /// blocks it), without which nobody could promise that reads stay inside.
    pub fn new(root: OwnedFd, mode: Mode) -> io::Result<Workspace> {
        match beneath::open(root.as_fd(), ".", beneath::DIRECTORY, Links::Refuse) {
            Ok(_) => Ok(Workspace { root, mode, ground: Ground::Workspace }),
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the kernel or container does not offer `openat2` (Linux 5.6), which keeps reads inside the workspace",
            )),
            Err(err) => Err(err.into()),
        }
    }

    /// The same, with as much of it protected as on this ground.
    #[must_use]
    pub(crate) fn on(self, ground: Ground) -> Workspace {
        Workspace { ground, ..self }
    }

    /// Reads at most `max_bytes` (clamped to [`MAX_READ_BYTES`]) from `offset`. Past the end the slice is empty.
    ///
    /// Follows links that stay inside. Hard-linked files can be read.
    /// # Errors
    /// [`FileError::Denied`] for paths and links that lead outside and for special files, [`FileError::Invalid`] for
    /// bad names and directories, [`FileError::NotFound`].
    pub fn read_range(&self, path: &str, offset: u64, max_bytes: u64) -> Result<Slice, FileError> {
        let path = RelPath::parse(path)?;
        let (file, size) = self.open_file(&path)?;
        let wanted = max_bytes.min(MAX_READ_BYTES).min(size.saturating_sub(offset));
        let bytes = read(&file, &path, offset, usize::try_from(wanted).expect("workspace: a read is clamped"))?;
        Ok(Slice { bytes, size })
    }

    /// Reads a whole file, for the host itself, by the same rules.
    ///
    /// # Errors
    /// As [`Workspace::read_range`]; [`FileError::Limit`] if it has more than `max_bytes`.
    pub fn read_whole(&self, path: &str, max_bytes: usize) -> Result<Vec<u8>, FileError> {
        let path = RelPath::parse(path)?;
        let (file, size) = self.open_file(&path)?;
        match usize::try_from(size) {
            Ok(wanted) if wanted <= max_bytes => read(&file, &path, 0, wanted),
            _ => Err(FileError::Limit(format!("{} has {size} bytes; at most {max_bytes} are possible", path.quoted()))),
        }
    }

    /// Applies all changes or none.
    ///
    /// Everything is checked first; then each file is written and synced beside its place under a `.claw-tmp-…` name
    /// and renamed over it in order. If a step fails, the earlier ones are undone. One file is always old or new, never
    /// half; a power cut between two renames can leave a transaction half applied and `.claw-tmp-…` files behind,
    /// which no listing shows and [`Workspace::sweep`] removes.
    ///
    /// A replaced file keeps its permission bits as far as the process's umask allows; owner, extended attributes
    /// and times are those of a new file.
    /// # Errors
    /// [`FileError::Denied`] for read-only workspaces, protected names, links anywhere in the path, files with more
    /// than one hard link and special files; [`FileError::Limit`] beyond [`MAX_CHANGES`] or [`MAX_COMMIT_BYTES`];
    /// [`FileError::NotFound`] for removing what is not there; [`FileError::Invalid`] for bad names, directories and
    /// changes that contradict each other; [`FileError::Io`] if the file system fails or another program changed one of
    /// the files meanwhile.
    pub fn commit(&self, changes: Vec<Change>) -> Result<(), FileError> {
        match self.mode {
            Mode::ReadOnly => Err(FileError::denied(
                "E_FS_READONLY",
                "the workspace is granted read-only; ask the owner to grant it read-write".to_owned(),
            )),
            Mode::ReadWrite => change::commit(self.root.as_fd(), self.ground, changes, Replacing::Swap, &mut |_| {}),
        }
    }

    /// Lists one directory; the empty path is the workspace. `limit` is clamped to [`MAX_RESULTS`].
    ///
    /// Holds only as many names as it returns; looks at the first 200,000 entries and then says that there are more.
    /// # Errors
    /// As [`Workspace::read_range`]; [`FileError::Invalid`] if `path` is not a directory.
    pub fn list_directory(&self, path: &str, limit: u32) -> Result<Listing, FileError> {
        let path = RelPath::parse(path)?;
        let limit = limit.min(MAX_RESULTS) as usize;
        let directory = beneath::open(self.root.as_fd(), path.as_str(), beneath::DIRECTORY, Links::FollowInside)
            .map_err(|errno| beneath::refusal(errno, &path.quoted()))?;
        let mut first = BinaryHeap::with_capacity(limit + 1);
        let mut seen = 0;
        let mut more = false;
        let read = beneath::read_directory(directory.as_fd(), |name, _| {
            if name.to_bytes().starts_with(TEMP_PREFIX.as_bytes()) {
                return ControlFlow::Continue(());
            }
            seen += 1;
            if seen > walk::MAX_VISITED {
                more = true;
                return ControlFlow::Break(());
            }
            first.push((path::shown(name.to_bytes()).into_owned(), name.to_owned()));
            if first.len() > limit {
                first.pop();
                more = true;
            }
            ControlFlow::Continue(())
        });
        read.map_err(|errno| beneath::refusal(errno, &path.quoted()))?;
        let entries = first.into_sorted_vec().into_iter().filter_map(|(shown, name)| {
            // Gone since it was read: not an entry any more.
            let stat = beneath::look(directory.as_fd(), &name).ok()?;
            Some(Entry { path: path.child(&shown), kind: stat.kind, size: stat.size })
        });
        Ok(Listing { entries: entries.collect(), more })
    }

    /// Finds files and directories whose path matches `pattern` (`*`, `?`, `[…]`, `{a,b}`, and `**` for any number of
    /// directories). `limit` is clamped to [`MAX_RESULTS`].
    ///
    /// Does not enter links and `.git`; looks at 200,000 entries and 64 levels at most. `stop` is asked at every entry.
    /// # Errors
    /// [`FileError::Invalid`] for a bad pattern, [`FileError::Limit`] if the walk ended early without a find,
    /// [`FileError::Cancelled`] once `stop` says so.
    pub fn glob(&self, pattern: &str, limit: u32, stop: &dyn Fn() -> bool) -> Result<Listing, FileError> {
        search::glob(self.root.as_fd(), pattern, limit.min(MAX_RESULTS), stop)
    }

    /// Finds lines that match the regular expression `pattern` in files whose whole path matches `glob` (all, if
    /// absent). `limit` is clamped to [`MAX_RESULTS`].
    ///
    /// Walks like [`Workspace::glob`]; passes over files above 8 MiB, files with NUL bytes and what cannot be opened,
    /// and stops after 1 GiB of text.
    /// # Errors
    /// As [`Workspace::glob`]; [`FileError::Limit`] also for a pattern that compiles too large.
    pub fn grep(
        &self,
        pattern: &str,
        glob: Option<&str>,
        limit: u32,
        stop: &dyn Fn() -> bool,
    ) -> Result<Hits, FileError> {
        search::grep(self.root.as_fd(), pattern, glob, limit.min(MAX_RESULTS), stop)
    }

    /// Removes what commits have left behind that a crash cut off at least a day before `now` (seconds from 1970).
    ///
    /// A day, because until then the owner may want back the earlier content that such a file may hold; and because a
    /// commit of another process may be under way.
    pub fn sweep(&self, now: u64) {
        if self.mode == Mode::ReadWrite {
            sweep::sweep(self.root.as_fd(), now);
        }
    }

    /// Opens a regular file for reading and says its size.
    fn open_file(&self, path: &RelPath) -> Result<(File, u64), FileError> {
        let open = |flags| {
            beneath::open(self.root.as_fd(), path.as_str(), flags, Links::FollowInside)
                .map_err(|errno| beneath::refusal(errno, &path.quoted()))
        };
        // Opening a device can already act on it, so look before opening it for reading, and again after that.
        beneath::stat(open(OFlags::PATH | OFlags::CLOEXEC)?.as_fd(), path)?.expect_file(path)?;
        path.expect_file_form()?;
        let file = open(beneath::READ)?;
        let size = beneath::stat(file.as_fd(), path)?.expect_file(path)?.size;
        Ok((File::from(file), size))
    }
}

/// So many bytes of a file from `offset`; fewer if it was cut short meanwhile: what was there is a fair answer.
fn read(file: &File, path: &RelPath, offset: u64, wanted: usize) -> Result<Vec<u8>, FileError> {
    let mut bytes = vec![0; wanted];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(FileError::Io(format!("cannot read {}: {err}", path.quoted()))),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

// === impl Stat ===

impl Stat {
    /// Only regular files have content to read or replace.
    fn expect_file(self, path: &RelPath) -> Result<Stat, FileError> {
        match self.kind {
            Kind::File => Ok(self),
            Kind::Directory => Err(FileError::Invalid(format!("{} is a directory, not a file", path.quoted()))),
            Kind::Link => Err(beneath::link_refusal(&path.quoted())),
            Kind::Special => Err(beneath::special_refusal(&path.quoted())),
        }
    }
}

// === impl FileError ===

impl FileError {
    fn denied(code: &'static str, reason: String) -> FileError {
        FileError::Denied { code, reason }
    }

    fn bad_name(reason: impl std::fmt::Display) -> FileError {
        FileError::Invalid(format!("E_FS_NAME: {reason}"))
    }
}
