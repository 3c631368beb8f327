//! What a run has said, on its way out over a channel: without what is not meant for people, and cut into messages.
//!
//! ```text
//!   text, or pieces of it ──► lines: thoughts, directives and media out ──► parts: each a message, valid Markdown by itself
//! ```
//! Both steps take text as it comes, so that the answer that is sent in the end and the blocks that are sent while the model
//! still speaks are cut by the same machine. It takes time in proportion to the text.

use crate::text::is_silent;

mod cut;
mod fence;
mod inert;
mod lines;
mod preview;
mod spoken;

use cut::Cutter;
pub use inert::{Inert, IsKnown, servers_in};
use lines::Lines;
pub use preview::{Preview, preview};
pub use spoken::Spoken;

/// No message is cut to less than this, in UTF-16 units: a fence that is opened again, and closed, must fit with some text.
pub const LEAST: usize = 64;

/// What is to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The messages, in order, in Markdown; none if there is nothing to say.
    pub parts: Vec<String>,
    /// What the text said beside that.
    pub asides: Asides,
}

/// What a model has said to the host, and not to people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asides {
    /// `[[reply_to_current]]` or `[[reply_to:ID]]`; the last one counts.
    pub reply_to: Option<ReplyTo>,
    /// What stood behind `MEDIA:` in lines of their own: paths and addresses, unchecked, in order. They are gone from the
    /// text: whoever does not send them says so.
    pub media: Vec<String>,
}

/// Which message is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyTo {
    /// The one that the run was started by.
    Current,
    /// The one that the service calls so.
    Message(String),
}

/// Turns all that a run has said into messages of at most `limit` UTF-16 units (at least [`LEAST`]).
///
/// Parts end between paragraphs, else lines, else sentences, else words; a block of code is only cut if it does not fit
/// into one message, between its lines where that can be, and goes on as a block of the same kind. But for white space
/// where it was cut, nothing is lost. `NO_REPLY` alone gives no parts.
///
/// Source: OpenClaw, `concepts/streaming`.
pub fn reply(text: &str, limit: usize) -> Reply {
    let mut blocks = Blocks::with(Cutter::whole(limit));
    let mut parts = blocks.push(text);
    let rest = blocks.finish();
    parts.extend(rest.parts);
    Reply { parts, asides: rest.asides }
}

/// What [`Asides::media`] is of a text.
pub fn media(text: &str) -> Vec<String> {
    without_media(text).1
}

/// A text without the lines that name media, and what these name.
pub fn without_media(text: &str) -> (String, Vec<String>) {
    // Few texts name any.
    if !text.contains(lines::MEDIA) {
        return (text.to_owned(), Vec::new());
    }
    let mut lines = Lines::default();
    let mut rest = lines.push(text).concat();
    rest.extend(lines.finish());
    (rest, lines.into_asides().media)
}

/// Cuts a text of the host's own, in which nothing is looked for, as [`reply`] does.
pub fn parts(text: &str, limit: usize) -> Vec<String> {
    let mut cutter = Cutter::whole(limit);
    cutter.push(text);
    cutter.finish().into_iter().map(|part| part.text).collect()
}

/// The same for a text that is still being written: gives blocks as soon as they are there.
#[derive(Debug)]
pub struct Blocks {
    lines: Lines,
    cutter: Cutter,
    /// The beginning of the text, while it may be all of it.
    has_begun: bool,
}

impl Blocks {
    /// Blocks end with a paragraph, once they have `min` UTF-16 units, and have at most `max` (at least [`LEAST`]).
    pub fn new(min: usize, max: usize) -> Self {
        Blocks::with(Cutter::blocks(min, max))
    }

    fn with(cutter: Cutter) -> Self {
        Blocks { lines: Lines::default(), cutter, has_begun: false }
    }

    /// Takes the next piece and gives the blocks that it has finished. However the text comes in pieces, the blocks are the
    /// same.
    pub fn push(&mut self, piece: &str) -> Vec<String> {
        for line in self.lines.push(piece) {
            self.cutter.push(&line);
        }
        self.ready()
    }

    /// What the text has said beside the blocks so far.
    pub fn asides(&self) -> &Asides {
        self.lines.asides()
    }

    /// The text is over: the last blocks, and all that it said beside.
    pub fn finish(mut self) -> Reply {
        if let Some(line) = self.lines.finish() {
            self.cutter.push(&line);
        }
        let is_first = !self.has_begun;
        let mut parts = self.ready();
        parts.extend(self.cutter.finish().into_iter().map(|part| part.text));
        if is_first && matches!(parts.as_slice(), [only] if is_silent(only)) {
            parts.clear();
        }
        Reply { parts, asides: self.lines.into_asides() }
    }

    fn ready(&mut self) -> Vec<String> {
        let ready: Vec<_> = self.cutter.ready().into_iter().map(|part| part.text).collect();
        self.has_begun |= !ready.is_empty();
        ready
    }
}

#[cfg(test)]
mod tests;
