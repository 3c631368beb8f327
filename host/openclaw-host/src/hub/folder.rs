//! What lies on disk of a skill: the receipts of its versions, the files of the one that counts in a folder beside them, and
//! the archives to go back to.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use claw_core::id::{Digest, Timestamp};
use claw_package::Bundled;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, ResolveFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::is_missing;
use crate::crash_point;

/// What was accepted; a skill's own files lie in a folder beside it.
const RECEIPT: &str = "receipt.json";
/// The folder of the archives of its versions, each named by its digest. Nobody looks for skills in hidden ones.
const ARCHIVES: &str = ".archives";
/// Versions that are kept to go back to, besides the one that counts; as many as of a package.
const KEPT: usize = 3;
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
    /// The folder of the archive that is the skill, if it is that of a whole repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// SHA-256 of each file, by its path.
    pub files: BTreeMap<String, Digest>,
    /// Who accepted it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A skill that is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Installed {
    /// Its versions, the last accepted last; the one that counts is among them.
    pub versions: Vec<Receipt>,
    /// The archive of the version that counts.
    pub current: Digest,
    /// Whether it stays at this version.
    pub is_pinned: bool,
}

/// A file that is not as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Its path in the skill.
    pub path: String,
    /// What is different.
    pub why: &'static str,
}

// === impl Installed ===

impl Installed {
    /// Reads what is installed in a folder.
    ///
    /// # Errors
    /// If there is nothing, or it is not that of this folder.
    pub fn read(folder: &Path) -> io::Result<Installed> {
        let text = fs::read(folder.join(RECEIPT))?;
        // Earlier releases kept one receipt, and no archive.
        let alone = |_| serde_json::from_slice::<Receipt>(&text).map(Installed::from);
        let installed = serde_json::from_slice::<Installed>(&text).or_else(alone)?;
        let name = folder.file_name().unwrap_or_default();
        let is_its = installed.versions.iter().all(|receipt| name == receipt.slug.as_str());
        let is_whole = installed.versions.iter().any(|receipt| receipt.archive == installed.current);
        if is_its && is_whole { Ok(installed) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// The version that counts.
    pub fn receipt(&self) -> &Receipt {
        let current = self.versions.iter().find(|receipt| receipt.archive == self.current);
        current.expect("hub: the version that counts is kept")
    }

    /// The version that counted before this one, if it is kept.
    pub fn previous(&self) -> Option<&Receipt> {
        let place = self.versions.iter().position(|receipt| receipt.archive == self.current)?;
        self.versions[..place].last()
    }

    /// The same with another version that counts. The oldest go, so that three stay besides it.
    pub(super) fn with(mut self, receipt: Receipt) -> Installed {
        self.versions.retain(|known| known.archive != receipt.archive);
        self.current = receipt.archive;
        self.versions.push(receipt);
        let surplus = self.versions.len().saturating_sub(KEPT + 1);
        self.versions.drain(..surplus);
        self
    }
}

impl From<Receipt> for Installed {
    fn from(receipt: Receipt) -> Installed {
        Installed { current: receipt.archive, versions: vec![receipt], is_pinned: false }
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

/// Writes an archive into a new folder, under its digest; durable when it returns.
pub(super) fn keep_archive(staged: &Path, archive: &Digest, bytes: &[u8]) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(staged.join(ARCHIVES))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(archive_in(staged, archive))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Where a skill keeps the archive of a version.
pub(super) fn archive_in(folder: &Path, archive: &Digest) -> PathBuf {
    folder.join(ARCHIVES).join(format!("{archive}.zip"))
}

/// Puts a staged folder in the place of what is there, in one step, with the archives of the versions that are kept. What
/// was there is in the staged folder then. A version whose archive is not there cannot be gone back to, and is forgotten.
pub(super) fn put(staged: &Path, mut installed: Installed, place: &Path) -> io::Result<Installed> {
    for receipt in &installed.versions {
        let archive = &receipt.archive;
        match fs::hard_link(archive_in(place, archive), archive_in(staged, archive)) {
            Err(err) if !is_missing(&err) && err.kind() != io::ErrorKind::AlreadyExists => return Err(err),
            _ => {}
        }
    }
    File::open(staged.join(ARCHIVES))?.sync_all()?;
    installed.versions.retain(|receipt| archive_in(staged, &receipt.archive).exists());
    write(staged, &installed)?;
    File::open(staged)?.sync_all()?;
    crash_point::pass("skill staged");
    if fs::symlink_metadata(place).is_ok() {
        rustix::fs::renameat_with(CWD, staged, CWD, place, RenameFlags::EXCHANGE)?;
    } else {
        fs::rename(staged, place)?;
    }
    File::open(place.parent().unwrap_or(place))?.sync_all()?;
    Ok(installed)
}

/// Says otherwise what is installed in a place whose files stay.
pub(super) fn note(installed: &Installed, place: &Path) -> io::Result<()> {
    let staged = tempfile::Builder::new().prefix(STAGED).tempdir_in(place.parent().unwrap_or(place))?;
    write(staged.path(), installed)?;
    crash_point::pass("skill to be noted");
    fs::rename(staged.path().join(RECEIPT), place.join(RECEIPT))?;
    File::open(place)?.sync_all()?;
    crash_point::pass("skill noted");
    Ok(())
}

fn write(folder: &Path, installed: &Installed) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(RECEIPT))?;
    file.write_all(&serde_json::to_vec_pretty(installed)?)?;
    file.sync_all()
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

/// Every version that cannot be gone back to, since its archive is not what it was. Releases that kept none have left the
/// version that counts without one.
pub(super) fn changed_archives(place: &Path, installed: &Installed) -> Vec<Changed> {
    let look = |receipt: &Receipt| {
        let why = match digest_of(&archive_in(place, &receipt.archive)) {
            Ok(found) if found == receipt.archive => return None,
            Ok(_) => "it was changed",
            Err(err) if is_missing(&err) && receipt.archive == installed.current => return None,
            Err(_) => "it cannot be read, or is no file",
        };
        Some(Changed { path: format!("the kept archive of {}", receipt.version), why })
    };
    installed.versions.iter().filter_map(look).collect()
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
