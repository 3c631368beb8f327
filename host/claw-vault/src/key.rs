//! What opens the vault: a file of random bytes, or a passphrase.

use std::fmt;
use std::io;
use std::path::PathBuf;

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::file;

/// A new passphrase has at least so many characters.
pub const MIN_PASSPHRASE_CHARS: usize = 8;

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;

/// The key itself.
pub(crate) type RawKey = Zeroizing<[u8; KEY_BYTES]>;

/// What opens the vault. `Debug` shows its kind only.
pub struct Key(Kind);

enum Kind {
    /// Read when it is needed: the file is made together with the vault, maybe while the host runs.
    File(PathBuf),
    Passphrase(Zeroizing<String>),
    /// A passphrase that nobody was asked for, because there was no vault yet.
    Unasked,
}

/// How a key is made out of a passphrase; stands in the vault's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kdf {
    /// Not at all: the key is the key file's content.
    File,
    /// Argon2id, version 1.3.
    Argon2id { memory_kib: u32, passes: u32, lanes: u32 },
}

impl Kdf {
    /// 64 MiB and three passes: RFC 9106's second recommended setting, with one lane as we use one thread.
    pub(crate) const PASSPHRASE: Kdf = Kdf::Argon2id { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
    /// The header is read before it is authenticated, so what it may cost is bounded.
    const MAX_MEMORY_KIB: u32 = 256 * 1024;
    const MAX_PASSES: u32 = 16;
    const MAX_LANES: u32 = 4;

    /// Whether computing it is bearable.
    pub(crate) fn is_sane(self) -> bool {
        match self {
            Kdf::File => true,
            Kdf::Argon2id { memory_kib, passes, lanes } => {
                (8 * 1024..=Kdf::MAX_MEMORY_KIB).contains(&memory_kib)
                    && (1..=Kdf::MAX_PASSES).contains(&passes)
                    && (1..=Kdf::MAX_LANES).contains(&lanes)
            }
        }
    }
}

// === impl Key ===

impl Key {
    /// The key in the file at `path`; made with the vault if neither is there.
    pub fn file(path: PathBuf) -> Key {
        Key(Kind::File(path))
    }

    /// A passphrase.
    pub fn passphrase(text: Zeroizing<String>) -> Key {
        Key(Kind::Passphrase(text))
    }

    /// A passphrase that was not asked for, as there was no vault: one that is made later stays locked.
    pub fn unasked() -> Key {
        Key(Kind::Unasked)
    }

    /// How the key of a new vault is made.
    pub(crate) fn kdf(&self) -> Kdf {
        match self.0 {
            Kind::File(_) => Kdf::File,
            Kind::Passphrase(_) | Kind::Unasked => Kdf::PASSPHRASE,
        }
    }

    /// The key of the vault at `vault`, which was made with `kdf` and `salt`. Takes a tenth of a second and 64 MiB
    /// for a passphrase.
    pub(crate) fn derive(&self, vault: &std::path::Path, kdf: Kdf, salt: &[u8]) -> Result<RawKey, VaultError> {
        let other = |made_with| VaultError::OtherKey { path: vault.to_owned(), made_with };
        match (&self.0, kdf) {
            (Kind::File(path), Kdf::File) => match read(path)? {
                Some(key) => Ok(key),
                None => Err(VaultError::NoKey { vault: vault.to_owned(), key: path.clone() }),
            },
            (Kind::Passphrase(text), Kdf::Argon2id { memory_kib, passes, lanes }) => {
                let damaged = |_| VaultError::Damaged { path: vault.to_owned(), what: "its header makes no sense" };
                let params = Params::new(memory_kib, passes, lanes, Some(KEY_BYTES)).map_err(damaged)?;
                let mut key = RawKey::default();
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                argon2.hash_password_into(text.as_bytes(), salt, key.as_mut()).map_err(damaged)?;
                Ok(key)
            }
            (Kind::Unasked, Kdf::Argon2id { .. }) => Err(VaultError::Locked { path: vault.to_owned() }),
            (Kind::File(_), Kdf::Argon2id { .. }) => Err(other("passphrase")),
            (Kind::Passphrase(_) | Kind::Unasked, Kdf::File) => Err(other("key file")),
        }
    }

    /// Prepares for a new vault: makes the key file if there is none, and checks a passphrase.
    pub(crate) fn prepare(&self) -> Result<(), VaultError> {
        match &self.0 {
            Kind::File(path) if read(path)?.is_none() => {
                let mut key = RawKey::default();
                getrandom::fill(key.as_mut()).map_err(|err| VaultError::Random(err.into()))?;
                file::replace(path, key.as_ref())
            }
            Kind::Passphrase(text) if text.chars().count() < MIN_PASSPHRASE_CHARS => Err(VaultError::WeakPassphrase),
            Kind::File(_) | Kind::Passphrase(_) | Kind::Unasked => Ok(()),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::File(_) => "Key(file)",
            Kind::Passphrase(_) => "Key(passphrase)",
            Kind::Unasked => "Key(unasked)",
        })
    }
}

/// Reads a key file; `None` if there is none.
fn read(path: &std::path::Path) -> Result<Option<RawKey>, VaultError> {
    // One byte more than a key, so that a longer file is seen to be longer.
    let bytes = match file::read(path, KEY_BYTES as u64 + 1) {
        Ok((bytes, _)) => bytes,
        Err(VaultError::Io { err, .. }) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(err),
    };
    let mut key = RawKey::default();
    if bytes.len() != KEY_BYTES {
        return Err(VaultError::BadKey { path: path.to_owned() });
    }
    key.copy_from_slice(&bytes);
    Ok(Some(key))
}
