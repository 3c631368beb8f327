//! From text to steps.

use super::{Hunk, HunkLine, PatchError, Place, Step};

const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";
const ADD: &str = "*** Add File:";
const UPDATE: &str = "*** Update File:";
const DELETE: &str = "*** Delete File:";
const MOVE: &str = "*** Move to:";
const END_OF_FILE: &str = "*** End of File";

/// Characters of a wrong line that an error repeats.
const FOUND_CHARS: usize = 80;

/// Reads a patch.
///
/// # Errors
/// [`PatchError`], with the line. Paths that lead outside the workspace are refused here already.
pub fn parse(input: &str) -> Result<Vec<Step>, PatchError> {
    let mut cursor = Cursor::new(input)?;
    let mut steps = Vec::new();
    while let Some(line) = cursor.next() {
        if let Some(path) = line.strip_prefix(ADD) {
            let path = cursor.path(path)?;
            steps.push(Step::Add { path, text: added_text(&mut cursor)? });
        } else if let Some(path) = line.strip_prefix(DELETE) {
            steps.push(Step::Delete { path: cursor.path(path)? });
        } else if let Some(path) = line.strip_prefix(UPDATE) {
            let path = cursor.path(path)?;
            steps.push(update(&mut cursor, path)?);
        } else if !line.trim().is_empty() {
            return Err(PatchError::UnknownStep { line: cursor.number, found: found(line) });
        }
    }
    if steps.is_empty() { Err(PatchError::Empty) } else { Ok(steps) }
}

fn added_text(cursor: &mut Cursor) -> Result<String, PatchError> {
    let mut text = String::new();
    while let Some(line) = cursor.next_of_step() {
        match line.strip_prefix('+') {
            Some(added) => {
                text.push_str(added);
                text.push('\n');
            }
            None if line.trim().is_empty() => {}
            None => return Err(PatchError::AddLine { line: cursor.number, found: found(line) }),
        }
    }
    Ok(text)
}

fn update(cursor: &mut Cursor, path: String) -> Result<Step, PatchError> {
    let to = match cursor.peek().and_then(|line| line.strip_prefix(MOVE)) {
        Some(target) => {
            cursor.next();
            Some(cursor.path(target)?)
        }
        None => None,
    };
    let mut hunks = Vec::new();
    let mut hunk = Hunk::default();
    while let Some(line) = cursor.next_of_step() {
        if line == END_OF_FILE {
            hunk.place = Place::EndOfFile;
            hunks.push(finished(std::mem::take(&mut hunk), cursor, &path)?);
        } else if let Some(header) = header(line) {
            if !hunk.lines.is_empty() {
                hunks.push(finished(std::mem::take(&mut hunk), cursor, &path)?);
            }
            hunk.headers.extend(header);
        } else {
            hunk.lines.push(hunk_line(line, cursor.number)?);
        }
    }
    trim_separator(&mut hunk);
    let is_plain_move = to.is_some() && hunks.is_empty() && hunk == Hunk::default();
    if hunk != Hunk::default() || (hunks.is_empty() && !is_plain_move) {
        hunks.push(finished(hunk, cursor, &path)?);
    }
    Ok(Step::Update { path, to, hunks })
}

/// Empty lines at the end of a step set it apart from the next one; they are not lines to look for.
fn trim_separator(hunk: &mut Hunk) {
    while matches!(hunk.lines.last(), Some(HunkLine::Kept(text)) if text.is_empty()) {
        hunk.lines.pop();
    }
}

fn finished(hunk: Hunk, cursor: &Cursor, path: &str) -> Result<Hunk, PatchError> {
    if hunk.lines.iter().all(|line| matches!(line, HunkLine::Kept(_))) {
        return Err(PatchError::EmptyHunk { line: cursor.number, path: path.to_owned() });
    }
    Ok(hunk)
}

/// `@@` alone starts a hunk without a header.
fn header(line: &str) -> Option<Option<String>> {
    if line.trim_end() == "@@" {
        return Some(None);
    }
    line.strip_prefix("@@ ").map(|header| Some(header.to_owned()))
}

fn hunk_line(line: &str, number: usize) -> Result<HunkLine, PatchError> {
    let mut chars = line.chars();
    match chars.next() {
        // Editors and models drop the space of an empty kept line.
        None => Ok(HunkLine::Kept(String::new())),
        Some(' ') => Ok(HunkLine::Kept(chars.as_str().to_owned())),
        Some('-') => Ok(HunkLine::Removed(chars.as_str().to_owned())),
        Some('+') => Ok(HunkLine::Added(chars.as_str().to_owned())),
        Some(_) => Err(PatchError::HunkLine { line: number, found: found(line) }),
    }
}

fn found(line: &str) -> String {
    line.chars().take(FOUND_CHARS).collect()
}

/// Walks over the lines between begin and end.
struct Cursor<'a> {
    lines: Vec<&'a str>,
    at: usize,
    /// The number of the line that `next` gave last.
    number: usize,
}

impl<'a> Cursor<'a> {
    fn new(input: &'a str) -> Result<Self, PatchError> {
        let before = input.len() - input.trim_start().len();
        let number = input[..before].matches('\n').count() + 1;
        let mut lines: Vec<&str> = input.trim().lines().collect();
        if lines.first().map(|line| line.trim_end()) != Some(BEGIN) {
            return Err(PatchError::NoBegin);
        }
        if lines.len() < 2 || lines.pop().map(str::trim) != Some(END) {
            return Err(PatchError::NoEnd);
        }
        lines.remove(0);
        Ok(Cursor { lines, at: 0, number })
    }

    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        let line = self.peek()?;
        self.at += 1;
        self.number += 1;
        Some(line)
    }

    /// The next line, unless it starts another step.
    fn next_of_step(&mut self) -> Option<&'a str> {
        let line = self.peek()?;
        if [ADD, UPDATE, DELETE].iter().any(|start| line.starts_with(start)) {
            return None;
        }
        self.next()
    }

    fn path(&self, text: &str) -> Result<String, PatchError> {
        let path = text.trim();
        let path = path.strip_prefix("./").unwrap_or(path);
        if path.is_empty() {
            return Err(PatchError::NoPath { line: self.number });
        }
        // FS-37. The host refuses these as well; here the whole patch is refused before a file is read.
        if path.starts_with('/') || path.split(['/', '\\']).any(|part| part == "..") {
            return Err(PatchError::Outside { path: path.to_owned() });
        }
        Ok(path.to_owned())
    }
}
