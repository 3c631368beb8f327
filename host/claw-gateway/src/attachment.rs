//! What clients attach to a message: images, in base64.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use claw_core::image::{self, ImageError, MAX_IMAGE_BYTES, NewImage};
use serde::Deserialize;

/// Some clients leave the padding out.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// One, as the protocol has it. Other fields say nothing that the bytes do not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attachment {
    #[serde(rename = "type")]
    kind: Option<String>,
    mime_type: Option<String>,
    file_name: Option<String>,
    /// Base64, or an address that begins with `data:`.
    content: String,
}

/// Reads them all.
///
/// # Errors
/// Which one cannot be taken, and why.
pub(crate) fn images(attachments: Vec<Attachment>) -> Result<Vec<NewImage>, String> {
    let mut images = Vec::new();
    let mut names = Vec::new();
    for (at, attachment) in attachments.into_iter().enumerate() {
        let shown = attachment.file_name.as_deref().map(|name| name.chars().take(80).flat_map(char::escape_default));
        let name =
            shown.map_or_else(|| format!("attachment {}", at + 1), |name| format!("`{}`", String::from_iter(name)));
        if at >= image::MAX_IMAGES {
            return Err(format!("{name} {}", ImageError::TooMany));
        }
        let image = read(&attachment).map_err(|why| format!("{name} {why}"))?;
        images.push(image);
        names.push(name);
    }
    image::check(&images).map_err(|(at, why)| format!("{} {why}", names[at]))?;
    Ok(images)
}

/// The image in an address that begins with `data:`.
///
/// # Errors
/// Why there is none, to go behind a name of it.
pub(crate) fn of_data_url(url: &str) -> Result<NewImage, String> {
    let Some((said, content)) = data_url(url) else {
        return Err(
            "is no `data:` URL in base64; the host fetches nothing for a client, so send the image itself".into()
        );
    };
    decoded(Some(said).filter(|said| !said.is_empty()), content)
}

fn read(attachment: &Attachment) -> Result<NewImage, String> {
    let Attachment { kind, mime_type, file_name: _, content } = attachment;
    let said = mime_type.as_deref();
    match (kind.as_deref(), data_url(content)) {
        (Some(kind), _) if kind != "image" => Err(ImageError::Unknown.to_string()),
        (_, Some((in_url, content))) => decoded(said.or(Some(in_url).filter(|said| !said.is_empty())), content),
        (_, None) => decoded(said, content),
    }
}

/// The MIME type and the base64 of such an address.
fn data_url(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("data:")?.split_once(";base64,")
}

fn decoded(said: Option<&str>, content: &str) -> Result<NewImage, String> {
    let content = content.trim();
    // Looked at before anything is decoded.
    if content.len() / 4 * 3 > MAX_IMAGE_BYTES + 3 {
        return Err(ImageError::TooLarge.to_string());
    }
    let content = BASE64.decode(content).map_err(|err| format!("is not in base64: {err}"))?;
    NewImage::read(said, content).map_err(|err| err.to_string())
}

#[cfg(test)]
mod tests;
