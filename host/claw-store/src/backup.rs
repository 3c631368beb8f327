//! Copies of a store that is in use, for backups.
//!
//! A copy is one state of the file: all that was durable when it was begun and nothing newer, whoever writes meanwhile.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use redb::Error;

use crate::compact::{copy_rows, engine};
use crate::error::{Failure, StoreError};
use crate::open;
use crate::store::Store;

impl Store {
    /// Copies all that is durable now into a new file at `path`, for its owner alone, and verifies that. What is
    /// incognito is not in it. Blocks for as long as that takes: some 3 s for a million entries.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the store is; [`StoreError::Full`], or [`StoreError::Open`] if there is a file
    /// already, each with `path`. What is there then is of no use.
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let io = |err| open::refused(path, err);
        let options = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
        let file = options.map_err(io)?;
        open::lock(path, &file)?;
        let mut copy = engine(path, &file)?;
        self.read_file(|snapshot| {
            copy_rows(&snapshot.0, &mut copy).map_err(|failure| match failure {
                // Only what is read can be found damaged.
                damaged @ Failure::Engine(Error::Corrupted(_)) => damaged,
                failed => open::named(path, failed).into(),
            })
        })?;
        drop(copy);
        // Closing the engine has released the lock.
        open::lock(path, &file)?;
        open::check(path, &file, u64::MAX)?;
        file.sync_all().and_then(|()| open::sync_folder(path)).map_err(io)
    }
}

#[cfg(test)]
mod tests;
