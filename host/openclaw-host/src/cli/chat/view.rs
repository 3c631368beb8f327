//! The terminal as a chat sees it: running text, lines between it, and a prompt at the end.

use std::io::{self, Write};

use crate::cli::output::Shade;
use crate::legible;

/// Whether the chat shows that it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    /// To a person.
    Shown,
    /// To a pipe.
    None,
}

/// Where the cursor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    LineStart,
    InText,
    AfterPrompt,
}

pub(super) struct View<W> {
    out: W,
    shade: Shade,
    prompt: Prompt,
    cursor: Cursor,
}

impl<W: Write> View<W> {
    pub(super) fn new(out: W, shade: Shade, prompt: Prompt) -> Self {
        View { out, shade, prompt, cursor: Cursor::LineStart }
    }

    /// Goes on with the text of an answer.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        if self.cursor == Cursor::AfterPrompt {
            self.end_line()?;
        }
        write!(self.out, "{}", legible::block(text))?;
        self.cursor = if text.ends_with('\n') { Cursor::LineStart } else { Cursor::InText };
        self.out.flush()
    }

    /// Shows lines of the chat itself.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        self.end_line()?;
        writeln!(self.out, "{}", legible::block(text))?;
        self.out.flush()
    }

    /// Shows a line that matters less.
    pub(super) fn aside(&mut self, text: &str) -> io::Result<()> {
        self.end_line()?;
        let text = legible::line(text);
        match self.shade {
            Shade::Dim => writeln!(self.out, "\u{1b}[2m{text}\u{1b}[0m")?,
            Shade::Plain => writeln!(self.out, "{text}")?,
        }
        self.out.flush()
    }

    /// Shows that the chat listens.
    pub(super) fn prompt(&mut self) -> io::Result<()> {
        if self.prompt == Prompt::None || self.cursor == Cursor::AfterPrompt {
            return Ok(());
        }
        self.end_line()?;
        write!(self.out, "> ")?;
        self.cursor = Cursor::AfterPrompt;
        self.out.flush()
    }

    /// The person ended a line, and with it the prompt's.
    pub(super) fn typed(&mut self) {
        if self.cursor == Cursor::AfterPrompt {
            self.cursor = Cursor::LineStart;
        }
    }

    pub(super) fn end_line(&mut self) -> io::Result<()> {
        if self.cursor != Cursor::LineStart {
            writeln!(self.out)?;
            self.cursor = Cursor::LineStart;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn into_inner(self) -> W {
        self.out
    }
}
