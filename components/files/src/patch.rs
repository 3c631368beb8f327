//! Patches in the format that models are trained on:
//!
//! ```text
//! *** Begin Patch
//! *** Add File: <path>          each line starts with `+`
//! *** Update File: <path>
//! *** Move to: <path>           optional
//! @@ <a line before the hunk>   optional
//!  kept                         hunk lines: ` ` kept, `-` removed, `+` added
//! -removed
//! +added
//! *** End of File               optional: the hunk is the file's end
//! *** Delete File: <path>
//! *** End Patch
//! ```
//!
//! Pure: text and files go in, changes or an error come out, and an error means no change at all.

mod apply;
mod matching;
mod parse;

#[cfg(test)]
mod tests;

pub use apply::{Outcome, apply};
pub use parse::parse;

/// One step of a patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes a file that must not exist.
    Add { path: String, text: String },
    /// Removes a file.
    Delete { path: String },
    /// Changes a file, and moves it where `to` says.
    Update { path: String, to: Option<String>, hunks: Vec<Hunk> },
}

/// One place of a file that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hunk {
    /// Lines that stand before the hunk, in this order, not necessarily next to it.
    pub headers: Vec<String>,
    /// The lines of the hunk.
    pub lines: Vec<HunkLine>,
    /// Where it stands.
    pub place: Place,
}

/// One line of a hunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HunkLine {
    Kept(String),
    Removed(String),
    Added(String),
}

/// Where a hunk stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// At the first fitting place after the hunk before.
    #[default]
    Anywhere,
    /// At the end of the file.
    EndOfFile,
}

/// Why a patch was not applied. Line numbers count the patch's lines from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    #[error("the patch must start with `*** Begin Patch`")]
    NoBegin,
    #[error("the patch must end with `*** End Patch`")]
    NoEnd,
    #[error("the patch changes no file")]
    Empty,
    #[error("line {line}: expected `*** Add File:`, `*** Update File:` or `*** Delete File:`, found `{found}`")]
    UnknownStep { line: usize, found: String },
    #[error("line {line}: no path")]
    NoPath { line: usize },
    #[error("line {line}: each line of an added file starts with `+`, found `{found}`")]
    AddLine { line: usize, found: String },
    #[error("line {line}: a hunk's lines start with a space, `-` or `+`, found `{found}`")]
    HunkLine { line: usize, found: String },
    #[error("line {line}: the hunk for `{path}` adds and removes nothing")]
    EmptyHunk { line: usize, path: String },
    #[error("`{path}` leads outside the workspace; give a relative path without `..`")]
    Outside { path: String },
    #[error("`{path}` already exists; use `*** Update File:` or another path")]
    Exists { path: String },
    #[error("`{path}` does not exist")]
    Missing { path: String },
    #[error("`{path}` is not UTF-8 text")]
    NotText { path: String },
    #[error("`{path}`: no line `{header}` after the hunk before; read the file again")]
    NoHeader { path: String, header: String },
    #[error("`{path}`: these lines do not occur {place}; read the file again:\n{lines}")]
    NoMatch { path: String, place: &'static str, lines: String },
}
