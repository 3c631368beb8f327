//! What differs: between two trees, and between a tree and the files.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::UNIX_EPOCH;

use openclaw_sdk::ToolError;
use sha1::{Digest, Sha1};

use crate::index::{Index, Known, parse};
use crate::object::{DIRECTORY, Entry, Id, LINK, SUBMODULE};
use crate::refs::Repository;
use crate::store::{MAX_OBJECT_BYTES, Store, broken};

/// Files of one difference.
const MAX_CHANGES: usize = 2000;
/// Folders in folders.
const MAX_DEPTH: usize = 100;

/// What a file has on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Nothing,
    Kept(Entry),
    /// What lies among the files.
    File {
        is_link: bool,
    },
}

#[derive(Debug)]
pub struct Change {
    pub path: String,
    pub old: Side,
    pub new: Side,
}

impl Change {
    /// `A`, `D` or `M`, as Git says it.
    pub fn letter(&self) -> char {
        match (self.old, self.new) {
            (Side::Nothing, _) => 'A',
            (_, Side::Nothing) => 'D',
            _ => 'M',
        }
    }
}

/// What differs between two trees, below a path if one is given. No tree is an empty one.
///
/// # Errors
/// If a tree cannot be read, or there are too many changes.
pub fn between(store: &Store, old: Option<Id>, new: Option<Id>, path: &str) -> Result<Vec<Change>, ToolError> {
    let mut changes = Vec::new();
    let side = |tree: Option<Id>| tree.map(|id| Entry { mode: DIRECTORY, id });
    compare(store, (side(old), side(new)), "", path.trim_matches('/'), &mut changes, MAX_DEPTH)?;
    Ok(changes)
}

fn compare(
    store: &Store,
    (old, new): (Option<Entry>, Option<Entry>),
    path: &str,
    wanted: &str,
    changes: &mut Vec<Change>,
    depth: usize,
) -> Result<(), ToolError> {
    if old == new || !(is_in(path, wanted) || is_in(wanted, path)) {
        return Ok(());
    }
    let is_tree = |side: Option<Entry>| side.is_some_and(|entry| entry.mode == DIRECTORY);
    let file = |side: Option<Entry>| side.filter(|entry| entry.mode != DIRECTORY).map_or(Side::Nothing, Side::Kept);
    if !path.is_empty() && (file(old), file(new)) != (Side::Nothing, Side::Nothing) && is_in(path, wanted) {
        changes.push(Change { path: path.to_owned(), old: file(old), new: file(new) });
    }
    if changes.len() > MAX_CHANGES || depth == 0 {
        return Err(ToolError::Limit(format!("more than {MAX_CHANGES} files differ: name a folder or a file")));
    }
    if !is_tree(old) && !is_tree(new) {
        return Ok(());
    }
    let read = |side: Option<Entry>| match side {
        Some(entry) if entry.mode == DIRECTORY => store.tree(&entry.id),
        _ => Ok(BTreeMap::new()),
    };
    let (olds, mut news) = (read(old)?, read(new)?);
    let mut pairs: BTreeMap<String, (Option<Entry>, Option<Entry>)> = BTreeMap::new();
    for (name, old) in olds {
        let new = news.remove(&name);
        pairs.insert(name, (Some(old), new));
    }
    pairs.extend(news.into_iter().map(|(name, new)| (name, (None, Some(new)))));
    for (name, pair) in pairs {
        let below = if path.is_empty() { name } else { format!("{path}/{name}") };
        compare(store, pair, &below, wanted, changes, depth - 1)?;
    }
    Ok(())
}

/// Whether a path is another one or lies below it.
fn is_in(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// All files of a tree, below a path if one is given.
///
/// # Errors
/// As [`between`].
pub fn files_of(store: &Store, tree: Option<Id>, path: &str) -> Result<BTreeMap<String, Entry>, ToolError> {
    let mut files = BTreeMap::new();
    let mut folders = vec![(String::new(), tree)];
    while let Some((folder, tree)) = folders.pop() {
        let Some(tree) = tree else { continue };
        for (name, entry) in store.tree(&tree)? {
            let below = format!("{folder}{name}");
            if entry.mode == DIRECTORY && (is_in(&below, path) || is_in(path, &below)) {
                folders.push((format!("{below}/"), Some(entry.id)));
            } else if entry.mode != DIRECTORY && is_in(&below, path) {
                files.insert(below, entry);
            }
        }
        if folders.len() > 100_000 {
            return Err(broken("it has too many folders"));
        }
    }
    Ok(files)
}

/// The repository's index; an empty one if nothing was ever added.
pub fn index(repository: &Repository) -> Result<Index, ToolError> {
    match fs::read(repository.git.join("index")) {
        Ok(bytes) => parse(&bytes),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(Index::default()),
        Err(err) => Err(broken(&format!("`index`: {err}"))),
    }
}

/// What differs between a tree and the files that the index knows, below a path if one is given.
///
/// # Errors
/// As [`between`].
pub fn since(
    store: &Store,
    tree: Option<Id>,
    index: &Index,
    files: &Path,
    path: &str,
) -> Result<Vec<Change>, ToolError> {
    let path = path.trim_matches('/');
    let mut olds = files_of(store, tree, path)?;
    let mut changes = Vec::new();
    for (path, known) in index.files.iter().filter(|(name, _)| is_in(name, path)) {
        let old = olds.remove(path);
        let (new, is_same) = match look(&files.join(path), known) {
            Seen::Same => (Side::Kept(known.entry), old == Some(known.entry)),
            Seen::Other { is_link, id } => (Side::File { is_link }, id.is_some() && old.map(|old| old.id) == id),
            Seen::Gone => (Side::Nothing, old.is_none()),
        };
        if !is_same {
            changes.push(Change { path: path.clone(), old: old.map_or(Side::Nothing, Side::Kept), new });
        }
    }
    // A file in a conflict is under no name of its own in the index.
    olds.retain(|path, _| !index.conflicts.contains(path));
    changes.extend(olds.into_iter().map(|(path, old)| Change { path, old: Side::Kept(old), new: Side::Nothing }));
    if changes.len() > MAX_CHANGES {
        return Err(ToolError::Limit(format!("more than {MAX_CHANGES} files differ: name a folder or a file")));
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(changes)
}

/// How a file is, compared with what the index knows of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    Same,
    Other { is_link: bool, id: Option<Id> },
    Gone,
}

/// Looks at a file; reads it only if size and time do not tell.
pub fn look(file: &Path, known: &Known) -> Seen {
    if known.entry.mode == SUBMODULE || known.left_out {
        return Seen::Same;
    }
    let Ok(found) = fs::symlink_metadata(file) else { return Seen::Gone };
    if found.is_dir() {
        return Seen::Gone;
    }
    let is_link = found.is_symlink();
    if is_link != (known.entry.mode == LINK) {
        return Seen::Other { is_link, id: None };
    }
    let changed = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let changed = changed.map(|time| (time.as_secs() as u32, time.subsec_nanos()));
    // Without parts of a second, a file may have changed right after Git looked.
    if known.changed.1 != 0 && changed == Some(known.changed) && found.len() as u32 == known.size {
        return Seen::Same;
    }
    match content(file, is_link) {
        Some(bytes) if blob_id(&bytes) == known.entry.id => Seen::Same,
        bytes => Seen::Other { is_link, id: bytes.map(|bytes| blob_id(&bytes)) },
    }
}

/// What Git would keep of a file; `None` if it is too large or cannot be read.
pub fn content(file: &Path, is_link: bool) -> Option<Vec<u8>> {
    if is_link {
        return Some(fs::read_link(file).ok()?.to_str()?.as_bytes().to_vec());
    }
    (fs::metadata(file).ok()?.len() <= MAX_OBJECT_BYTES).then(|| fs::read(file).ok())?
}

fn blob_id(bytes: &[u8]) -> Id {
    let head = format!("blob {}\0", bytes.len());
    Id(Sha1::new().chain_update(head).chain_update(bytes).finalize().into())
}
