//! The file's format: a header in the clear, and behind it all secrets as one sealed blob.
//!
//! ```text
//! magic 8 │ version 1 │ kdf 1 │ memory KiB 4 │ passes 4 │ lanes 4 │ salt 16 │ key check 8 │ nonce 24 │ sealed …
//! ```
//! Numbers are little-endian. The blob is XChaCha20-Poly1305 over the postcard of name and entry pairs; the whole
//! header is its associated data, so that nothing in it can be exchanged. The key check, eight bytes of a hash of the
//! key, is there to tell a wrong passphrase from a damaged file.

use std::collections::BTreeMap;
use std::path::Path;

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use claw_core::id::{ComponentName, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::audience::Audience;
use crate::entry::Entry;
use crate::error::VaultError;
use crate::key::{Kdf, RawKey};

const MAGIC: [u8; 8] = *b"OCHVAULT";
const VERSION: u8 = 1;
const SALT_BYTES: usize = 16;
const CHECK_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = 8 + 1 + 1 + 12 + SALT_BYTES + CHECK_BYTES + NONCE_BYTES;

/// Separates the key check from all other hashes of a key.
const CHECK_DOMAIN: &[u8] = b"openclaw-host vault: key check\0";

/// All secrets by name.
pub(crate) type Entries = BTreeMap<String, Entry>;

/// What a vault keeps for as long as it is the same vault: how its key is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) kdf: Kdf,
    pub(crate) salt: [u8; SALT_BYTES],
}

/// A vault's file, taken apart but not opened.
pub(crate) struct Sealed<'a> {
    pub(crate) origin: Origin,
    check: [u8; CHECK_BYTES],
    nonce: [u8; NONCE_BYTES],
    header: &'a [u8],
    blob: &'a [u8],
}

/// One entry in the blob. Borrows, so that no copy of a value is left behind.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    name: &'a str,
    value: &'a str,
    audience: Vec<String>,
    components: Vec<ComponentName>,
    created: Timestamp,
    rotated: Timestamp,
}

impl Origin {
    /// The origin of a new vault.
    pub(crate) fn new(kdf: Kdf) -> Result<Origin, VaultError> {
        Ok(Origin { kdf, salt: random()? })
    }
}

/// Seals all entries into the bytes of a file.
pub(crate) fn seal(origin: Origin, key: &RawKey, entries: &Entries) -> Result<Vec<u8>, VaultError> {
    let nonce = random()?;
    let header = header(origin, key_check(key), nonce);
    let stored: Vec<Stored<'_>> = entries.iter().map(|(name, entry)| Stored::of(name, entry)).collect();
    let size = postcard::experimental::serialized_size(&stored).expect("seal: entries can be written");
    let mut blob = Zeroizing::new(vec![0; size]);
    postcard::to_slice(&stored, &mut blob).expect("seal: the size was asked for");
    // In place: from here on the buffer holds nothing that is secret.
    let tag = cipher(key).encrypt_in_place_detached(XNonce::from_slice(&nonce), &header, &mut blob);
    let tag = tag.expect("seal: the blob is shorter than the cipher's limit of 256 GiB");
    Ok([header.as_slice(), &blob, &tag].concat())
}

impl<'a> Sealed<'a> {
    /// Takes the bytes of a file apart.
    pub(crate) fn parse(path: &Path, bytes: &'a [u8]) -> Result<Sealed<'a>, VaultError> {
        let damaged = |what| VaultError::Damaged { path: path.to_owned(), what };
        let mut rest = bytes;
        if take(&mut rest) != Some(MAGIC) {
            return Err(damaged("it does not begin as a vault does"));
        }
        const SHORT: &str = "it is too short";
        let [version, kdf] = take(&mut rest).ok_or_else(|| damaged(SHORT))?;
        if version != VERSION {
            return Err(VaultError::Version { path: path.to_owned(), found: version, known: VERSION });
        }
        let mut number = || take(&mut rest).map(u32::from_le_bytes).ok_or_else(|| damaged(SHORT));
        let kdf = match (kdf, number()?, number()?, number()?) {
            (0, 0, 0, 0) => Kdf::File,
            (1, memory_kib, passes, lanes) => Kdf::Argon2id { memory_kib, passes, lanes },
            _ => return Err(damaged("its header makes no sense")),
        };
        if !kdf.is_sane() {
            return Err(damaged("its header makes no sense"));
        }
        let salt = take(&mut rest).ok_or_else(|| damaged(SHORT))?;
        let check = take(&mut rest).ok_or_else(|| damaged(SHORT))?;
        let nonce = take(&mut rest).ok_or_else(|| damaged(SHORT))?;
        if rest.len() < TAG_BYTES {
            return Err(damaged(SHORT));
        }
        Ok(Sealed { origin: Origin { kdf, salt }, check, nonce, header: &bytes[..HEADER_BYTES], blob: rest })
    }

    /// Opens it.
    pub(crate) fn open(&self, path: &Path, key: &RawKey) -> Result<Entries, VaultError> {
        let damaged = |what| VaultError::Damaged { path: path.to_owned(), what };
        if self.check != key_check(key) {
            return Err(VaultError::WrongKey { path: path.to_owned() });
        }
        let (blob, tag) = self.blob.split_at(self.blob.len() - TAG_BYTES);
        let mut blob = Zeroizing::new(blob.to_vec());
        cipher(key)
            .decrypt_in_place_detached(XNonce::from_slice(&self.nonce), self.header, &mut blob, Tag::from_slice(tag))
            .map_err(|_| damaged("its contents were changed"))?;
        let stored: Vec<Stored<'_>> =
            postcard::from_bytes(&blob).map_err(|_| damaged("its contents make no sense to this version"))?;
        let entries = stored.into_iter().map(Stored::into_entry).collect::<Option<_>>();
        entries.ok_or_else(|| damaged("its contents make no sense to this version"))
    }
}

impl<'a> Stored<'a> {
    fn of(name: &'a str, entry: &'a Entry) -> Stored<'a> {
        Stored {
            name,
            value: &entry.value,
            audience: entry.audience.iter().map(ToString::to_string).collect(),
            components: entry.components.clone(),
            created: entry.created,
            rotated: entry.rotated,
        }
    }

    fn into_entry(self) -> Option<(String, Entry)> {
        let audience = self.audience.iter().map(|text| Audience::parse(text)).collect::<Result<_, _>>().ok()?;
        let Stored { name, value, components, created, rotated, .. } = self;
        let value = Zeroizing::new(value.to_owned());
        Some((name.to_owned(), Entry { value, audience, components, created, rotated }))
    }
}

fn header(origin: Origin, check: [u8; CHECK_BYTES], nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
    let (kdf, numbers) = match origin.kdf {
        Kdf::File => (0, [0; 3]),
        Kdf::Argon2id { memory_kib, passes, lanes } => (1, [memory_kib, passes, lanes]),
    };
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend(MAGIC);
    header.extend([VERSION, kdf]);
    numbers.iter().for_each(|number| header.extend(number.to_le_bytes()));
    header.extend(origin.salt);
    header.extend(check);
    header.extend(nonce);
    header
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}

fn cipher(key: &RawKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(chacha20poly1305::Key::from_slice(key.as_ref()))
}

/// Says nothing about the key: it has 256 bits, or costs a passphrase's whole derivation for each guess.
fn key_check(key: &RawKey) -> [u8; CHECK_BYTES] {
    let hash = Sha256::new().chain_update(CHECK_DOMAIN).chain_update(key.as_ref()).finalize();
    let (check, _) = hash.split_first_chunk().expect("seal: a hash has 32 bytes");
    *check
}

fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|err| VaultError::Random(err.into()))?;
    Ok(bytes)
}
