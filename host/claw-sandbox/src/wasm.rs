//! A component's bytes: who they are, and where to read them when its code has to be compiled.

use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use claw_core::id::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::cache::Cache;
use crate::engine::WASM_BYTES;

/// A component's bytes and their SHA-256. Those of a file are not kept in memory.
#[derive(Clone, Debug)]
pub struct Wasm {
    source: Source,
    pub(crate) digest: Digest,
}

#[derive(Clone, Debug)]
enum Source {
    Memory(Bytes),
    File(PathBuf),
}

impl Wasm {
    /// Hashes the bytes.
    pub fn new(bytes: Bytes) -> Self {
        let digest = Digest(Sha256::digest(&bytes).into());
        Wasm { source: Source::Memory(bytes), digest }
    }

    /// Bytes that are part of this program, hashed when it was built.
    pub fn hashed(bytes: Bytes, digest: Digest) -> Self {
        Wasm { source: Source::Memory(bytes), digest }
    }

    /// A file. One that the cache knows and that has not changed since is not read: what runs is always the code that
    /// was compiled from the bytes of this digest, whatever is in the file.
    pub(crate) fn open(path: &Path, cache: &Cache) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let seen = Seen::of(&file.metadata()?);
        if let Some(known) = cache.known_file(path)
            && known.seen == seen
        {
            return Ok(Wasm { source: Source::File(path.to_owned()), digest: known.digest });
        }
        let bytes = read(&mut file)?;
        let digest = Digest(Sha256::digest(&bytes).into());
        if seen.is_settled() && Seen::of(&file.metadata()?) == seen {
            // Only the next start is slower for it.
            let _ = cache.know_file(path, &KnownFile { seen, digest });
        }
        Ok(Wasm { source: Source::File(path.to_owned()), digest })
    }

    /// SHA-256 of the bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The bytes.
    ///
    /// # Errors
    /// If the file can no longer be read, or holds something else by now.
    pub(crate) fn read(&self) -> io::Result<Cow<'_, [u8]>> {
        let path = match &self.source {
            Source::Memory(bytes) => return Ok(Cow::Borrowed(bytes)),
            Source::File(path) => path,
        };
        let bytes = read(&mut File::open(path)?)?;
        if Digest(Sha256::digest(&bytes).into()) != self.digest {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it has changed since the host started"));
        }
        Ok(Cow::Owned(bytes))
    }
}

/// One byte more than is taken tells that there are too many.
fn read(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(WASM_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The digest of a file, and how the file looked when it was hashed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownFile {
    seen: Seen,
    digest: Digest,
}

/// What changes when a file's bytes do.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// Seconds and nanoseconds. No program can set it back.
    changed: (i64, i64),
}

impl Seen {
    fn of(about: &Metadata) -> Self {
        Seen {
            device: about.dev(),
            inode: about.ino(),
            bytes: about.len(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }

    /// Whether a change from now on shows: file systems count time in steps, the coarsest in steps of two seconds.
    #[expect(clippy::disallowed_methods, reason = "the times of a file are those of the system's clock")]
    fn is_settled(&self) -> bool {
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(self.changed.0.max(0).unsigned_abs());
        SystemTime::now().duration_since(changed).is_ok_and(|age| age > Duration::from_secs(3))
    }
}

#[cfg(test)]
mod tests;
