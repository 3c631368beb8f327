//! Text files as lines that remember how they ended.

#[cfg(test)]
mod tests;

/// The byte order mark that some editors put first.
pub const BOM: &str = "\u{feff}";

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Lf,
    CrLf,
}

impl Ending {
    /// The bytes of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Ending::Lf => "\n",
            Ending::CrLf => "\r\n",
        }
    }

    /// What most lines of `text` end with; LF where neither wins.
    pub fn dominant(text: &str) -> Ending {
        let crlf = text.matches("\r\n").count();
        let lf = text.matches('\n').count() - crlf;
        if crlf > lf { Ending::CrLf } else { Ending::Lf }
    }
}

/// One line. The last of a file may have no ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line without its ending.
    pub text: String,
    /// How it ended, if it did.
    pub ending: Option<Ending>,
}

/// A file cut into lines, such that [`Lines::join`] gives back every byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    bom: &'static str,
    dominant: Ending,
    last_ends: bool,
    /// The lines. New ones may leave their ending open.
    pub lines: Vec<Line>,
}

impl Lines {
    /// Cuts text apart.
    pub fn parse(text: &str) -> Lines {
        let (bom, text) = match text.strip_prefix(BOM) {
            Some(rest) => (BOM, rest),
            None => ("", text),
        };
        let lines = text.split_inclusive('\n').map(parse_line).collect();
        Lines { bom, dominant: Ending::dominant(text), last_ends: text.is_empty() || text.ends_with('\n'), lines }
    }

    /// Puts the lines together again. Lines with an open ending get the dominant one; the last line ends if the last
    /// line of the parsed text did.
    pub fn join(&self) -> String {
        let mut text = String::from(self.bom);
        for (index, line) in self.lines.iter().enumerate() {
            text.push_str(&line.text);
            if index + 1 < self.lines.len() || self.last_ends {
                text.push_str(line.ending.unwrap_or(self.dominant).as_str());
            }
        }
        text
    }
}

fn parse_line(line: &str) -> Line {
    let (text, ending) = match line.strip_suffix('\n') {
        None => (line, None),
        Some(text) => match text.strip_suffix('\r') {
            Some(text) => (text, Some(Ending::CrLf)),
            None => (text, Some(Ending::Lf)),
        },
    };
    Line { text: text.to_owned(), ending }
}
