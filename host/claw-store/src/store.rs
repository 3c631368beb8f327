//! The handle on the store: how requests reach the writer and reads reach the file.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::audit::AuditKey;
use crate::change::Decided;
use crate::database::Shared;
use crate::error::{Failure, StoreError};
use crate::memory::Room;
use crate::tables::{Snapshot, Tables};
use crate::writer::{self, Queue, Writer};

/// A handle on the open store; clones share it.
///
/// Asynchronous methods write: they answer when the change is on the disk, and are cancel-safe: a dropped call is
/// either written as a whole or not at all. The others read; each sees one consistent state, and takes microseconds
/// for a row and milliseconds for a long transcript.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    room: Room,
}

struct Inner {
    shared: Arc<Shared>,
    writer: Mutex<Option<Writer>>,
}

impl Store {
    /// Opens the store, or creates an empty one with mode 0600 if there is no file. The folder must exist.
    ///
    /// Verifies the file first, without changing it. `audit_key` seals the record.
    ///
    /// # Errors
    /// [`StoreError::AlreadyOpen`], [`StoreError::Corrupt`], [`StoreError::Newer`], [`StoreError::Full`] or
    /// [`StoreError::Open`]; each says what to do next.
    pub fn open(path: &Path, audit_key: AuditKey) -> Result<Store, StoreError> {
        Store::with_engine(path, crate::open::engine(path)?, audit_key)
    }

    /// Opens the store for looking into it: verifies all of the file, and never changes it, not even to bring it up to
    /// this release's schema. What is written is gone when the store is closed.
    ///
    /// # Errors
    /// As [`Store::open`]; a file that does not exist is not made.
    pub fn open_unchanged(path: &Path, audit_key: AuditKey) -> Result<Store, StoreError> {
        Store::with_engine(path, crate::open::unchanged(path)?, audit_key)
    }

    pub(crate) fn with_engine(
        path: &Path,
        engine: crate::database::Engine,
        audit_key: AuditKey,
    ) -> Result<Store, StoreError> {
        let shared = Arc::new(Shared::open(path.to_owned(), engine, audit_key)?);
        let spawned = writer::spawn(Arc::clone(&shared));
        let writer = spawned.map_err(|err| StoreError::Open { path: path.to_owned(), err: Arc::new(err) })?;
        Ok(Store { inner: Arc::new(Inner { shared, writer: Mutex::new(Some(writer)) }), room: Room::File })
    }

    /// The same store for incognito conversations: what is said in them is in memory alone, and gone with the process.
    /// Things of the owner (the record, grants, components and what they keep, what a day has cost) are in the file
    /// through this one, too.
    #[must_use]
    pub fn incognito(&self) -> Store {
        Store { inner: Arc::clone(&self.inner), room: Room::Memory }
    }

    /// Whether there is no incognito conversation, and nobody has asked for one; then it takes no memory either.
    pub fn has_no_incognito(&self) -> bool {
        self.inner.shared.memory().is_unused()
    }

    /// Writes what is waiting, stops the writer and closes the file; then another host may open it.
    ///
    /// Blocks for as long as that takes, usually one commit. Other clones answer [`StoreError::Closed`] from then on.
    pub fn close(self) {
        self.inner.close();
    }

    /// Sends a decision to the writer and waits until what it wrote is durable.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&Tables<'_>) -> Result<Decided<T>, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let tx = self.inner.sender().ok_or(StoreError::Closed)?;
        let (job, answer) = writer::job(self.room, decide);
        // Full: we wait, as the caller must not acknowledge before this is durable anyway.
        tx.send(job).await.map_err(|_| StoreError::Closed)?;
        drop(tx);
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Reads one consistent state of the conversations.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Snapshot) -> Result<T, Failure>) -> Result<T, StoreError> {
        self.inner.shared.read(self.room, look)
    }

    /// Reads one consistent state of the file, where the things of the owner are.
    pub(crate) fn read_file<T>(&self, look: impl FnOnce(&Snapshot) -> Result<T, Failure>) -> Result<T, StoreError> {
        self.inner.shared.read(Room::File, look)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    #[cfg(test)]
    pub(crate) fn sender(&self) -> Option<Queue> {
        self.inner.sender()
    }
}

impl Inner {
    fn sender(&self) -> Option<Queue> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.as_ref().map(|writer| writer.queue.clone())
    }

    fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Writer { queue, thread }) = writer {
            drop(queue);
            if thread.join().is_err() {
                tracing::error!(path = %self.shared.path().display(), "the store's writer had panicked");
            }
            self.shared.close();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests;
