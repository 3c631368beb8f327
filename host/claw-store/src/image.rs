//! Which images the messages of a conversation show. The row stands from the message's acceptance until its conversation
//! is deleted, and a copy of the conversation has its own: so long the bytes are kept.

use std::collections::BTreeSet;

use claw_core::id::{Digest, RunId, SessionKey};
use claw_core::image::Image;
use redb::ReadableTable;

use crate::change::Change;
use crate::error::{Failure, StoreError};
use crate::memory::Room;
use crate::row::{StoredImages, decode};
use crate::store::Store;
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
    tables.images()?.retain_in((key, "")..(next.as_str(), ""), |_, _| false)?;
    if tables.room == Room::Memory {
        tables.image_bytes()?.retain_in((key, [0; 32])..=(key, [0xff; 32]), |_, _| false)?;
    }
    Ok(())
}

/// The bytes of images that must not get on a disk, for [`crate::memory`].
pub(crate) fn keep_bytes(tables: &Tables<'_>, key: &SessionKey, bytes: &[(Digest, Vec<u8>)]) -> Result<(), Failure> {
    let mut table = tables.image_bytes()?;
    for (digest, bytes) in bytes {
        table.insert((key.as_str(), digest.0), bytes.as_slice())?;
    }
    Ok(())
}

/// Those of a conversation, to be kept for a copy of it.
pub(crate) fn bytes_of(tables: &Tables<'_>, key: &SessionKey) -> Result<Vec<(Digest, Vec<u8>)>, Failure> {
    let mut all = Vec::new();
    for item in tables.image_bytes()?.range((key.as_str(), [0; 32])..=(key.as_str(), [0xff; 32]))? {
        let (place, bytes) = item?;
        all.push((Digest(place.value().1), bytes.value().to_vec()));
    }
    Ok(all)
}

impl Store {
    /// The bytes of an image of an incognito conversation.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn image_bytes(&self, key: &SessionKey, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|snapshot| {
            let Some(table) = snapshot.table_if_there(tables::IMAGE_BYTES)? else { return Ok(None) };
            Ok(table.get((key.as_str(), digest.0))?.map(|bytes| bytes.value().to_vec()))
        })
    }
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
