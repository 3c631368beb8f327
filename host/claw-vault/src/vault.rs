//! The vault as its users see it: look up, set, rotate, remove.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use claw_core::id::{ComponentName, Timestamp};
use zeroize::Zeroizing;

use crate::audience::Audience;
use crate::entry::{Entry, Info, Secret};
use crate::error::VaultError;
use crate::file::{self, Fingerprint};
use crate::key::{Key, RawKey};
use crate::seal::{self, Entries, Origin, Sealed};

/// The longest value, in bytes: a PEM file with a chain fits, a document does not.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// The most secrets in one vault: all of them are kept in memory, and each output is searched for each of them.
pub const MAX_ENTRIES: usize = 256;

/// The most servers, and the most components, of one secret.
const MAX_LISTED: usize = 32;

/// No vault is larger: the values, and 16 KiB for the rest of each entry.
const MAX_FILE_BYTES: u64 = (MAX_ENTRIES * (MAX_VALUE_BYTES + 16 * 1024)) as u64;

/// The owner's secrets. One that does not exist yet is empty, and is made by the first [`Vault::set`].
///
/// Calls look at the file, and read it again if another process has changed it. All of them block: for microseconds,
/// or for a tenth of a second when a key must be derived from a passphrase.
pub struct Vault {
    path: PathBuf,
    key: Key,
    state: Mutex<State>,
}

/// What a [`Vault::set`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There was no secret of this name.
    Added,
    /// The one of this name was replaced.
    Replaced,
}

/// What was read last.
#[derive(Default)]
struct State {
    seen: Option<Fingerprint>,
    entries: Entries,
    /// The key, as long as the vault says that it is made in this way.
    key: Option<(Origin, RawKey)>,
}

impl Vault {
    /// Opens the vault in the file at `path`, which need not exist.
    ///
    /// # Errors
    /// [`VaultError`] if it exists and cannot be opened; it is left as it is.
    pub fn open(path: &Path, key: Key) -> Result<Vault, VaultError> {
        let vault = Vault { path: path.to_owned(), key, state: Mutex::default() };
        drop(vault.current()?);
        Ok(vault)
    }

    /// What may be shown of each secret, in the order of their names.
    ///
    /// # Errors
    /// [`VaultError`] if the file has changed and cannot be opened.
    pub fn names(&self) -> Result<Vec<Info>, VaultError> {
        Ok(self.current()?.entries.iter().map(|(name, entry)| entry.info(name)).collect())
    }

    /// The secret of this name; `None` also for what cannot be a name.
    ///
    /// # Errors
    /// [`VaultError`] if the file has changed and cannot be opened.
    pub fn get(&self, name: &str) -> Result<Option<Secret>, VaultError> {
        Ok(self.current()?.entries.get(name).map(Entry::secret))
    }

    /// All values with their names, to be masked wherever they turn up.
    ///
    /// # Errors
    /// [`VaultError`] if the file has changed and cannot be opened.
    pub fn values(&self) -> Result<Vec<(String, Zeroizing<String>)>, VaultError> {
        Ok(self.current()?.entries.iter().map(|(name, entry)| (name.clone(), entry.value.clone())).collect())
    }

    /// Keeps a value under a name, durably; whatever had the name is replaced, with its audience and components.
    ///
    /// # Errors
    /// [`VaultError`] if name or value break their rules, there are too many secrets, or the file cannot be read or
    /// written; then it is as it was.
    pub fn set(
        &self,
        name: &str,
        value: Zeroizing<String>,
        audience: Vec<Audience>,
        components: Vec<ComponentName>,
        now: Timestamp,
    ) -> Result<Change, VaultError> {
        check_name(name)?;
        check_value(name, &value)?;
        check_count("servers for one secret", audience.len(), MAX_LISTED)?;
        check_count("components for one secret", components.len(), MAX_LISTED)?;
        self.change(|entries| {
            let created = entries.get(name).map_or(now, |entry| entry.created);
            let entry = Entry { value, audience, components, created, rotated: now };
            let change = match entries.insert(name.to_owned(), entry) {
                Some(_) => Change::Replaced,
                None => Change::Added,
            };
            check_count("secrets", entries.len(), MAX_ENTRIES).map(|()| change)
        })
    }

    /// Gives a secret a new value, durably; its audience and components stay.
    ///
    /// # Errors
    /// [`VaultError::Unknown`] if there is none of this name; else as [`Vault::set`].
    pub fn rotate(&self, name: &str, value: Zeroizing<String>, now: Timestamp) -> Result<(), VaultError> {
        check_value(name, &value)?;
        self.change(|entries| {
            let entry = entries.get_mut(name).ok_or_else(|| unknown(name))?;
            entry.value = value;
            entry.rotated = now;
            Ok(())
        })
    }

    /// Removes a secret, durably.
    ///
    /// # Errors
    /// [`VaultError::Unknown`] if there is none of this name; else as [`Vault::set`].
    pub fn remove(&self, name: &str) -> Result<(), VaultError> {
        self.change(|entries| entries.remove(name).map(drop).ok_or_else(|| unknown(name)))
    }

    /// Takes a component that is gone out of the lists of those that may use a secret, durably. Gives the secrets that were
    /// for it alone: their lists stay, since an empty one means everybody.
    ///
    /// # Errors
    /// As [`Vault::set`].
    pub fn unbind(&self, component: &ComponentName) -> Result<Vec<String>, VaultError> {
        let is_bound = |entry: &Entry| entry.components.contains(component);
        if !self.current()?.entries.values().any(is_bound) {
            return Ok(Vec::new());
        }
        self.change(|entries| {
            let mut left = Vec::new();
            for (name, entry) in entries.iter_mut().filter(|(_, entry)| is_bound(entry)) {
                if entry.components.iter().all(|it| it == component) {
                    left.push(name.clone());
                } else {
                    entry.components.retain(|it| it != component);
                }
            }
            Ok(left)
        })
    }

    /// What is in the file now.
    fn current(&self) -> Result<MutexGuard<'_, State>, VaultError> {
        // A panic elsewhere leaves the state as it was after the last successful read or change.
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match file::fingerprint(&self.path)? {
            // Never there, or taken away: then what was in it no longer counts.
            None => (state.seen, state.entries) = (None, Entries::new()),
            seen if seen == state.seen => {}
            Some(_) => self.read(&mut state)?,
        }
        Ok(state)
    }

    fn read(&self, state: &mut State) -> Result<(), VaultError> {
        // What cannot be opened must not leave what was there before in use.
        (state.seen, state.entries) = (None, Entries::new());
        let (bytes, seen) = file::read(&self.path, MAX_FILE_BYTES + 1)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(VaultError::Damaged { path: self.path.clone(), what: "it is too large" });
        }
        let sealed = Sealed::parse(&self.path, &bytes)?;
        let key = self.key_for(state.key.take(), sealed.origin)?;
        state.entries = sealed.open(&self.path, &key)?;
        state.key = Some((sealed.origin, key));
        state.seen = Some(seen);
        Ok(())
    }

    /// The key, derived again only if it is made in another way than before.
    fn key_for(&self, known: Option<(Origin, RawKey)>, origin: Origin) -> Result<RawKey, VaultError> {
        match known {
            Some((known, key)) if known == origin => Ok(key),
            Some(_) | None => self.key.derive(&self.path, origin.kdf, &origin.salt),
        }
    }

    /// Edits what is in the file now, and writes it; an edit that fails changes nothing.
    fn change<T>(&self, edit: impl FnOnce(&mut Entries) -> Result<T, VaultError>) -> Result<T, VaultError> {
        let _lock = file::lock(&self.path)?;
        let mut state = self.current()?;
        let made = state.seen.is_some();
        // From here on the memory may be ahead of the file: unless all goes well, the file is read again.
        state.seen = None;
        let done = edit(&mut state.entries)?;
        let origin = match &state.key {
            Some((origin, _)) if made => *origin,
            Some(_) | None => {
                self.key.prepare()?;
                Origin::new(self.key.kdf())?
            }
        };
        let key = self.key_for(state.key.take(), origin)?;
        let bytes = seal::seal(origin, &key, &state.entries)?;
        file::replace(&self.path, &bytes)?;
        state.key = Some((origin, key));
        state.seen = file::fingerprint(&self.path)?;
        Ok(done)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("path", &self.path).field("key", &self.key).finish_non_exhaustive()
    }
}

/// Whether a secret can have this name: the rule of `claw-policy`'s names, so that every secret can be granted.
pub fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.' | b'/');
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    begins && name.len() <= 64 && name.bytes().all(allowed)
}

fn check_name(name: &str) -> Result<(), VaultError> {
    if is_name(name) { Ok(()) } else { Err(VaultError::Name) }
}

fn check_value(name: &str, value: &str) -> Result<(), VaultError> {
    let rule = match value {
        "" => "it is empty",
        value if value.len() > MAX_VALUE_BYTES => "it is longer than 64 KiB",
        value if value.contains('\0') => "it holds a NUL character",
        _ => return Ok(()),
    };
    Err(VaultError::Value { name: name.to_owned(), rule })
}

fn check_count(what: &'static str, count: usize, limit: usize) -> Result<(), VaultError> {
    if count <= limit { Ok(()) } else { Err(VaultError::TooMany { what, limit }) }
}

fn unknown(name: &str) -> VaultError {
    VaultError::Unknown { name: name.to_owned() }
}

#[cfg(test)]
mod tests;
