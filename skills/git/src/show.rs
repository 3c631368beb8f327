//! What the tools answer.

use std::collections::{BinaryHeap, HashSet};

use openclaw_sdk::ToolError;
use similar::TextDiff;

use crate::changes::{Change, Seen, Side, between, content, index, look, since};
use crate::object::{Commit, Id, SUBMODULE};
use crate::refs::Repository;

/// Text of an answer.
const MAX_TEXT_BYTES: usize = 100 << 10;
/// Larger files are named, not compared.
const MAX_DIFF_BYTES: usize = 1 << 20;
/// Commits that are looked at for one answer.
const MAX_COMMITS: usize = 20_000;
/// Branches of an answer.
const MAX_BRANCHES: usize = 200;

/// Which of all commits are listed.
pub struct Window {
    pub skip: usize,
    pub limit: usize,
}

/// Commits from this one back, the newest first; only those that changed a path if one is given.
pub fn log(repository: &Repository, from: &str, path: Option<&str>, window: Window) -> Result<String, ToolError> {
    let store = &repository.store;
    let (id, commit) = repository.find(from)?;
    let mut seen = HashSet::from([id]);
    let mut waiting = BinaryHeap::from([(commit.committer.seconds, id)]);
    let (mut text, mut found) = (String::new(), 0);
    while let Some((_, id)) = waiting.pop() {
        let (_, commit) = store.commit(&id)?;
        if seen.len() > MAX_COMMITS {
            text.push_str(&format!("(stopped after {MAX_COMMITS} commits)\n"));
            break;
        }
        for parent in &commit.parents {
            if seen.insert(*parent) {
                waiting.push((store.commit(parent)?.1.committer.seconds, *parent));
            }
        }
        if path.is_none_or(|path| path.is_empty()) || has_changed(repository, &commit, path.unwrap_or_default())? {
            if found == window.skip + window.limit {
                text.push_str(&format!("... and more; go on with `skip`: {found}\n"));
                break;
            }
            found += 1;
            if found <= window.skip {
                continue;
            }
            let (day, who) = (commit.author.day(), &commit.author.name);
            text.push_str(&plain(&format!("{} {day} {who}: {}\n", id.short(), commit.subject())));
        }
    }
    Ok(if text.is_empty() { "no commit changed that\n".into() } else { text })
}

/// Whether a path is other than in all parents.
fn has_changed(repository: &Repository, commit: &Commit, path: &str) -> Result<bool, ToolError> {
    let store = &repository.store;
    let here = store.entry(&commit.tree, path)?;
    for parent in &commit.parents {
        if store.entry(&store.commit(parent)?.1.tree, path)? == here {
            return Ok(false);
        }
    }
    Ok(here.is_some() || !commit.parents.is_empty())
}

/// A commit with its message and what it changed, compared with its first parent.
pub fn commit(repository: &Repository, word: &str, path: Option<&str>) -> Result<String, ToolError> {
    let (id, commit) = repository.find(word)?;
    let mut text = format!("commit {id}\n");
    if commit.parents.len() != 1 {
        let parents: Vec<_> = commit.parents.iter().map(Id::short).collect();
        text.push_str(&format!("parents: {}\n", if parents.is_empty() { "none".into() } else { parents.join(" ") }));
    }
    text.push_str(&format!("author: {} <{}>, {}\n", commit.author.name, commit.author.email, commit.author.when()));
    if (&commit.author.name, &commit.author.email) != (&commit.committer.name, &commit.committer.email) {
        let who = &commit.committer;
        text.push_str(&format!("committer: {} <{}>, {}\n", who.name, who.email, who.when()));
    }
    text.push_str(&format!("\n{}\n", commit.message.trim_end()));
    let parent = commit.parents.first().map(|parent| repository.store.commit(parent)).transpose()?;
    let before = parent.map(|(_, parent)| parent.tree);
    let changes = between(&repository.store, before, Some(commit.tree), path.unwrap_or_default())?;
    text.push('\n');
    show(repository, &changes, &mut text);
    Ok(plain(&text))
}

/// What differs between two commits, or between one and the files as they are.
pub fn diff(repository: &Repository, from: &str, to: Option<&str>, path: Option<&str>) -> Result<String, ToolError> {
    let path = path.unwrap_or_default();
    let changes = match (to, &repository.files) {
        (Some(to), _) => {
            let (old, new) = (repository.find(from)?.1.tree, repository.find(to)?.1.tree);
            between(&repository.store, Some(old), Some(new), path)?
        }
        (None, Some(files)) => {
            let old = tree_or_none(repository, from)?;
            since(&repository.store, old, &index(repository)?, files, path)?
        }
        (None, None) => return Err(ToolError::invalid("this repository has no files of its own: name `to`")),
    };
    if changes.is_empty() {
        return Ok("nothing differs\n".into());
    }
    let mut text = String::new();
    show(repository, &changes, &mut text);
    Ok(plain(&text))
}

/// The tree of a commit; none if it is `HEAD` and nothing was committed yet.
fn tree_or_none(repository: &Repository, word: &str) -> Result<Option<Id>, ToolError> {
    match word == "HEAD" && repository.head()?.1.is_none() {
        true => Ok(None),
        false => repository.find(word).map(|(_, commit)| Some(commit.tree)),
    }
}

/// What would be committed, what is changed beyond it, and where changes meet.
pub fn status(repository: &Repository) -> Result<String, ToolError> {
    let Some(files) = &repository.files else {
        return Err(ToolError::invalid("this repository has no files of its own"));
    };
    let (branch, head) = repository.head()?;
    let mut text = match (&branch, &head) {
        (Some(branch), None) => format!("on {}, which has no commits yet\n", branch_name(branch)),
        (Some(branch), Some(head)) => format!("on {} at {}\n", branch_name(branch), head.short()),
        (None, Some(head)) => format!("on no branch, at {}\n", head.short()),
        (None, None) => "on no branch\n".to_owned(),
    };
    let index = index(repository)?;
    let tree = tree_or_none(repository, "HEAD")?;
    let mut kept = crate::changes::files_of(&repository.store, tree, "")?;
    let (mut staged, mut changed) = (Vec::new(), Vec::new());
    for (path, known) in &index.files {
        match kept.remove(path) {
            None => staged.push(format!("A {path}")),
            Some(old) if old != known.entry => staged.push(format!("M {path}")),
            Some(_) => {}
        }
        match look(&files.join(path), known) {
            Seen::Same => {}
            Seen::Other { .. } => changed.push(format!("M {path}")),
            Seen::Gone => changed.push(format!("D {path}")),
        }
    }
    kept.retain(|path, _| !index.conflicts.contains(path));
    staged.extend(kept.into_keys().map(|path| format!("D {path}")));
    let new = crate::untracked::find(files, &repository.git, &index);
    let lists = [
        ("to be committed", staged),
        ("changed since", changed),
        ("in conflict", index.conflicts),
        ("new, and not added", new),
    ];
    for (title, list) in lists {
        if !list.is_empty() {
            text.push_str(&format!("{title}:\n  {}\n", list.join("\n  ")));
        }
    }
    cut(&mut text, MAX_TEXT_BYTES);
    Ok(plain(&text))
}

fn branch_name(reference: &str) -> &str {
    reference.strip_prefix("refs/heads/").unwrap_or(reference)
}

/// Branches with their last commits, those of other places too if asked.
pub fn branches(repository: &Repository, remote: bool) -> Result<String, ToolError> {
    let current = repository.head()?.0;
    let mut text = String::new();
    let prefixes: &[&str] = if remote { &["refs/heads/", "refs/remotes/"] } else { &["refs/heads/"] };
    for prefix in prefixes {
        let found = repository.references(prefix)?;
        for (name, id) in found.iter().take(MAX_BRANCHES) {
            let mark = if current == Some(format!("{prefix}{name}")) { '*' } else { ' ' };
            let (_, commit) = repository.store.commit(id)?;
            let (day, subject) = (commit.committer.day(), commit.subject());
            text.push_str(&plain(&format!("{mark} {name} {} {day} {subject}\n", id.short())));
        }
        if found.len() > MAX_BRANCHES {
            text.push_str(&format!("... and {} more\n", found.len() - MAX_BRANCHES));
        }
    }
    Ok(if text.is_empty() { "there are no branches yet\n".into() } else { text })
}

/// Writes which files changed, and then how, as far as there is room.
fn show(repository: &Repository, changes: &[Change], text: &mut String) {
    changes.iter().for_each(|change| text.push_str(&format!("{} {}\n", change.letter(), change.path)));
    cut(text, MAX_TEXT_BYTES / 2);
    for change in changes {
        text.push('\n');
        text.push_str(&hunks(repository, change));
        if text.len() > MAX_TEXT_BYTES {
            cut(text, MAX_TEXT_BYTES);
            return;
        }
    }
}

fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push_str("\n(the rest is cut: name a file)\n");
    }
}

fn hunks(repository: &Repository, change: &Change) -> String {
    let path = &change.path;
    let (old, new) = match (side(repository, path, change.old), side(repository, path, change.new)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(why), _) | (_, Err(why)) => return format!("{path}: {why}\n"),
    };
    if old == new {
        return format!("{path}: only its mode changed\n");
    }
    let name = |side, prefix| if side == Side::Nothing { "/dev/null".into() } else { format!("{prefix}/{path}") };
    let diff = TextDiff::from_lines(&old, &new);
    diff.unified_diff().header(&name(change.old, "a"), &name(change.new, "b")).to_string()
}

/// The text of one side, or why it has none.
fn side(repository: &Repository, path: &str, side: Side) -> Result<String, &'static str> {
    let bytes = match (side, &repository.files) {
        (Side::Nothing, _) => return Ok(String::new()),
        (Side::Kept(entry), _) if entry.mode == SUBMODULE => return Ok(format!("submodule at {}\n", entry.id)),
        (Side::Kept(entry), _) => repository.store.read(&entry.id).ok().map(|object| object.bytes),
        (Side::File { is_link }, Some(files)) => content(&files.join(path), is_link),
        (Side::File { .. }, None) => None,
    };
    match bytes {
        None => Err("cannot be read"),
        Some(bytes) if bytes.len() > MAX_DIFF_BYTES => Err("too large to be compared"),
        Some(bytes) if bytes.contains(&0) => Err("not text"),
        Some(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// Leaves out what only a terminal understands.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')).collect()
}
