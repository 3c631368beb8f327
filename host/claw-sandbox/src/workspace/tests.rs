//! The workspace against the attacks and accidents of the file system cases (`FS-…`).

mod changing;
mod listing;
mod names;
mod reading;
mod searching;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Change, FileError, Mode, Workspace};

/// What no guest may ever see.
const CANARY: &[u8] = b"canary: outside the workspace";

/// `ws/` for the guest and `secret/canary.txt` beside it.
struct Site {
    directory: TempDir,
}

impl Site {
    fn new() -> Site {
        let site = Site { directory: tempfile::tempdir().unwrap() };
        fs::create_dir(site.directory.path().join("ws")).unwrap();
        fs::create_dir(site.directory.path().join("secret")).unwrap();
        fs::write(site.directory.path().join("secret/canary.txt"), CANARY).unwrap();
        site
    }

    fn ws(&self, path: &str) -> PathBuf {
        self.directory.path().join("ws").join(path)
    }

    fn secret(&self, path: &str) -> PathBuf {
        self.directory.path().join("secret").join(path)
    }

    fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Site {
        fs::create_dir_all(self.ws(path).parent().unwrap()).unwrap();
        fs::write(self.ws(path), content).unwrap();
        self
    }

    fn link(&self, path: &str, target: &str) -> &Site {
        symlink(target, self.ws(path)).unwrap();
        self
    }

    fn open(&self, mode: Mode) -> Workspace {
        Workspace::new(fs::File::open(self.ws("")).unwrap().into(), mode).unwrap()
    }

    fn read_write(&self) -> Workspace {
        self.open(Mode::ReadWrite)
    }

    /// Everything below `ws` and `secret`: names, kinds, permissions, contents and link targets.
    fn tree(&self) -> BTreeMap<PathBuf, String> {
        let mut tree = BTreeMap::new();
        add(self.directory.path(), &mut tree);
        tree
    }
}

fn add(directory: &Path, tree: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_dir() {
            add(&path, tree);
            String::new()
        } else if metadata.is_symlink() {
            fs::read_link(&path).unwrap().display().to_string()
        } else if metadata.is_file() {
            format!("{:?}", fs::read(&path).unwrap())
        } else {
            String::new()
        };
        tree.insert(path, format!("{:o} {content}", metadata.permissions().mode()));
    }
}

fn put(path: &str, content: &str) -> Change {
    Change::Put(path.to_owned(), content.as_bytes().to_vec())
}

fn remove(path: &str) -> Change {
    Change::Remove(path.to_owned())
}

fn never() -> bool {
    false
}

/// The code of a refusal, or the name of another error; also checks that the text gives nothing of the host away.
#[track_caller]
fn code<T: std::fmt::Debug>(result: Result<T, FileError>) -> &'static str {
    let err = result.unwrap_err();
    let text = err.to_string();
    // `E_FS_OUTSIDE` repeats the guest's own text, which may be anything.
    let repeats = matches!(err, FileError::Denied { code: "E_FS_OUTSIDE", .. });
    assert!(repeats || (!text.contains("/tmp") && !text.contains("../secret")), "tells about the host: {text}");
    match err {
        FileError::Denied { code, .. } => code,
        FileError::Invalid(text) if text.starts_with("E_FS_NAME") => "E_FS_NAME",
        FileError::Invalid(_) => "invalid",
        FileError::NotFound(_) => "not-found",
        FileError::Limit(_) => "limit",
        FileError::Cancelled => "cancelled",
        FileError::Io(_) => "io",
    }
}

#[test]
fn opening_a_file_as_a_workspace_fails() {
    let site = Site::new();
    site.file("file", "");
    let file = fs::File::open(site.ws("file")).unwrap();
    assert!(Workspace::new(file.into(), Mode::ReadOnly).is_err());
}
