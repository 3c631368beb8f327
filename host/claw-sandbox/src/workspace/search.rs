//! Finding files by name and lines by content.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;

use globset::{GlobBuilder, GlobMatcher};
use regex::bytes::{Regex, RegexBuilder};

use super::beneath::{self, Links};
use super::path;
use super::walk::{MAX_VISITED, Reach, Visit, Walk};
use super::{Entry, FileError, Hit, Hits, Kind, Listing};

/// Longest glob or regular expression.
const MAX_PATTERN_BYTES: usize = 4096;
/// Most memory for a compiled expression, and again for its cache. A word list of some thousand words fits.
const MAX_REGEX_BYTES: usize = 1024 * 1024;
/// Files above this are data, not text that somebody searches line by line.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;
/// Where a NUL tells binary files from text before the rest is read.
const PROBE_BYTES: u64 = 8 * 1024;
/// Most bytes that one call reads.
const MAX_READ_BYTES: u64 = 1024 * 1024 * 1024;
/// Longest text of a hit.
const MAX_HIT_BYTES: usize = 512;
/// Most bytes of text and paths in one answer: the guest has to hold them, too.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// How many lines are matched between two looks at `stop`.
const LINES_PER_POLL: u32 = 1024;

/// See [`super::Workspace::glob`].
pub(super) fn glob(
    root: BorrowedFd<'_>,
    pattern: &str,
    limit: u32,
    stop: &dyn Fn() -> bool,
) -> Result<Listing, FileError> {
    let pattern = Pattern::parse(pattern)?;
    let mut walk = Walk::below(root, &pattern.base, MAX_VISITED, stop)?;
    let mut allowance = Allowance::new(limit);
    let mut listing = Listing::default();
    while let Some(visit) = walk.next()? {
        if !pattern.matcher.is_match(&visit.path) {
            continue;
        }
        let size = match visit.kind {
            Kind::File => beneath::look(visit.directory, &visit.name).map_or(0, |stat| stat.size),
            Kind::Directory | Kind::Link | Kind::Special => 0,
        };
        if !allowance.take(visit.path.len()) {
            listing.more = true;
            return Ok(listing);
        }
        listing.entries.push(Entry { path: visit.path, kind: visit.kind, size });
    }
    listing.more = cut_short(walk.reach(), listing.entries.len())?;
    Ok(listing)
}

/// See [`super::Workspace::grep`].
pub(super) fn grep(
    root: BorrowedFd<'_>,
    pattern: &str,
    glob: Option<&str>,
    limit: u32,
    stop: &dyn Fn() -> bool,
) -> Result<Hits, FileError> {
    let regex = compile(pattern)?;
    let glob = glob.map(Pattern::parse).transpose()?;
    let mut walk = Walk::below(root, glob.as_ref().map_or("", |glob| &glob.base), MAX_VISITED, stop)?;
    let mut search = Search { regex, allowance: Allowance::new(limit), hits: Vec::new(), stop };
    let mut text = Vec::new();
    let mut bytes_left = MAX_READ_BYTES;
    let mut reach = Reach::Whole;
    while let Some(visit) = walk.next()? {
        let wanted = visit.kind == Kind::File && glob.as_ref().is_none_or(|glob| glob.matcher.is_match(&visit.path));
        // What cannot be read is passed over: one locked file must not hide the hits in all others.
        if !wanted || !matches!(read_text(&visit, &mut text), Ok(Content::Text)) {
            continue;
        }
        if search.file(&visit.path, &text)?.is_break() {
            return Ok(Hits { hits: search.hits, more: true });
        }
        bytes_left = bytes_left.saturating_sub(text.len() as u64);
        if bytes_left == 0 {
            reach = Reach::Cut;
            break;
        }
    }
    if walk.reach() == Reach::Cut {
        reach = Reach::Cut;
    }
    let more = cut_short(reach, search.hits.len())?;
    Ok(Hits { hits: search.hits, more })
}

/// A glob pattern and the directory that all its matches are in.
struct Pattern {
    base: String,
    matcher: GlobMatcher,
}

/// What is left of an answer.
struct Allowance {
    results: u32,
    bytes: usize,
}

/// A search through files, one after the other.
struct Search<'a> {
    regex: Regex,
    allowance: Allowance,
    hits: Vec<Hit>,
    stop: &'a dyn Fn() -> bool,
}

/// What a file turned out to hold.
enum Content {
    Text,
    /// Binary, too large or not a regular file.
    Other,
}

/// A walk that ended early must not look like one that found nothing.
fn cut_short(reach: Reach, found: usize) -> Result<bool, FileError> {
    match (reach, found) {
        (Reach::Whole, _) => Ok(false),
        (Reach::Cut, 1..) => Ok(true),
        (Reach::Cut, 0) => Err(FileError::Limit(
            "the search ended before it found anything, because the tree is too large, too deep or not readable; \
             name a directory at the start of the pattern"
                .to_owned(),
        )),
    }
}

/// Compiles an expression within [`MAX_REGEX_BYTES`]; matching is linear in the text.
fn compile(pattern: &str) -> Result<Regex, FileError> {
    expect_short(pattern)?;
    RegexBuilder::new(pattern).size_limit(MAX_REGEX_BYTES).dfa_size_limit(MAX_REGEX_BYTES).build().map_err(|err| {
        match err {
            regex::Error::CompiledTooBig(limit) => FileError::Limit(format!(
                "the expression needs more than {limit} bytes when compiled; use fewer or smaller repetitions"
            )),
            err => FileError::Invalid(format!("the expression is malformed: {err}")),
        }
    })
}

fn expect_short(pattern: &str) -> Result<(), FileError> {
    match pattern.len() {
        0..=MAX_PATTERN_BYTES => Ok(()),
        length => Err(FileError::Limit(format!("the pattern has {length} bytes; at most {MAX_PATTERN_BYTES} work"))),
    }
}

/// Reads a file into `text` if it is one that people read in lines.
fn read_text(visit: &Visit<'_>, text: &mut Vec<u8>) -> io::Result<Content> {
    text.clear();
    let mut file = File::from(beneath::open(visit.directory, &*visit.name, beneath::READ, Links::Refuse)?);
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > MAX_FILE_BYTES {
        return Ok(Content::Other);
    }
    (&mut file).take(PROBE_BYTES).read_to_end(text)?;
    if text.contains(&0) {
        return Ok(Content::Other);
    }
    // One more than allowed shows that the file has grown since it was looked at.
    file.take(MAX_FILE_BYTES + 1 - PROBE_BYTES).read_to_end(text)?;
    let is_text = text.len() as u64 <= MAX_FILE_BYTES && !text.contains(&0);
    Ok(if is_text { Content::Text } else { Content::Other })
}

/// The start of a line for people and models.
fn cut(line: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&line[..line.len().min(MAX_HIT_BYTES)]).into_owned();
    text.truncate(text.floor_char_boundary(MAX_HIT_BYTES));
    text
}

// === impl Search ===

impl Search<'_> {
    /// Adds the lines of one file that match; breaks when the answer is full.
    fn file(&mut self, path: &str, text: &[u8]) -> Result<ControlFlow<()>, FileError> {
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        for (line, number) in lines.zip(1_u32..) {
            if number.is_multiple_of(LINES_PER_POLL) && (self.stop)() {
                return Err(FileError::Cancelled);
            }
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !self.regex.is_match(line) {
                continue;
            }
            let text = cut(line);
            if !self.allowance.take(path.len() + text.len()) {
                return Ok(ControlFlow::Break(()));
            }
            self.hits.push(Hit { path: path.to_owned(), line: number, text });
        }
        Ok(ControlFlow::Continue(()))
    }
}

// === impl Pattern ===

impl Pattern {
    /// # Errors
    /// [`FileError::Denied`] for patterns that name places outside, as for paths; [`FileError::Invalid`] if malformed.
    fn parse(text: &str) -> Result<Pattern, FileError> {
        expect_short(text)?;
        if path::points_elsewhere(text) {
            return Err(path::outside(text));
        }
        if text.contains('\\') || text.contains(char::is_control) {
            return Err(FileError::Invalid(format!(
                "the pattern {} contains `\\` or a control character; separate names with `/`, and match a star with `[*]`",
                path::quoted(text)
            )));
        }
        let inner = path::below_mount(text);
        let components: Vec<&str> = inner.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if components.is_empty() {
            return Err(FileError::Invalid("the pattern is empty; `**` finds everything".to_owned()));
        }
        let inner = components.join("/");
        let matcher = GlobBuilder::new(&inner)
            .literal_separator(true)
            .build()
            .map_err(|err| {
                FileError::Invalid(format!("the pattern {} is malformed: {}", path::quoted(text), err.kind()))
            })?
            .compile_matcher();
        Ok(Pattern { base: literal_base(&components), matcher })
    }
}

/// The directories before the first component with a wildcard: nothing else needs to be walked.
fn literal_base(components: &[&str]) -> String {
    let directories = components.split_last().map_or(components, |(_, directories)| directories);
    let literal = directories.iter().take_while(|part| !part.contains(['*', '?', '[', ']', '{', '}']));
    literal.copied().collect::<Vec<_>>().join("/")
}

// === impl Allowance ===

impl Allowance {
    fn new(limit: u32) -> Allowance {
        Allowance { results: limit, bytes: MAX_ANSWER_BYTES }
    }

    /// Whether another result of this size fits.
    #[must_use]
    fn take(&mut self, bytes: usize) -> bool {
        match (self.results.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(results), Some(bytes)) => {
                *self = Allowance { results, bytes };
                true
            }
            _ => false,
        }
    }
}
