//! The cache of compiled components: only what this host compiled and still finds unchanged is ever mapped.
//!
//! For each component there are two files, named after its digest and the engine's version: the compiled code, and a
//! record with the code's digest and what the component offers, sealed with a message authentication code. The record is
//! read at start; the code is opened, checked and handed over as that very descriptor when a worker starts. For each
//! component that came from a file there is a third, sealed too: the digest of that file and how it looked. Notes are
//! what others have found out with a component.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use claw_core::guard::Guard;
use claw_core::id::Digest;
use hmac::{Hmac, Mac};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::engine::{COMPILED_BYTES, ENGINE_VERSION};
use crate::plain::Described;
use crate::wasm::KnownFile;

pub(crate) struct Cache {
    directory: PathBuf,
    key: [u8; 32],
    /// More than this is not kept, but for what is needed now.
    most_bytes: u64,
    engine: &'static str,
}

/// What is known of a compiled component without opening its code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    compiled: Digest,
    described: Described,
}

/// A record is a few schemas; more is not ours.
const RECORD_BYTES: u64 = 8 << 20;

impl Cache {
    /// Opens the cache, making its directory (0700) if needed. `key` must be secret and stay the same.
    ///
    /// # Errors
    /// Also if somebody else could write into the directory.
    pub(crate) fn open(directory: &Path, key: [u8; 32], most_bytes: u64) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let found = fs::symlink_metadata(directory)?;
        let is_ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
        if !is_ours || found.mode() & 0o077 != 0 {
            let message = "it must be a directory of this user's that nobody else may enter (mode 0700)";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        Ok(Cache { directory: directory.to_owned(), key, most_bytes, engine: ENGINE_VERSION })
    }

    /// What a component offers; `None` if it is not cached or the record does not hold.
    pub(crate) fn described(&self, component: &Digest) -> Option<Described> {
        self.record(component).map(|record| record.described)
    }

    /// Opens the compiled code if it is exactly what was stored.
    pub(crate) fn code(&self, component: &Digest) -> Option<File> {
        let record = self.record(component)?;
        let mut file = open_no_follow(&self.path(component, "cwasm")).ok()?;
        let mut hash = Sha256::new();
        let length = io::copy(&mut (&mut file).take(COMPILED_BYTES as u64 + 1), &mut hash).ok()?;
        let digest = Digest(hash.finalize().into());
        if length > COMPILED_BYTES as u64 || digest != record.compiled {
            return None;
        }
        // What was used last is thrown away last. A file system without such times only chooses worse.
        #[expect(clippy::disallowed_methods, reason = "the age of a file is no decision of the host's")]
        let _ = file.set_modified(SystemTime::now());
        Some(file)
    }

    /// Stores compiled code so that a worker can describe it; the record follows with [`Cache::seal`].
    pub(crate) fn put_code(&self, component: &Digest, compiled: &[u8]) -> io::Result<File> {
        let path = self.path(component, "cwasm");
        self.write(&path, compiled)?;
        open_no_follow(&path)
    }

    /// Stores the record: from now on the component counts as cached.
    pub(crate) fn seal(&self, component: &Digest, compiled: &[u8], described: Described) -> io::Result<()> {
        let record = Record { compiled: Digest(Sha256::digest(compiled).into()), described };
        self.write_sealed(component, "record", &record)
    }

    /// What is known of the file of a component; `None` if nothing is, or if the record does not hold.
    pub(crate) fn known_file(&self, path: &Path) -> Option<KnownFile> {
        self.read_sealed(&digest_of(path), "file")
    }

    /// Notes what a file holds, for the next start.
    pub(crate) fn know_file(&self, path: &Path, known: &KnownFile) -> io::Result<()> {
        self.write_sealed(&digest_of(path), "file", known)
    }

    /// A note about a component; `None` if there is none or it does not hold.
    pub(crate) fn note<T: DeserializeOwned>(&self, component: &Digest, kind: &str) -> Option<T> {
        self.read_sealed(component, &format!("note-{kind}"))
    }

    /// Keeps a note about a component.
    pub(crate) fn keep_note(&self, component: &Digest, kind: &str, note: &impl Serialize) -> io::Result<()> {
        self.write_sealed(component, &format!("note-{kind}"), note)
    }

    /// Removes the longest unused components until the rest fits, but nothing that is needed. What cannot be removed
    /// stays.
    pub(crate) fn make_room(&self, needed: &HashSet<Digest>) {
        let needed: HashSet<String> = needed.iter().map(|component| self.stem(component)).collect();
        let mut kept = self.kept();
        kept.sort_by_key(|entry| std::cmp::Reverse(entry.used));
        let mut bytes = 0_u64;
        for entry in kept {
            bytes = bytes.saturating_add(entry.bytes);
            if bytes > self.most_bytes && !needed.contains(&entry.stem) {
                bytes -= entry.bytes;
                for path in entry.files {
                    let _ = fs::remove_file(path);
                }
            }
        }
    }

    fn kept(&self) -> Vec<Entry> {
        let mut entries: HashMap<String, Entry> = HashMap::new();
        for file in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let path = file.path();
            let (Ok(about), Some(stem)) = (file.metadata(), path.file_stem()) else { continue };
            let stem = stem.to_string_lossy().into_owned();
            let entry = entries.entry(stem.clone()).or_insert_with(|| Entry {
                stem,
                bytes: 0,
                used: SystemTime::UNIX_EPOCH,
                files: Vec::new(),
            });
            entry.bytes += about.len();
            entry.used = entry.used.max(about.modified().unwrap_or(SystemTime::UNIX_EPOCH));
            entry.files.push(path);
        }
        entries.into_values().collect()
    }

    fn record(&self, component: &Digest) -> Option<Record> {
        self.read_sealed(component, "record")
    }

    fn read_sealed<T: DeserializeOwned>(&self, of: &Digest, kind: &str) -> Option<T> {
        let file = open_no_follow(&self.path(of, kind)).ok()?;
        let mut bytes = Vec::new();
        file.take(RECORD_BYTES).read_to_end(&mut bytes).ok()?;
        let (record, code) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        if Guard::CacheSeal.is_up() {
            self.code_of(of, kind, record).verify_slice(code).ok()?;
        }
        serde_json::from_slice(record).ok()
    }

    fn write_sealed<T: Serialize>(&self, of: &Digest, kind: &str, record: &T) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(record)?;
        let code = self.code_of(of, kind, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&code);
        self.write(&self.path(of, kind), &bytes)
    }

    /// The authentication code binds the record to its kind, its subject and the engine, so that records cannot be
    /// exchanged.
    fn code_of(&self, of: &Digest, kind: &str, record: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("cache: HMAC takes keys of any length");
        for part in ["openclaw-host cache ", kind, "\0", self.engine] {
            mac.update(part.as_bytes());
        }
        mac.update(&of.0);
        mac.update(record);
        mac
    }

    fn path(&self, component: &Digest, kind: &str) -> PathBuf {
        self.directory.join(format!("{}.{kind}", self.stem(component)))
    }

    /// What the names of a component's files begin with. No dots but the one before the kind.
    fn stem(&self, component: &Digest) -> String {
        let engine = self.engine.replace(['/', '.'], "-");
        format!("{component}-{engine}-{}", std::env::consts::ARCH)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(io::Error::other)?;
        let temporary = self.directory.join(format!("tmp-{:016x}", u64::from_le_bytes(name)));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

/// The files of one component and engine.
struct Entry {
    stem: String,
    bytes: u64,
    used: SystemTime,
    files: Vec<PathBuf>,
}

fn digest_of(path: &Path) -> Digest {
    Digest(Sha256::digest(path.as_os_str().as_bytes()).into())
}

fn open_no_follow(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path)
}

#[cfg(test)]
mod tests;
