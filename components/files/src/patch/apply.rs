//! From steps and files to changes.

use std::collections::BTreeMap;

use super::{Hunk, HunkLine, PatchError, Place, Step, matching};
use crate::text::{Line, Lines};

/// What a patch makes of the files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The bytes of each changed file, by path; none for a file that goes.
    pub files: BTreeMap<String, Option<Vec<u8>>>,
    /// Paths of files that came.
    pub added: Vec<String>,
    /// Paths of files that changed; of moved ones the new path.
    pub modified: Vec<String>,
    /// Paths of files that went, other than by moving.
    pub deleted: Vec<String>,
}

/// Applies the steps in order to what `load` gives for a path (none if there is no such file). Later steps see what
/// earlier ones did.
///
/// # Errors
/// A [`PatchError`], or what `load` fails with.
pub fn apply<E: From<PatchError>>(
    steps: &[Step],
    load: impl FnMut(&str) -> Result<Option<Vec<u8>>, E>,
) -> Result<Outcome, E> {
    let mut files = Files { load, outcome: Outcome::default() };
    for step in steps {
        files.take(step)?;
    }
    Ok(files.outcome)
}

struct Files<L> {
    load: L,
    outcome: Outcome,
}

impl<E: From<PatchError>, L: FnMut(&str) -> Result<Option<Vec<u8>>, E>> Files<L> {
    fn take(&mut self, step: &Step) -> Result<(), E> {
        match step {
            Step::Add { path, text } => {
                self.must_not_exist(path)?;
                self.put(path, Some(text.clone().into_bytes()));
                self.outcome.added.push(path.clone());
            }
            Step::Delete { path } => {
                self.existing(path)?;
                self.put(path, None);
                self.outcome.deleted.push(path.clone());
            }
            Step::Update { path, to, hunks } => self.update(path, to.as_deref(), hunks)?,
        }
        Ok(())
    }

    fn update(&mut self, path: &str, to: Option<&str>, hunks: &[Hunk]) -> Result<(), E> {
        let bytes = self.existing(path)?;
        if let Some(to) = to {
            self.must_not_exist(to)?;
        }
        let bytes = match hunks {
            // A plain move keeps any bytes, text or not.
            [] => bytes,
            hunks => updated(path, bytes, hunks)?,
        };
        if to.is_some() {
            self.put(path, None);
        }
        let path = to.unwrap_or(path);
        self.put(path, Some(bytes));
        self.outcome.modified.push(path.to_owned());
        Ok(())
    }

    fn current(&mut self, path: &str) -> Result<Option<Vec<u8>>, E> {
        match self.outcome.files.get(path) {
            Some(bytes) => Ok(bytes.clone()),
            None => (self.load)(path),
        }
    }

    fn existing(&mut self, path: &str) -> Result<Vec<u8>, E> {
        Ok(self.current(path)?.ok_or_else(|| PatchError::Missing { path: path.to_owned() })?)
    }

    fn must_not_exist(&mut self, path: &str) -> Result<(), E> {
        match self.current(path)? {
            Some(_) => Err(PatchError::Exists { path: path.to_owned() }.into()),
            None => Ok(()),
        }
    }

    fn put(&mut self, path: &str, bytes: Option<Vec<u8>>) {
        self.outcome.files.insert(path.to_owned(), bytes);
    }
}

fn updated(path: &str, bytes: Vec<u8>, hunks: &[Hunk]) -> Result<Vec<u8>, PatchError> {
    let text = String::from_utf8(bytes).map_err(|_| PatchError::NotText { path: path.to_owned() })?;
    let mut file = Lines::parse(&text);
    let mut cursor = 0;
    for hunk in hunks {
        cursor = apply_hunk(path, &mut file.lines, hunk, cursor)?;
    }
    Ok(file.join().into_bytes())
}

/// Applies one hunk at or after line `from` and returns the line after it.
fn apply_hunk(path: &str, lines: &mut Vec<Line>, hunk: &Hunk, mut from: usize) -> Result<usize, PatchError> {
    for header in &hunk.headers {
        let at = matching::find(lines, &[header], from)
            .ok_or_else(|| PatchError::NoHeader { path: path.to_owned(), header: header.clone() })?;
        from = at + 1;
    }
    let wanted: Vec<&str> = hunk.lines.iter().filter_map(old_text).collect();
    let at = match (wanted.is_empty(), hunk.place) {
        // Only additions: after the header if there is one, else at the end.
        (true, Place::Anywhere) if !hunk.headers.is_empty() => Some(from),
        (true, _) => Some(lines.len()),
        (false, Place::Anywhere) => matching::find(lines, &wanted, from),
        (false, Place::EndOfFile) => matching::find_at_end(lines, &wanted, from),
    };
    let at = at.ok_or_else(|| PatchError::NoMatch {
        path: path.to_owned(),
        place: match hunk.place {
            Place::Anywhere => "after the hunk before",
            Place::EndOfFile => "at the end of the file",
        },
        lines: wanted.join("\n"),
    })?;
    let new = new_lines(&hunk.lines, &lines[at..at + wanted.len()]);
    let after = at + new.len();
    lines.splice(at..at + wanted.len(), new);
    Ok(after)
}

fn old_text(line: &HunkLine) -> Option<&str> {
    match line {
        HunkLine::Kept(text) | HunkLine::Removed(text) => Some(text),
        HunkLine::Added(_) => None,
    }
}

/// The lines that take the place of `old`. Kept ones stay as the file has them, not as the patch spells them.
fn new_lines(hunk: &[HunkLine], old: &[Line]) -> Vec<Line> {
    let mut old = old.iter();
    let mut new = Vec::new();
    for line in hunk {
        match line {
            HunkLine::Kept(_) => new.extend(old.next().cloned()),
            HunkLine::Removed(_) => {
                old.next();
            }
            HunkLine::Added(text) => new.push(Line { text: text.clone(), ending: None }),
        }
    }
    new
}
