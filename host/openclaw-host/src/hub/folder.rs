//! What lies on disk of a skill: its receipt, and its files in a folder beside it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use claw_core::id::{Digest, Timestamp};
use claw_package::Bundled;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, ResolveFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::is_missing;

/// The name of a receipt; a skill's own files lie in a folder beside it.
const RECEIPT: &str = "receipt.json";
/// What begins the name of a folder that does not count: nobody looks into hidden ones.
pub const STAGED: &str = ".new-";
/// Files that are looked at for changes; no skill brings more.
const MAX_FILES: usize = 2_000;

/// What was installed, and how it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// Its name on ClawHub.
    pub slug: String,
    /// Whose it is there.
    pub owner: Option<String>,
    /// Its version.
    pub version: String,
    /// Where its files came from.
    pub source: String,
    /// SHA-256 of the archive.
    pub archive: Digest,
    /// SHA-256 of each file, by its path.
    pub files: BTreeMap<String, Digest>,
    /// Who accepted it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A file that is not as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Its path in the skill.
    pub path: String,
    /// What is different.
    pub why: &'static str,
}

impl Receipt {
    /// Reads the receipt in a folder.
    ///
    /// # Errors
    /// If there is none, or it is not that of this folder.
    pub fn read(folder: &Path) -> io::Result<Receipt> {
        let receipt: Receipt = serde_json::from_slice(&fs::read(folder.join(RECEIPT))?)?;
        let name = folder.file_name().unwrap_or_default();
        if name == receipt.slug.as_str() { Ok(receipt) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

/// Makes the folder of all skills, and removes what an earlier host has left unfinished in it.
pub(super) fn prepare(folder: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => return Err(err),
        _ => {}
    }
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(STAGED.as_bytes()) {
            discard(&entry.path());
        }
    }
    Ok(())
}

/// Writes files below a new folder; durable when it returns. What begins as a script can be run as one, by those who may.
pub(super) fn unpack(folder: &Path, files: &[Bundled]) -> io::Result<()> {
    let mut folders = vec![folder.to_owned()];
    fs::DirBuilder::new().mode(0o700).create(folder)?;
    for file in files {
        let path = folder.join(&file.path);
        for parent in path.ancestors().skip(1).take_while(|parent| *parent != folder) {
            if !folders.iter().any(|known| known == parent) {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
                folders.push(parent.to_owned());
            }
        }
        let mode = if file.text.starts_with("#!") { 0o700 } else { 0o600 };
        let mut written = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
        written.write_all(file.text.as_bytes())?;
        written.sync_all()?;
    }
    folders.iter().try_for_each(|folder| File::open(folder)?.sync_all())
}

/// Puts a staged folder with its receipt in the place of what is there, in one step. What was there is in the staged
/// folder then.
pub(super) fn put(staged: &Path, receipt: &Receipt, place: &Path) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(receipt)?;
    let path = staged.join(RECEIPT);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(&text)?;
    file.sync_all()?;
    File::open(staged)?.sync_all()?;
    crate::crash_point::pass("skill staged");
    if fs::symlink_metadata(place).is_ok() {
        rustix::fs::renameat_with(CWD, staged, CWD, place, RenameFlags::EXCHANGE)?;
    } else {
        fs::rename(staged, place)?;
    }
    File::open(place.parent().unwrap_or(place))?.sync_all()
}

/// Takes a skill away: it is gone when its folder has another name, and what cannot be removed then is swept away at the
/// next start.
pub(super) fn remove(place: &Path) -> io::Result<()> {
    let parent = place.parent().unwrap_or(place);
    let gone = tempfile::Builder::new().prefix(STAGED).tempdir_in(parent)?;
    fs::rename(place, gone.path().join("gone"))?;
    File::open(parent)?.sync_all()
}

/// Every file that is not as the receipt says, and every one that it does not name.
pub(super) fn changed(place: &Path, receipt: &Receipt) -> Vec<Changed> {
    let folder = place.join(&receipt.slug);
    let mut changed = Vec::new();
    for (path, digest) in &receipt.files {
        let why = match digest_of(&folder.join(path)) {
            Ok(found) if found == *digest => continue,
            Ok(_) => "it was changed",
            Err(err) if is_missing(&err) => "it is gone",
            Err(_) => "it cannot be read, or is no file",
        };
        changed.push(Changed { path: path.clone(), why });
    }
    let mut found = Vec::new();
    list(&folder, "", &mut found);
    let added = found.into_iter().filter(|path| !receipt.files.contains_key(path));
    changed.extend(added.map(|path| Changed { path, why: "it was added" }));
    changed
}

/// Whatever is no folder, by its path.
fn list(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if found.len() >= MAX_FILES {
            return;
        }
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(&entry.path(), &format!("{path}/"), found),
            _ => found.push(path),
        }
    }
}

/// Links are not followed.
fn digest_of(path: &Path) -> io::Result<Digest> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?);
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (mut hash, mut block, mut file) = (Sha256::new(), vec![0; 64 << 10], file);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(Digest(hash.finalize().into())),
            read => hash.update(&block[..read]),
        }
    }
}

fn discard(path: &Path) {
    if let Err(err) = fs::remove_dir_all(path) {
        tracing::warn!(path = %path.display(), error = %err, "an old folder of a skill cannot be removed");
    }
}
