//! Who besides the owner could change or read a file or folder.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::HomeError;

/// What others must not be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Change it.
    NotWritable,
    /// Change or read it.
    Private,
}

/// How a file or folder is exposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// It belongs to this other user.
    Foreign(u32),
    /// Its group or everybody may write; its mode.
    Writable(u32),
    /// Its group or everybody may read; its mode.
    Readable(u32),
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exposure::Foreign(uid) => write!(f, "belongs to another user (uid {uid})"),
            Exposure::Writable(mode) => write!(f, "can be changed by other users (mode {mode:04o})"),
            Exposure::Readable(mode) => write!(f, "can be read by other users (mode {mode:04o})"),
        }
    }
}

impl Exposure {
    /// The command that ends it.
    pub fn fix(self, path: &Path) -> String {
        let path = path.display();
        match self {
            Exposure::Foreign(_) => {
                format!(
                    "choose another home with `--home DIR`, or look what is in it and take it over: `chown $(id -u) {path}`"
                )
            }
            Exposure::Writable(_) => format!("run `chmod go-w {path}`"),
            Exposure::Readable(_) => format!("run `chmod 600 {path}`"),
        }
    }
}

/// Checks what lies at `path`, following links.
///
/// # Errors
/// [`HomeError::Exposed`] with the way out; [`HomeError::Io`] if nothing lies there.
pub fn owner_only(path: &Path, rule: Rule) -> Result<(), HomeError> {
    let io = |err| HomeError::Io { action: "inspect", path: path.to_owned(), err };
    match exposure(&std::fs::metadata(path).map_err(io)?, rule) {
        None => Ok(()),
        Some(exposure) => Err(HomeError::Exposed { path: path.to_owned(), exposure }),
    }
}

/// Checks a file that says what is allowed, if it is there. It may be root's, who may change everything anyway and sets up
/// some homes; and where nobody else gets into its folder its mode does not matter.
///
/// # Errors
/// As [`owner_only`].
pub fn owners_file(folder: &Path, path: &Path) -> Result<(), HomeError> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(err) => return Err(HomeError::Io { action: "inspect", path: path.to_owned(), err }),
    };
    let user = rustix::process::geteuid().as_raw();
    let owner = if metadata.uid() == 0 { user } else { metadata.uid() };
    let mode = if owner_only(folder, Rule::Private).is_ok() { 0 } else { metadata.mode() & 0o7777 };
    match exposed(owner, mode, user, Rule::NotWritable) {
        None => Ok(()),
        Some(exposure) => Err(HomeError::Exposed { path: path.to_owned(), exposure }),
    }
}

/// How what `metadata` describes is exposed, if it is.
pub fn exposure(metadata: &Metadata, rule: Rule) -> Option<Exposure> {
    exposed(metadata.uid(), metadata.mode() & 0o7777, rustix::process::geteuid().as_raw(), rule)
}

/// The rule itself: owner and mode against the user who asks.
pub(super) fn exposed(owner: u32, mode: u32, user: u32, rule: Rule) -> Option<Exposure> {
    if owner != user {
        return Some(Exposure::Foreign(owner));
    }
    if mode & 0o022 != 0 {
        return Some(Exposure::Writable(mode));
    }
    match rule {
        Rule::Private if mode & 0o077 != 0 => Some(Exposure::Readable(mode)),
        Rule::Private | Rule::NotWritable => None,
    }
}
