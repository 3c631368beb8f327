//! From placed letters to lines of text. Pure.

/// Letters further apart than this part of their size are two words.
const SPACE: f64 = 0.2;
/// Letters that lie further above or below than this part of their size are another line. Less is a raised number.
const LINE: f64 = 0.5;
/// Lines further apart than this part of their size are two paragraphs.
const PARAGRAPH: f64 = 1.9;

/// What one glyph says, and where: the start and end of its baseline and its size, in points. `y` grows downwards.
pub struct Letter {
    pub text: String,
    pub start: (f64, f64),
    pub end: (f64, f64),
    pub size: f64,
}

/// Takes letters in the order in which the page draws them.
#[derive(Default)]
pub struct Lines {
    text: String,
    last: Option<Letter>,
}

impl Lines {
    pub fn push(&mut self, letter: Letter) {
        if let Some(last) = &self.last {
            if is_again(last, &letter) {
                return;
            }
            self.text.push_str(between(last, &letter));
        }
        letter.text.chars().for_each(|letter| push(&mut self.text, letter));
        self.last = Some(letter);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// The text, without spaces at the ends of lines.
    pub fn finish(self) -> String {
        let lines: Vec<_> = self.text.lines().map(str::trim_end).collect();
        lines.join("\n").trim_matches('\n').to_owned()
    }
}

/// Whether a letter is drawn twice, as a shadow or to look bold.
fn is_again(last: &Letter, letter: &Letter) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() < 0.1 * letter.size;
    last.text == letter.text && near(last.start.0, letter.start.0) && near(last.start.1, letter.start.1)
}

/// What stands between two letters. Distances are measured along the text, which may be turned.
fn between(last: &Letter, letter: &Letter) -> &'static str {
    let size = last.size.max(letter.size).max(f64::MIN_POSITIVE);
    let length = (last.end.0 - last.start.0).hypot(last.end.1 - last.start.1);
    let (along_x, along_y) = match length > 0.0 {
        true => ((last.end.0 - last.start.0) / length, (last.end.1 - last.start.1) / length),
        false => (1.0, 0.0),
    };
    let (x, y) = (letter.start.0 - last.end.0, letter.start.1 - last.end.1);
    let (gap, rise) = ((x * along_x + y * along_y) / size, (y * along_x - x * along_y) / size);
    if rise.abs() > PARAGRAPH {
        "\n\n"
    } else if rise.abs() > LINE || gap < -1.0 {
        "\n"
    } else if gap > SPACE {
        " "
    } else {
        ""
    }
}

/// Adds a letter: ligatures as what they join, and nothing that only a terminal understands.
fn push(text: &mut String, letter: char) {
    match letter {
        'ﬀ' => text.push_str("ff"),
        'ﬁ' => text.push_str("fi"),
        'ﬂ' => text.push_str("fl"),
        'ﬃ' => text.push_str("ffi"),
        'ﬄ' => text.push_str("ffl"),
        ' ' | '\u{a0}' | '\t' => {
            if !text.ends_with([' ', '\n']) {
                text.push(' ');
            }
        }
        letter if letter.is_control() => {}
        letter => text.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters of size 10, half as wide, from here.
    fn write(lines: &mut Lines, text: &str, x: f64, y: f64) {
        for (at, letter) in text.chars().enumerate() {
            let x = x + 5.0 * at as f64;
            lines.push(Letter { text: letter.into(), start: (x, y), end: (x + 5.0, y), size: 10.0 });
        }
    }

    #[track_caller]
    fn check(parts: &[(&str, f64, f64)], wanted: &str) {
        let mut lines = Lines::default();
        parts.iter().for_each(|(text, x, y)| write(&mut lines, text, *x, *y));
        assert_eq!(lines.finish(), wanted);
    }

    #[test]
    fn gaps_are_spaces_and_new_baselines_new_lines() {
        check(&[("one", 0.0, 0.0), ("two", 18.0, 0.0)], "one two");
        check(&[("ker", 0.0, 0.0), ("ned", 15.5, 0.0)], "kerned");
        check(&[("one ", 0.0, 0.0), ("two", 21.0, 0.0)], "one two");
        check(&[("one", 0.0, 0.0), ("two", 0.0, 12.0), ("three", 0.0, 40.0)], "one\ntwo\n\nthree");
        check(&[("right", 100.0, 0.0), ("left", 0.0, 0.0)], "right\nleft");
        check(&[("note", 0.0, 0.0), ("1", 20.0, -4.0)], "note1");
    }

    #[test]
    fn turned_text_is_read_along_its_line() {
        let mut lines = Lines::default();
        for (at, letter) in "up it".chars().enumerate().filter(|(_, letter)| *letter != ' ') {
            let y = 100.0 - 5.0 * at as f64;
            lines.push(Letter { text: letter.into(), start: (7.0, y), end: (7.0, y - 5.0), size: 10.0 });
        }
        assert_eq!(lines.finish(), "up it");
    }

    #[test]
    fn letters_that_are_drawn_twice_or_mean_nothing_are_left_out() {
        check(&[("b", 0.0, 0.0), ("b", 0.3, 0.0), ("b", 5.0, 0.0)], "bb");
        check(&[("o\u{fb03}ce\u{1b}\u{7}", 0.0, 0.0)], "office");
    }
}
