//! Walking the tree in sorted order without following links, holding only the entries of the directories it is in.

use std::ffi::{CStr, CString};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::beneath::{self, Links};
use super::path::{self, MAX_DEPTH, TEMP_PREFIX};
use super::{FileError, Kind};

/// Most entries one call looks at: twice a very large source tree; their names fit into some ten megabytes.
pub(super) const MAX_VISITED: usize = 200_000;

/// A walk below one directory, depth first, each directory before its content.
pub(super) struct Walk<'a> {
    levels: Vec<Level>,
    /// Shown path of the innermost open directory; empty or with `/` at the end.
    prefix: String,
    /// The directory that was handed out last and is entered next.
    next: Option<Found>,
    left: usize,
    reach: Reach,
    stop: &'a dyn Fn() -> bool,
}

/// How much of the tree a walk has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// All of it, up to here.
    Whole,
    /// Parts were left out: too many entries or too deep.
    Cut,
}

/// One entry on the way.
pub(super) struct Visit<'w> {
    /// Shown path, see [`path::shown`].
    pub(super) path: String,
    pub(super) kind: Kind,
    /// The directory and the name in it, for opening.
    pub(super) directory: BorrowedFd<'w>,
    pub(super) name: CString,
}

struct Level {
    directory: OwnedFd,
    entries: std::vec::IntoIter<Found>,
    prefix_bytes: usize,
}

struct Found {
    shown: String,
    /// Absent if it equals `shown`, as it nearly always does.
    raw: Option<CString>,
    kind: Kind,
}

// === impl Walk ===

impl<'a> Walk<'a> {
    /// Starts in the directory `base` (`""` for the root) and looks at `budget` entries.
    ///
    /// A base that cannot be entered without following links, or that lies in `.git`, counts as empty.
    pub(super) fn below(
        root: BorrowedFd<'_>,
        base: &str,
        budget: usize,
        stop: &'a dyn Fn() -> bool,
    ) -> Result<Walk<'a>, FileError> {
        let prefix = if base.is_empty() { String::new() } else { format!("{base}/") };
        let mut walk = Walk { levels: Vec::new(), prefix, next: None, left: budget, reach: Reach::Whole, stop };
        let path = if base.is_empty() { "." } else { base };
        if !base.split('/').any(|name| name == ".git")
            && let Ok(directory) = beneath::open(root, path, beneath::DIRECTORY, Links::Refuse)
        {
            walk.push(directory)?;
        }
        Ok(walk)
    }

    /// The next entry, or `None` at the end of the walk.
    ///
    /// Leaves out unfinished commits, `.git` directories and what disappears meanwhile.
    /// # Errors
    /// [`FileError::Cancelled`] once `stop` says so.
    pub(super) fn next(&mut self) -> Result<Option<Visit<'_>>, FileError> {
        self.enter_next()?;
        let found = loop {
            if (self.stop)() {
                return Err(FileError::Cancelled);
            }
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            match level.entries.next() {
                Some(found) => break found,
                None => {
                    self.prefix.truncate(level.prefix_bytes);
                    self.levels.pop();
                }
            }
        };
        let (path, kind, name) = (format!("{}{}", self.prefix, found.shown), found.kind, found.name());
        if kind == Kind::Directory {
            self.next = Some(found);
        }
        let level = self.levels.last().expect("workspace: the level of the entry is open");
        Ok(Some(Visit { path, kind, directory: level.directory.as_fd(), name }))
    }

    /// Whether something was left out so far.
    pub(super) fn reach(&self) -> Reach {
        self.reach
    }

    fn enter_next(&mut self) -> Result<(), FileError> {
        let Some(found) = self.next.take() else { return Ok(()) };
        if self.left == 0 || self.prefix.matches('/').count() + 1 >= MAX_DEPTH {
            self.reach = Reach::Cut;
            return Ok(());
        }
        let level = self.levels.last().expect("workspace: the level of the entry is open");
        let opened = beneath::open(level.directory.as_fd(), found.name().as_c_str(), beneath::DIRECTORY, Links::Refuse);
        // Gone, unreadable or a link by now: there is nothing in it for us.
        let Ok(directory) = opened else { return Ok(()) };
        let prefix_bytes = self.prefix.len();
        self.prefix.push_str(&found.shown);
        self.prefix.push('/');
        self.push(directory)?;
        self.levels.last_mut().expect("workspace: the level was just opened").prefix_bytes = prefix_bytes;
        Ok(())
    }

    /// Reads and sorts a directory's entries and makes it the innermost level.
    fn push(&mut self, directory: OwnedFd) -> Result<(), FileError> {
        let mut entries = Vec::new();
        let (stop, left, reach) = (self.stop, &mut self.left, &mut self.reach);
        let mut cancelled = false;
        let read = beneath::read_directory(directory.as_fd(), |name, kind| {
            cancelled = stop();
            if cancelled {
                return ControlFlow::Break(());
            }
            if *left == 0 {
                *reach = Reach::Cut;
                return ControlFlow::Break(());
            }
            *left -= 1;
            entries.extend(Found::new(directory.as_fd(), name, kind));
            ControlFlow::Continue(())
        });
        if cancelled {
            return Err(FileError::Cancelled);
        }
        if read.is_err() {
            // The rest of the directory stays unseen, and the caller should know.
            self.reach = Reach::Cut;
        }
        entries.sort_unstable_by(|one, other| one.shown.cmp(&other.shown));
        self.levels.push(Level { directory, entries: entries.into_iter(), prefix_bytes: 0 });
        Ok(())
    }
}

// === impl Found ===

impl Found {
    fn new(directory: BorrowedFd<'_>, name: &CStr, kind: Option<Kind>) -> Option<Found> {
        let kind = match kind {
            Some(kind) => kind,
            None => beneath::look(directory, name).ok()?.kind,
        };
        let bytes = name.to_bytes();
        if bytes.starts_with(TEMP_PREFIX.as_bytes()) || (kind == Kind::Directory && bytes == b".git") {
            return None;
        }
        let shown = path::shown(bytes).into_owned();
        let raw = (shown.as_bytes() != bytes).then(|| name.to_owned());
        Some(Found { shown, raw, kind })
    }

    fn name(&self) -> CString {
        match &self.raw {
            Some(raw) => raw.clone(),
            None => CString::new(self.shown.as_str()).expect("workspace: a directory entry has no NUL"),
        }
    }
}
