//! Deciding on a transaction: what may be written, and on which state of the tree that was decided.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::beneath::{self, Identity, Links, Names};
use super::path::{MAX_DEPTH, RelPath};
use super::protected::Ground;
use super::{Change, FileError, MAX_CHANGES, MAX_COMMIT_BYTES};

/// A change that may be made, and the state of its place that this was decided on.
pub(super) struct Planned {
    pub(super) path: RelPath,
    /// Empty for the workspace.
    pub(super) directory: String,
    pub(super) name: String,
    pub(super) act: Act,
}

/// What to do with the place.
pub(super) enum Act {
    Create(Vec<u8>),
    Replace(Vec<u8>, Existing),
    Remove(Existing),
}

/// The file that is in the place.
#[derive(Clone, Copy)]
pub(super) struct Existing {
    pub(super) identity: Identity,
    pub(super) permissions: Mode,
}

/// Checks all changes against the rules, each other and the tree.
pub(super) fn plan(root: BorrowedFd<'_>, ground: Ground, changes: Vec<Change>) -> Result<Vec<Planned>, FileError> {
    if changes.len() > MAX_CHANGES {
        return Err(FileError::Limit(format!("{} changes in one commit; at most {MAX_CHANGES} work", changes.len())));
    }
    let bytes: usize =
        changes.iter().map(|change| if let Change::Put(_, bytes) = change { bytes.len() } else { 0 }).sum();
    if bytes > MAX_COMMIT_BYTES {
        return Err(FileError::Limit(format!("{bytes} bytes in one commit; at most {MAX_COMMIT_BYTES} work")));
    }
    let mut planned = Vec::with_capacity(changes.len());
    for change in changes {
        planned.push(Planned::new(root, ground, change)?);
    }
    expect_distinct(planned.iter().map(|planned| &planned.path).collect())?;
    Ok(planned)
}

/// No two changes may be about one place, or make a place both a file and a directory.
fn expect_distinct(paths: Vec<&RelPath>) -> Result<(), FileError> {
    for (index, path) in paths.iter().enumerate() {
        // At most 256 changes, so at most 32,640 comparisons.
        for other in &paths[index + 1..] {
            if path == other || path.contains(other) || other.contains(path) {
                let (path, other) = (path.quoted(), other.quoted());
                return Err(FileError::Invalid(format!(
                    "changes to {path} and {other} contradict each other; name each file once and none as a directory"
                )));
            }
        }
    }
    Ok(())
}

// === impl Planned ===

impl Planned {
    fn new(root: BorrowedFd<'_>, ground: Ground, change: Change) -> Result<Planned, FileError> {
        let (Change::Put(text, _) | Change::Remove(text)) = &change;
        let path = RelPath::parse(text)?;
        let Some((directory, name)) = path.split() else {
            return Err(FileError::Invalid("the workspace is a directory; name a file in it".to_owned()));
        };
        path.expect_unprotected(ground)?;
        if path.components().count() > MAX_DEPTH {
            return Err(FileError::Limit(format!("{} is more than {MAX_DEPTH} levels deep", path.quoted())));
        }
        let (directory, name) = (directory.to_owned(), name.to_owned());
        let existing = existing(root, &directory, &name, &path)?;
        path.expect_file_form()?;
        let act = match (change, existing) {
            (Change::Put(_, bytes), None) => Act::Create(bytes),
            (Change::Put(_, bytes), Some(existing)) => Act::Replace(bytes, existing),
            (Change::Remove(_), Some(existing)) => Act::Remove(existing),
            (Change::Remove(_), None) => return Err(beneath::refusal(Errno::NOENT, &path.quoted())),
        };
        Ok(Planned { path, directory, name, act })
    }
}

/// The file in a place, if there is one; refuses what is there but must not be written.
fn existing(root: BorrowedFd<'_>, directory: &str, name: &str, path: &RelPath) -> Result<Option<Existing>, FileError> {
    let quoted = path.quoted();
    let directory = if directory.is_empty() { "." } else { directory };
    let parent = match beneath::open(root, directory, OFlags::PATH | beneath::DIRECTORY, Links::Refuse) {
        Ok(parent) => parent,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(beneath::refusal(errno, &quoted)),
    };
    match beneath::look(parent.as_fd(), name) {
        Ok(stat) => {
            let stat = stat.expect_file(path)?;
            match stat.names {
                Names::One => Ok(Some(Existing { identity: stat.identity, permissions: stat.permissions })),
                // The other name may be anywhere, also outside.
                Names::Several => Err(FileError::denied(
                    "E_FS_LINK",
                    format!("{quoted} has a second name (hard link) elsewhere; it can be read but not changed"),
                )),
            }
        }
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(beneath::refusal(errno, &quoted)),
    }
}
