//! What must not run: by the owner's own word, or by a list that somebody has signed whom the owner believes.
//!
//! ```text
//!   `skill revoke` ─► revocations.json ─┐
//!                                       ├─► what a mark is looked up in ─► packages, components, skills
//!   packages.revocations ─► signature, serial ─► revocations.list
//! ```
//! *Invariant: what is kept counts from the first moment of a start on, whether the list can be fetched again or not.*

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use claw_core::id::{Digest, Timestamp};
use claw_package::{Fetcher, Mark, PackageError, Revoked, RevokedList};
use serde::{Deserialize, Serialize};

use crate::causes;
use crate::home;
use crate::legible;
use crate::settings::RevocationFeed;

/// The code with which a reason begins.
pub const CODE: &str = "E_PKG_REVOKED";

/// What is revoked here, and where it stands.
pub struct Revocations {
    own_file: PathBuf,
    list_file: PathBuf,
    feed: Option<RevocationFeed>,
    state: RwLock<State>,
}

/// Why something must not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// What is revoked.
    pub what: Mark,
    /// Why, in one line; may be empty.
    pub reason: String,
    /// Whose word that is.
    pub whose: Whose,
}

/// Whose word a revocation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The owner's.
    Owner {
        /// Through which client.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// That of a signed list.
    List {
        /// Where it comes from.
        url: String,
    },
}

/// What became of a list that was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in force now.
    New {
        /// Its number.
        serial: u64,
        /// How many entries it has.
        entries: usize,
    },
    /// It is the one that is kept.
    Same,
}

/// How the list stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedState {
    /// Where it comes from.
    pub url: String,
    /// The number of the list that counts, if there is one.
    pub serial: Option<u64>,
    /// When that was last fetched.
    pub fetched: Option<Timestamp>,
    /// Why it could not be fetched or read the last time.
    pub trouble: Option<String>,
}

/// Why the revocations cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum RevocationsError {
    /// Their file cannot be read or written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        err: io::Error,
    },
    /// Their file is damaged. What it revoked must not run for that.
    #[error("`{}` does not say what is revoked: {why}; correct it, or remove it to revoke nothing", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A list cannot be had, or is not believed.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A list is older than the one that is kept.
    #[error(
        "the list has serial {found}, and serial {kept} is kept already: an older list, or another one under the same number, is not taken"
    )]
    Older {
        /// The number of the one that was fetched.
        found: u64,
        /// The number of the one that is kept.
        kept: u64,
    },
    /// No list is configured.
    #[error("no list of revocations is configured; `packages.revocations` names one")]
    NoFeed,
}

#[derive(Default)]
struct State {
    own: Vec<Own>,
    list: Option<Kept>,
    trouble: Option<String>,
    /// Of all that: what a mark is looked up in. The owner's word comes first.
    by_mark: BTreeMap<Mark, Revocation>,
}

struct Kept {
    list: RevokedList,
    text: String,
    fetched: Timestamp,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnFile {
    revoked: Vec<Own>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    what: Mark,
    reason: String,
    by: String,
    at: Timestamp,
}

/// A list as it is kept: as it was signed, so that it is checked again at each start.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListFile {
    text: String,
    signature: String,
    fetched: Timestamp,
}

// === impl Revocations ===

impl Revocations {
    /// Reads what is kept in the home. A kept list that the configured key has not signed does not count.
    ///
    /// # Errors
    /// [`RevocationsError`] if the owner's own file cannot be read.
    pub fn open(home: &Path, feed: Option<RevocationFeed>) -> Result<Revocations, RevocationsError> {
        let (own_file, list_file) = (home.join("revocations.json"), home.join("revocations.list"));
        let own = match read(&own_file)? {
            None => Vec::new(),
            Some(text) => {
                let damaged =
                    |err: serde_json::Error| RevocationsError::Damaged { path: own_file.clone(), why: err.to_string() };
                serde_json::from_str::<OwnFile>(&text).map_err(damaged)?.revoked
            }
        };
        let mut state = State { own, ..State::default() };
        if let Some(feed) = &feed {
            match kept(&list_file, feed) {
                Ok(kept) => state.list = kept,
                Err(why) => {
                    tracing::error!(path = %list_file.display(), why, "the kept list of revocations does not count");
                    state.trouble = Some(why);
                }
            }
        }
        state.index(feed.as_ref());
        Ok(Revocations { own_file, list_file, feed, state: RwLock::new(state) })
    }

    /// Why none of these must run, if one of them is revoked.
    pub fn of(&self, marks: impl IntoIterator<Item = Mark>) -> Option<Revocation> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        marks.into_iter().find_map(|mark| state.by_mark.get(&mark).cloned())
    }

    /// Why a component must not run, if it must not: for its bytes, or for the key that has signed them.
    pub fn of_component(&self, digest: &Digest, key: Option<&str>) -> Option<Revocation> {
        self.of(std::iter::once(Mark::Digest(*digest)).chain(key.map(|key| Mark::Key(key.to_owned()))))
    }

    /// All that is revoked.
    pub fn all(&self) -> Vec<Revocation> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.by_mark.values().cloned().collect()
    }

    /// How the list stands; nothing if none is configured.
    pub fn feed(&self) -> Option<FeedState> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let kept = state.list.as_ref();
        Some(FeedState {
            url: self.feed.as_ref()?.url.to_string(),
            serial: kept.map(|kept| kept.list.serial),
            fetched: kept.map(|kept| kept.fetched),
            trouble: state.trouble.clone(),
        })
    }

    /// Revokes something by the owner's word; a reason that was given before is replaced. Durable when it returns.
    ///
    /// # Errors
    /// If the file cannot be written; nothing was changed then.
    pub fn add(&self, what: Mark, reason: &str, by: &str, at: Timestamp) -> Result<(), RevocationsError> {
        let Revoked { what, reason } = Revoked::new(what, reason);
        let own = Own { what, reason, by: by.to_owned(), at };
        self.change_own(|all| {
            all.retain(|known| known.what != own.what);
            all.push(own);
        })
    }

    /// Takes the owner's word back; says whether there was one. What a list says stays.
    ///
    /// # Errors
    /// If the file cannot be written; nothing was changed then.
    pub fn remove(&self, what: &Mark) -> Result<bool, RevocationsError> {
        let mut was_there = false;
        self.change_own(|all| {
            let before = all.len();
            all.retain(|known| known.what != *what);
            was_there = all.len() < before;
        })?;
        Ok(was_there)
    }

    fn change_own(&self, change: impl FnOnce(&mut Vec<Own>)) -> Result<(), RevocationsError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut own = state.own.clone();
        change(&mut own);
        let file = OwnFile { revoked: own };
        let text = serde_json::to_string_pretty(&file).expect("revocations: what is revoked is JSON");
        write(&self.own_file, &text)?;
        state.own = file.revoked;
        state.index(self.feed.as_ref());
        Ok(())
    }

    /// Fetches the list and keeps it, if its signature fits and it is not older than the one that is kept.
    ///
    /// # Errors
    /// [`RevocationsError`]; the kept one stays in force then.
    pub async fn fetch(&self, fetcher: &Fetcher, at: Timestamp) -> Result<Taken, RevocationsError> {
        let feed = self.feed.as_ref().ok_or(RevocationsError::NoFeed)?;
        let fetched = fetcher.signed_text(&feed.url).await.map_err(RevocationsError::from);
        let taken = fetched.and_then(|(text, signature)| self.take(feed, text, signature, at));
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.trouble = taken.as_ref().err().map(|err| causes::chain(err));
        taken
    }

    fn take(
        &self,
        feed: &RevocationFeed,
        text: String,
        signature: String,
        at: Timestamp,
    ) -> Result<Taken, RevocationsError> {
        let list = RevokedList::open(&text, &signature, &feed.key)?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let taken = match &state.list {
            Some(kept) if kept.text == text => Taken::Same,
            Some(kept) if kept.list.serial >= list.serial => {
                return Err(RevocationsError::Older { found: list.serial, kept: kept.list.serial });
            }
            _ => Taken::New { serial: list.serial, entries: list.revoked.len() },
        };
        if list.unknown > 0 {
            tracing::warn!(entries = list.unknown, "the list of revocations has entries of kinds that are not known");
        }
        let file = ListFile { text, signature, fetched: at };
        write(&self.list_file, &serde_json::to_string(&file).expect("revocations: a list is JSON"))?;
        state.list = Some(Kept { list, text: file.text, fetched: at });
        state.index(Some(feed));
        Ok(taken)
    }
}

impl State {
    fn index(&mut self, feed: Option<&RevocationFeed>) {
        let listed = self.list.iter().flat_map(|kept| &kept.list.revoked).filter_map(|entry| {
            let whose = Whose::List { url: feed?.url.to_string() };
            Some(Revocation::new(entry.what.clone(), &entry.reason, whose))
        });
        let own = self.own.iter().map(|own| {
            let whose = Whose::Owner { by: own.by.clone(), at: own.at };
            Revocation::new(own.what.clone(), &own.reason, whose)
        });
        self.by_mark = listed.chain(own).map(|it| (it.what.clone(), it)).collect();
    }
}

impl Revocation {
    fn new(what: Mark, reason: &str, whose: Whose) -> Revocation {
        Revocation { what, reason: legible::line(reason).into_owned(), whose }
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.whose {
            Whose::Owner { .. } => write!(f, "{CODE}: its owner has revoked `{}`", self.what)?,
            Whose::List { url } => write!(f, "{CODE}: `{}` is revoked by the list {url}", self.what)?,
        }
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", self.reason) }
    }
}

fn kept(path: &Path, feed: &RevocationFeed) -> Result<Option<Kept>, String> {
    let Some(text) = read(path).map_err(|err| causes::chain(&err))? else { return Ok(None) };
    let ListFile { text, signature, fetched } = serde_json::from_str(&text).map_err(|err| err.to_string())?;
    let list = RevokedList::open(&text, &signature, &feed.key).map_err(|err| err.to_string())?;
    Ok(Some(Kept { list, text, fetched }))
}

fn read(path: &Path) -> Result<Option<String>, RevocationsError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(RevocationsError::File { path: path.to_owned(), err }),
    }
}

fn write(path: &Path, text: &str) -> Result<(), RevocationsError> {
    home::replace(path, text.as_bytes()).map_err(|err| RevocationsError::File { path: path.to_owned(), err })
}
