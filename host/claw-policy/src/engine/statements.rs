//! Where each policy of a file stands. Cedar reads a text whole and keeps no places of what it accepts.

/// One policy as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// The line of its first word, counted from 1.
    pub(super) line: usize,
    /// From the comment right above it to its `;`.
    pub(super) text: &'a str,
}

/// The policies of a text that Cedar has accepted, in order. Each ends with `;`, which stands nowhere else but in
/// strings and comments.
pub(super) fn statements(text: &str) -> Vec<Statement<'_>> {
    let mut found = Vec::new();
    let (mut start, mut at) = (None, 0);
    let bytes = text.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                continue;
            }
            b'"' => {
                start.get_or_insert(at);
                at = end_of_string(bytes, at);
                continue;
            }
            b';' => {
                if let Some(start) = start.take() {
                    let line = text[..start].matches('\n').count() + 1;
                    found.push(Statement { line, text: &text[comment_above(text, start)..=at] });
                }
            }
            _ if byte.is_ascii_whitespace() => {}
            _ => {
                start.get_or_insert(at);
            }
        }
        at += 1;
    }
    found
}

/// What follows the string that begins at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The start of the comment lines right above `start`, or `start` itself.
fn comment_above(text: &str, start: usize) -> usize {
    let mut from = start;
    while let Some(above) = text[..from].strip_suffix('\n') {
        let line = above.rsplit('\n').next().unwrap_or(above);
        if !line.trim_start().starts_with("//") {
            break;
        }
        from -= line.len() + 1;
    }
    from
}

#[cfg(test)]
mod tests;
