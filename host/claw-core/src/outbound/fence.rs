//! Fences: the lines around a block of code.

/// Longer runs of marks open nothing: nobody writes them, and they would not fit twice into a message.
const MARKS: std::ops::RangeInclusive<usize> = 3..=12;
/// A fence may stand in a list, but not deeper: its indentation must fit as well.
const INDENT: usize = 8;
/// UTF-16 units that closing a fence takes at most, with the line break before it.
pub(super) const CLOSING: usize = 1 + INDENT + *MARKS.end();

/// An open fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    indent: String,
    mark: char,
    run: usize,
    info: String,
}

impl Fence {
    /// The line that closes it.
    pub fn closed(&self) -> String {
        format!("{}{}", self.indent, self.mark.to_string().repeat(self.run))
    }

    /// The line that opens it again, with as much of what stands behind its marks as leaves room in `limit` units.
    pub fn opened(&self, limit: usize) -> String {
        let room = (limit - 2 * CLOSING) / 2;
        let mut units = 0;
        let fits = |c: &char| {
            units += c.len_utf16();
            units <= room
        };
        let info: String = self.info.chars().take_while(fits).collect();
        self.closed() + &info
    }

    /// The fence that is open after a line, if this one was before it.
    pub fn after(was: Option<&Fence>, line: &str) -> Option<Fence> {
        let (indent, mark, run, rest) = parse(line);
        match was {
            Some(open) if mark == open.mark && run >= open.run && rest.trim().is_empty() => None,
            Some(open) => Some(open.clone()),
            None => {
                let is_open = matches!(mark, '`' | '~')
                    && MARKS.contains(&run)
                    && indent.len() <= INDENT
                    && (mark == '~' || !rest.contains('`'));
                is_open.then(|| Fence { indent: indent.to_owned(), mark, run, info: rest.trim_end().to_owned() })
            }
        }
    }

    /// The fence that is open after some text, if this one was before it.
    pub fn after_all(was: Option<&Fence>, text: &str) -> Option<Fence> {
        let mut open = was.cloned();
        for line in text.split_inclusive('\n') {
            if is_like(line) {
                open = Fence::after(open.as_ref(), line);
            }
        }
        open
    }
}

/// Whether a line begins like a fence, whatever it is.
pub(super) fn is_like(line: &str) -> bool {
    let (_, mark, run, _) = parse(line);
    matches!(mark, '`' | '~') && run >= *MARKS.start()
}

/// Indentation, first character, how often that comes, and the rest.
fn parse(line: &str) -> (&str, char, usize, &str) {
    let line = line.trim_end_matches(['\n', '\r']);
    let text = line.trim_start_matches([' ', '\t', '\r']);
    let indent = &line[..line.len() - text.len()];
    let Some(mark) = text.chars().next() else { return (indent, ' ', 0, "") };
    let rest = text.trim_start_matches(mark);
    (indent, mark, (text.len() - rest.len()) / mark.len_utf8(), rest)
}
