//! Making text of models, guests and peers harmless to look at.
//!
//! A terminal obeys control characters, and a reader is deceived by characters that reorder or hide others. Both are
//! shown as `\u{..}` instead. Cards come escaped from the host; escaping again changes nothing in them.

use std::borrow::Cow;

/// One line: line breaks and tabs are shown as escapes, too.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe)
}

/// Running text: line breaks and tabs stay.
pub fn block(text: &str) -> Cow<'_, str> {
    escape(text, |c| is_unsafe(c) && c != '\n' && c != '\t')
}

/// So many characters from the beginning, with `…` where there are more.
pub fn beginning(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn escape(text: &str, bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&bad) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !bad(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(out)
}

/// Control characters, and those that reorder or hide what stands around them. Zero-width joiners stay: scripts and
/// emoji need them, and this text asks nobody for a decision.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::{beginning, block, line};

    #[test]
    fn escape_sequences_and_reordering_are_shown_not_obeyed() {
        // AU-03, AP-12
        assert_eq!(line("a\u{1b}[31mb\r\nc\u{202e}d\u{9b}"), "a\\u{1b}[31mb\\r\\nc\\u{202e}d\\u{9b}");
        assert_eq!(block("a\n\tb\u{7}"), "a\n\tb\\u{7}");
    }

    #[test]
    fn a_beginning_says_that_there_is_more() {
        assert_eq!([beginning("äöü", 2), beginning("äöü", 3), beginning("", 0)], ["äö…", "äöü", ""]);
    }

    #[test]
    fn ordinary_text_is_not_copied() {
        assert!(matches!(block("Grüße,\n👩‍🔧"), std::borrow::Cow::Borrowed(_)));
    }
}
