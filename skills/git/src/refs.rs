//! Where a repository is, and what its names mean.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use openclaw_sdk::ToolError;

use crate::object::{Commit, Id};
use crate::store::{Store, broken};

/// References that lead to references.
const MAX_STEPS: usize = 8;
/// Branches and tags that are looked at.
const MAX_REFS: usize = 10_000;
/// Folders in the name of a branch.
const MAX_FOLDERS: usize = 16;

pub struct Repository {
    pub store: Store,
    /// The folder `.git`, or the one that a file of that name points at.
    pub git: PathBuf,
    /// Its files, unless it has none.
    pub files: Option<PathBuf>,
}

impl Repository {
    /// Opens the repository in a folder below `root`, which it must not lead out of.
    ///
    /// # Errors
    /// If there is none, or it is of a kind that is not read.
    pub fn open(root: &Path, folder: &str) -> Result<Repository, ToolError> {
        let top = below(root, Path::new(folder)).ok_or_else(|| outside(folder))?;
        let (git, files) = match fs::metadata(top.join(".git")) {
            Ok(found) if found.is_dir() => (top.join(".git"), Some(top)),
            Ok(_) => (follow(root, &top)?, Some(top)),
            Err(err) if err.kind() == ErrorKind::NotFound && top.join("objects").is_dir() => (top, None),
            Err(err) if err.kind() == ErrorKind::NotFound => {
                return Err(ToolError::NotFound(format!("there is no Git repository in `{folder}`")));
            }
            Err(err) => return Err(broken(&format!("`{folder}/.git`: {err}"))),
        };
        if git.join("commondir").exists() {
            return Err(broken("it is a linked worktree; name the repository that it belongs to"));
        }
        let config = fs::read_to_string(git.join("config")).unwrap_or_default().to_lowercase();
        let squeezed: String = config.chars().filter(|letter| !letter.is_whitespace()).collect();
        if squeezed.contains("objectformat=sha256") || squeezed.contains("refstorage=reftable") {
            return Err(broken("it uses SHA-256 or `reftable`, which are not read"));
        }
        Ok(Repository { store: Store::open(&git)?, git, files })
    }

    /// The branch that is checked out, and its commit; without a commit the branch is new.
    pub fn head(&self) -> Result<(Option<String>, Option<Id>), ToolError> {
        let text = fs::read_to_string(self.git.join("HEAD")).map_err(|err| broken(&format!("`HEAD`: {err}")))?;
        match text.trim().strip_prefix("ref:") {
            Some(name) => Ok((Some(name.trim().to_owned()), self.reference(name.trim())?)),
            None => Ok((None, Id::parse(text.trim()))),
        }
    }

    /// What a reference such as `refs/heads/main` leads to.
    fn reference(&self, name: &str) -> Result<Option<Id>, ToolError> {
        let mut name = name.to_owned();
        for _ in 0..MAX_STEPS {
            // No reference has these in its name, and `refs/../config` is none.
            let path = below(&self.git, Path::new(&name)).filter(|_| !name.contains(".."));
            let Some(path) = path else { return Ok(None) };
            let text = match fs::read_to_string(path) {
                Ok(text) => text,
                Err(_) => return Ok(self.packed()?.get(&name).copied()),
            };
            match text.trim().strip_prefix("ref:") {
                Some(next) => name = next.trim().to_owned(),
                None => return Ok(Id::parse(text.trim())),
            }
        }
        Err(broken("a reference leads to itself"))
    }

    fn packed(&self) -> Result<BTreeMap<String, Id>, ToolError> {
        let text = match fs::read_to_string(self.git.join("packed-refs")) {
            Ok(text) => text,
            Err(err) if err.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(err) => return Err(broken(&format!("`packed-refs`: {err}"))),
        };
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Ok(lines.filter_map(|(id, name)| Some((name.to_owned(), Id::parse(id)?))).collect())
    }

    /// All references that begin with a prefix such as `refs/heads/`, without it.
    pub fn references(&self, prefix: &str) -> Result<BTreeMap<String, Id>, ToolError> {
        let packed = self.packed()?;
        let named = packed.iter().filter_map(|(name, id)| Some((name.strip_prefix(prefix)?.to_owned(), *id)));
        let mut found: BTreeMap<String, Id> = named.take(MAX_REFS).collect();
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let entries = fs::read_dir(self.git.join(prefix).join(&folder)).into_iter().flatten().flatten();
            for entry in entries.take(MAX_REFS) {
                let Ok(name) = entry.file_name().into_string() else { continue };
                let (name, is_folder) = (format!("{folder}{name}"), entry.file_type().is_ok_and(|kind| kind.is_dir()));
                if is_folder && depth < MAX_FOLDERS {
                    folders.push((format!("{name}/"), depth + 1));
                } else if !is_folder && found.len() < MAX_REFS {
                    found.extend(self.reference(&format!("{prefix}{name}"))?.map(|id| (name, id)));
                }
            }
        }
        Ok(found)
    }

    /// Finds the commit that a word means: `HEAD`, a branch, a tag or the first digits of a commit, with `~2` or `^1`.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn find(&self, word: &str) -> Result<(Id, Commit), ToolError> {
        let end = word.find(['~', '^']).unwrap_or(word.len());
        let (mut id, mut commit) = self.store.commit(&self.find_name(&word[..end])?)?;
        let mut steps = &word[end..];
        while let Some(step) = steps.chars().next() {
            let rest = &steps[1..];
            let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
            let number = match &rest[..digits] {
                "" => Some(1),
                digits => digits.parse::<usize>().ok(),
            };
            let number =
                number.filter(|number| *number <= 10_000 && "~^".contains(step)).ok_or_else(|| unknown(word))?;
            // `~2` goes back twice, `^2` once to the second parent.
            let (times, parent) = if step == '~' { (number, 1) } else { (number.min(1), number) };
            for _ in 0..times {
                let parent = commit.parents.get(parent - 1).ok_or_else(|| unknown(word))?;
                (id, commit) = self.store.commit(parent)?;
            }
            steps = &rest[digits..];
        }
        Ok((id, commit))
    }

    fn find_name(&self, name: &str) -> Result<Id, ToolError> {
        if name == "HEAD" || name == "@" || name.is_empty() {
            return self.head()?.1.ok_or_else(|| ToolError::NotFound("there are no commits yet".into()));
        }
        if let Some(id) = Id::parse(name) {
            return Ok(id);
        }
        for place in ["refs/tags/", "refs/heads/", "refs/remotes/", "refs/", ""] {
            // What lies in `.git` itself is only a reference if it is named like one.
            if place.is_empty() && !name.starts_with("refs/") && !name.ends_with("HEAD") {
                continue;
            }
            if let Some(id) = self.reference(&format!("{place}{name}"))? {
                return Ok(id);
            }
        }
        if (4..40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return match self.store.with_prefix(name)?.as_slice() {
                [] => Err(unknown(name)),
                [id] => Ok(*id),
                _ => Err(ToolError::invalid(format!("several objects begin with `{name}`: give more digits"))),
            };
        }
        Err(unknown(name))
    }
}

fn unknown(word: &str) -> ToolError {
    ToolError::NotFound(format!("there is no commit `{word}`: name a branch, a tag, `HEAD~2` or digits of a commit"))
}

fn outside(path: &str) -> ToolError {
    ToolError::invalid(format!("`{path}` leads out of the workspace"))
}

/// Where a file `.git` points at. Submodules have such files.
fn follow(root: &Path, top: &Path) -> Result<PathBuf, ToolError> {
    let text = fs::read_to_string(top.join(".git")).map_err(|err| broken(&format!("`.git`: {err}")))?;
    let named = text.strip_prefix("gitdir:").map(str::trim).ok_or_else(|| broken("its file `.git` names no folder"))?;
    let from_top = top.strip_prefix(root).unwrap_or(top).join(named);
    let led = (!Path::new(named).is_absolute()).then(|| below(root, &from_top)).flatten();
    led.ok_or_else(|| broken("its file `.git` leads out of the workspace, or by an absolute path"))
}

/// A relative path below a folder, or `None` if it leads out.
fn below(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut names: Vec<&std::ffi::OsStr> = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => names.push(name),
            Component::CurDir => {}
            Component::ParentDir => drop(names.pop()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(root.join(names.iter().collect::<PathBuf>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_their_folder() {
        let below = |path: &str| below(Path::new("/w"), Path::new(path)).map(|path| path.display().to_string());
        assert_eq!(below("a/../b/./c").as_deref(), Some("/w/b/c"));
        assert_eq!(below(".").as_deref(), Some("/w/"));
        for path in ["..", "a/../..", "/etc", "../w/a"] {
            assert_eq!(below(path), None, "{path}");
        }
    }
}
