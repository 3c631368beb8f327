//! Making the file as small as what is in it: what was deleted is gone from the file afterwards.
//!
//! Pages that are freed keep their bytes until they are used again, and moving pages around leaves copies. So all that
//! counts is copied, row by row, into a new file, which takes the old one's place.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::{
    Database, Key, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError, Value,
    WriteTransaction,
};

use crate::database::begin;
use crate::error::{Failure, StoreError};
use crate::open;
use crate::tables::{self, SCHEMA, Visitor};

/// What became of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Its bytes before.
    pub before: u64,
    /// Its bytes now.
    pub after: u64,
    /// Copies that earlier releases' files were kept as. They still have all that was in there.
    pub kept: Vec<PathBuf>,
}

/// Compacts the store at `path`, which no host may have open. Verifies all of it first. Whenever the process stops, the
/// old file or the new one is there as a whole. Needs room for both.
///
/// # Errors
/// As [`Store::open`](crate::Store::open); the file is as it was then.
pub fn compact(path: &Path) -> Result<Compacted, StoreError> {
    let missing = || open::refused(path, std::io::ErrorKind::NotFound.into());
    let file = open::open_existing(path)?.ok_or_else(missing)?;
    let found = open::check(path, &file, u64::MAX)?;
    if found < SCHEMA {
        open::upgrade(path, &file, found)?;
    }
    let io = |err| open::refused(path, err);
    let before = file.metadata().map_err(io)?.len();
    let beside = open::beside(path, ".compact");
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&beside);
    let fresh = options.map_err(io)?;
    open::lock(&beside, &fresh)?;
    fresh.set_len(0).map_err(io)?;
    copy(path, &file, &fresh)?;
    // The engine has released the lock of the new file; nobody knows of that file yet.
    open::lock(&beside, &fresh)?;
    open::check(&beside, &fresh, u64::MAX)?;
    fresh
        .sync_all()
        .and_then(|()| std::fs::rename(&beside, path))
        .and_then(|()| open::sync_folder(path))
        .map_err(io)?;
    let after = fresh.metadata().map_err(io)?.len();
    Ok(Compacted { before, after, kept: kept(path, found) })
}

/// Copies all rows of one file into another.
fn copy(path: &Path, from: &File, to: &File) -> Result<(), StoreError> {
    let (old, mut new) = (engine(path, from)?, engine(path, to)?);
    let mut copied = || copy_rows(&old.begin_read()?, &mut new);
    copied().map_err(|failure| open::named(path, failure))
}

/// The engine on a file that nobody else uses.
pub(crate) fn engine(path: &Path, file: &File) -> Result<Database, StoreError> {
    let file = file.try_clone().map_err(|err| open::refused(path, err))?;
    open::builder().create_file(file).map_err(|err| open::damage(path, err))
}

/// Copies all rows of one state into an empty file, which is as small as they are then.
pub(crate) fn copy_rows(from: &ReadTransaction, to: &mut Database) -> Result<(), Failure> {
    let txn = begin(to)?;
    tables::each(&mut Copy { from, to: &txn })?;
    txn.commit()?;
    // What the one large transaction has freed goes back to the system.
    while to.compact()? {}
    Ok(())
}

/// The copies of files of earlier schemas beside the store.
fn kept(path: &Path, newest: u64) -> Vec<PathBuf> {
    let copies = (crate::migrate::OLDEST..=newest).map(|schema| open::beside(path, &format!(".schema-{schema}")));
    copies.filter(|copy| copy.exists()).collect()
}

struct Copy<'a> {
    from: &'a ReadTransaction,
    to: &'a WriteTransaction,
}

impl Visitor for Copy<'_> {
    fn visit<K: Key + 'static, V: Value + 'static>(
        &mut self,
        table: TableDefinition<'static, K, V>,
    ) -> Result<(), Failure> {
        let from = match self.from.open_table(table) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(()),
            opened => opened?,
        };
        let mut to = self.to.open_table(table)?;
        for item in from.iter()? {
            let (key, value) = item?;
            to.insert(key.value(), value.value())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
