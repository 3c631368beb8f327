//! The chain: each entry is bound to all before it, and a seal to its two ends.
//!
//! ```text
//!   head: anchor ──────────────► first kept ─► … ─► last ◄────────────── head: last
//!         (hash of what was           each hash covers the one before         (sealed with the host's key)
//!          pruned last)
//! ```
//! The hashes need no key, so that others can check an export. The seal needs the key, so that nobody without it can
//! cut off an end, or write the chain anew from some entry on.

use claw_core::id::Digest;
use hmac::{Hmac, Mac};
use redb::ReadableTable;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::entry::AuditEntry;
use super::{AuditBreak, AuditFault, AuditKey, AuditVerified};
use crate::error::Failure;
use crate::row::{Row, decode, encode};
use crate::tables::{AuditValue, Bytes, Tables};

/// What the first entry ever follows.
const BEGINNING: Digest = Digest([0; 32]);
/// What an entry follows that was written when the seal did not fit: no chain ever gets here, so that the damage stays
/// visible at this very place.
const UNSEALED: Digest = Digest([0xff; 32]);

/// Where the chain begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The last entry that was pruned; 0 if none was.
    pub anchor: u64,
    /// Its hash.
    pub anchor_hash: Digest,
    /// The last entry.
    pub last: u64,
    /// Its hash.
    pub last_hash: Digest,
}

/// The head as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredHead {
    head: Head,
    seal: [u8; 32],
}

impl Row for StoredHead {
    const KIND: &'static str = "audit head";
    const VERSION: u8 = 1;
}

/// What the store knows of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is whole.
    Sealed(Head),
    /// It was not made with this key.
    Unsealed(Head),
    /// There is none.
    Missing,
}

const NOTHING: Head = Head { anchor: 0, anchor_hash: BEGINNING, last: 0, last_hash: BEGINNING };

/// Entries as they lie in the file.
pub(super) trait Entries: ReadableTable<u64, AuditValue> {}
impl<T: ReadableTable<u64, AuditValue>> Entries for T {}

/// The hash of one entry. Its parts are text, so that whoever has an export can compute it with little.
pub(super) fn hash(previous: &Digest, sequence: u64, text: &str) -> Digest {
    let hash = Sha256::new().chain_update(format!("openclaw-host audit v1\n{previous}\n{sequence}\n"));
    Digest(hash.chain_update(text).finalize().into())
}

/// Reads the head and checks its seal.
pub(super) fn head(table: &impl ReadableTable<(), Bytes>, key: &AuditKey) -> Result<Known, Failure> {
    let Some(row) = table.get(())? else { return Ok(Known::Missing) };
    let Ok(StoredHead { head, seal }) = decode::<StoredHead>("audit", row.value()) else {
        return Ok(Known::Unsealed(NOTHING));
    };
    let fits = code(key, &head).verify_slice(&seal).is_ok();
    Ok(if fits { Known::Sealed(head) } else { Known::Unsealed(head) })
}

/// The hash of the last entry that was pruned.
pub(super) fn anchor(table: &impl ReadableTable<(), Bytes>) -> Result<Option<Digest>, Failure> {
    let Some(row) = table.get(())? else { return Ok(None) };
    Ok(decode::<StoredHead>("audit", row.value()).ok().map(|stored| stored.head.anchor_hash))
}

/// Appends one entry and moves the head; gives its sequence number.
pub(crate) fn append(tables: &mut Tables<'_>, entry: AuditEntry) -> Result<u64, Failure> {
    let (head, last, previous) = end(tables)?;
    let (sequence, text) = (last + 1, entry.withheld().encode());
    let hash = hash(&previous, sequence, &text);
    tables.audit.insert(sequence, (hash.0, text.as_str()))?;
    set_head(tables, Head { last: sequence, last_hash: hash, ..head })?;
    Ok(sequence)
}

/// The sequence number that the next entry will get.
pub(crate) fn next(tables: &Tables<'_>) -> Result<u64, Failure> {
    Ok(end(tables)?.1 + 1)
}

/// The head, the number of the last entry, and what the next one follows.
fn end(tables: &Tables<'_>) -> Result<(Head, u64, Digest), Failure> {
    let stored = tables.audit.last()?.map_or(0, |(sequence, _)| sequence.value());
    Ok(match head(&tables.audit_head, &tables.audit_key)? {
        // An entry behind the sealed end is nobody's; it is not overwritten, so that it is found.
        Known::Sealed(head) => (head, head.last.max(stored), head.last_hash),
        Known::Missing if stored == 0 => (NOTHING, 0, BEGINNING),
        Known::Unsealed(head) => (head, head.last.max(stored), UNSEALED),
        Known::Missing => (NOTHING, stored, UNSEALED),
    })
}

/// What is to be pruned.
#[derive(Debug)]
pub(crate) struct Prune {
    pub(super) first: u64,
    head: Head,
}

impl Prune {
    /// The number of the last entry that goes.
    pub(super) fn through(&self) -> u64 {
        self.head.anchor
    }
}

/// The entries at the front that `old` says are old, if there are any and they are sound: what is broken is kept.
pub(super) fn prunable(tables: &Tables<'_>, old: impl Fn(&AuditEntry) -> bool) -> Result<Option<Prune>, Failure> {
    let Known::Sealed(before) = head(&tables.audit_head, &tables.audit_key)? else { return Ok(None) };
    let mut after = before;
    for item in tables.audit.iter()? {
        let (sequence, value) = item?;
        let (stored, text) = value.value();
        let expected = after.anchor + 1;
        let sound = sequence.value() == expected && hash(&after.anchor_hash, expected, text).0 == stored;
        // The last one stays: the head always names an entry that is there.
        let goes = sound && expected < before.last && serde_json::from_str(text).is_ok_and(|entry| old(&entry));
        if !goes {
            break;
        }
        after = Head { anchor: expected, anchor_hash: Digest(stored), ..after };
    }
    Ok((after != before).then_some(Prune { first: before.anchor + 1, head: after }))
}

/// Removes them.
pub(crate) fn prune(tables: &mut Tables<'_>, prune: &Prune) -> Result<(), Failure> {
    tables.audit.retain_in(..=prune.through(), |_, _| false)?;
    set_head(tables, prune.head)
}

/// Walks the whole chain.
pub(super) fn verify(entries: &impl Entries, known: Known) -> Result<AuditVerified, Failure> {
    let stored = entries.first()?.map(|(sequence, _)| sequence.value());
    let head = match known {
        Known::Sealed(head) | Known::Unsealed(head) => head,
        Known::Missing => NOTHING,
    };
    let mut verified =
        AuditVerified { entries: 0, first: stored, last: head.anchor, hash: head.anchor_hash, broken: None };
    for item in entries.iter()? {
        let (sequence, value) = item?;
        let (sequence, (stored, text)) = (sequence.value(), value.value());
        let broken = |fault| Some(AuditBreak { sequence, fault });
        verified.broken = match verified.last + 1 {
            missing if sequence != missing => Some(AuditBreak { sequence: missing, fault: AuditFault::Missing }),
            _ if matches!(known, Known::Sealed(head) if sequence > head.last) => broken(AuditFault::Added),
            _ if hash(&UNSEALED, sequence, text).0 == stored => broken(AuditFault::Unsealed),
            _ if hash(&verified.hash, sequence, text).0 != stored => broken(AuditFault::Changed),
            _ => None,
        };
        if verified.broken.is_some() {
            return Ok(verified);
        }
        verified = AuditVerified { entries: verified.entries + 1, last: sequence, hash: Digest(stored), ..verified };
    }
    verified.broken = match known {
        Known::Sealed(head) if verified.last < head.last => {
            Some(AuditBreak { sequence: verified.last + 1, fault: AuditFault::Missing })
        }
        Known::Sealed(head) if verified.hash != head.last_hash => {
            Some(AuditBreak { sequence: head.last, fault: AuditFault::Rewritten })
        }
        Known::Unsealed(_) => Some(AuditBreak { sequence: verified.last, fault: AuditFault::Seal }),
        Known::Missing if verified.entries > 0 => Some(AuditBreak { sequence: verified.last, fault: AuditFault::Seal }),
        Known::Sealed(_) | Known::Missing => None,
    };
    Ok(verified)
}

fn set_head(tables: &mut Tables<'_>, head: Head) -> Result<(), Failure> {
    let seal = code(&tables.audit_key, &head).finalize().into_bytes().into();
    tables.audit_head.insert((), encode(&StoredHead { head, seal }).as_slice())?;
    Ok(())
}

fn code(key: &AuditKey, head: &Head) -> Hmac<Sha256> {
    let Head { anchor, anchor_hash, last, last_hash } = head;
    let mut code = Hmac::<Sha256>::new_from_slice(&key.0).expect("audit: HMAC takes keys of any length");
    code.update(format!("openclaw-host audit head v1\n{anchor} {anchor_hash}\n{last} {last_hash}\n").as_bytes());
    code
}
