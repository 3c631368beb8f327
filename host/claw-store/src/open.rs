//! Opening the file: alone, private, checked before the first byte of it is changed.
//!
//! The engine repairs, marks and grows a file as soon as it opens it. So it first opens the file through an
//! [`Overlay`](overlay::Overlay), which keeps all writes in memory: only a file that passes there is opened for real.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redb::{Builder, Database, DatabaseError, ReadableDatabase, StorageError, TableError};

use crate::database::{Engine, begin, is_full};
use crate::error::{Failure, StoreError, cause};
use crate::migrate;
use crate::tables::{self, META, SCHEMA, SCHEMA_KEY};

mod overlay;

pub(crate) use overlay::Overlay;

/// The engine's page cache. The host promises 20 MiB when idle, so the operating system's cache does the rest.
const CACHE_BYTES: usize = 4 << 20;
/// Up to this size, every page of the file is verified at each start; a larger file only after a crash or by `db
/// check`, so that a start takes no longer the more there is. What has changed in a row of a larger file is found when
/// the row is read. 8 MiB take some 6 ms.
const VERIFIED_BYTES: u64 = 8 << 20;

/// How long nobody's lock is waited for, together a second: some milliseconds are usual on a busy machine.
const LOOKS: u32 = 200;
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Opens or creates the store's file, checks it, and brings it up to this release's schema.
pub(crate) fn engine(path: &Path) -> Result<Engine, StoreError> {
    let file = match open_existing(path)? {
        Some(file) => file,
        None => create(path)?,
    };
    let found = check(path, &file, VERIFIED_BYTES)?;
    if found < SCHEMA {
        upgrade(path, &file, found)?;
    }
    let path = path.to_owned();
    Ok(Box::new(move || {
        // The duplicate shares the lock, so the file stays ours.
        let file = file.try_clone().map_err(|err| refused(&path, err))?;
        builder().create_file(file).map_err(|err| damage(&path, err))
    }))
}

/// Opens the store's file, verifies all of it, and never changes it: what is written stays in memory.
pub(crate) fn unchanged(path: &Path) -> Result<Engine, StoreError> {
    let missing = || refused(path, ErrorKind::NotFound.into());
    let file = open_existing(path)?.ok_or_else(missing)?;
    let found = check(path, &file, u64::MAX)?;
    let path = path.to_owned();
    Ok(Box::new(move || {
        let overlay = Overlay::new(&file).map_err(|err| refused(&path, err))?;
        let database = builder().create_with_backend(overlay).map_err(|err| damage(&path, err))?;
        bring_up(&path, &database, found)?;
        Ok(database)
    }))
}

/// Keeps a copy of the file, then migrates it.
pub(crate) fn upgrade(path: &Path, file: &File, found: u64) -> Result<(), StoreError> {
    let kept = beside(path, &format!(".schema-{found}"));
    let unfinished = beside(path, &format!(".schema-{found}.new"));
    // The lock is on the open file, so that copying by its name does not touch it.
    let copied = std::fs::copy(path, &unfinished)
        .and_then(|_| File::open(&unfinished)?.sync_all())
        .and_then(|()| std::fs::rename(&unfinished, &kept))
        .and_then(|()| sync_folder(path));
    copied.map_err(|err| match is_full(&err) {
        true => StoreError::Full { path: path.to_owned() },
        false => refused(path, err),
    })?;
    let clone = file.try_clone().map_err(|err| refused(path, err))?;
    let database = builder().create_file(clone).map_err(|err| damage(path, err))?;
    bring_up(path, &database, found)?;
    drop(database);
    // Closing the engine releases the lock.
    lock(path, file)?;
    tracing::warn!(path = %path.display(), from = found, to = SCHEMA, kept = %kept.display(), "the store was brought up to this release; remove the copy of the old one once all is well");
    Ok(())
}

fn bring_up(path: &Path, database: &Database, found: u64) -> Result<(), StoreError> {
    if found == SCHEMA {
        return Ok(());
    }
    migrate::migrate(database, found).map_err(|failure| named(path, failure))
}

/// The failure of a transaction on a file that is being opened.
pub(crate) fn named(path: &Path, failure: Failure) -> StoreError {
    match failure {
        Failure::Refused(err) => err,
        Failure::Engine(redb::Error::Io(err)) if is_full(&err) => StoreError::Full { path: path.to_owned() },
        Failure::Engine(err) => StoreError::Open { path: path.to_owned(), err: Arc::new(err) },
    }
}

/// The file's path with something behind its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

pub(crate) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

pub(crate) fn refused(path: &Path, err: io::Error) -> StoreError {
    StoreError::Open { path: path.to_owned(), err: Arc::new(err) }
}

/// Opens and locks the file if there is one.
pub(crate) fn open_existing(path: &Path) -> Result<Option<File>, StoreError> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(refused(path, err)),
    };
    lock(path, &file)?;
    let mode = file.metadata().map_err(|err| refused(path, err))?.permissions().mode();
    // Conversations are nobody else's business, whatever the umask or a copy made of the file. ST-14
    if mode & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600)).map_err(|err| refused(path, err))?;
    }
    Ok(Some(file))
}

/// A host that was killed while it started a program has left that program with the lock, until it is the program that it
/// is to become. So nobody's lock is waited for.
pub(crate) fn lock(path: &Path, file: &File) -> Result<(), StoreError> {
    let mut looks = 0;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(err)) => return Err(refused(path, err)),
            Err(TryLockError::WouldBlock) => {}
        }
        let pid = holder(file);
        let is_there = pid.is_some_and(|pid| Path::new(&format!("/proc/{pid}")).exists());
        if is_there || looks == LOOKS {
            return Err(StoreError::AlreadyOpen { path: path.to_owned(), pid });
        }
        looks += 1;
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// The process that holds the lock, if the kernel says so.
fn holder(file: &File) -> Option<u32> {
    let inode = file.metadata().ok()?.ino().to_string();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // `1: FLOCK  ADVISORY  WRITE 4242 fd:01:1234 0 EOF`
    locks.lines().find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, place, ..] = words.as_slice() else { return None };
        (place.rsplit(':').next() == Some(inode.as_str())).then(|| pid.parse().ok())?
    })
}

/// Creates an empty store under another name and gives it its own once it is complete: after a crash there is no
/// store or a whole one, so that a file without content is always damage and never taken for a new store.
fn create(path: &Path) -> Result<File, StoreError> {
    let unfinished = beside(path, ".new");
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&unfinished);
    let file = open.map_err(|err| refused(path, err))?;
    lock(path, &file)?;
    // Closing the engine releases the lock, so it stays open until nobody else can take the file for unfinished.
    let database = initialise(path, &file)?;
    // A link, not a rename: it fails if another host was faster.
    let linked = std::fs::hard_link(&unfinished, path).and_then(|()| std::fs::remove_file(&unfinished));
    linked.and_then(|()| sync_folder(path)).map_err(|err| match err.kind() {
        ErrorKind::AlreadyExists => StoreError::AlreadyOpen { path: path.to_owned(), pid: None },
        _ => refused(path, err),
    })?;
    drop(database);
    lock(path, &file)?;
    Ok(file)
}

fn initialise(path: &Path, file: &File) -> Result<Database, StoreError> {
    let clone = file.set_len(0).and_then(|()| file.try_clone()).map_err(|err| refused(path, err))?;
    let database = builder().create_file(clone).map_err(|err| damage(path, err))?;
    let write = || -> Result<(), Failure> {
        let txn = begin(&database)?;
        tables::create(&txn)?;
        txn.open_table(META)?.insert(SCHEMA_KEY, SCHEMA)?;
        Ok(txn.commit()?)
    };
    write().map_err(|failure| named(path, failure))?;
    Ok(database)
}

pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Opens the file without changing it, and reads which schema it has. Verifies all of it if it has no more than
/// `verified` bytes, or was not closed.
pub(crate) fn check(path: &Path, file: &File, verified: u64) -> Result<u64, StoreError> {
    let corrupt = |err| StoreError::Corrupt { path: path.to_owned(), err };
    let bytes = file.metadata().map_err(|err| refused(path, err))?.len();
    if bytes == 0 {
        // The engine would take it for a new file.
        return Err(corrupt(cause("the file is empty")));
    }
    let overlay = Overlay::new(file).map_err(|err| refused(path, err))?;
    // The engine asserts what a sound file guarantees.
    let checked = catch_unwind(AssertUnwindSafe(|| check_overlay(path, overlay, bytes <= verified)));
    checked.unwrap_or_else(|_| Err(corrupt(cause("the storage engine stopped on a malformed page"))))
}

fn check_overlay(path: &Path, overlay: Overlay, whole: bool) -> Result<u64, StoreError> {
    let corrupt = |err| StoreError::Corrupt { path: path.to_owned(), err };
    let repaired = Arc::new(AtomicBool::new(false));
    let mut builder = builder();
    let seen = Arc::clone(&repaired);
    builder.set_repair_callback(move |_| seen.store(true, Ordering::Relaxed));
    let mut database = builder.create_with_backend(overlay).map_err(|err| damage(path, err))?;
    let schema = match schema(&database).map_err(|err| corrupt(Arc::new(err)))? {
        Some(found) if found > SCHEMA => {
            return Err(StoreError::Newer { path: path.to_owned(), found, supported: SCHEMA });
        }
        Some(found) if found >= migrate::OLDEST => found,
        _ => return Err(corrupt(cause("it is a database, but not a store of openclaw-host"))),
    };
    // A repair has verified all pages already.
    if repaired.load(Ordering::Relaxed) || !whole {
        return Ok(schema);
    }
    match database.check_integrity() {
        Ok(true) => Ok(schema),
        Ok(false) => Err(corrupt(cause("its free-space map does not fit its content"))),
        Err(err) => Err(damage(path, err)),
    }
}

fn schema(database: &Database) -> Result<Option<u64>, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(meta) => Ok(redb::ReadableTable::get(&meta, SCHEMA_KEY)?.map(|row| row.value())),
        Err(TableError::Storage(err)) => Err(err.into()),
        Err(_) => Ok(None),
    }
}

/// Tells damage from a refusal of the operating system.
pub(crate) fn damage(path: &Path, err: DatabaseError) -> StoreError {
    let path: PathBuf = path.to_owned();
    match err {
        DatabaseError::DatabaseAlreadyOpen => StoreError::AlreadyOpen { path, pid: None },
        DatabaseError::Storage(StorageError::Io(err)) if is_full(&err) => StoreError::Full { path },
        // What the engine expected to be in the file is beyond its end, or makes no sense.
        DatabaseError::Storage(StorageError::Io(err))
            if !matches!(err.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput) =>
        {
            refused(&path, err)
        }
        err => StoreError::Corrupt { path, err: Arc::new(err) },
    }
}

#[cfg(test)]
mod tests;
