//! Files on their way to people: what their first bytes say that they are.

use crate::image::ImageKind;

/// The media type of a file; `application/octet-stream` if its first bytes do not tell.
pub fn media_type(content: &[u8]) -> &'static str {
    if let Some(kind) = ImageKind::of(content) {
        return kind.mime();
    }
    match content {
        [b'%', b'P', b'D', b'F', b'-', ..] => "application/pdf",
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => "application/zip",
        [b'O', b'g', b'g', b'S', ..] => "audio/ogg",
        [b'I', b'D', b'3', ..] | [0xff, 0xfb | 0xf3 | 0xf2, ..] => "audio/mpeg",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "video/mp4",
        _ if is_text(content) => "text/plain",
        _ => "application/octet-stream",
    }
}

/// Whether all of it is UTF-8 without control characters, but for those of lines.
fn is_text(content: &[u8]) -> bool {
    let is_odd = |char: char| char.is_control() && !matches!(char, '\n' | '\r' | '\t' | '\u{c}');
    str::from_utf8(content).is_ok_and(|text| !text.is_empty() && !text.contains(is_odd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_say_what_a_file_is() {
        let kinds: [(&[u8], &str); 12] = [
            (b"\x89PNG\r\n\x1a\n\0", "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"%PDF-1.7\n", "application/pdf"),
            (b"PK\x03\x04\x14", "application/zip"),
            (b"OggS\0\x02", "audio/ogg"),
            (b"ID3\x04\0", "audio/mpeg"),
            (b"\xff\xfb\x90", "audio/mpeg"),
            (b"\0\0\0\x20ftypisom", "video/mp4"),
            ("a,b\r\n\u{fc}\t1\n".as_bytes(), "text/plain"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text/plain"),
            (b"\x7fELF\x02\x01", "application/octet-stream"),
            (b"", "application/octet-stream"),
        ];
        for (content, kind) in kinds {
            assert_eq!(media_type(content), kind, "{content:?}");
        }
    }
}
