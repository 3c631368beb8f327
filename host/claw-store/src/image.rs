//! Which images the messages of a conversation show. The row stands from the message's acceptance until its conversation
//! is deleted, and a copy of the conversation has its own: so long the bytes are kept.

use std::collections::BTreeSet;

use claw_core::id::{Digest, RunId, SessionKey};
use claw_core::image::Image;
use redb::ReadableTable;

use crate::change::Change;
use crate::error::Failure;
use crate::row::{StoredImages, decode};
use crate::tables::{self, Snapshot, Tables};

/// What keeps the images of a message; nothing if it has none.
pub(crate) fn name(key: &SessionKey, run: &RunId, images: &[Image]) -> Option<Change> {
    let row = StoredImages(images.iter().cloned().map(Into::into).collect());
    (!images.is_empty()).then(|| Change::Images { key: key.clone(), run: run.clone(), row })
}

/// Forgets those of a conversation.
pub(crate) fn forget(tables: &Tables<'_>, key: &str) -> Result<(), Failure> {
    // No key contains a byte 0, so this is behind all rows of this one.
    let next = format!("{key}\0");
    Ok(tables.images()?.retain_in((key, "")..(next.as_str(), ""), |_, _| false)?)
}

/// The digests of all.
pub(crate) fn named(snapshot: &Snapshot) -> Result<BTreeSet<Digest>, Failure> {
    let mut named = BTreeSet::new();
    let Some(table) = snapshot.table_if_there(tables::IMAGES)? else { return Ok(named) };
    for item in table.iter()? {
        let (place, row) = item?;
        let StoredImages(images) = decode(place.value().1, row.value())?;
        named.extend(images.iter().map(|image| image.digest()));
    }
    Ok(named)
}

#[cfg(test)]
mod tests;
