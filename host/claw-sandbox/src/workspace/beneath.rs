//! Opening and looking, always below a directory that is already open.
//!
//! Every open is one `openat2` whose resolution the kernel keeps beneath the directory, so a tree that is changed
//! while a path is walked cannot lead a call outside (FS-15): there is no moment between a check and a use.

use std::ffi::CStr;
use std::ops::ControlFlow;
use std::os::fd::{BorrowedFd, OwnedFd};

use claw_core::guard::Guard;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags};
use rustix::io::Errno;
use rustix::path::Arg;

use super::path::RelPath;
use super::{FileError, Kind};

/// Opens for reading. Without `NONBLOCK`, opening a pipe waits for a writer for ever.
pub const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
/// Opens a directory for reading its entries, syncing it or starting from it.
pub const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// As `creat(2)` is used everywhere; the umask takes away what the owner does not want.
pub(crate) const NEW_FILE: Mode = Mode::from_raw_mode(0o666);
pub(crate) const NEW_DIRECTORY: Mode = Mode::from_raw_mode(0o777);

/// The kernel gives up a resolution if a rename anywhere interferes; it says so and expects a retry.
const ATTEMPTS: usize = 64;
/// Room for some hundred entries per system call.
const ENTRIES_BYTES: usize = 32 * 1024;

/// What to do about links on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Follow them while they stay beneath the directory.
    FollowInside,
    /// Fail with `ELOOP` on the first one, also at the end of the path.
    Refuse,
}

/// What is known about a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    pub(crate) kind: Kind,
    /// Bytes, for regular files; else 0.
    pub(crate) size: u64,
    /// Permission bits without set-user-id and the like.
    pub(crate) permissions: Mode,
    /// Tells whether a file is still the one that was looked at.
    pub(crate) identity: Identity,
    pub(crate) names: Names,
    /// Seconds from 1970 to the last change of the file or of its names.
    pub(crate) changed: i128,
}

/// One state of one file. The inode number alone would not do: file systems give it to the next file at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    kind: Kind,
    size: u64,
    /// Seconds and nanoseconds; a rename does not change it.
    modified: (i128, i128),
}

/// How many names (hard links) a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    One,
    Several,
}

/// Opens `path` beneath `directory`.
///
/// # Errors
/// `EXDEV` if the path or a link leads out; `ELOOP` for refused links; else as `open(2)`.
pub fn open(
    directory: BorrowedFd<'_>,
    path: impl Arg + Copy,
    flags: OFlags,
    links: Links,
) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let resolve = match links {
        Links::FollowInside => resolve,
        Links::Refuse => resolve | ResolveFlags::NO_SYMLINKS,
    };
    let resolve = if Guard::FsLinks.is_up() { resolve } else { ResolveFlags::empty() };
    retried(|| rustix::fs::openat2(directory, path, flags, Mode::empty(), resolve))
}

/// Makes a file that is not there yet, following no link.
///
/// # Errors
/// `EEXIST` if anything has the name; else as [`open`].
pub(crate) fn create(directory: BorrowedFd<'_>, path: impl Arg + Copy, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::CREATE | OFlags::EXCL;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    retried(|| rustix::fs::openat2(directory, path, flags, NEW_FILE, resolve))
}

fn retried(open: impl Fn() -> rustix::io::Result<OwnedFd>) -> rustix::io::Result<OwnedFd> {
    for _ in 0..ATTEMPTS {
        match open() {
            Err(Errno::AGAIN | Errno::INTR) => {}
            result => return result,
        }
    }
    Err(Errno::AGAIN)
}

/// Looks at an entry of `directory` without opening or following it.
pub(crate) fn look(directory: BorrowedFd<'_>, name: impl Arg) -> rustix::io::Result<Stat> {
    rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map(Stat::from)
}

/// Looks at an open file; `path` is for the error.
pub(super) fn stat(file: BorrowedFd<'_>, path: &RelPath) -> Result<Stat, FileError> {
    rustix::fs::fstat(file).map(Stat::from).map_err(|errno| refusal(errno, &path.quoted()))
}

/// Calls `each` with every entry but `.` and `..`, in the order of the file system.
pub fn read_directory(
    directory: BorrowedFd<'_>,
    mut each: impl FnMut(&CStr, Option<Kind>) -> ControlFlow<()>,
) -> rustix::io::Result<()> {
    let mut buffer = Vec::with_capacity(ENTRIES_BYTES);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") && each(name, kind(entry.file_type())).is_break() {
            break;
        }
    }
    Ok(())
}

/// What a failed system call on a guest's path means to the guest.
pub(super) fn refusal(errno: Errno, quoted: &str) -> FileError {
    match errno {
        // The path itself has no `..` and is relative, so only a link can have led out or in circles.
        Errno::XDEV | Errno::LOOP => link_refusal(quoted),
        Errno::NXIO | Errno::NODEV => special_refusal(quoted),
        Errno::NOENT => FileError::NotFound(format!("{quoted} does not exist")),
        Errno::NOTDIR => FileError::Invalid(format!("{quoted} or a part of it is a file, not a directory")),
        Errno::ISDIR => FileError::Invalid(format!("{quoted} is a directory, not a file")),
        Errno::NAMETOOLONG => FileError::bad_name(format!("{quoted} is too long for the file system")),
        Errno::AGAIN => FileError::Io(format!("{quoted} could not be opened while files were being moved; try again")),
        errno => FileError::Io(format!("{quoted} cannot be used: {}", std::io::Error::from(errno))),
    }
}

/// The refusal of a link. Never says where it leads: that may be a path of the host.
pub(super) fn link_refusal(quoted: &str) -> FileError {
    FileError::denied(
        "E_FS_LINK",
        format!(
            "{quoted} is or contains a link; links are read only where they stay inside, and never written through"
        ),
    )
}

pub(super) fn special_refusal(quoted: &str) -> FileError {
    FileError::denied("E_FS_SPECIAL", format!("{quoted} is a pipe, socket or device; only files can be opened"))
}

fn kind(file_type: FileType) -> Option<Kind> {
    match file_type {
        FileType::RegularFile => Some(Kind::File),
        FileType::Directory => Some(Kind::Directory),
        FileType::Symlink => Some(Kind::Link),
        // Some file systems do not say; the caller looks.
        FileType::Unknown => None,
        FileType::Fifo | FileType::Socket | FileType::CharacterDevice | FileType::BlockDevice => Some(Kind::Special),
    }
}

// === impl Stat ===

impl From<rustix::fs::Stat> for Stat {
    fn from(stat: rustix::fs::Stat) -> Stat {
        let kind = kind(FileType::from_raw_mode(stat.st_mode)).unwrap_or(Kind::Special);
        let size = if kind == Kind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
        Stat {
            kind,
            size,
            permissions: Mode::from_raw_mode(stat.st_mode) & (Mode::RWXU | Mode::RWXG | Mode::RWXO),
            identity: Identity {
                device: stat.st_dev,
                inode: stat.st_ino,
                kind,
                size,
                // The integer types differ between architectures.
                modified: (i128::from(stat.st_mtime), i128::from(stat.st_mtime_nsec)),
            },
            names: if stat.st_nlink > 1 && Guard::FsSecondNames.is_up() { Names::Several } else { Names::One },
            changed: i128::from(stat.st_ctime),
        }
    }
}
