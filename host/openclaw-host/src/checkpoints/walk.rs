//! Looking at a folder: what has which name in it, and the content of files that is not kept yet. Nothing is followed,
//! and nothing but regular files is opened; a tree that is changed meanwhile leads nowhere else.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use claw_core::checkpoint::{Content, FilePath, FileState, Known, LeftOut, Node};
use claw_core::id::Timestamp;
use claw_sandbox::beneath::{self, DIRECTORY, Links, READ};
use claw_sandbox::{MAX_DEPTH, TEMP_PREFIX};
use claw_store::{Batch, BlobError};
use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;
use tokio::time::Instant;

use crate::host::random_bits;
use crate::settings::UndoSettings;

/// Two changes within this time may have the same one on a file system: the coarsest one in use, FAT, counts so.
const TICK: Duration = Duration::from_secs(2);

/// Why a folder could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// There is too much in it.
    #[error("there are more than {most} files and folders in the workspace (`undo.maxFiles`)")]
    TooMany {
        /// How many are looked at.
        most: u64,
    },
    /// It took too long.
    #[error("looking at the workspace took longer than {} s (`undo.seconds`)", limit.as_secs())]
    TooSlow {
        /// How long it may take.
        limit: Duration,
    },
    /// The file system refused.
    #[error("the workspace cannot be looked at: {}", std::io::Error::from(*.0))]
    Io(Errno),
}

/// What a look has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// What has which name.
    pub nodes: BTreeMap<FilePath, Node>,
    /// Folders into which it did not look: they lie too deep, or may not be read.
    pub closed: Vec<FilePath>,
}

struct Level {
    folder: OwnedFd,
    /// Empty, or with `/` at its end.
    prefix: FilePath,
    names: Vec<CString>,
}

/// Looks at all below `root`.
///
/// # Errors
/// [`WalkError`]; nothing is known then.
pub fn walk(root: BorrowedFd<'_>, limits: &UndoSettings, deadline: Instant) -> Result<Seen, WalkError> {
    let mut seen = Seen::default();
    let top = beneath::open(root, c".", DIRECTORY, Links::Refuse).map_err(WalkError::Io)?;
    let mut levels = vec![Level::open(top, FilePath::new(), limits.max_files).map_err(WalkError::Io)?];
    loop {
        let depth = levels.len();
        let Some(level) = levels.last_mut() else { return Ok(seen) };
        if Instant::now() > deadline {
            return Err(WalkError::TooSlow { limit: limits.time });
        }
        let Some(name) = level.names.pop() else {
            levels.pop();
            continue;
        };
        let path = [level.prefix.as_slice(), name.to_bytes()].concat();
        // Gone since its name was read, or nothing that counts.
        let Some(node) = node(level.folder.as_fd(), &name) else { continue };
        if matches!(node, Node::Folder { .. }) {
            let prefix = [path.as_slice(), b"/"].concat();
            let opened = match depth < MAX_DEPTH {
                true => beneath::open(level.folder.as_fd(), &*name, DIRECTORY, Links::Refuse)
                    .and_then(|folder| Level::open(folder, prefix, limits.max_files)),
                false => Err(Errno::NAMETOOLONG),
            };
            match opened {
                Ok(below) => levels.push(below),
                Err(_) => seen.closed.push(path.clone()),
            }
        }
        seen.nodes.insert(path, node);
        let waiting: usize = levels.iter().map(|level| level.names.len()).sum();
        if (seen.nodes.len() + waiting) as u64 > limits.max_files {
            return Err(WalkError::TooMany { most: limits.max_files });
        }
    }
}

/// What has a name in a folder now; `None` for nothing, and for what does not count.
pub fn node(folder: BorrowedFd<'_>, name: &CStr) -> Option<Node> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Some(Node::File(state(&stat))),
        FileType::Directory => Some(Node::Folder { mode: mode(&stat) }),
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(folder, name, Vec::new()).ok()?;
            Some(Node::Link { target: target.into_bytes() })
        }
        _ => None,
    }
}

/// The state of a regular file.
pub fn state(stat: &Stat) -> FileState {
    // The integer types differ between architectures, and a program can set the first of the times to anything.
    let nanos = |seconds: i128, nanos: i128| i64::try_from(seconds * 1_000_000_000 + nanos).unwrap_or(i64::MAX);
    FileState {
        inode: stat.st_ino,
        bytes: u64::try_from(stat.st_size).unwrap_or(0),
        mode: mode(stat),
        modified: nanos(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
        changed: nanos(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
    }
}

/// Permission bits, without set-user-id and the like.
fn mode(stat: &Stat) -> u32 {
    stat.st_mode & 0o777
}

impl Level {
    /// Reads the names of a folder; one more than may be at most is as good as all.
    fn open(folder: OwnedFd, prefix: FilePath, most: u64) -> rustix::io::Result<Level> {
        let mut names = Vec::new();
        beneath::read_directory(folder.as_fd(), |name, _| {
            if !name.to_bytes().starts_with(TEMP_PREFIX.as_bytes()) {
                names.push(name.to_owned());
            }
            if names.len() as u64 > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(Level { folder, prefix, names })
    }
}

/// Keeps the content of files that is not kept yet, as far as there is room and time. Gives the names of those of which
/// something else is known now.
///
/// # Errors
/// [`BlobError`] if blobs cannot be written.
pub fn keep_content(
    root: BorrowedFd<'_>,
    known: &mut BTreeMap<FilePath, Known>,
    limits: &UndoSettings,
    deadline: Instant,
    now: Timestamp,
    batch: &mut Batch,
) -> Result<Vec<FilePath>, BlobError> {
    let kept = |known: &Known| match (&known.node, known.content) {
        (Node::File(state), Content::Kept { .. }) => state.bytes,
        _ => 0,
    };
    let mut room = limits.max_bytes.saturating_sub(known.values().map(kept).sum());
    let mut read = Vec::new();
    for (path, known) in known.iter_mut() {
        let Node::File(state) = known.node else { continue };
        let is_late = Instant::now() > deadline;
        let content = match known.content {
            Content::Kept { settled, .. } if settled || is_late => continue,
            _ if state.bytes > limits.max_file_bytes => Content::LeftOut(LeftOut::TooLarge),
            Content::Unread | Content::LeftOut(_) if state.bytes > room => Content::LeftOut(LeftOut::NoRoom),
            _ if is_late => Content::LeftOut(LeftOut::NoTime),
            _ => match bytes(root, path, &state) {
                Some(bytes) => Content::Kept { digest: batch.put(&bytes)?, settled: is_settled(&state, now) },
                None => Content::LeftOut(LeftOut::Unreadable),
            },
        };
        if content == known.content {
            continue;
        }
        match (known.content, content) {
            // It was changed within a tick, which its state does not show.
            (Content::Kept { digest: old, .. }, Content::Kept { digest, .. }) if old != digest => {
                known.version = random_bits() as u64;
            }
            (Content::Unread | Content::LeftOut(_), Content::Kept { .. }) => room = room.saturating_sub(state.bytes),
            _ => {}
        }
        known.content = content;
        read.push(path.clone());
    }
    Ok(read)
}

/// Whether a later change has another time than this state has.
fn is_settled(state: &FileState, now: Timestamp) -> bool {
    let nanos = u128::from(now.0) * 1_000_000;
    i128::from(state.changed) < i128::try_from(nanos.saturating_sub(TICK.as_nanos())).unwrap_or(i128::MAX)
}

/// The bytes of a file in exactly this state; `None` if it cannot be read so.
fn bytes(root: BorrowedFd<'_>, path: &[u8], expected: &FileState) -> Option<Vec<u8>> {
    let file = beneath::open(root, path, READ, Links::Refuse).ok()?;
    let is_it = |file: BorrowedFd<'_>| {
        rustix::fs::fstat(file).is_ok_and(|stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && state(&stat) == *expected
        })
    };
    if !is_it(file.as_fd()) {
        return None;
    }
    let mut file = File::from(file);
    let mut bytes = Vec::with_capacity(usize::try_from(expected.bytes).ok()?);
    // One byte more would mean that it grows.
    file.by_ref().take(expected.bytes + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == expected.bytes && is_it(file.as_fd())).then_some(bytes)
}
