//! The open database, shared by readers and the writer, and its recovery from a full disk.

use std::cell::OnceCell;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::{Database, Durability, ReadableDatabase, WriteTransaction};

use crate::audit::{AuditEntry, AuditKey};
use crate::error::{Failure, StoreError};
use crate::memory::{Memory, Room};
use crate::tables::{Snapshot, Tables};
use crate::writer::Written;

/// Opens the engine on the store's file; used again after an I/O error.
pub(crate) type Engine = Box<dyn Fn() -> Result<Database, StoreError> + Send + Sync>;

/// What readers and the writer share.
pub(crate) struct Shared {
    path: PathBuf,
    engine: Engine,
    state: RwLock<State>,
    /// What is never in the file.
    memory: Memory,
    audit_key: AuditKey,
    /// Entries of the record that go in front of whatever is written next. Each belongs to a run at work, and a run that
    /// cannot write ends: there are never many.
    notes: Mutex<Vec<AuditEntry>>,
    /// Write transactions committed so far; tests see from it what group commit saves.
    commits: AtomicU64,
}

enum State {
    Open(Database),
    /// The last attempt to open it failed like this; the next write tries again.
    Broken(StoreError),
    Closed,
}

impl Shared {
    pub fn open(path: PathBuf, engine: Engine, audit_key: AuditKey) -> Result<Self, StoreError> {
        let database = engine()?;
        let (state, notes) = (RwLock::new(State::Open(database)), Mutex::default());
        let memory = Memory::default();
        Ok(Shared { path, engine, state, memory, audit_key, notes, commits: AtomicU64::new(0) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn audit_key(&self) -> &AuditKey {
        &self.audit_key
    }

    pub fn notes(&self) -> MutexGuard<'_, Vec<AuditEntry>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// What is never in the file.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Refuses more where there is no room for it: conversations in memory may take only so much of it.
    pub fn check_room(&self, tables: &Tables<'_>) -> Result<(), Failure> {
        match tables.room {
            Room::File => Ok(()),
            Room::Memory => self.memory.check_room(tables.txn()),
        }
    }

    /// Runs `look` on one consistent state of a room.
    pub fn read<T>(&self, room: Room, look: impl FnOnce(&Snapshot) -> Result<T, Failure>) -> Result<T, StoreError> {
        match room {
            Room::File => self.read_file(look),
            Room::Memory if matches!(*self.state(), State::Closed) => Err(StoreError::Closed),
            Room::Memory => {
                let looked = self.memory.read(|snapshot| guarded(|| look(snapshot)));
                looked.map_err(|failure| self.name(failure))
            }
        }
    }

    fn read_file<T>(&self, look: impl FnOnce(&Snapshot) -> Result<T, Failure>) -> Result<T, StoreError> {
        // Held over the whole read: `reopen` must not put a new engine under a transaction of the old one.
        let state = self.state();
        let snapshot = match &*state {
            State::Open(database) => database.begin_read().map(Snapshot).map_err(Failure::from),
            State::Broken(err) => return Err(err.clone()),
            State::Closed => return Err(StoreError::Closed),
        };
        let looked = snapshot.and_then(|snapshot| guarded(|| look(&snapshot)));
        looked.map_err(|failure| self.name(failure))
    }

    /// Runs `change` in a transaction and makes it durable. Only the writer thread calls this.
    pub fn write(&self, change: impl FnOnce(&Transactions<'_>) -> Result<Written, Failure>) -> Result<(), StoreError> {
        if matches!(*self.state(), State::Broken(_)) {
            self.reopen()?;
        }
        let begun = match &*self.state() {
            State::Open(database) => begin(database),
            State::Broken(err) => return Err(err.clone()),
            State::Closed => return Err(StoreError::Closed),
        };
        let written = begun.and_then(|file| {
            let transactions = Transactions { shared: self, file, memory: OnceCell::new() };
            let written = guarded(|| change(&transactions))?;
            let Transactions { file, memory, .. } = transactions;
            // The file first: what an incognito conversation has done is on record before it can go on.
            if written.file {
                file.commit()?;
                self.commits.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(memory) = memory.into_inner()
                && written.memory
                && let Err(err) = memory.commit().map_err(Failure::from).and_then(|()| self.memory.give_back_if_empty())
            {
                tracing::error!(err = ?self.name(err), "memory failed: all incognito conversations have ended");
                self.memory.give_back();
                return Err(StoreError::Closed.into());
            }
            Ok(())
        });
        written.map_err(|failure| self.name(failure))
    }

    /// Replaces the engine after it failed.
    pub fn reopen(&self) -> Result<(), StoreError> {
        let mut state = self.state_mut();
        if matches!(*state, State::Closed) {
            return Err(StoreError::Closed);
        }
        // The old engine goes first: two on one file would each believe to be alone.
        *state = State::Broken(StoreError::Closed);
        match (self.engine)() {
            Ok(database) => {
                *state = State::Open(database);
                Ok(())
            }
            Err(err) => {
                *state = State::Broken(err.clone());
                Err(err)
            }
        }
    }

    /// Closes the file and forgets what is in memory; waits for reads that are under way.
    pub fn close(&self) {
        *self.state_mut() = State::Closed;
        self.memory.give_back();
    }

    /// Adds the path to what the engine reports.
    fn name(&self, failure: Failure) -> StoreError {
        let path = self.path.clone();
        match failure {
            Failure::Refused(err) => err,
            Failure::Engine(redb::Error::Io(err)) if is_full(&err) => StoreError::Full { path },
            Failure::Engine(err @ redb::Error::Corrupted(_)) => StoreError::Corrupt { path, err: Arc::new(err) },
            Failure::Engine(err) => StoreError::Io { path, err: Arc::new(err) },
        }
    }

    // A panic while the lock was held left either the old or a broken state, both of which are handled.
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transaction on the file, and one in memory for those that need it. What is decided together is written together: a
/// yes is used up, a grant counted and an effect put on record in the file with the step of the incognito conversation.
pub(crate) struct Transactions<'a> {
    shared: &'a Shared,
    file: WriteTransaction,
    memory: OnceCell<WriteTransaction>,
}

impl Transactions<'_> {
    /// The tables of a room. Those of the other one must not be there any more.
    pub fn tables(&self, room: Room) -> Result<Tables<'_>, Failure> {
        let Transactions { shared, file, memory } = self;
        match room {
            Room::File => Tables::open(file, &shared.audit_key),
            Room::Memory => {
                let txn = match memory.get() {
                    Some(txn) => txn,
                    None => {
                        let txn = shared.memory.begin()?;
                        memory.get_or_init(|| txn)
                    }
                };
                Tables::in_memory(txn, file, &shared.audit_key)
            }
        }
    }
}

/// Turns a panic of the engine into its report of damage: it asserts what a sound file guarantees, and a large file is
/// not verified before it is read.
fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| {
        let what = "reading it ended in a panic, whose message the log has; most likely a page is malformed".to_owned();
        Err(Failure::Engine(redb::Error::Corrupted(what)))
    })
}

/// Whether the operating system found no room.
pub(crate) fn is_full(err: &std::io::Error) -> bool {
    matches!(err.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// Begins a transaction whose commit is durable.
pub(crate) fn begin(database: &Database) -> Result<WriteTransaction, Failure> {
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate).expect("database: savepoints are never used");
    // Two fsyncs instead of one. With one, a commit is trusted after a crash if its checksum fits, and a damaged
    // last commit is silently taken for one that never happened; guests also choose much of what is written.
    txn.set_two_phase_commit(true);
    Ok(txn)
}
