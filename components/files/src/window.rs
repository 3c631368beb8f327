//! The part of a file that `read` shows, found while the file streams past.

#[cfg(test)]
mod tests;

/// Lines shown unless the model asks for fewer.
pub const MAX_LINES: usize = 2_000;

/// Bytes shown of one file. 50 KiB is some 12,000 tokens.
pub const MAX_BYTES: usize = 50 * 1024;

/// Collects the lines from `first` (counted from 1) on, until the window is full.
pub struct Window {
    first: usize,
    max_lines: usize,
    /// The number of the line that the next byte belongs to.
    line: usize,
    shown: Vec<u8>,
    lines_shown: usize,
    /// Whether the next byte starts a line.
    at_start: bool,
    end: Option<End>,
}

/// Why the window closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The file ended after this many lines, counted from its start.
    File { lines: usize },
    /// The asked number of lines is shown, and more follow.
    Lines,
    /// The next line would not fit.
    Bytes,
    /// The first line alone does not fit; its beginning is shown.
    LongLine,
}

/// What the window shows.
#[derive(Debug, PartialEq, Eq)]
pub struct View {
    /// The lines, without a final newline.
    pub bytes: Vec<u8>,
    /// How many.
    pub lines: usize,
    /// Why there are not more.
    pub end: End,
}

impl Window {
    /// A window on `max_lines` (clamped to 1 to [`MAX_LINES`]) lines from `first` on.
    pub fn new(first: usize, max_lines: usize) -> Self {
        Window {
            first: first.max(1),
            max_lines: max_lines.clamp(1, MAX_LINES),
            line: 1,
            shown: Vec::new(),
            lines_shown: 0,
            at_start: true,
            end: None,
        }
    }

    /// Whether more bytes would change nothing.
    pub fn is_full(&self) -> bool {
        self.end.is_some()
    }

    /// Takes the next bytes of the file.
    pub fn feed(&mut self, chunk: &[u8]) {
        for piece in chunk.split_inclusive(|&byte| byte == b'\n') {
            if self.is_full() {
                return;
            }
            self.feed_piece(piece);
        }
    }

    /// Closes the window at the end of the file, or where it is full.
    pub fn finish(mut self) -> View {
        // The last line's own ending goes; empty lines before it are text.
        if self.end != Some(End::LongLine) && self.shown.last() == Some(&b'\n') {
            self.shown.pop();
            if self.shown.last() == Some(&b'\r') {
                self.shown.pop();
            }
        }
        let lines = if self.at_start { self.line - 1 } else { self.line };
        View { bytes: self.shown, lines: self.lines_shown, end: self.end.unwrap_or(End::File { lines }) }
    }

    /// Takes a line or the part of one that a chunk's border left.
    fn feed_piece(&mut self, piece: &[u8]) {
        if self.line >= self.first {
            self.show(piece);
            if self.is_full() {
                return;
            }
        }
        self.at_start = piece.ends_with(b"\n");
        if self.at_start {
            self.line += 1;
        }
    }

    fn show(&mut self, piece: &[u8]) {
        if self.at_start {
            if self.lines_shown == self.max_lines {
                self.end = Some(End::Lines);
                return;
            }
            self.lines_shown += 1;
        }
        let room = MAX_BYTES - self.shown.len();
        if piece.len() <= room {
            self.shown.extend_from_slice(piece);
            return;
        }
        if self.lines_shown == 1 {
            self.shown.extend_from_slice(&piece[..room]);
            self.end = Some(End::LongLine);
            return;
        }
        // The line that does not fit goes as a whole: the next call starts with it.
        let start = match self.at_start {
            true => self.shown.len(),
            false => self.shown.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1),
        };
        self.shown.truncate(start);
        self.lines_shown -= 1;
        self.end = Some(End::Bytes);
    }
}
