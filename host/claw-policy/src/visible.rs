//! Text as a person can trust it: one line, plain ASCII, nothing invisible and nothing cut.
//!
//! Every character outside printable ASCII is written as an escape. That covers control, bidi and zero-width
//! characters, and letters of other scripts that look like ASCII ones: a table of look-alikes would always miss some.
//! The backslash is escaped too, so two different texts never look the same.

use std::fmt::Write;

/// `text` with everything but printable ASCII as visible escapes.
pub(crate) fn escape(text: &str) -> String {
    escape_also(text, None)
}

/// `text` in quotes, with quotes inside it escaped.
pub(crate) fn quote(text: &str) -> String {
    format!("\"{}\"", escape_also(text, Some('"')))
}

/// The text as it is, escaped; in quotes where the bare text would hide something or look like a quoted one: nothing
/// at all, spaces at an end, a quote at the start.
pub(crate) fn show(text: &str) -> String {
    let hides = text.is_empty() || text.starts_with([' ', '"']) || text.ends_with(' ');
    if hides { quote(text) } else { escape(text) }
}

/// The text that [`quote`] made `quoted` from, given without the outer quotes; `None` if it made it from none.
pub(crate) fn unquote(quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => text.push(unescape_one(&mut rest)?),
            '"' => return None,
            ' '..='~' => text.push(c),
            _ => return None,
        }
    }
    Some(text)
}

fn escape_also(text: &str, also: Option<char>) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\\' => shown.push_str("\\\\"),
            _ if also == Some(c) => shown.extend(['\\', c]),
            ' '..='~' => shown.push(c),
            _ => write!(shown, "\\u{{{:x}}}", u32::from(c)).expect("visible: a string takes every write"),
        }
    }
    shown
}

fn unescape_one(rest: &mut std::str::Chars<'_>) -> Option<char> {
    match rest.next()? {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        c @ ('\\' | '"') => Some(c),
        'u' => {
            let (digits, after) = rest.as_str().strip_prefix('{')?.split_once('}')?;
            *rest = after.chars();
            char::from_u32(u32::from_str_radix(digits, 16).ok()?)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
