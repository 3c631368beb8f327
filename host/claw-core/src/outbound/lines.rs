//! Takes out of a text, line by line, what is not meant for people.

use super::fence::Fence;
use super::{Asides, ReplyTo};
use crate::text::THOUGHTS;

/// The tag around what models say in the end, where they think aloud.
const ANSWER: &str = "final";
/// Bytes of a tag behind its first mark; the longest name fits.
const TAG: usize = 16;
/// Bytes of a directive; the ids of services are shorter.
const DIRECTIVE: usize = 256;
/// Longer runs of backticks mark no code inside a line.
const BACKTICKS: usize = 32;
/// What begins a line that names a file or an address to be sent along.
pub(super) const MEDIA: &str = "MEDIA:";

/// The names of the tags around what models think aloud.
fn thoughts() -> impl Iterator<Item = &'static str> {
    THOUGHTS.iter().map(|(start, _)| &start[1..start.len() - 1])
}

/// What stays in a text beside what is meant for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Keeps {
    /// Nothing: chats get it.
    #[default]
    Nothing,
    /// Files that are to be sent along, as they were named: clients show the text alone.
    Media,
    /// What is said to the host, too: it is kept so, for a chat may hear it later.
    Asides,
}

/// The lines of a text.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    keeps: Keeps,
    /// The beginning of a line.
    begun: String,
    fence: Option<Fence>,
    /// The tag of the thought that goes on.
    thought: Option<&'static str>,
    asides: Asides,
}

impl Lines {
    /// For a text of which this stays.
    pub fn keeping(keeps: Keeps) -> Self {
        Lines { keeps, ..Lines::default() }
    }

    /// Takes the next piece and gives the lines that are whole, with their ends, without what was taken out.
    pub fn push(&mut self, piece: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in piece.split_inclusive('\n') {
            self.begun.push_str(piece);
            if piece.ends_with('\n') {
                let line = std::mem::take(&mut self.begun);
                lines.extend(self.line(&line));
            }
        }
        lines
    }

    /// The last line.
    pub fn finish(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.begun);
        if line.is_empty() { None } else { self.line(&line) }
    }

    pub fn asides(&self) -> &Asides {
        &self.asides
    }

    pub fn into_asides(self) -> Asides {
        self.asides
    }

    /// One whole line, with its end.
    pub fn line(&mut self, line: &str) -> Option<String> {
        if self.fence.is_some() || (self.thought.is_none() && Fence::after(None, line).is_some()) {
            self.fence = Fence::after(self.fence.as_ref(), line);
            return Some(line.to_owned());
        }
        let spoken = self.spoken(line);
        // What stands behind a tag may open a block of code.
        self.fence = Fence::after(None, &spoken);
        if self.keeps != Keeps::Nothing {
            return self.shown(line, spoken);
        }
        let is_media = spoken.trim_start().strip_prefix(MEDIA).map(str::trim).filter(|media| !media.is_empty());
        if let Some(media) = is_media {
            let quoted = |mark| media.strip_prefix(mark).and_then(|media| media.strip_suffix(mark));
            self.asides.media.push(quoted('`').or(quoted('"')).unwrap_or(media).to_owned());
            return None;
        }
        self.shown(line, spoken)
    }

    /// A line that had only such things on it is none; one that was empty is.
    fn shown(&self, line: &str, spoken: String) -> Option<String> {
        let is_gone = spoken.len() < line.len() && spoken.trim().is_empty();
        (!is_gone).then_some(spoken)
    }

    /// A line outside of blocks of code, without thoughts, tags and directives.
    fn spoken(&mut self, line: &str) -> String {
        let lower = line.to_ascii_lowercase();
        let mut spoken = String::with_capacity(line.len());
        let mut found = Found::default();
        let (mut at, mut has_begun) = (0, false);
        while at < line.len() {
            if let Some(tag) = self.thought {
                let end = format!("</{tag}>");
                let Some(place) = lower[at..].find(&end) else { break };
                at += place + end.len();
                self.thought = None;
                at += behind(&line[at..], &spoken);
                continue;
            }
            let next = line[at..].find(['`', '<', '[']).map_or(line.len(), |next| at + next);
            spoken.push_str(&line[at..next]);
            has_begun |= !line[at..next].trim_start().is_empty();
            at = next;
            let rest = &line[at..];
            let (shown, taken) = match rest.chars().next() {
                Some('`') => (found.code(rest), 0),
                Some('<') => (0, self.tag(&lower[at..], !has_begun, &mut found)),
                _ => (0, self.directive(rest)),
            };
            match taken {
                0 => {
                    let shown = shown.max(1).min(rest.len());
                    spoken.push_str(&rest[..shown]);
                    has_begun = true;
                    at += shown;
                }
                taken => at += taken + behind(&rest[taken..], &spoken),
            }
        }
        spoken
    }

    /// Bytes of the tag that a text in small letters begins with; 0 for none.
    fn tag(&mut self, lower: &str, is_at_start: bool, found: &mut Found) -> usize {
        let is_begin = !lower.starts_with("</");
        let name = &lower[if is_begin { 1 } else { 2 }..];
        let window = &name.as_bytes()[..name.len().min(TAG)];
        let Some(name) = window.iter().position(|byte| *byte == b'>').map(|end| &name[..end]) else { return 0 };
        let len = if is_begin { 2 } else { 3 } + name.len();
        let Some(tag) = thoughts().find(|tag| *tag == name) else {
            return if name == ANSWER { len } else { 0 };
        };
        if is_begin {
            // In the middle of a line it may be spoken about, unless it ends there as well.
            if !is_at_start && !found.ends(lower, tag) {
                return 0;
            }
            self.thought = Some(tag);
        }
        len
    }

    /// Bytes of the directive that a text begins with; 0 for none.
    fn directive(&mut self, text: &str) -> usize {
        if self.keeps == Keeps::Asides {
            return 0;
        }
        let Some(inner) = text.strip_prefix("[[").map(str::trim_start) else { return 0 };
        let begin = text.len() - inner.len();
        let Some(named) = inner.strip_prefix("reply_to").filter(|_| begin < DIRECTIVE) else { return 0 };
        let window = &named.as_bytes()[..named.len().min(DIRECTIVE)];
        let Some(named) = window.windows(2).position(|two| two == b"]]").map(|end| &named[..end]) else { return 0 };
        let reply_to = match named.trim().split_once(':') {
            None if named.trim() == "_current" => ReplyTo::Current,
            Some((name, id)) if name.trim().is_empty() && !id.trim().is_empty() => {
                ReplyTo::Message(id.trim().to_owned())
            }
            _ => return 0,
        };
        let end = begin + "reply_to".len() + named.len();
        self.asides.reply_to = Some(reply_to);
        end + 2
    }
}

/// Whether a text begins with one of the tags, or with what may become one.
pub(super) fn may_be_tag(text: &str) -> bool {
    let Some(name) = text.strip_prefix('<').map(|rest| rest.strip_prefix('/').unwrap_or(rest)) else { return false };
    let lower = name.chars().take(TAG).collect::<String>().to_ascii_lowercase();
    thoughts().chain([ANSWER]).map(|tag| format!("{tag}>")).any(|tag| match lower.len() < tag.len() {
        true => tag.starts_with(&lower),
        false => lower.starts_with(&tag),
    })
}

/// What was looked for in a line and is not behind this place, so that it is looked for once.
#[derive(Default)]
struct Found {
    no_code: Vec<usize>,
    no_end: Vec<&'static str>,
}

impl Found {
    /// Bytes of the code between backticks that a text begins with, or of the backticks alone.
    fn code(&mut self, text: &str) -> usize {
        let run = |text: &str| text.len() - text.trim_start_matches('`').len();
        let opening = run(text);
        if opening > BACKTICKS || self.no_code.contains(&opening) {
            return opening;
        }
        let mut end = opening;
        while let Some(next) = text[end..].find('`') {
            let closing = run(&text[end + next..]);
            end += next + closing;
            if closing == opening {
                return end;
            }
        }
        self.no_code.push(opening);
        opening
    }

    /// Whether a thought ends in the rest of its line.
    fn ends(&mut self, lower: &str, tag: &'static str) -> bool {
        if self.no_end.contains(&tag) {
            return false;
        }
        let ends = lower.contains(&format!("</{tag}>"));
        if !ends {
            self.no_end.push(tag);
        }
        ends
    }
}

/// Bytes of the spaces behind what was taken out, unless they part two words.
fn behind(rest: &str, spoken: &str) -> usize {
    match spoken.is_empty() || spoken.ends_with(' ') {
        true => rest.len() - rest.trim_start_matches(' ').len(),
        false => 0,
    }
}
