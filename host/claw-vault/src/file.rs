//! Files that only their owner can read: read after a look at who else could, written whole or not at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::{Exposure, VaultError};

/// How often a change looks whether the change of another process is done, and how long it waits in between: five
/// seconds in all. A change takes milliseconds, or the time to derive a key.
const LOOKS: u32 = 500;
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// By what a changed file is noticed: each change makes a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Held while the vault is changed; the kernel lets go of it with the process.
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not used: closing the file ends the lock")] File);

/// Reads a file that only this user can read, e.g. one that holds a key: at most `max` bytes.
///
/// # Errors
/// [`VaultError::Exposed`] with the command that helps if others could read it; [`VaultError::Io`] if it is not there,
/// not a plain file, or longer.
pub fn private(path: &Path, max: u64) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (bytes, _) = read(path, max + 1)?;
    if bytes.len() as u64 > max {
        return Err(io_error("read", path)(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}

/// Reads up to `max` bytes, and notes which file they came from.
pub(crate) fn read(path: &Path, max: u64) -> Result<(Zeroizing<Vec<u8>>, Fingerprint), VaultError> {
    let io = io_error("read", path);
    // A FIFO in the place of the file must not stop us.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(&io)?;
    let metadata = file.metadata().map_err(&io)?;
    if !metadata.is_file() {
        return Err(io(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file")));
    }
    check_exposure(path, &metadata)?;
    // The whole capacity at once: growing would leave copies behind that nobody zeroes.
    let capacity = usize::try_from(metadata.len().min(max)).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity + 1));
    file.take(max).read_to_end(&mut bytes).map_err(&io)?;
    Ok((bytes, fingerprint_of(&metadata)))
}

/// Which file lies at `path`; `None` if none does.
pub(crate) fn fingerprint(path: &Path) -> Result<Option<Fingerprint>, VaultError> {
    match fs::metadata(path) {
        Ok(metadata) => {
            check_exposure(path, &metadata)?;
            Ok(Some(fingerprint_of(&metadata)))
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(io_error("inspect", path)(err)),
    }
}

/// Puts `bytes` at `path` in place of what is there, durably: after a crash either of the two is there, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    let beside = with_suffix(path, &format!(".{}.new", std::process::id()));
    let write = || {
        // Left over from a process with the same id that was killed here.
        match fs::remove_file(&beside) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|err| {
        // Best effort: the first error is the one to tell.
        let _ = fs::remove_file(&beside);
        io_error("write", path)(err)
    })
}

/// Waits until no other process changes what lies at `path`.
pub(crate) fn lock(path: &Path) -> Result<Lock, VaultError> {
    let path = with_suffix(path, ".lock");
    let io = io_error("lock", &path);
    let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = open.map_err(&io)?;
    for _ in 0..LOOKS {
        match file.try_lock() {
            Ok(()) => return Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK_AGAIN),
            Err(TryLockError::Error(err)) => return Err(io(err)),
        }
    }
    drop(io);
    Err(VaultError::Busy { path })
}

fn check_exposure(path: &Path, metadata: &fs::Metadata) -> Result<(), VaultError> {
    let exposed = |exposure| Err(VaultError::Exposed { path: path.to_owned(), exposure });
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return exposed(Exposure::Foreign(metadata.uid()));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { exposed(Exposure::Open(mode)) }
}

fn fingerprint_of(metadata: &fs::Metadata) -> Fingerprint {
    Fingerprint {
        inode: metadata.ino(),
        len: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn io_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> VaultError {
    move |err| VaultError::Io { action, path: path.to_owned(), err }
}
