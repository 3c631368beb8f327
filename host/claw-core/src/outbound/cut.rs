//! Cuts a text into parts. What is open or closed is always what a reader of the part alone would see: the part begins with
//! the fence that the one before had to close, and a fence that is open at its end is closed.

use std::ops::Range;

use super::LEAST;
use super::fence::{CLOSING, Fence, is_like};

/// Characters that a cut in the middle of a word may go back, so as not to part what belongs together.
const BACK: usize = 40;

/// One part.
#[derive(Debug)]
pub(super) struct Part {
    /// All of it.
    pub text: String,
    /// What of it stood in the text that was cut; the rest are fences.
    #[cfg_attr(not(test), expect(dead_code, reason = "what the property tests compare with the source"))]
    pub body: Range<usize>,
}

/// A text that is being cut.
#[derive(Debug)]
pub(super) struct Cutter {
    /// A paragraph that ends after so many units ends its part.
    enough: Option<usize>,
    /// Places before this one are only cut at if there are none behind it.
    prefer: usize,
    max: usize,
    /// What has not gone into a part, and its UTF-16 units.
    held: String,
    units: usize,
    /// The fence that is open where it begins.
    fence: Option<Fence>,
    /// Where its last line begins, and the fence that is open there.
    line: usize,
    line_fence: Option<Fence>,
    /// Whether the line before that is empty.
    was_empty: bool,
    parts: Vec<Part>,
}

/// Where a part can end, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Paragraph,
    Line,
    Sentence,
    Space,
}

const PLACES: usize = 4;

/// The end of a part, and the beginning of the next.
type Cut = (usize, usize);

impl Cutter {
    /// For parts that are as long as they can be.
    pub fn whole(max: usize) -> Self {
        let max = max.max(LEAST);
        Cutter::new(None, max / 2, max)
    }

    /// For parts that end with the first paragraph after `min`.
    pub fn blocks(min: usize, max: usize) -> Self {
        let max = max.max(LEAST);
        Cutter::new(Some(min.min(max)), min.min(max), max)
    }

    fn new(enough: Option<usize>, prefer: usize, max: usize) -> Self {
        let (held, units, fence, line, line_fence) = (String::new(), 0, None, 0, None);
        Cutter { enough, prefer, max, held, units, fence, line, line_fence, was_empty: false, parts: Vec::new() }
    }

    /// Takes the next lines, or parts of them.
    pub fn push(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            let mut rest = line;
            while !rest.is_empty() {
                // No more at a time, so that what is held stays small and a long text takes no longer for it.
                let (piece, behind) = rest.split_at(rest.floor_char_boundary(self.max));
                rest = behind;
                self.held.push_str(piece);
                self.units += units(piece);
                if piece.ends_with('\n') {
                    self.end_line();
                }
                while self.prefix() + self.units > self.max {
                    self.cut();
                }
            }
        }
    }

    /// The parts that are finished.
    pub fn ready(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.parts)
    }

    /// The last ones.
    pub fn finish(mut self) -> Vec<Part> {
        while self.prefix() + self.units + closing(Fence::after_all(self.fence.as_ref(), &self.held).as_ref())
            > self.max
        {
            self.cut();
        }
        self.end_part((self.held.trim_end().len(), self.held.len()));
        self.parts
    }

    /// UTF-16 units of the fence that is opened again.
    fn prefix(&self) -> usize {
        self.fence.as_ref().map_or(0, |fence| units(&fence.opened(self.max)) + 1)
    }

    /// A line is over.
    fn end_line(&mut self) {
        let line = &self.held[self.line..];
        let is_empty = line.trim().is_empty();
        if is_empty && self.line == 0 && self.fence.is_none() {
            // Nothing begins with an empty line.
            self.held.clear();
            self.units = 0;
            return;
        }
        self.line_fence = Fence::after(self.line_fence.as_ref(), line);
        self.line = self.held.len();
        let is_end = is_empty && !self.was_empty && self.line_fence.is_none();
        self.was_empty = is_empty;
        let Some(enough) = self.enough.filter(|enough| is_end && self.prefix() + self.units >= *enough) else { return };
        let body = self.held.trim_end();
        // The word that stands for nothing to say may be all there is.
        if self.prefix() + units(body) >= enough && !crate::text::is_silent(body) {
            self.end_part((body.len(), self.held.len()));
        }
    }

    /// Ends a part at the best place.
    fn cut(&mut self) {
        let cut = self.place().unwrap_or_else(|| self.anywhere());
        self.end_part(cut);
    }

    /// The best place between paragraphs, lines, sentences or words, if there is one.
    fn place(&self) -> Option<Cut> {
        let room = self.max - self.prefix();
        let (mut late, mut early) = ([None; PLACES], [None; PLACES]);
        let (mut inside, mut split) = (None, None);
        let begin = self.held.len() - self.held.trim_start().len();
        let (mut fence, mut at, mut used) = (self.fence.clone(), 0, 0);
        let mut lines = self.held.split_inclusive('\n').peekable();
        while let Some(line) = lines.next()
            && used <= room
        {
            let mut note = |place: Place, end: usize, cut: Cut| {
                let places = if end >= self.prefer { &mut late } else { &mut early };
                places[place as usize] = Some(cut);
            };
            let text = line.trim_end_matches(['\n', '\r']);
            let has_begun = at + text.len() > begin;
            if fence.is_none() && !is_like(line) {
                let whole = wholes(text);
                words(text, |place, cut: Cut, end| {
                    let end = used + end;
                    let (cut, there) = ((at + cut.0, at + cut.1), cut);
                    match end <= room && !is_like(&text[there.1..]) {
                        true if whole.iter().any(|whole| whole.start < there.1 && there.0 < whole.end) => {
                            split = Some(cut)
                        }
                        true => note(place, end, cut),
                        false => {}
                    }
                });
            }
            let after = Fence::after(fence.as_ref(), line);
            let end = used + units(text);
            let fits = has_begun && line.ends_with('\n') && end + closing(after.as_ref()) <= room;
            match (&fence, &after) {
                _ if !fits => {}
                (_, None) if lines.peek().is_some_and(|next| next.trim().is_empty()) => {
                    note(Place::Paragraph, end, (at + text.len(), at + line.len()));
                }
                (_, None) => note(Place::Line, end, (at + text.len(), at + line.len())),
                // Right behind the line that opens it, the block would be empty.
                (None, Some(_)) => {}
                (Some(_), Some(_)) => inside = Some((at + text.len(), at + line.len())),
            }
            fence = after;
            at += line.len();
            used += units(line);
        }
        let late = late.into_iter().flatten().next();
        let [paragraph, line, sentence, space] = early;
        late.or(paragraph).or(line).or(inside).or(sentence).or(space).or(split)
    }

    /// A place in the middle of what belongs together, as late as can be.
    fn anywhere(&self) -> Cut {
        let is_code = self.fence.is_some() || self.held.split_inclusive('\n').any(is_like);
        let room = self.max - self.prefix() - if is_code { CLOSING } else { 0 };
        let mut used = 0;
        let fits = |c: &(usize, char)| {
            used += c.1.len_utf16();
            used <= room
        };
        let last = self.held.char_indices().take_while(fits).last();
        let most = last.map_or(0, |(at, c)| at + c.len_utf8());
        let back = self.held[..most].char_indices().rev().map(|(at, _)| at).take(BACK);
        let may_part = |at: &usize| *at > 0 && !belongs_together(&self.held, *at) && !is_like(&self.held[*at..]);
        let at = std::iter::once(most).chain(back).find(may_part).unwrap_or(most);
        (at, at)
    }

    /// Makes a part of what is held up to the first place; what is between the two is left out.
    fn end_part(&mut self, (end, next): Cut) {
        let (mut body, mut prefix) = (&self.held[..end], String::new());
        let mut fence = self.fence.take();
        if let Some(open) = &fence {
            let first = body.split_inclusive('\n').next().unwrap_or_default();
            if Fence::after(fence.as_ref(), first).is_none() {
                // The part before has closed it already.
                body = &body[first.len()..];
                fence = None;
            } else {
                prefix = open.opened(self.max) + "\n";
            }
        }
        if fence.is_none() {
            // Empty lines in front show nothing, but spaces may say how deep in a list it is.
            let text = body.trim_start();
            let indent = body[..body.len() - text.len()].rfind('\n').map_or(0, |at| at + 1);
            body = &body[indent..];
        }
        let after = Fence::after_all(fence.as_ref(), body);
        if !body.trim().is_empty() {
            let mut text = prefix;
            let start = text.len();
            text.push_str(body);
            let body = start..text.len();
            if let Some(open) = &after {
                text.push('\n');
                text.push_str(&open.closed());
            }
            self.parts.push(Part { text, body });
        }
        self.held.drain(..next);
        self.units = units(&self.held);
        self.line = self.held.rfind('\n').map_or(0, |at| at + 1);
        self.line_fence = Fence::after_all(after.as_ref(), &self.held[..self.line]);
        self.fence = after;
    }
}

/// Units that closing a fence takes.
fn closing(fence: Option<&Fence>) -> usize {
    fence.map_or(0, |fence| 1 + units(&fence.closed()))
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// What of a line means something else in two pieces: code between backticks, and links.
fn wholes(line: &str) -> Vec<Range<usize>> {
    let (mut wholes, mut open, mut brackets, mut at) = (Vec::new(), Vec::<(usize, usize)>::new(), Vec::new(), 0);
    while let Some(c) = line[at..].chars().next() {
        let next = at + c.len_utf8();
        at = match c {
            '`' => {
                let end = line.len() - line[at..].trim_start_matches('`').len();
                match open.iter().rposition(|(_, marks)| *marks == end - at) {
                    Some(place) => {
                        wholes.push(open[place].0..end);
                        open.clear();
                    }
                    None if open.len() < 8 => open.push((at, end - at)),
                    None => {}
                }
                end
            }
            '[' => {
                brackets.push(at);
                next
            }
            ']' => {
                let begin = brackets.pop();
                let target = line[next..].strip_prefix('(').and_then(|target| target.find(')'));
                match (begin, target) {
                    (Some(begin), Some(target)) => {
                        let end = next + 1 + target + 1;
                        wholes.push(begin..end);
                        end
                    }
                    _ => next,
                }
            }
            _ => next,
        };
    }
    wholes
}

/// Shows the places between the words and sentences of a line, and the units before them.
fn words(line: &str, mut show: impl FnMut(Place, Cut, usize)) {
    let (mut begin, mut space, mut used) = (None, None, 0);
    for (at, c) in line.char_indices() {
        if c.is_whitespace() {
            space = space.or(begin.map(|begin| (begin, at, used)));
        } else if let Some((word, end, units)) = space.take() {
            let place = if ends_sentence(&line[word..end]) { Place::Sentence } else { Place::Space };
            show(place, (end, at), units);
            begin = Some(at);
        } else if begin.is_some() && line[..at].ends_with(['。', '！', '？']) && !matches!(c, '」' | '』' | '”' | '）')
        {
            // Where sentences are written without spaces.
            show(Place::Sentence, (at, at), used);
            begin = Some(at);
        }
        begin = begin.or((!c.is_whitespace()).then_some(at));
        used += c.len_utf16();
    }
}

/// Whether a word is the last one of a sentence, as far as can be seen from it; a number of a list is not.
fn ends_sentence(word: &str) -> bool {
    let word = word.trim_end_matches(['"', '\'', ')', '”', '’', '*', '_']);
    let is_number = word.strip_suffix('.').is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()));
    word.ends_with(['.', '!', '?', '…', ':', ';', '。', '！', '？']) && !is_number
}

/// Whether what stands around a place is seen as one character, as far as that can be told without a table: marks that
/// combine, what is joined, variants, skin colours and flags.
fn belongs_together(text: &str, at: usize) -> bool {
    let (Some(before), Some(after)) = (text[..at].chars().next_back(), text[at..].chars().next()) else { return false };
    let is_flag = |c: char| ('\u{1f1e6}'..='\u{1f1ff}').contains(&c);
    let is_added = matches!(after,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{64b}'..='\u{65f}' | '\u{93c}'
        | '\u{93e}'..='\u{94d}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{200d}' | '\u{20d0}'..='\u{20ff}' | '\u{3099}'..='\u{309a}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}'
        | '\u{e0100}'..='\u{e01ef}');
    let odd_flags = || text[..at].chars().rev().take_while(|c| is_flag(*c)).count() % 2 == 1;
    is_added || before == '\u{200d}' || (before == '\r' && after == '\n') || (is_flag(after) && odd_flags())
}
