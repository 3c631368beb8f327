//! Backups: a second home, made while the host runs, with all that cannot be made again.
//!
//! ```text
//!   home ──► .backup-… (0700, beside the place): the store of one moment, its blobs, then every other file ──► the place
//! ```
//! A backup is a home itself: `openclaw-host --home PLACE …` looks into it and runs on it. Left out is what lets somebody
//! in: the key to the secrets and the token; and what a start makes again.

use std::collections::BTreeSet;
use std::ffi::{CStr, OsStr};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use claw_sandbox::MAX_DEPTH;
use claw_sandbox::beneath::{self, DIRECTORY, Links, READ};
use claw_store::{BlobError, Blobs, Store};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode};
use rustix::io::Errno;
use serde_json::{Value, json};

use crate::app;
use crate::crash_point;
use crate::home::{BLOBS, COMPONENT_SCRATCH};
use crate::packages::in_background;

/// Names in the home that are not copied, or not as files.
const LEFT_OUT: [&str; 8] = [BLOBS, "cache", "logs", "run.json", "token", "tools", "vault.key", "vault.lock"];
/// How the names of the store's files begin.
const STORE: &str = "host.redb";

/// What a backup has in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// Files, without the store and its blobs.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// What is not in it, by its path in the home, and why.
    pub skipped: Vec<(PathBuf, &'static str)>,
}

/// Why there is no backup. Nothing of it is left then.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A backup is made where nothing is.
    #[error("`{}` is there already; name a place where nothing is", .0.display())]
    Exists(PathBuf),
    /// The next backup would have this one in it.
    #[error("`{}` lies in the home; name a place outside it", .0.display())]
    Inside(PathBuf),
    /// It depends on who reads it.
    #[error("`{}` does not begin with `/`; name the place in full", .0.display())]
    Relative(PathBuf),
    /// The store, or what it names, cannot be copied.
    #[error(transparent)]
    Store(#[from] BlobError),
    /// A file cannot be copied.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, e.g. `copy`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        err: io::Error,
    },
}

impl BackedUp {
    /// As clients see it.
    pub fn view(&self, to: &Path) -> Value {
        let skipped = self.skipped.iter().map(|(path, why)| json!({"path": path.to_string_lossy(), "why": why}));
        json!({
            "path": to.to_string_lossy(), "files": self.files, "bytes": self.bytes,
            "skipped": skipped.collect::<Vec<_>>(),
        })
    }
}

/// Copies the home at `home` to `to`, where nothing is yet. Others go on working in it: the store is that of one moment,
/// and each other file is as it is when it is copied. Of `workspaces`, those that lie elsewhere are not in it.
///
/// # Errors
/// [`BackupError`]; nothing is at `to` then.
pub async fn create(
    home: &Path,
    workspaces: BTreeSet<PathBuf>,
    store: &Store,
    blobs: &Blobs,
    to: &Path,
) -> Result<BackedUp, BackupError> {
    let part = part_for(home, to)?;
    let copy = app::store_path(part.path());
    let rows = {
        let store = store.clone();
        move || store.copy_to(&copy)
    };
    blobs.copy_with(&part.path().join(BLOBS), rows).await?;
    crash_point::pass("store copied");
    let (home, to) = (home.to_owned(), to.to_owned());
    in_background(move || {
        let root =
            rustix::fs::openat(CWD, &home, DIRECTORY, Mode::empty()).map_err(|errno| failed("open", &home, errno))?;
        let mut copying = Copying { home: &home, done: BackedUp::default() };
        let outside = workspaces.into_iter().filter(|workspace| !workspace.starts_with(&home));
        copying.done.skipped.extend(outside.map(|workspace| (workspace, "it lies outside the home")));
        copying.folder(root.as_fd(), Path::new(""), part.path(), 0)?;
        let last = || -> io::Result<()> {
            rustix::fs::syncfs(File::open(part.path())?)?;
            fs::rename(part.path(), &to)?;
            File::open(to.parent().unwrap_or(&to))?.sync_all()
        };
        last().map_err(|err| failed("finish", &to, err))?;
        // It has its own name now.
        let _ = part.keep();
        Ok(copying.done)
    })
    .await
}

/// The folder in which a backup grows, beside its place.
fn part_for(home: &Path, to: &Path) -> Result<tempfile::TempDir, BackupError> {
    if !to.is_absolute() {
        return Err(BackupError::Relative(to.to_owned()));
    }
    if fs::symlink_metadata(to).is_ok() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let parent = to.parent().unwrap_or(to);
    let real = parent.canonicalize().map_err(|err| failed("find the folder", parent, err))?;
    if real.starts_with(home.canonicalize().map_err(|err| failed("find", home, err))?) {
        return Err(BackupError::Inside(to.to_owned()));
    }
    let mut folder = tempfile::Builder::new();
    let folder = folder.prefix(".backup-").permissions(Permissions::from_mode(0o700));
    folder.tempdir_in(&real).map_err(|err| failed("make a folder in", parent, err))
}

fn failed(action: &'static str, path: &Path, err: impl Into<io::Error>) -> BackupError {
    BackupError::Io { action, path: path.to_owned(), err: err.into() }
}

/// Copies files. Components change theirs meanwhile, so that no link is followed, and what is gone is gone.
struct Copying<'a> {
    home: &'a Path,
    done: BackedUp,
}

impl Copying<'_> {
    /// Copies what is in a folder; `path` is its own in the home.
    fn folder(&mut self, from: BorrowedFd<'_>, path: &Path, to: &Path, depth: usize) -> Result<(), BackupError> {
        let entries = Dir::read_from(from).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        for entry in entries.map_err(|errno| failed("list", &self.home.join(path), errno))? {
            let name = entry.file_name();
            let path = path.join(OsStr::from_bytes(name.to_bytes()));
            if matches!(name.to_bytes(), b"." | b"..") || is_left_out(&path) {
                continue;
            }
            let to = to.join(OsStr::from_bytes(name.to_bytes()));
            match self.entry(from, name, &path, &to, depth) {
                Err(BackupError::Io { err, .. }) if is_gone(&err) => {}
                Err(BackupError::Io { err, .. }) if err.kind() == io::ErrorKind::PermissionDenied => {
                    self.done.skipped.push((path, "it may not be read"));
                }
                Err(BackupError::Io { err, .. }) if err.kind() == io::ErrorKind::InvalidFilename => {
                    self.done.skipped.push((path, "its path is too long"));
                }
                copied => copied?,
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        from: BorrowedFd<'_>,
        name: &CStr,
        path: &Path,
        to: &Path,
        depth: usize,
    ) -> Result<(), BackupError> {
        let whole = self.home.join(path);
        let failed_to = |errno: Errno| failed("copy", &whole, errno);
        let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed_to)?;
        let permissions = Permissions::from_mode(stat.st_mode & 0o777);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory if depth == MAX_DEPTH => self.done.skipped.push((path.to_owned(), "it lies too deep")),
            FileType::Directory => {
                let folder = beneath::open(from, name, DIRECTORY, Links::Refuse).map_err(failed_to)?;
                fs::create_dir(to).map_err(|err| failed("make", to, err))?;
                self.folder(folder.as_fd(), path, to, depth + 1)?;
                fs::set_permissions(to, permissions).map_err(|err| failed("make", to, err))?;
            }
            FileType::RegularFile => {
                let file = File::from(beneath::open(from, name, READ, Links::Refuse).map_err(failed_to)?);
                let bytes = match file.metadata() {
                    Ok(opened) if opened.is_file() => opened.len(),
                    // Something else has its name by now.
                    _ => return Ok(()),
                };
                let mut copy = OpenOptions::new();
                let copy = copy.write(true).create_new(true).mode(0o600).open(to);
                let mut copy = copy.map_err(|err| failed("make", to, err))?;
                // One that grows has no end.
                self.done.bytes +=
                    io::copy(&mut file.take(bytes), &mut copy).map_err(|err| failed("copy", &whole, err))?;
                copy.set_permissions(permissions).map_err(|err| failed("make", to, err))?;
                self.done.files += 1;
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(from, name, Vec::new()).map_err(failed_to)?;
                let target = OsStr::from_bytes(target.to_bytes());
                std::os::unix::fs::symlink(target, to).map_err(|err| failed("make", to, err))?;
                self.done.files += 1;
            }
            _ => self.done.skipped.push((path.to_owned(), "it is neither a file nor a folder")),
        }
        Ok(())
    }
}

/// Whether this path in the home is no part of a backup, or not as a file.
fn is_left_out(path: &Path) -> bool {
    let mut names = path.iter().map(|name| name.to_string_lossy());
    match (names.next().as_deref(), names.next().as_deref()) {
        // What calls leave there lasts no longer than they do.
        (Some("scratch"), Some(below)) => below != COMPONENT_SCRATCH,
        (Some(name), None) => LEFT_OUT.contains(&name) || name.starts_with(STORE),
        _ => false,
    }
}

/// Somebody has removed it, or put something else in its place, since its name was read.
fn is_gone(err: &io::Error) -> bool {
    [Errno::NOENT, Errno::LOOP, Errno::NOTDIR].iter().any(|errno| err.raw_os_error() == Some(errno.raw_os_error()))
}
