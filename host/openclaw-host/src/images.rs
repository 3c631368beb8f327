//! Images of messages on their way to the disk, and from there to a model.

use std::collections::BTreeSet;
use std::panic;

use claw_core::id::{Digest, SessionKey};
use claw_core::image::{Image, NewImage};
use claw_core::message::Message;
use claw_model::Images;
use claw_store::{BlobError, Blobs, Kept};
use sha2::{Digest as _, Sha256};
use tokio::task;

use crate::causes;
use crate::host::Host;

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

/// Those of an incognito conversation: what the log says of them, and the bytes that are to be kept in memory.
pub fn hold(images: Vec<NewImage>) -> (Vec<Image>, Vec<(Digest, Vec<u8>)>) {
    let held = images.into_iter().map(|image| {
        let digest = Digest(Sha256::digest(image.content()).into());
        (image.kept(digest), (digest, image.content().to_vec()))
    });
    held.unzip()
}

/// The bytes of those in these messages of a conversation. One that cannot be read is missing, and the model is told so.
pub async fn read(host: &Host, session: &SessionKey, messages: &[Message]) -> Images {
    let named: BTreeSet<Digest> = messages.iter().flat_map(Message::images).map(|image| image.digest).collect();
    if named.is_empty() {
        return Images::new();
    }
    let (blobs, memory, session) = (host.blobs.clone(), host.incognito.clone(), session.clone());
    let get = move |digest: &Digest| match session.is_incognito() {
        true => memory.image_bytes(&session, digest).map_err(|err| causes::chain(&err)),
        false => blobs.get(digest).map(Some).map_err(|err| causes::chain(&err)),
    };
    let read = task::spawn_blocking(move || {
        let read = |digest: Digest| match get(&digest) {
            Ok(content) => content.map(|content| (digest, content)),
            Err(err) => {
                tracing::error!(error = err, "an image cannot be read");
                None
            }
        };
        named.into_iter().filter_map(read).collect()
    });
    read.await.unwrap_or_else(|err| panic::resume_unwind(err.into_panic()))
}
