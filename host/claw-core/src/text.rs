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

/// A model's text without the thoughts in front of it, and without the word that stands for nothing to say; piece by
/// piece, as it comes.
#[derive(Debug, Default)]
pub struct Spoken {
    /// What may yet turn out to be one of them.
    held: String,
    /// The end of the thoughts that are being left out.
    until: Option<&'static str>,
    has_begun: bool,
}

impl Spoken {
    /// All of a text.
    pub fn of(text: &str) -> String {
        let mut spoken = Spoken::default();
        spoken.push(text) + &spoken.finish()
    }

    /// Takes the next piece and gives what can be shown.
    pub fn push(&mut self, piece: &str) -> String {
        if self.has_begun {
            return piece.to_owned();
        }
        self.held.push_str(piece);
        loop {
            if let Some(end) = self.until {
                let Some(at) = self.held.find(end) else { return String::new() };
                self.held.drain(..at + end.len());
                self.until = None;
            }
            let text = self.held.trim_start();
            let Some((start, end)) = THOUGHTS.iter().find(|(start, _)| text.starts_with(start)) else { break };
            self.held = text[start.len()..].to_owned();
            self.until = Some(end);
        }
        let text = self.held.trim();
        let may_be = |word: &str| word.starts_with(text);
        if THOUGHTS.iter().any(|(start, _)| may_be(start)) || may_be(SILENT) {
            return String::new();
        }
        self.has_begun = true;
        let held = std::mem::take(&mut self.held);
        // White space between the thoughts and the answer belongs to neither.
        held.trim_start_matches(['\n', '\r']).to_owned()
    }

    /// What was held back to the end.
    pub fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        match self.until.is_some() || is_silent(&held) {
            true => String::new(),
            false => held,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the text is cut into pieces, the same is shown.
    #[track_caller]
    fn check(text: &str, shown: &str) {
        assert_eq!(Spoken::of(text), shown, "at once");
        for size in 1..4 {
            let mut spoken = Spoken::default();
            let letters: Vec<_> = text.chars().collect();
            let mut all: String =
                letters.chunks(size).map(|piece| spoken.push(&piece.iter().collect::<String>())).collect();
            all += &spoken.finish();
            assert_eq!(all, shown, "in pieces of {size}");
        }
    }

    #[test]
    fn thoughts_in_front_are_left_out_and_the_answer_stays_as_it_is() {
        check("<think>hm, a </b> tag</think>\n\nYes.\n  Indeed.", "Yes.\n  Indeed.");
        check("\n<thinking>a</thinking> <think>b</think>Yes", "Yes");
        check("Yes <think>no</think>", "Yes <think>no</think>");
        check("  indented", "  indented");
        check("<thin air", "<thin air");
        check("<think>never ends", "");
        check("", "");
    }

    #[test]
    fn nothing_to_say_is_not_shown_and_words_that_begin_like_it_are() {
        check("NO_REPLY", "");
        check(" NO_REPLY\n", "");
        check("<think>nobody asked</think>NO_REPLY", "");
        check("NO_REPLY needed, all is well", "NO_REPLY needed, all is well");
        check("NO", "NO");
        check("Nothing", "Nothing");
        assert!(is_silent("NO_REPLY\n") && !is_silent("NO_REPLY!"));
    }
}
