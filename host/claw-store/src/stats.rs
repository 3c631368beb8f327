//! What is in the file, by table.

use redb::{Key, ReadableTableMetadata, TableDefinition, TableHandle, Value};

use crate::error::{Failure, StoreError};
use crate::outbox;
use crate::store::Store;
use crate::tables::{self, Snapshot, Visitor};

/// What is in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// The schema that this release writes.
    pub schema: u64,
    /// Bytes of the file; 0 if it cannot be told.
    pub file_bytes: u64,
    /// Conversations.
    pub sessions: u64,
    /// Entries of all logs, on all branches.
    pub entries: u64,
    /// Messages of the outbox, by what stands in their rows.
    pub outbox: Vec<(&'static str, u64)>,
    /// By table, in the order of the schema.
    pub tables: Vec<TableStats>,
}

/// What is in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableStats {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Bytes of the pages that they lie in.
    pub page_bytes: u64,
}

impl Store {
    /// Counts what there is. Looks at each page.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        self.read_file(|snapshot| {
            let mut count = Count { snapshot, tables: Vec::new() };
            tables::each(&mut count)?;
            let tables = count.tables;
            let rows = |name: &str| tables.iter().find(|table| table.name == name).map_or(0, |table| table.rows);
            Ok(Stats {
                schema: tables::SCHEMA,
                file_bytes: std::fs::metadata(self.shared().path()).map_or(0, |file| file.len()),
                sessions: rows(tables::SESSIONS.name()),
                entries: rows(tables::ENTRIES.name()),
                outbox: outbox::counts(snapshot)?,
                tables,
            })
        })
    }
}

struct Count<'a> {
    snapshot: &'a Snapshot,
    tables: Vec<TableStats>,
}

impl Visitor for Count<'_> {
    fn visit<K: Key + 'static, V: Value + 'static>(
        &mut self,
        table: TableDefinition<'static, K, V>,
    ) -> Result<(), Failure> {
        // Some are made when they are first needed.
        let Some(open) = self.snapshot.table_if_there(table)? else { return Ok(()) };
        let stats = open.stats()?;
        self.tables.push(TableStats {
            name: table.name().to_owned(),
            rows: open.len()?,
            bytes: stats.stored_bytes(),
            page_bytes: stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes(),
        });
        Ok(())
    }
}
