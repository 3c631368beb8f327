//! Fuzz target: paths of guests on a real tree with links, beside a walker that knows the tree by heart.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use claw_fuzz::Draw;
use tempfile::TempDir;

use super::protected::Ground;
use super::{Change, FileError, Mode, Workspace, beneath};

/// Beside the workspace, and in no answer.
const CANARY: &[u8] = b"canary";
const DIRECTORIES: [&str; 3] = ["a", "a/b", "a/.git"];
/// Each holds its own path.
const FILES: [&str; 5] = ["f", "a/f", "a/b/f", "a/b/~", "a/.git/config"];
/// Links and where they lead.
const LINKS: [(&str, &str); 9] = [
    ("inward", "a/b"),
    ("file", "a/f"),
    ("a/up", "../f"),
    ("chain", "inward/f"),
    ("circle", "circle"),
    ("dangling", "nowhere"),
    ("outward", "../secret"),
    ("a/absolute", "/etc"),
    ("a/b/far", "../../../secret/canary"),
];
const PIECES: [&str; 39] = [
    "a",
    "b",
    "f",
    "/",
    "/",
    "/",
    "inward",
    "file",
    "up",
    "chain",
    "circle",
    "dangling",
    "outward",
    "absolute",
    "far",
    "canary",
    "secret",
    "passwd",
    ".",
    "..",
    "./",
    "../",
    "//",
    "\\",
    "~",
    "~/",
    "$HOME/",
    "@",
    "file:",
    "C:",
    "/workspace",
    "/workspace/",
    "/etc",
    "%2e%2e",
    "\0",
    "\n",
    ".git",
    ".env",
    "new",
];
const MOST_PIECES: usize = 9;
/// Links that one resolution follows in the reference; the kernel follows 40.
const MOST_LINKS: usize = 40;

/// Reads, lists or writes at a path that a guest wrote. What is read is what a walker of a few lines finds inside; what
/// is written lies inside and went through no link; nothing outside changes; no error says where the tree lies.
pub fn path(data: &[u8]) {
    thread_local! {
        static SITE: Site = Site::new();
    }
    let mut draw = Draw::new(data);
    let act = draw.below(8);
    let text = match draw.below(8) {
        0 => draw.text(),
        _ => draw.joined(&PIECES, MOST_PIECES),
    };
    match act {
        // A commit is synced to disk, and the tree is made anew after it: rarely.
        0 => check_put(&Site::new(), &text),
        1 | 2 => SITE.with(|site| check_list(site, &text)),
        _ => SITE.with(|site| check_read(site, &text)),
    }
}

fn check_read(site: &Site, text: &str) {
    let read = site.open().read_range(text, 0, u64::MAX);
    match read {
        Ok(slice) => {
            assert_ne!(slice.bytes, CANARY, "{text:?} reads outside");
            let found = find(text);
            let content = String::from_utf8_lossy(&slice.bytes);
            assert_eq!(found, Some(Found::File(content.to_string())), "{text:?}");
        }
        Err(err) => {
            site.check_error(text, &err);
            assert!(!is_plain(text) || !matches!(find(text), Some(Found::File(_))), "{text:?} is refused: {err}");
        }
    }
}

fn check_list(site: &Site, text: &str) {
    match site.open().list_directory(text, 100) {
        Ok(listing) => {
            let Some(Found::Directory(directory)) = find(text) else { panic!("{text:?} lists {listing:?}") };
            let mut names: Vec<_> = listing.entries.iter().filter_map(|entry| entry.path.rsplit('/').next()).collect();
            names.sort_unstable();
            assert_eq!(names, names_in(&directory), "{text:?}");
        }
        Err(err) => {
            site.check_error(text, &err);
            assert!(!is_plain(text) || !matches!(find(text), Some(Found::Directory(_))), "{text:?} is refused: {err}");
        }
    }
}

fn check_put(site: &Site, text: &str) {
    let before = site.tree();
    let put = site.open().commit(vec![Change::Put(text.to_owned(), b"written".to_vec())]);
    let mut after = site.tree();
    if let Err(err) = put {
        site.check_error(text, &err);
        assert_eq!(after, before, "{text:?} was refused ({err}), and something changed");
        return;
    }
    let written = components(text).join("/");
    let is_protected = written.split('/').any(|name| name == ".env") || written.ends_with(".git/config");
    assert!(!is_protected, "{text:?} was written");
    assert_eq!(after.remove(&format!("ws/{written}")).as_deref(), Some("written"), "{text:?} is elsewhere");
    // New directories are no more than the way to the file.
    after.retain(|path, content| before.get(path) == Some(content) || content != "directory");
    let mut before = before;
    before.remove(&format!("ws/{written}"));
    assert_eq!(after, before, "{text:?} changed something else");
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// The content.
    File(String),
    /// Its path; empty for the workspace.
    Directory(String),
}

/// Whether every rule about spelling is kept, so that only the tree decides.
fn is_plain(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'/' | b'.');
    text.bytes().all(is_letter) && !text.starts_with('/') && !text.contains("..") && text.len() < 200
}

/// The names of a path, without those that say nothing.
fn components(text: &str) -> Vec<&str> {
    let inner = text.strip_prefix("/workspace").filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(text);
    inner.split('/').filter(|name| !matches!(*name, "" | ".")).collect()
}

/// Walks name by name and never leaves; a file may not be followed by anything, also not by `/`.
fn find(text: &str) -> Option<Found> {
    let mut todo: Vec<String> = components(text).into_iter().rev().map(str::to_owned).collect();
    let mut at: Vec<String> = Vec::new();
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if name == ".." {
            at.pop()?;
            continue;
        }
        at.push(name);
        let path = at.join("/");
        if let Some((_, target)) = LINKS.iter().find(|(link, _)| *link == path) {
            links += 1;
            if links > MOST_LINKS || target.starts_with('/') {
                return None;
            }
            at.pop();
            todo.extend(target.split('/').rev().map(str::to_owned));
        } else if FILES.contains(&path.as_str()) {
            let names_directory = text.ends_with('/') || text.ends_with("/.");
            return (todo.is_empty() && !names_directory).then_some(Found::File(path));
        } else if !DIRECTORIES.contains(&path.as_str()) {
            return None;
        }
    }
    Some(Found::Directory(at.join("/")))
}

fn names_in(directory: &str) -> Vec<&'static str> {
    let all = DIRECTORIES.iter().chain(&FILES).copied().chain(LINKS.iter().map(|(link, _)| *link));
    let split = |path: &'static str| path.rsplit_once('/').unwrap_or(("", path));
    let mut names: Vec<_> = all.map(split).filter(|(parent, _)| *parent == directory).map(|(_, name)| name).collect();
    names.sort_unstable();
    names
}

/// `ws` for the guest and `secret` beside it.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Site {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let ws = folder.path().join("ws");
        let made = || -> std::io::Result<()> {
            fs::create_dir(folder.path().join("secret"))?;
            fs::write(folder.path().join("secret/canary"), CANARY)?;
            fs::create_dir(&ws)?;
            DIRECTORIES.iter().try_for_each(|path| fs::create_dir(ws.join(path)))?;
            FILES.iter().try_for_each(|path| fs::write(ws.join(path), path))?;
            LINKS.iter().try_for_each(|(path, target)| symlink(target, ws.join(path)))
        };
        made().expect("the tree can be made");
        Site { folder }
    }

    fn open(&self) -> Workspace {
        let root = rustix::fs::open(self.folder.path().join("ws"), beneath::DIRECTORY, rustix::fs::Mode::empty());
        Workspace { root: root.expect("the tree can be opened"), mode: Mode::ReadWrite, ground: Ground::Workspace }
    }

    fn check_error(&self, text: &str, err: &FileError) {
        let said = err.to_string();
        let host = self.folder.path().to_string_lossy();
        assert!(!said.contains(&*host), "{text:?} is told where the tree lies: {said}");
        assert!(!said.contains(char::is_control) && said.len() < 2000, "{text:?}: {said:?}");
    }

    /// Everything there is, with contents and the targets of links.
    fn tree(&self) -> BTreeMap<String, String> {
        let mut tree = BTreeMap::new();
        collect(self.folder.path(), "", &mut tree).expect("the tree can be read");
        tree
    }
}

fn collect(root: &Path, below: &str, tree: &mut BTreeMap<String, String>) -> std::io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let kind = entry.file_type()?;
        let content = if kind.is_dir() {
            collect(root, &path, tree)?;
            "directory".to_owned()
        } else if kind.is_symlink() {
            format!("link to {}", fs::read_link(entry.path())?.display())
        } else {
            fs::read_to_string(entry.path())?
        };
        tree.insert(path, content);
    }
    Ok(())
}
