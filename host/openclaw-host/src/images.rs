//! Images of messages on their way to the disk, and from there to a model.

use std::collections::BTreeSet;
use std::panic;

use claw_core::id::Digest;
use claw_core::image::{Image, NewImage};
use claw_core::message::Message;
use claw_model::Images;
use claw_store::{BlobError, Blobs, Kept};
use tokio::task;

/// Puts them on the disk. What comes with them is held until the rows that name them are there.
///
/// # Errors
/// [`BlobError`] if the disk does not take them.
pub async fn keep(blobs: &Blobs, images: Vec<NewImage>) -> Result<(Vec<Image>, Option<Kept>), BlobError> {
    if images.is_empty() {
        return Ok((Vec::new(), None));
    }
    let mut batch = blobs.batch().await;
    let kept = task::spawn_blocking(move || {
        let put = |image: &NewImage| Ok(image.kept(batch.put(image.content())?));
        let images = images.iter().map(put).collect::<Result<_, _>>()?;
        Ok((images, Some(batch.keep()?)))
    });
    kept.await.unwrap_or_else(|err| panic::resume_unwind(err.into_panic()))
}

/// The bytes of those in these messages. One that cannot be read is missing, and the model is told so.
pub async fn read(blobs: &Blobs, messages: &[Message]) -> Images {
    let named: BTreeSet<Digest> = messages.iter().flat_map(Message::images).map(|image| image.digest).collect();
    if named.is_empty() {
        return Images::new();
    }
    let blobs = blobs.clone();
    let read = task::spawn_blocking(move || {
        let read = |digest: Digest| match blobs.get(&digest) {
            Ok(content) => Some((digest, content)),
            Err(err) => {
                tracing::error!(error = &err as &dyn std::error::Error, "an image cannot be read");
                None
            }
        };
        named.into_iter().filter_map(read).collect()
    });
    read.await.unwrap_or_else(|err| panic::resume_unwind(err.into_panic()))
}
