//! The second place of rows: memory. What is incognito is there, under the same code and rules as all else, and is gone
//! with the process.
//!
//! What a change of an incognito conversation says about things of the owner (the record, grants, what a day has cost)
//! goes into the file, in one transaction with it: see [`crate::database::Transactions`].
//!
//! **Invariant.** No row of an incognito conversation is ever in the file, and no other one in memory:
//! [`Room::is_of`] is asked about each change before it is written.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use claw_core::id::SessionKey;
use redb::{Builder, Database, ReadableDatabase, ReadableTableMetadata, WriteTransaction};

use crate::database::begin;
use crate::error::{Failure, StoreError};
use crate::open::Overlay;
use crate::tables::{self, Snapshot};

/// What all incognito conversations may take together: long ones with images fit, and it is not enough to harm a host.
const MOST_BYTES: u64 = 64 << 20;
/// The engine's cache would only hold a second copy of what is in memory anyway.
const CACHE_BYTES: usize = 256 << 10;

/// Where rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// In the file.
    File,
    /// In memory.
    Memory,
}

impl Room {
    /// Whether the rows of a conversation belong here.
    pub fn is_of(self, session: &SessionKey) -> bool {
        match self {
            Room::File => !session.is_incognito(),
            Room::Memory => session.is_incognito(),
        }
    }
}

/// The rows in memory. There is nothing until somebody needs it, and nothing again once it is empty.
#[derive(Default)]
pub(crate) struct Memory {
    database: RwLock<Option<Database>>,
    /// Bytes of all pages that were ever written.
    taken: Arc<AtomicU64>,
}

impl Memory {
    /// Runs `look` on one consistent state.
    pub fn read<T>(&self, look: impl FnOnce(&Snapshot) -> Result<T, Failure>) -> Result<T, Failure> {
        // The lock is held over the whole read: nothing is given back under it.
        self.with(|database| look(&Snapshot(database.begin_read()?)))
    }

    /// A transaction; only the writer calls this.
    pub fn begin(&self) -> Result<WriteTransaction, Failure> {
        self.with(begin)
    }

    /// Whether there is nothing, and never was since the last time that all was given back.
    pub fn is_unused(&self) -> bool {
        self.state().is_none()
    }

    /// Refuses if there is no room for more.
    pub fn check_room(&self, txn: &WriteTransaction) -> Result<(), Failure> {
        // Counting takes as long as there are pages, so it is left for when it may matter.
        if self.taken.load(Ordering::Relaxed) < MOST_BYTES {
            return Ok(());
        }
        let stats = txn.stats()?;
        let bytes = stats.allocated_pages().saturating_mul(stats.page_size() as u64);
        match bytes < MOST_BYTES {
            true => Ok(()),
            false => Err(StoreError::MemoryFull { most: MOST_BYTES >> 20 }.into()),
        }
    }

    /// Gives all back if the last conversation has gone; only the writer calls this, between transactions.
    pub fn give_back_if_empty(&self) -> Result<(), Failure> {
        if self.is_unused() {
            return Ok(());
        }
        let is_empty = self.read(|snapshot| {
            Ok(snapshot.table(tables::SESSIONS)?.is_empty()? && snapshot.table(tables::PREFERENCES)?.is_empty()?)
        })?;
        if is_empty {
            self.give_back();
        }
        Ok(())
    }

    /// Gives all back, whatever is there.
    pub fn give_back(&self) {
        // Waits for those that read.
        let database = self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(database);
        self.taken.store(0, Ordering::Relaxed);
    }

    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, Failure>) -> Result<T, Failure> {
        if let Some(database) = &*self.state() {
            return work(database);
        }
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if database.is_none() {
            *database = Some(fresh(&self.taken)?);
        }
        work(database.as_ref().expect("memory: it has just been made"))
    }

    fn state(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh(taken: &Arc<AtomicU64>) -> Result<Database, Failure> {
    let backend = Overlay::of_nothing(Arc::clone(taken));
    let database = Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(backend);
    let database = database.map_err(|err| Failure::Engine(err.into()))?;
    let txn = begin(&database)?;
    tables::create(&txn)?;
    txn.commit()?;
    Ok(database)
}

#[cfg(test)]
mod tests;
