//! Blobs: bytes by their SHA-256, in files beside the store. A file is whole and on the disk before anything can name it.
//!
//! ```text
//!   batch ─► put, put, … ─► keep ─► Kept ──── the rows that name them are written ──── dropped
//!            new-…          renamed  └─ nothing is swept meanwhile ─┘
//! ```
//! Rows name blobs by their digest, and nothing counts how often: [`Blobs::sweep`] removes those that no row names. It
//! reads which ones are named while nobody holds a batch, so one that was written and is not named yet stays.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use claw_core::id::Digest;
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use crate::error::StoreError;

/// Up to so many new files are made durable one by one; more of them by writing out their whole file system.
const ONE_BY_ONE: usize = 16;
/// How the names of files begin that are not whole yet.
const NEW: &str = "new-";

/// Why bytes could not be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is none.
    #[error("blob {digest} is not there any more")]
    Missing {
        /// Its name.
        digest: Digest,
    },
    /// Its file does not hold what it is called after.
    #[error("blob {digest} has changed on the disk; restore `{}` from a backup", path.display())]
    Damaged {
        /// Its name.
        digest: Digest,
        /// Its file.
        path: PathBuf,
    },
    /// The file system failed, e.g. it is full.
    #[error("cannot {action} `{}`; check the disk and who owns the folder", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        err: io::Error,
    },
    /// The rows that name them cannot be read or copied.
    #[error("cannot read the rows that name blobs")]
    Names(#[source] StoreError),
}

/// The blobs of one home; clones share them. Only one process may use them at a time, which whoever holds the store is.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: PathBuf,
    /// Read by those who write, written by who sweeps.
    sweeping: Arc<RwLock<()>>,
    /// For the names of files that are not whole yet.
    numbers: Arc<AtomicU64>,
}

/// Blobs that are being written. Dropped before [`Batch::keep`], it leaves files that the next sweep removes.
#[derive(Debug)]
pub struct Batch {
    folder: PathBuf,
    numbers: Arc<AtomicU64>,
    new: Vec<New>,
    digests: BTreeSet<Digest>,
    guard: OwnedRwLockReadGuard<()>,
}

/// Blobs that are on the disk. To be held until the rows that name them are, too.
#[derive(Debug)]
#[must_use = "without a row that names them, they are swept once this is dropped"]
pub struct Kept {
    _guard: OwnedRwLockReadGuard<()>,
}

/// What a sweep has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// A file without its name.
#[derive(Debug)]
struct New {
    path: PathBuf,
    place: PathBuf,
}

impl Blobs {
    /// Those in `folder`, which is made, for its owner alone, once there is one to keep.
    pub fn new(folder: PathBuf) -> Blobs {
        Blobs { folder, sweeping: Arc::default(), numbers: Arc::default() }
    }

    /// Begins to write some. Waits while a sweep is under way.
    pub async fn batch(&self) -> Batch {
        let guard = Arc::clone(&self.sweeping).read_owned().await;
        let (folder, numbers) = (self.folder.clone(), Arc::clone(&self.numbers));
        Batch { folder, numbers, new: Vec::new(), digests: BTreeSet::new(), guard }
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Damaged`], or [`BlobError::Io`].
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        let path = place(&self.folder, digest);
        let bytes = fs::read(&path).map_err(|err| match err.kind() {
            ErrorKind::NotFound => BlobError::Missing { digest: *digest },
            _ => BlobError::Io { action: "read", path: path.clone(), err },
        })?;
        if digest_of(&bytes) == *digest { Ok(bytes) } else { Err(BlobError::Damaged { digest: *digest, path }) }
    }

    /// Removes all that `named` does not name, and what a crash has left of batches. Waits for batches that are held, and
    /// holds up new ones.
    ///
    /// # Errors
    /// [`BlobError::Names`] if `named` fails; nothing is removed then. [`BlobError::Io`] if a file cannot be removed.
    pub async fn sweep(
        &self,
        named: impl FnOnce() -> Result<BTreeSet<Digest>, StoreError> + Send + 'static,
    ) -> Result<Swept, BlobError> {
        let guard = Arc::clone(&self.sweeping).write_owned().await;
        let folder = self.folder.clone();
        let swept = tokio::task::spawn_blocking(move || {
            let _guard = guard;
            sweep(&folder, &named().map_err(BlobError::Names)?)
        });
        swept.await.unwrap_or_else(|err| std::panic::resume_unwind(err.into_panic()))
    }

    /// Gives `folder`, which is made, all that the rows name that `rows` copies there: no sweep comes between. A file is
    /// the same one in both where a file system can do that, for its content never changes.
    ///
    /// # Errors
    /// [`BlobError::Names`] if `rows` fails; [`BlobError::Io`].
    pub async fn copy_with(
        &self,
        folder: &Path,
        rows: impl FnOnce() -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), BlobError> {
        let guard = Arc::clone(&self.sweeping).read_owned().await;
        let (from, to) = (self.folder.clone(), folder.to_owned());
        let copied = tokio::task::spawn_blocking(move || {
            let _guard = guard;
            rows().map_err(BlobError::Names)?;
            copy_all(&from, &to)
        });
        copied.await.unwrap_or_else(|err| std::panic::resume_unwind(err.into_panic()))
    }
}

impl Batch {
    /// Takes bytes in. Blocks on the disk.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub fn put(&mut self, bytes: &[u8]) -> Result<Digest, BlobError> {
        let digest = digest_of(bytes);
        let place = place(&self.folder, &digest);
        // One of another size is damaged, and gets its content back.
        let is_there = || fs::metadata(&place).is_ok_and(|there| there.len() == bytes.len() as u64);
        if !self.digests.insert(digest) || is_there() {
            return Ok(digest);
        }
        let path = self.folder.join(format!("{NEW}{}", self.numbers.fetch_add(1, Ordering::Relaxed)));
        let written = || -> io::Result<()> {
            private_folder(&self.folder)?;
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            file.write_all(bytes)
        };
        written().map_err(|err| BlobError::Io { action: "write", path: path.clone(), err })?;
        self.new.push(New { path, place });
        Ok(digest)
    }

    /// Makes all of it last, and gives the files their names. Blocks on the disk.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub fn keep(self) -> Result<Kept, BlobError> {
        if !self.new.is_empty() {
            let failed = |err| BlobError::Io { action: "write to the disk", path: self.folder.clone(), err };
            self.last().map_err(failed)?;
        }
        Ok(Kept { _guard: self.guard })
    }

    fn last(&self) -> io::Result<()> {
        let alone = self.new.len() <= ONE_BY_ONE;
        let sync = || rustix::fs::syncfs(File::open(&self.folder)?).map_err(io::Error::from);
        match alone {
            true => self.new.iter().try_for_each(|new| File::open(&new.path)?.sync_all())?,
            false => sync()?,
        }
        let mut folders = BTreeSet::from([self.folder.as_path()]);
        for New { path, place } in &self.new {
            let folder = place.parent().expect("blobs: a place is in a folder");
            if folders.insert(folder) {
                private_folder(folder)?;
            }
            fs::rename(path, place)?;
        }
        match alone {
            true => folders.into_iter().try_for_each(|folder| File::open(folder)?.sync_all()),
            false => sync(),
        }
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// `ab/cdef…`: no folder gets so long that file systems are slow with it.
fn place(folder: &Path, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    let (first, rest) = name.split_at(2);
    folder.join(first).join(rest)
}

fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn sweep(folder: &Path, named: &BTreeSet<Digest>) -> Result<Swept, BlobError> {
    let mut swept = Swept::default();
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(NEW) {
            remove(&path, &mut swept)?;
            continue;
        }
        for file in entries(&path)? {
            let rest = file.file_name().unwrap_or_default().to_string_lossy();
            if Digest::parse(&format!("{name}{rest}")).is_ok_and(|digest| !named.contains(&digest)) {
                remove(&file, &mut swept)?;
            }
        }
    }
    Ok(swept)
}

fn copy_all(from: &Path, to: &Path) -> Result<(), BlobError> {
    for folder in entries(from)? {
        for file in entries(&folder)? {
            let relative = file.strip_prefix(from).expect("blobs: an entry is in its folder");
            let place = to.join(relative);
            let copied = private_folder(place.parent().expect("blobs: a place is in a folder"))
                .and_then(|()| fs::hard_link(&file, &place).or_else(|_| fs::copy(&file, &place).map(drop)));
            copied.map_err(|err| BlobError::Io { action: "copy", path: file.clone(), err })?;
        }
    }
    Ok(())
}

/// What is in a folder; nothing if there is none, or if it is no folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, BlobError> {
    let failed = |err| BlobError::Io { action: "list", path: folder.to_owned(), err };
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(failed),
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(err) => Err(failed(err)),
    }
}

fn remove(path: &Path, swept: &mut Swept) -> Result<(), BlobError> {
    let bytes = fs::metadata(path).map_or(0, |file| file.len());
    fs::remove_file(path).map_err(|err| BlobError::Io { action: "remove", path: path.to_owned(), err })?;
    swept.files += 1;
    swept.bytes += bytes;
    Ok(())
}

#[cfg(test)]
mod tests;
