//! Text as a model can trust what it sees: nothing in it is hidden.

use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// Running text; line breaks and tabs stay.
pub fn block(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 64);
    for ch in text.chars() {
        match ch {
            // A Windows line end is none to worry about.
            '\r' => {}
            ch if is_hidden(ch) => shown.extend(ch.escape_unicode()),
            ch => shown.push(ch),
        }
    }
    Cow::Owned(shown)
}

/// One line: all white space becomes single spaces.
pub fn line(text: &str) -> String {
    block(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

/// The beginning of a text in one line, for a message.
pub fn excerpt(text: &str) -> String {
    line(&text.chars().take(40).collect::<String>())
}

/// Control characters, and characters that have no shape of their own, reorder others or carry text in disguise. Two of
/// them stay, because emoji are made with them: the joiner and the selector of the coloured form.
fn is_hidden(ch: char) -> bool {
    match ch {
        '\n' | '\t' | '\u{200d}' | '\u{fe0f}' => false,
        ch if ch.is_control() => true,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' => true,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' => true,
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}
