//! What a server sent: its kind and its characters.

#[cfg(test)]
mod tests;

/// What can be done with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To be converted.
    Html,
    /// Shown as it is.
    Text,
    /// Only described.
    Other,
}

impl Kind {
    /// The kind by the media type, or by the first bytes where the server names none.
    pub fn of(content_type: Option<&str>, body: &[u8]) -> Kind {
        let media_type =
            content_type.and_then(|value| value.split(';').next()).unwrap_or("").trim().to_ascii_lowercase();
        match media_type.as_str() {
            "text/html" | "application/xhtml+xml" => Kind::Html,
            "" => Kind::sniff(body),
            "application/json"
            | "application/xml"
            | "application/javascript"
            | "application/yaml"
            | "application/toml"
            | "application/x-ndjson"
            | "image/svg+xml" => Kind::Text,
            other if other.starts_with("text/") || other.ends_with("+json") || other.ends_with("+xml") => Kind::Text,
            _ => Kind::Other,
        }
    }

    fn sniff(body: &[u8]) -> Kind {
        let start = body[..body.len().min(512)].to_ascii_lowercase();
        if start.contains(&0) {
            return Kind::Other;
        }
        let text = String::from_utf8_lossy(&start);
        let text = text.trim_start_matches(|character: char| character == '\u{feff}' || character.is_whitespace());
        if text.starts_with("<!doctype html") || text.starts_with("<html") { Kind::Html } else { Kind::Text }
    }
}

/// Decodes a body. Knows UTF-8, UTF-16 with a byte order mark and Windows-1252 with its relatives; anything else is
/// read as UTF-8 with replacement characters.
pub fn decode(content_type: Option<&str>, body: &[u8]) -> String {
    match body {
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        _ => {}
    }
    match charset(content_type).or_else(|| meta_charset(body)).as_deref() {
        // Browsers read all three as Windows-1252, and pages count on it.
        Some("windows-1252" | "iso-8859-1" | "latin1" | "us-ascii") => {
            body.iter().map(|&byte| windows_1252(byte)).collect()
        }
        _ => String::from_utf8_lossy(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)).into_owned(),
    }
}

fn charset(content_type: Option<&str>) -> Option<String> {
    let parameters = content_type?.split(';').skip(1);
    let mut named = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, value) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(value.trim().trim_matches('"').to_ascii_lowercase())
}

/// The `charset` of a `<meta>` tag, which stands in the first 1,024 bytes by the standard.
fn meta_charset(body: &[u8]) -> Option<String> {
    let start = String::from_utf8_lossy(&body[..body.len().min(1024)]).to_ascii_lowercase();
    let tag =
        start.split("<meta").skip(1).find(|tag| tag.split('>').next().is_some_and(|tag| tag.contains("charset=")))?;
    let value = tag.split_once("charset=")?.1.trim_start_matches(['"', '\'']);
    Some(value.split(['"', '\'', ' ', '>', '/', ';']).next()?.to_owned())
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (units, _odd_byte) = bytes.as_chunks::<2>();
    char::decode_utf16(units.iter().map(|&bytes| unit(bytes)))
        .map(|decoded| decoded.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn windows_1252(byte: u8) -> char {
    // 0x80 to 0x9f; the five bytes without a character stay control characters.
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}
