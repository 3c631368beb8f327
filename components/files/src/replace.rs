//! Replacing text that occurs exactly once.

use std::ops::Range;

use crate::text::{BOM, Ending};

#[cfg(test)]
mod tests;

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The text to find.
    pub old: String,
    /// What takes its place.
    pub new: String,
}

/// Why nothing was replaced. `index` counts the edits from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplaceError {
    #[error("edits[{index}]: the old text is empty; give the text to replace")]
    Empty { index: usize },
    #[error("edits[{index}]: the old and the new text are the same")]
    Same { index: usize },
    #[error("edits[{index}]: the old text does not occur; read the file and copy it exactly, with its white space")]
    Missing { index: usize },
    #[error("edits[{index}]: the old text occurs {count} times; add lines around it until it occurs once")]
    Ambiguous { index: usize, count: usize },
    #[error("edits[{first}] and edits[{second}] overlap; make them one edit")]
    Overlap { first: usize, second: usize },
}

/// Replaces all texts at once: each is looked for in the file as it is, not in what another edit made of it. Line
/// endings match each other; what stays keeps its own, what comes gets those of most lines. A byte order mark stays.
///
/// # Errors
/// [`ReplaceError`], and then nothing is replaced.
pub fn replace(file: &str, edits: &[Replacement]) -> Result<String, ReplaceError> {
    let (bom, body) = file.strip_prefix(BOM).map_or(("", file), |body| (BOM, body));
    let flat = Flat::new(body);
    let mut places = Vec::with_capacity(edits.len());
    for (index, edit) in edits.iter().enumerate() {
        places.push((find(&flat.text, index, edit)?, index));
    }
    places.sort_by_key(|(range, _)| range.start);
    for pair in places.windows(2) {
        if pair[1].0.start < pair[0].0.end {
            return Err(ReplaceError::Overlap { first: pair[0].1, second: pair[1].1 });
        }
    }

    let ending = Ending::dominant(body);
    let mut result = String::from(bom);
    let mut copied = 0;
    for (range, index) in places {
        result.push_str(&body[copied..flat.original(range.start)]);
        result.push_str(&flatten(&edits[index].new).replace('\n', ending.as_str()));
        copied = flat.original(range.end);
    }
    result.push_str(&body[copied..]);
    Ok(result)
}

fn find(text: &str, index: usize, edit: &Replacement) -> Result<Range<usize>, ReplaceError> {
    let old = flatten(&edit.old);
    if old.is_empty() {
        return Err(ReplaceError::Empty { index });
    }
    if old == flatten(&edit.new) {
        return Err(ReplaceError::Same { index });
    }
    match occurrences(text, &old) {
        (0, _) => Err(ReplaceError::Missing { index }),
        (1, start) => Ok(start..start + old.len()),
        (count, _) => Err(ReplaceError::Ambiguous { index, count }),
    }
}

/// How often `old` occurs, overlapping ones included (`aa` is twice in `aaa`: either could be meant), and where last.
fn occurrences(text: &str, old: &str) -> (usize, usize) {
    let step = old.chars().next().map_or(1, char::len_utf8);
    let (mut count, mut last, mut from) = (0, 0, 0);
    while let Some(found) = text[from..].find(old) {
        count += 1;
        last = from + found;
        from = last + step;
    }
    (count, last)
}

fn flatten(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Text with LF only, and the way back to where it came from.
struct Flat {
    text: String,
    /// Offsets, in `text`, of each LF that was a CR LF.
    removed: Vec<usize>,
}

impl Flat {
    fn new(original: &str) -> Flat {
        let text = flatten(original);
        let removed = original.match_indices("\r\n").enumerate().map(|(before, (at, _))| at - before).collect();
        Flat { text, removed }
    }

    /// The offset in the original. The CR belongs to its LF: a range that starts at the LF takes it, one that ends
    /// before the LF leaves it.
    fn original(&self, offset: usize) -> usize {
        offset + self.removed.partition_point(|&removed| removed < offset)
    }
}
