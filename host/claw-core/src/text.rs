//! What a text shows and what it hides.

/// Whether a character changes a text without being seen in it; file systems that ignore case skip it too.
///
/// Source: Unicode, `Default_Ignorable_Code_Point`.
pub fn is_ignorable(ch: char) -> bool {
    matches!(ch,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// What a model answers if it has nothing to say. Source: OpenClaw.
const SILENT: &str = "NO_REPLY";
/// What stands around what models think aloud, where their server does not keep it apart.
pub(crate) const THOUGHTS: [(&str, &str); 4] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<thought>", "</thought>"),
];

/// Whether a model's whole text says that there is nothing to say.
pub fn is_silent(text: &str) -> bool {
    text.trim() == SILENT
}

/// Whether that may be what a text becomes which begins so.
pub fn may_be_silent(begun: &str) -> bool {
    SILENT.starts_with(begun.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_say_is_said_alone() {
        assert!(is_silent("NO_REPLY\n") && !is_silent("NO_REPLY!"));
        assert!(may_be_silent("NO_") && !may_be_silent("NOT"));
    }
}
