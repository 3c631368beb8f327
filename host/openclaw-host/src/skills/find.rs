//! Where skills lie: the order of places, and the folders below them.
//!
//! Links are never followed: what lies in a root is found under its own name, and what a link leads to elsewhere is not
//! in the root. A link that looks like a skill is told.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use claw_core::id::Digest;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use sha2::{Digest as _, Sha256};

use super::LeftOut;
use crate::hub;
use crate::settings::SkillSettings;

/// What a skill is known by.
const FILE: &str = "SKILL.md";
/// Folders within each other. Source: OpenClaw, "Loading order".
const MAX_DEPTH: usize = 6;
/// Folders looked into below one root; a checkout of a whole project has more.
const MAX_FOLDERS: usize = 4000;
/// Skills in all.
const MAX_SKILLS: usize = 1000;
/// Bytes that are read of a SKILL.md; the parser refuses longer ones.
const MAX_BYTES: u64 = 256 * 1024 + 1;

/// Kinds of places, in the order in which they count. Source: OpenClaw, "Loading order".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// `skills` in the workspace.
    Workspace,
    /// `.agents/skills` in the workspace.
    Project,
    /// `~/.agents/skills`.
    Personal,
    /// `skills` in the host's home.
    Home,
    /// A folder that the configuration names.
    Extra,
    /// `clawhub` in the host's home: what the owner has installed from there.
    ClawHub,
}

/// A place that is looked through.
#[derive(Clone, Debug)]
pub(super) struct Root {
    source: Source,
    path: PathBuf,
}

/// A SKILL.md.
#[derive(Debug)]
pub(super) struct Found {
    pub source: Source,
    /// The folder; canonical.
    pub folder: PathBuf,
    pub stamp: Stamp,
    pub digest: Digest,
    /// What it says; nothing where it looks as it did when it was read before.
    pub text: Option<String>,
}

/// How a file looks without being opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp([i64; 7]);

impl Source {
    /// The word used in commands and lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Workspace => "workspace",
            Source::Project => "project",
            Source::Personal => "personal",
            Source::Home => "home",
            Source::Extra => "extra",
            Source::ClawHub => "clawhub",
        }
    }

    /// Whether what lies there is the owner's own word.
    pub fn is_owners(self) -> bool {
        match self {
            Source::Workspace | Source::Project | Source::Personal | Source::Home => true,
            Source::Extra | Source::ClawHub => false,
        }
    }
}

/// The places of a host, those first that count first.
pub(super) fn roots(settings: &SkillSettings, workspace: &Path, home: &Path) -> Vec<Root> {
    let root = |source, path| Root { source, path };
    let mut roots = vec![
        root(Source::Workspace, workspace.join("skills")),
        root(Source::Project, workspace.join(".agents/skills")),
    ];
    roots.extend(settings.personal.iter().map(|path| root(Source::Personal, path.clone())));
    roots.push(root(Source::Home, home.join("skills")));
    roots.extend(settings.extra_dirs.iter().map(|path| root(Source::Extra, path.clone())));
    roots.push(root(Source::ClawHub, home.join(hub::FOLDER)));
    roots
}

/// What a look has found.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub found: Vec<Found>,
    pub left_out: Vec<LeftOut>,
    /// Folders that were looked at.
    pub folders: usize,
}

/// Looks through the places; reads what does not look as it did.
pub(super) fn look(roots: &[Root], known: &HashMap<PathBuf, (Stamp, Digest)>) -> Looked {
    let mut look = Look { known, looked: Looked::default(), folders_left: 0 };
    for root in roots {
        look.folders_left = MAX_FOLDERS;
        match root.open() {
            // An extra folder can be a skill itself.
            Ok(Some(path)) => look.folder(root.source, &path, usize::from(root.source != Source::Extra)),
            Ok(None) => {}
            Err(why) => look.looked.left_out.push(LeftOut { path: root.path.clone(), why }),
        }
    }
    look.looked
}

impl Root {
    /// Where it really is; nothing if it is not there.
    fn open(&self) -> Result<Option<PathBuf>, String> {
        // Most places are not there, which one look tells.
        let there = fs::symlink_metadata(&self.path).and_then(|_| self.path.canonicalize());
        let real = match there {
            Ok(real) => real,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(format!("it cannot be opened: {err}")),
        };
        // What lies in the workspace may have been put there by a program; a link would lead it out.
        let is_inside =
            |depth| self.path.ancestors().nth(depth)?.canonicalize().ok().map(|base| real.starts_with(base));
        let inside = match self.source {
            Source::Workspace => is_inside(1),
            Source::Project => is_inside(2),
            Source::Personal | Source::Home | Source::Extra | Source::ClawHub => Some(true),
        };
        match inside {
            Some(true) if real.is_dir() => Ok(Some(real)),
            Some(true) => Ok(None),
            Some(false) | None => Err("it is a link that leads out of the workspace, and is not followed".to_owned()),
        }
    }
}

struct Look<'a> {
    known: &'a HashMap<PathBuf, (Stamp, Digest)>,
    looked: Looked,
    folders_left: usize,
}

impl Look<'_> {
    /// `depth` is 0 for a folder that can itself be a skill although it is a root, 1 for any other root.
    fn folder(&mut self, source: Source, path: &Path, depth: usize) {
        self.looked.folders += 1;
        if depth != 1 && self.take_skill(source, path) {
            return;
        }
        if depth > MAX_DEPTH {
            return;
        }
        let Ok(entries) = fs::read_dir(path) else { return };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") || name == "node_modules" {
                continue;
            }
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            if kind.is_symlink() && path.join(FILE).exists() {
                self.leave_out(path, "it is a link, which is not followed; put the folder itself here".to_owned());
            } else if kind.is_dir() {
                match self.folders_left.checked_sub(1) {
                    Some(left) => self.folders_left = left,
                    None => return self.leave_out(path, format!("more than {MAX_FOLDERS} folders lie before it")),
                }
                self.folder(source, &path, depth.max(1) + 1);
            }
        }
    }

    /// Whether the folder is a skill, be it a usable one or not.
    fn take_skill(&mut self, source: Source, folder: &Path) -> bool {
        let file = folder.join(FILE);
        let Ok(about) = fs::symlink_metadata(&file) else { return false };
        let why = if about.is_symlink() {
            "its SKILL.md is a link, which is not followed".to_owned()
        } else if !about.is_file() {
            return false;
        } else if self.looked.found.len() == MAX_SKILLS {
            format!("more than {MAX_SKILLS} skills lie before it")
        } else {
            match self.read(&file, &about) {
                Ok((stamp, digest, text)) => {
                    self.looked.found.push(Found { source, folder: folder.to_owned(), stamp, digest, text });
                    return true;
                }
                Err(err) => format!("its SKILL.md cannot be read: {err}"),
            }
        };
        self.leave_out(folder.to_owned(), why);
        true
    }

    fn read(&self, file: &Path, about: &fs::Metadata) -> io::Result<(Stamp, Digest, Option<String>)> {
        let stamp = Stamp::of(about);
        if let Some((known, digest)) = self.known.get(file)
            && *known == stamp
        {
            return Ok((stamp, *digest, None));
        }
        // Not even a folder on the way may have become a link meanwhile.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let opened = rustix::fs::openat2(CWD, file, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?;
        let opened = fs::File::from(opened);
        let about = opened.metadata()?;
        if !about.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut bytes = Vec::new();
        opened.take(MAX_BYTES).read_to_end(&mut bytes)?;
        let digest = Digest(Sha256::digest(&bytes).into());
        Ok((Stamp::of(&about), digest, Some(String::from_utf8_lossy(&bytes).into_owned())))
    }

    fn leave_out(&mut self, path: PathBuf, why: String) {
        if self.looked.left_out.len() < MAX_SKILLS {
            self.looked.left_out.push(LeftOut { path, why });
        }
    }
}

impl Found {
    pub(super) fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }
}

impl Stamp {
    fn of(about: &fs::Metadata) -> Stamp {
        let number = |number: u64| number.cast_signed();
        Stamp([
            number(about.dev()),
            number(about.ino()),
            number(about.size()),
            about.mtime(),
            about.mtime_nsec(),
            about.ctime(),
            about.ctime_nsec(),
        ])
    }
}

#[cfg(test)]
mod tests;
