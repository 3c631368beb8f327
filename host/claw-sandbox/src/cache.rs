//! The cache of compiled components: only what this host compiled and still finds unchanged is ever mapped.
//!
//! For each component there are two files, named after its digest and the engine's version: the compiled code, and a
//! record with the code's digest and the component's manifest, sealed with a message authentication code. The record is
//! read at start; the code is opened, checked and handed over as that very descriptor when a worker starts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use claw_core::id::Digest;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::engine::{COMPILED_BYTES, ENGINE_VERSION};
use crate::manifest::Manifest;

pub(crate) struct Cache {
    directory: PathBuf,
    key: [u8; 32],
}

/// What is known of a compiled component without opening its code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    compiled: Digest,
    manifest: Manifest,
}

/// A record is a few schemas; more is not ours.
const RECORD_BYTES: u64 = 8 << 20;

impl Cache {
    /// Opens the cache, making its directory (0700) if needed. `key` must be secret and stay the same.
    pub(crate) fn open(directory: &Path, key: [u8; 32]) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        Ok(Cache { directory: directory.to_owned(), key })
    }

    /// The stored manifest of a component; `None` if it is not cached or the record does not hold.
    pub(crate) fn manifest(&self, component: &Digest) -> Option<Manifest> {
        self.record(component).map(|record| record.manifest)
    }

    /// Opens the compiled code if it is exactly what was stored.
    pub(crate) fn code(&self, component: &Digest) -> Option<File> {
        let record = self.record(component)?;
        let mut file = open_no_follow(&self.path(component, "cwasm")).ok()?;
        let mut hash = Sha256::new();
        let length = io::copy(&mut (&mut file).take(COMPILED_BYTES as u64 + 1), &mut hash).ok()?;
        let digest = Digest(hash.finalize().into());
        (length <= COMPILED_BYTES as u64 && digest == record.compiled).then_some(file)
    }

    /// Stores compiled code so that a worker can describe it; the record follows with [`Cache::seal`].
    pub(crate) fn put_code(&self, component: &Digest, compiled: &[u8]) -> io::Result<File> {
        let path = self.path(component, "cwasm");
        self.write(&path, compiled)?;
        open_no_follow(&path)
    }

    /// Stores the record: from now on the component counts as cached.
    pub(crate) fn seal(&self, component: &Digest, compiled: &[u8], manifest: Manifest) -> io::Result<()> {
        let record = Record { compiled: Digest(Sha256::digest(compiled).into()), manifest };
        let mut bytes = serde_json::to_vec(&record)?;
        let code = self.code_of(component, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&code);
        self.write(&self.path(component, "record"), &bytes)
    }

    fn record(&self, component: &Digest) -> Option<Record> {
        let file = open_no_follow(&self.path(component, "record")).ok()?;
        let mut bytes = Vec::new();
        file.take(RECORD_BYTES).read_to_end(&mut bytes).ok()?;
        let (record, code) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        self.code_of(component, record).verify_slice(code).ok()?;
        serde_json::from_slice(record).ok()
    }

    /// The authentication code binds the record to its component and engine, so that records cannot be exchanged.
    fn code_of(&self, component: &Digest, record: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("cache: HMAC takes keys of any length");
        mac.update(b"openclaw-host cache record\0");
        mac.update(ENGINE_VERSION.as_bytes());
        mac.update(&component.0);
        mac.update(record);
        mac
    }

    fn path(&self, component: &Digest, kind: &str) -> PathBuf {
        let engine = ENGINE_VERSION.replace('/', "-");
        self.directory.join(format!("{component}-{engine}-{}.{kind}", std::env::consts::ARCH))
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

fn open_no_follow(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            name: "a".into(),
            version: "1".into(),
            summary: String::new(),
            tools: Vec::new(),
            scopes: Vec::new(),
        }
    }

    fn stored() -> (tempfile::TempDir, Cache, Digest) {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::open(&home.path().join("cache"), [7; 32]).unwrap();
        let component = Digest([1; 32]);
        cache.put_code(&component, b"code").unwrap();
        cache.seal(&component, b"code", manifest()).unwrap();
        (home, cache, component)
    }

    #[test]
    fn what_was_stored_is_found_again() {
        let (_home, cache, component) = stored();
        assert_eq!(cache.manifest(&component), Some(manifest()));
        assert!(cache.code(&component).is_some());
        assert!(cache.code(&Digest([2; 32])).is_none());
    }

    // RS-28
    #[test]
    fn code_that_changed_is_never_handed_out() {
        let (_home, cache, component) = stored();
        let path = cache.path(&component, "cwasm");
        for changed in [&b"codf"[..], b"cod", b"codee", b""] {
            fs::write(&path, changed).unwrap();
            assert!(cache.code(&component).is_none(), "{changed:?}");
        }
        let elsewhere = path.with_extension("elsewhere");
        fs::write(&elsewhere, b"code").unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(cache.code(&component).is_none(), "a link");
    }

    #[test]
    fn a_record_that_was_changed_or_moved_or_made_with_another_key_does_not_hold() {
        let (_home, cache, component) = stored();
        let path = cache.path(&component, "record");
        let good = fs::read(&path).unwrap();
        for position in [0, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[position] ^= 1;
            fs::write(&path, bad).unwrap();
            assert_eq!(cache.manifest(&component), None);
        }
        let other = Digest([9; 32]);
        fs::write(cache.path(&other, "record"), &good).unwrap();
        assert_eq!(cache.manifest(&other), None);
        fs::write(&path, &good).unwrap();
        let stranger = Cache { directory: cache.directory.clone(), key: [8; 32] };
        assert_eq!(stranger.manifest(&component), None);
        assert!(cache.manifest(&component).is_some());
    }
}
