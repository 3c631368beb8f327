//! One attempt for each right that Landlock knows, on a path outside.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use landlock::{ABI, Access, AccessFs, BitFlags};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::exec::child::files::KNOWN_ABI;

/// Landlock's versions, the first at index 0.
const VERSIONS: [ABI; 9] = [ABI::V1, ABI::V2, ABI::V3, ABI::V4, ABI::V5, ABI::V6, ABI::V7, ABI::V8, ABI::V9];

/// All rights that the walls are built from.
pub(super) fn all() -> BitFlags<AccessFs> {
    AccessFs::from_all(KNOWN_ABI)
}

/// Whether a kernel of this ABI keeps the right.
pub(super) fn is_kept(right: AccessFs, abi: i32) -> bool {
    let since = VERSIONS.iter().position(|&version| AccessFs::from_all(version).contains(right));
    since.and_then(|index| i32::try_from(index).ok()).is_some_and(|index| abi > index)
}

/// Acts on something in `outside` in the way that `right` would allow; `None` for a right that nobody has thought of
/// yet. The workspace is the current directory.
pub(super) fn attempt(right: AccessFs, outside: &Path) -> Option<io::Result<()>> {
    let (file, new) = (outside.join("file"), outside.join("new"));
    // The numbers of `/dev/null`.
    let device = rustix::fs::makedev(1, 3);
    let make = |kind| mknodat(CWD, &new, kind, Mode::from_raw_mode(0o600), device).map_err(io::Error::from);
    Some(match right {
        AccessFs::Execute => Command::new(outside.join("program")).status().map(drop),
        AccessFs::WriteFile => File::options().write(true).open(file).map(drop),
        AccessFs::ReadFile => File::open(file).map(drop),
        AccessFs::ReadDir => fs::read_dir(outside).map(drop),
        AccessFs::RemoveDir => fs::remove_dir(outside.join("folder")),
        AccessFs::RemoveFile => fs::remove_file(file),
        AccessFs::MakeChar => make(FileType::CharacterDevice),
        AccessFs::MakeDir => fs::create_dir(new),
        AccessFs::MakeReg => File::create_new(new).map(drop),
        AccessFs::MakeSock => make(FileType::Socket),
        AccessFs::MakeFifo => make(FileType::Fifo),
        AccessFs::MakeBlock => make(FileType::BlockDevice),
        AccessFs::MakeSym => std::os::unix::fs::symlink("file", new),
        AccessFs::Refer => File::create("mine").and_then(|_| fs::rename("mine", new)),
        AccessFs::Truncate => truncate(&file),
        AccessFs::IoctlDev => command_a_device(),
        AccessFs::ResolveUnix => std::os::unix::net::UnixStream::connect(outside.join("socket")).map(drop),
        _ => return None,
    })
}

fn truncate(file: &Path) -> io::Result<()> {
    let path = CString::new(file.as_os_str().as_bytes())?;
    // SAFETY: the path lives until after the call.
    check(unsafe { libc::truncate(path.as_ptr(), 0) })
}

/// Asks a device that may be read for something that only another kind of device knows.
fn command_a_device() -> io::Result<()> {
    let device = File::open("/dev/zero")?;
    // SAFETY: a device that knew this call would write one number.
    let mut size = 0_u64;
    check(unsafe { libc::ioctl(device.as_raw_fd(), BLKGETSIZE64, &raw mut size) })
}

/// Asks a disk for its size; from `linux/fs.h`.
const BLKGETSIZE64: libc::Ioctl = 0x8008_1272_u32 as libc::Ioctl;

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
