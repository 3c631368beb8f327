//! Files that come with the owner's messages: images are fetched and shown to the model, others are told of.

use std::sync::Arc;

use claw_core::channel::{Attachment, Failure};
use claw_core::image::{self, ImageError, ImageKind, MAX_IMAGE_BYTES, NewImage};
use tokio_util::sync::CancellationToken;

use super::{Channel, call};
use crate::host::Host;

/// Bytes of the images that come with one batch of messages: they are in memory until all of it is taken in.
pub const ROOM: usize = 64 << 20;

/// Gives the images among the files of a message, and adds a line to its text for each other file. What cannot be fetched
/// is such a line too: the message is not lost for it.
///
/// # Errors
/// [`Failure`] if the host stops: the service gives the message again.
pub async fn take(
    host: &Arc<Host>,
    channel: &Channel,
    attachments: Vec<Attachment>,
    text: &mut String,
    room: &mut usize,
    stop: &CancellationToken,
) -> Result<Vec<NewImage>, Failure> {
    let mut images = Vec::new();
    for attachment in attachments {
        let why = match is_image(&attachment) {
            false => None,
            true => match fetch(host, channel, &attachment, *room, stop).await {
                Err(_) if stop.is_cancelled() => return Err(Failure::Unavailable("the host stops".to_owned())),
                Err(why) => Some(why),
                Ok(image) => {
                    let bytes = image.content().len();
                    images.push(image);
                    match image::check(&images) {
                        Ok(()) => {
                            *room -= bytes;
                            continue;
                        }
                        Err((_, err)) => {
                            images.pop();
                            Some(format!("it {err}"))
                        }
                    }
                }
            },
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line(&attachment, why.as_deref()));
    }
    Ok(images)
}

/// Whether models can look at it, as its service says.
fn is_image(attachment: &Attachment) -> bool {
    ImageKind::ALL.iter().any(|kind| kind.mime() == attachment.media_type)
}

async fn fetch(
    host: &Arc<Host>,
    channel: &Channel,
    attachment: &Attachment,
    room: usize,
    stop: &CancellationToken,
) -> Result<NewImage, String> {
    if attachment.size > MAX_IMAGE_BYTES as u64 {
        return Err(format!("it {}", ImageError::TooLarge));
    }
    let content = call::fetch(host, channel, &attachment.id, stop).await.map_err(|failure| failure.to_string())?;
    if content.len() > room {
        return Err("too many images came at once; send it again".to_owned());
    }
    // What it is, its bytes say.
    NewImage::read(None, content).map_err(|err| format!("it {err}"))
}

/// A file in words.
fn line(attachment: &Attachment, why: Option<&str>) -> String {
    let Attachment { id: _, name, media_type, size } = attachment;
    let size = match size {
        0 => String::new(),
        bytes => format!("{} KiB", bytes.div_ceil(1024)),
    };
    let why = why.map(|why| format!("not fetched: {why}")).unwrap_or_default();
    let about = [name, media_type, &size, &why].into_iter().filter(|part| !part.is_empty());
    format!("[file {}]", about.map(String::as_str).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_of_in_one_line() {
        let attachment = |name: &str, media_type: &str, size| Attachment {
            id: "a1".to_owned(),
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            size,
        };
        let report = attachment("report.pdf", "application/pdf", 122_880);
        assert_eq!(line(&report, None), "[file report.pdf, application/pdf, 120 KiB]");
        assert!(!is_image(&report) && is_image(&attachment("", "image/jpeg", 1)));
        assert!(!is_image(&attachment("a.svg", "image/svg+xml", 1)));
        let photo = attachment("", "image/jpeg", 0);
        assert_eq!(line(&photo, Some("it is gone")), "[file image/jpeg, not fetched: it is gone]");
    }
}
