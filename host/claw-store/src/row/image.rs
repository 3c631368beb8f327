//! The rows of images: what is known of them, and which ones the messages of a conversation name.

use claw_core::id::Digest;
use claw_core::image::{Image, ImageKind};
use serde::{Deserialize, Serialize};

use super::{Row, named};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredImage {
    digest: [u8; 32],
    #[serde(with = "named")]
    kind: ImageKind,
    bytes: u64,
}

/// The images of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredImages(pub Vec<StoredImage>);

impl Row for StoredImages {
    const KIND: &'static str = "images";
    const VERSION: u8 = 1;
}

impl StoredImage {
    /// The name of its bytes.
    pub fn digest(&self) -> Digest {
        Digest(self.digest)
    }
}

impl From<Image> for StoredImage {
    fn from(Image { digest: Digest(digest), kind, bytes }: Image) -> Self {
        StoredImage { digest, kind, bytes }
    }
}

impl From<StoredImage> for Image {
    fn from(StoredImage { digest, kind, bytes }: StoredImage) -> Self {
        Image { digest: Digest(digest), kind, bytes }
    }
}

/// What the rows say.
pub(super) fn read(images: Vec<StoredImage>) -> Vec<Image> {
    images.into_iter().map(Into::into).collect()
}
