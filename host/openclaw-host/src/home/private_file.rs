//! Writing a file that only its owner can read, whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What becomes of a file that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// It stays, and nothing is written.
    Keep,
    /// It is replaced.
    Replace,
}

/// Writes `bytes` beside `path` and moves the result there, so that nobody ever reads half of it.
pub(super) fn write_private(path: &Path, bytes: &[u8], existing: Existing) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    // Left over from a process with the same id that was killed here.
    remove_if_there(&beside)?;

    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    match existing {
        Existing::Replace => fs::rename(&beside, path),
        Existing::Keep => {
            // Unlike a rename, a link never takes the place of a file that is there.
            let linked = fs::hard_link(&beside, path);
            fs::remove_file(&beside)?;
            match linked {
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            }
        }
    }
}

/// Removes a file that need not be there.
pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
