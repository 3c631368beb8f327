//! What a model says, as it is kept and as clients see it: by the same rule as what chats get, and as soon as it is certain.

use super::lines::{Keeps, Lines};
use super::preview::certain;
use crate::text::{is_silent, may_be_silent};

/// Bytes of a line that are shown before it is whole; a longer one comes at once at its end, for each piece is read anew.
const EARLY: usize = 8192;

/// A text without what is not meant for whoever gets it, and without the word that stands for nothing to say; piece by
/// piece, as it comes.
#[derive(Debug)]
pub struct Spoken {
    lines: Lines,
    /// The last line, as it came, and what of it was shown.
    begun: String,
    shown: String,
    /// The beginning of what is shown, while it may turn out to be nothing.
    held: String,
    has_begun: bool,
}

impl Spoken {
    /// As it is kept: without thoughts. What is said to the host stays, for a chat may hear it later.
    pub fn kept() -> Self {
        Spoken::keeping(Keeps::Asides)
    }

    /// As clients see it: without directives as well.
    pub fn shown() -> Self {
        Spoken::keeping(Keeps::Media)
    }

    fn keeping(keeps: Keeps) -> Self {
        let (begun, shown, held) = Default::default();
        Spoken { lines: Lines::keeping(keeps), begun, shown, held, has_begun: false }
    }

    /// All of a text.
    pub fn all(mut self, text: &str) -> String {
        self.push(text) + &self.finish()
    }

    /// Takes the next piece and gives what can be shown.
    pub fn push(&mut self, piece: &str) -> String {
        let mut shown = String::new();
        for piece in piece.split_inclusive('\n') {
            self.begun.push_str(piece);
            if piece.ends_with('\n') {
                shown.push_str(&self.end_line());
            }
        }
        shown.push_str(&self.early());
        self.begin(shown)
    }

    /// What was held back to the end.
    pub fn finish(&mut self) -> String {
        let rest = self.end_line();
        let rest = std::mem::take(&mut self.held) + &rest;
        if self.has_begun {
            rest
        } else if is_silent(&rest) {
            String::new()
        } else {
            opened(rest)
        }
    }

    /// The rest of a line that is whole.
    fn end_line(&mut self) -> String {
        let line = std::mem::take(&mut self.begun);
        let whole = self.lines.line(&line).unwrap_or_default();
        let shown = std::mem::take(&mut self.shown);
        whole.strip_prefix(&shown).unwrap_or_default().to_owned()
    }

    /// What of a line that is being written is certain.
    fn early(&mut self) -> String {
        if self.begun.len() > EARLY {
            return String::new();
        }
        let begun = &self.begun[..certain(&self.begun).min(uncoded(&self.begun))];
        let whole = self.lines.clone().line(begun).unwrap_or_default();
        // Spaces alone may yet go with what follows them.
        let more = whole.strip_prefix(&self.shown).filter(|_| !whole.trim().is_empty());
        let Some(more) = more.map(str::to_owned) else { return String::new() };
        self.shown.push_str(&more);
        more
    }

    /// Holds back what may be nothing.
    fn begin(&mut self, shown: String) -> String {
        if self.has_begun {
            return shown;
        }
        self.held.push_str(&shown);
        if may_be_silent(&self.held) {
            return String::new();
        }
        self.has_begun = true;
        opened(std::mem::take(&mut self.held))
    }
}

/// Where what may be code begins in a line that is being written.
fn uncoded(line: &str) -> usize {
    if line.trim_start().starts_with(['`', '~']) {
        return 0;
    }
    let mut at = 0;
    while let Some(next) = line[at..].find('`') {
        let (begin, marks) = (at + next, line[at + next..].len() - line[at + next..].trim_start_matches('`').len());
        at = begin + marks;
        loop {
            let Some(next) = line[at..].find('`') else { return begin };
            let closing = line[at + next..].len() - line[at + next..].trim_start_matches('`').len();
            at += next + closing;
            // At the very end there may be more of them.
            if closing == marks && at < line.len() {
                break;
            }
        }
    }
    line.len()
}

/// White space between thoughts and the answer belongs to neither.
fn opened(text: String) -> String {
    text.trim_start_matches(['\n', '\r']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the text is cut into pieces, the same is kept and shown.
    #[track_caller]
    fn check(text: &str, kept: &str, shown: &str) {
        for (spoken, expected) in [(Spoken::kept as fn() -> Spoken, kept), (Spoken::shown, shown)] {
            assert_eq!(spoken().all(text), expected, "at once");
            for size in 1..4 {
                let mut spoken = spoken();
                let letters: Vec<_> = text.chars().collect();
                let mut all: String =
                    letters.chunks(size).map(|piece| spoken.push(&piece.iter().collect::<String>())).collect();
                all += &spoken.finish();
                assert_eq!(all, expected, "in pieces of {size}");
            }
        }
    }

    #[test]
    fn thoughts_are_left_out_wherever_they_are_and_the_answer_stays_as_it_is() {
        let same = |text: &str, shown: &str| check(text, shown, shown);
        same("<think>hm, a </b> tag</think>\n\nYes.\n  Indeed.", "Yes.\n  Indeed.");
        same("\n<thinking>a</thinking> <think>b</think>Yes", "Yes");
        same("Yes\n<think>no\nno</think>\nand <final>this</final>", "Yes\nand this");
        same(
            "`<think>` is a tag\n```\n<think>code</think>\n```\n",
            "`<think>` is a tag\n```\n<think>code</think>\n```\n",
        );
        same("  indented", "  indented");
        same("<thin air", "<thin air");
        same("<think>never ends", "");
        same("", "");
    }

    #[test]
    fn directives_are_kept_and_not_shown() {
        check("[[reply_to_current]]\nHello", "[[reply_to_current]]\nHello", "Hello");
        check("[[reply_to: 7]] Hello [[x]]", "[[reply_to: 7]] Hello [[x]]", "Hello [[x]]");
        check("a\nMEDIA:/tmp/a.png\nb", "a\nMEDIA:/tmp/a.png\nb", "a\nMEDIA:/tmp/a.png\nb");
        check("[[reply_to_current]] NO_REPLY", "[[reply_to_current]] NO_REPLY", "");
    }

    #[test]
    fn nothing_to_say_is_not_shown_and_words_that_begin_like_it_are() {
        let same = |text: &str, shown: &str| check(text, shown, shown);
        same("NO_REPLY", "");
        same(" NO_REPLY\n", "");
        same("<think>nobody asked</think>NO_REPLY", "");
        same("NO_REPLY needed, all is well", "NO_REPLY needed, all is well");
        same("NO", "NO");
        same("Nothing", "Nothing");
    }

    #[test]
    fn words_come_as_they_are_said_and_nothing_of_what_is_left_out() {
        let mut spoken = Spoken::shown();
        assert_eq!(spoken.push("Hello wor"), "Hello wor");
        assert_eq!(spoken.push("ld [[reply"), "ld ");
        assert_eq!(spoken.push("_to_current]] and <th"), "and ");
        assert_eq!(spoken.push("ink>hm</think>on"), "");
        assert_eq!(spoken.finish(), "on");
    }

    #[test]
    fn however_a_text_is_cut_the_same_is_shown() {
        const PIECES: [&str; 22] = [
            "<think>",
            "</think>",
            "<final>",
            "</final>",
            "[[reply_to_current]]",
            "[[reply_to:7]]",
            "[[",
            "]]",
            "[",
            "<",
            "`",
            "```",
            "\n",
            " ",
            "word",
            "NO_REPLY",
            "MEDIA:",
            "/tmp/a",
            "</",
            "~~~\n",
            "\n\n",
            ".",
        ];
        let mut seed = 11_u64;
        let mut next = |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % below as u64).unwrap()
        };
        for _ in 0..5_000 {
            let text: String = (0..1 + next(10)).map(|_| PIECES[next(PIECES.len())]).collect();
            for spoken in [Spoken::kept as fn() -> Spoken, Spoken::shown] {
                let whole = spoken().all(&text);
                let (mut pieces, size) = (spoken(), 1 + next(4));
                let letters: Vec<_> = text.chars().collect();
                let mut all: String =
                    letters.chunks(size).map(|piece| pieces.push(&piece.iter().collect::<String>())).collect();
                all += &pieces.finish();
                assert_eq!(all, whole, "{text:?} in pieces of {size}");
            }
        }
    }
}
