//! Bringing the file of an earlier release up to this one's schema: step by step, in one transaction.

use redb::{Key, ReadableTable, TableDefinition, WriteTransaction};

use crate::database::begin;
use crate::error::Failure;
use crate::row::{StoredBranch, StoredEntry, StoredLabels, StoredSession, decode_unsealed, encode, sealed};
use crate::segments::Segments;
use crate::session;
use crate::tables::{self, BRANCHES, Bytes, META, SCHEMA, SCHEMA_KEY, SESSIONS};
use claw_core::id::Timestamp;
use claw_core::message::Message;

type Step = fn(&WriteTransaction) -> Result<(), Failure>;

/// Step `n` leads from schema `n + 1` to the next one.
const STEPS: [Step; (SCHEMA - 1) as usize] = [add_branches_and_checksums, add_the_outbox];

/// The lowest schema that can be brought up.
pub(crate) const OLDEST: u64 = 1;

/// Brings a file with the schema `from` up to [`SCHEMA`], or leaves it as it is.
pub(crate) fn migrate(database: &redb::Database, from: u64) -> Result<(), Failure> {
    let txn = begin(database)?;
    let done = usize::try_from(from - OLDEST).expect("migrate: there are few schemas");
    STEPS.iter().skip(done).try_for_each(|step| step(&txn))?;
    txn.open_table(META)?.insert(SCHEMA_KEY, SCHEMA)?;
    Ok(txn.commit()?)
}

/// From schema 1: sessions know their branches, what was said before a reset is one of them, and rows have checksums.
fn add_branches_and_checksums(txn: &WriteTransaction) -> Result<(), Failure> {
    const EPOCHS: TableDefinition<'_, (&str, u64), &str> = TableDefinition::new("epochs");
    rewrite(txn, SESSIONS, |key, bytes| {
        let mut row: StoredSession = decode_unsealed(key, bytes)?;
        row.left = row.epoch - 1;
        Ok(encode(&row))
    })?;
    {
        let (epochs, entries) = (txn.open_table(EPOCHS)?, txn.open_table(tables::ENTRIES)?);
        let mut branches = txn.open_table(BRANCHES)?;
        for item in epochs.iter()? {
            let (place, session_id) = item?;
            let (key, epoch) = place.value();
            let mut branch = StoredBranch {
                session_id: session_id.value().to_owned(),
                epoch,
                segments: Segments::default(),
                updated: Timestamp(0),
                preview: String::new(),
                labels: StoredLabels::unknown(),
            };
            for item in entries.range((key, epoch, 0)..=(key, epoch, u64::MAX))? {
                let (place, bytes) = item?;
                let entry = decode_unsealed::<StoredEntry>(key, bytes.value())?.entry(place.value().2);
                branch.segments.push(entry.seq.0);
                branch.updated = entry.at;
                if let Message::User { text, .. } | Message::Assistant { text, .. } = &entry.message
                    && !text.is_empty()
                {
                    branch.preview = session::preview(text);
                }
            }
            branches.insert((key, epoch), encode(&branch).as_slice())?;
        }
    }
    txn.delete_table(EPOCHS)?;
    seal(txn, tables::RUNS)?;
    seal(txn, tables::ENTRIES)?;
    seal(txn, tables::JOURNAL)?;
    seal(txn, tables::APPROVALS)?;
    seal(txn, tables::GRANTS)?;
    seal(txn, tables::KV)?;
    seal(txn, tables::RECORDINGS)?;
    seal(txn, tables::STANDING)?;
    seal(txn, tables::PACKAGES)?;
    seal(txn, tables::LABELS)?;
    seal(txn, tables::AUDIT_HEAD)
}

/// From schema 2: there is an outbox, and what an older release would not look for must not lie in it unsent.
fn add_the_outbox(txn: &WriteTransaction) -> Result<(), Failure> {
    tables::create(txn)
}

/// Gives each row of a table its checksum.
fn seal<K: Key + 'static>(txn: &WriteTransaction, table: TableDefinition<'_, K, Bytes>) -> Result<(), Failure> {
    copy(txn, table, |_, bytes| Ok(sealed(bytes.to_vec())))
}

fn rewrite(
    txn: &WriteTransaction,
    table: TableDefinition<'_, &'static str, Bytes>,
    change: impl Fn(&str, &[u8]) -> Result<Vec<u8>, Failure>,
) -> Result<(), Failure> {
    copy(txn, table, |key, bytes| change(key, bytes))
}

/// Puts a changed copy of a table in its place.
fn copy<K: Key + 'static>(
    txn: &WriteTransaction,
    table: TableDefinition<'_, K, Bytes>,
    change: impl Fn(&K::SelfType<'_>, &[u8]) -> Result<Vec<u8>, Failure>,
) -> Result<(), Failure> {
    let name = redb::TableHandle::name(&table).to_owned();
    let beside = format!("{name}.changed");
    let changed = TableDefinition::<K, Bytes>::new(&beside);
    {
        let (old, mut new) = (txn.open_table(table)?, txn.open_table(changed)?);
        for item in old.iter()? {
            let (key, bytes) = item?;
            let bytes = change(&key.value(), bytes.value())?;
            new.insert(key.value(), bytes.as_slice())?;
        }
    }
    txn.delete_table(table)?;
    txn.rename_table(changed, TableDefinition::<K, Bytes>::new(&name))?;
    Ok(())
}

#[cfg(test)]
mod tests;
