//! Files that are new to a repository.

use std::fs;
use std::path::Path;

use crate::ignore::{Rules, is_ignored};
use crate::index::Index;

/// New files and folders of one answer.
const MAX_FOUND: usize = 200;
/// Files and folders that are looked at.
const MAX_LOOKED_AT: usize = 50_000;
/// Folders in folders.
const MAX_DEPTH: usize = 50;

const MORE: &str = "... and perhaps more";

/// Finds what the index does not know and nobody has told to ignore. A folder that is new as a whole is one line.
pub fn find(files: &Path, git: &Path, index: &Index) -> Vec<String> {
    let exclude = fs::read_to_string(git.join("info/exclude")).unwrap_or_default();
    let mut search = Search { files, index, rules: vec![Rules::parse("", &exclude)], looked_at: 0, found: Vec::new() };
    search.look("", MAX_DEPTH);
    search.found
}

struct Search<'a> {
    files: &'a Path,
    index: &'a Index,
    /// Those of the folder that is looked at and of the folders above.
    rules: Vec<Rules>,
    looked_at: usize,
    found: Vec<String>,
}

impl Search<'_> {
    /// Looks at a folder, `` or e.g. `src/`.
    fn look(&mut self, folder: &str, depth: usize) {
        let rules = fs::read_to_string(self.files.join(folder).join(".gitignore")).unwrap_or_default();
        self.rules.push(Rules::parse(folder, &rules));
        let entries = fs::read_dir(self.files.join(folder)).into_iter().flatten().flatten();
        let mut entries: Vec<_> = entries
            .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.file_type().ok()?.is_dir())))
            .take(MAX_LOOKED_AT)
            .collect();
        entries.sort();
        for (name, is_folder) in entries.into_iter().filter(|(name, _)| name != ".git") {
            self.looked_at += 1;
            if self.looked_at > MAX_LOOKED_AT || self.found.len() > MAX_FOUND {
                if self.found.last().is_none_or(|last| last != MORE) {
                    self.found.push(MORE.to_owned());
                }
                break;
            }
            let path = format!("{folder}{name}");
            if is_folder && !is_ignored(&self.rules, &path, true) {
                self.look_below(&format!("{path}/"), depth);
            } else if !is_folder && !self.is_known(&path) && !is_ignored(&self.rules, &path, false) {
                self.found.push(path);
            }
        }
        self.rules.pop();
    }

    fn look_below(&mut self, folder: &str, depth: usize) {
        // Another repository is one thing, and none of this one if it is known as such.
        let is_other = self.files.join(folder).join(".git").exists();
        if depth == 0 || (is_other && self.is_known(folder.trim_end_matches('/'))) {
            return;
        }
        let before = self.found.len();
        match is_other {
            true => self.found.push(folder.to_owned()),
            false => self.look(folder, depth - 1),
        }
        if self.found.len() > before && !self.knows_some_of(folder) {
            self.found.truncate(before);
            self.found.push(folder.to_owned());
        }
    }

    fn is_known(&self, path: &str) -> bool {
        self.index.files.contains_key(path) || self.index.conflicts.iter().any(|known| known == path)
    }

    fn knows_some_of(&self, folder: &str) -> bool {
        let next = self.index.files.range(folder.to_owned()..).next();
        next.is_some_and(|(path, _)| path.starts_with(folder))
    }
}
