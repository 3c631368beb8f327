//! Images in messages: what is known of them in a log, and on their way in. Nothing here decodes a picture; its first
//! bytes say what it is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::Digest;

/// Images in one message. As many as the OpenClaw gateway takes in a request.
pub const MAX_IMAGES: usize = 8;
/// Bytes of one image: in base64 they are 5 MiB, beyond which Anthropic refuses the whole conversation.
pub const MAX_IMAGE_BYTES: usize = 5 * 1024 * 1024 / 4 * 3;
/// Bytes of all images in one message: in base64 they fit into a request to the host and into one to a model.
pub const MAX_IMAGES_BYTES: usize = 12 * 1024 * 1024;

/// A format that models can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageKind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF; models look at its first frame.
    Gif,
    /// WebP.
    Webp,
}

/// An image that was said; its bytes lie beside the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// SHA-256 of its bytes, by which they are found.
    pub digest: Digest,
    /// What it is.
    pub kind: ImageKind,
    /// How many bytes it has.
    pub bytes: u64,
}

/// An image on its way in.
#[derive(Clone, PartialEq, Eq)]
pub struct NewImage {
    kind: ImageKind,
    content: Vec<u8>,
}

/// Why bytes are not taken as an image. The texts end where the sender's name of it goes in front.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// None of the formats.
    #[error("is no PNG, JPEG, GIF or WebP; put other files into the workspace and name them")]
    Unknown,
    /// Not what its sender says.
    #[error("is called `{said}`, but its bytes are {found}; send it as what it is")]
    Other {
        /// The sender's word, cut short.
        said: String,
        /// What it is.
        found: ImageKind,
    },
    /// Too many bytes.
    #[error("has more than {MAX_IMAGE_BYTES} bytes; make it smaller")]
    TooLarge,
    /// Too many images.
    #[error("is one too many; a message has at most {MAX_IMAGES} images")]
    TooMany,
    /// Too many bytes together.
    #[error("makes it more than {MAX_IMAGES_BYTES} bytes of images in one message; send them in several")]
    TooMuch,
}

impl ImageKind {
    /// All of them.
    pub const ALL: [ImageKind; 4] = [ImageKind::Png, ImageKind::Jpeg, ImageKind::Gif, ImageKind::Webp];

    /// Recognises a format by its first bytes.
    pub fn of(content: &[u8]) -> Option<ImageKind> {
        match content {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageKind::Png),
            [0xff, 0xd8, 0xff, ..] => Some(ImageKind::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(ImageKind::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageKind::Webp),
            _ => None,
        }
    }

    /// Its MIME type.
    pub fn mime(self) -> &'static str {
        match self {
            ImageKind::Png => "image/png",
            ImageKind::Jpeg => "image/jpeg",
            ImageKind::Gif => "image/gif",
            ImageKind::Webp => "image/webp",
        }
    }
}

impl fmt::Display for ImageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mime())
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Image { digest: _, kind, bytes } = self;
        write!(f, "{kind}, {bytes} bytes")
    }
}

impl NewImage {
    /// Takes bytes that their sender may have called something.
    ///
    /// # Errors
    /// [`ImageError`] if they are too many, no image, or another one than was said.
    pub fn read(said: Option<&str>, content: Vec<u8>) -> Result<NewImage, ImageError> {
        if content.len() > MAX_IMAGE_BYTES {
            return Err(ImageError::TooLarge);
        }
        let kind = ImageKind::of(&content).ok_or(ImageError::Unknown)?;
        let is_it =
            |said: &str| said.eq_ignore_ascii_case(kind.mime()) || (kind == ImageKind::Jpeg && said == "image/jpg");
        match said.map(|said| said.split(';').next().unwrap_or_default().trim()) {
            Some(said) if !is_it(said) => {
                let said = said.chars().take(40).flat_map(char::escape_default).collect();
                Err(ImageError::Other { said, found: kind })
            }
            _ => Ok(NewImage { kind, content }),
        }
    }

    /// Its bytes.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// What the log says of it, once its bytes lie under this digest.
    pub fn kept(&self, digest: Digest) -> Image {
        Image { digest, kind: self.kind, bytes: self.content.len() as u64 }
    }
}

impl fmt::Debug for NewImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewImage({}, {} bytes)", self.kind, self.content.len())
    }
}

/// Whether these can be the images of one message; says which is the first that cannot.
///
/// # Errors
/// Its place, from 0, and [`ImageError::TooMany`] or [`ImageError::TooMuch`].
pub fn check(images: &[NewImage]) -> Result<(), (usize, ImageError)> {
    let mut bytes = 0;
    for (at, image) in images.iter().enumerate() {
        bytes += image.content.len();
        if at >= MAX_IMAGES {
            return Err((at, ImageError::TooMany));
        }
        if bytes > MAX_IMAGES_BYTES {
            return Err((at, ImageError::TooMuch));
        }
    }
    Ok(())
}

/// A text with a line for each of these images, for whoever sees none.
pub fn told(text: &str, images: &[Image]) -> String {
    let lines = images.iter().map(|image| format!("[image: {image}]"));
    let text = std::iter::once(text.to_owned()).filter(|text| !text.is_empty());
    text.chain(lines).collect::<Vec<_>>().join("\n")
}

/// Adds a line in the place of an image that is not sent.
pub fn leave_out(text: &mut String, image: &Image, why: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("[image left out: {image}; {why}]"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(bytes: usize) -> Vec<u8> {
        let mut content = b"\x89PNG\r\n\x1a\n".to_vec();
        content.resize(bytes, 0);
        content
    }

    #[test]
    fn the_first_bytes_say_what_an_image_is() {
        let kinds = [
            (&b"\x89PNG\r\n\x1a\n\0\0"[..], Some(ImageKind::Png)),
            (b"\xff\xd8\xff\xe0", Some(ImageKind::Jpeg)),
            (b"GIF89a", Some(ImageKind::Gif)),
            (b"GIF87a\x01", Some(ImageKind::Gif)),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some(ImageKind::Webp)),
            (b"RIFF\x10\0\0\0WAVEfmt ", None),
            (b"\x89PNG", None),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
            (b"%PDF-1.7", None),
            (b"", None),
        ];
        for (content, kind) in kinds {
            assert_eq!(ImageKind::of(content), kind, "{content:?}");
        }
    }

    #[test]
    fn what_its_sender_calls_it_must_be_true() {
        for said in [None, Some("image/png"), Some("IMAGE/PNG"), Some("image/png; charset=binary")] {
            assert!(NewImage::read(said, png(20)).is_ok(), "{said:?}");
        }
        for said in ["image/jpeg", "text/plain", "application/octet-stream", "", "image/jpg"] {
            let refused = NewImage::read(Some(said), png(20)).unwrap_err();
            assert!(matches!(refused, ImageError::Other { found: ImageKind::Png, .. }), "{said}: {refused}");
        }
        assert!(NewImage::read(Some("image/jpg"), b"\xff\xd8\xff\xe0".to_vec()).is_ok());
        assert_eq!(NewImage::read(Some("image/png"), b"MZ".to_vec()), Err(ImageError::Unknown));
    }

    #[test]
    fn number_and_bytes_have_a_limit() {
        assert!(NewImage::read(None, png(MAX_IMAGE_BYTES)).is_ok());
        assert_eq!(NewImage::read(None, png(MAX_IMAGE_BYTES + 1)), Err(ImageError::TooLarge));
        let images = |count: usize, bytes: usize| vec![NewImage::read(None, png(bytes)).unwrap(); count];
        assert_eq!(check(&images(MAX_IMAGES, 20)), Ok(()));
        assert_eq!(check(&images(MAX_IMAGES + 1, 20)), Err((MAX_IMAGES, ImageError::TooMany)));
        assert_eq!(check(&images(3, MAX_IMAGE_BYTES)), Ok(()));
        assert_eq!(check(&images(4, MAX_IMAGE_BYTES)), Err((3, ImageError::TooMuch)));
    }
}
