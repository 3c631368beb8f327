//! What must not run: digests, publishers' keys and skills of ClawHub, and lists of them that somebody has signed.

use std::fmt;

use claw_core::id::Digest;
use serde::{Deserialize, Serialize};

use crate::clawhub::SkillRef;
use crate::error::PackageError;
use crate::publisher::Publisher;
use crate::signature::{PublicKey, verify};

/// What a list says first.
const SCHEMA: &str = "openclaw-host.revocations.v1";
/// Entries of one list.
const MAX_ENTRIES: usize = 50_000;
/// Characters of a reason.
const MAX_REASON: usize = 500;

/// Something that can be revoked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Mark {
    /// Exactly these bytes.
    Digest(Digest),
    /// Everything that this key or identity has signed; in its text form.
    Key(String),
    /// A skill of ClawHub, all its versions or one.
    Skill {
        /// Its name there, in lower case.
        slug: String,
        /// The version, if only that one.
        version: Option<String>,
    },
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// What.
    pub what: Mark,
    /// Why, in somebody's words: at most 500 characters.
    pub reason: String,
}

/// A list whose signature fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedList {
    /// Its number; a later list has a higher one.
    pub serial: u64,
    /// What it revokes.
    pub revoked: Vec<Revoked>,
    /// Entries of kinds that this host does not know.
    pub unknown: usize,
}

#[derive(Deserialize)]
struct Written {
    schema: String,
    serial: u64,
    revoked: Vec<WrittenEntry>,
}

#[derive(Deserialize)]
struct WrittenEntry {
    what: String,
    #[serde(default)]
    reason: String,
}

impl Mark {
    /// Reads a SHA-256 with or without `sha256:` before it, a minisign key, `sigstore:NAME via ISSUER`, `sigstore-key:BASE64`, or
    /// `clawhub:SLUG[@VERSION]`.
    ///
    /// # Errors
    /// [`PackageError::Mark`].
    pub fn parse(text: &str) -> Result<Mark, PackageError> {
        let text = text.trim();
        // It is revoked under its name, whoever's it is.
        if let Some(Ok(SkillRef { owner: None, slug, version })) = SkillRef::parse(text) {
            return Ok(Mark::Skill { slug, version });
        }
        if let Ok(digest) = Digest::parse(&text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase()) {
            return Ok(Mark::Digest(digest));
        }
        match Publisher::parse(text) {
            Ok(key) => Ok(Mark::Key(key.to_string())),
            Err(_) => Err(PackageError::Mark { text: text.chars().take(200).collect() }),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mark::Digest(digest) => write!(f, "sha256:{digest}"),
            Mark::Key(key) => f.write_str(key),
            Mark::Skill { slug, version: None } => write!(f, "clawhub:{slug}"),
            Mark::Skill { slug, version: Some(version) } => write!(f, "clawhub:{slug}@{version}"),
        }
    }
}

impl TryFrom<String> for Mark {
    type Error = PackageError;

    fn try_from(text: String) -> Result<Mark, PackageError> {
        Mark::parse(&text)
    }
}

impl From<Mark> for String {
    fn from(mark: Mark) -> String {
        mark.to_string()
    }
}

impl Revoked {
    /// An entry, its reason shortened.
    pub fn new(what: Mark, reason: &str) -> Revoked {
        Revoked { what, reason: reason.chars().take(MAX_REASON).collect() }
    }
}

impl RevokedList {
    /// Reads a list that was signed by `key`. An entry of a kind that is not known is passed over, so that a list may
    /// get new kinds one day and its other entries count all the same.
    ///
    /// # Errors
    /// [`PackageError::Signature`] if the signature does not fit; [`PackageError::List`] if it is no such list.
    pub fn open(text: &str, signature: &str, key: &PublicKey) -> Result<RevokedList, PackageError> {
        verify(text.as_bytes(), signature, key)?;
        let written: Written = serde_json::from_str(text).map_err(|err| PackageError::List(err.to_string()))?;
        if written.schema != SCHEMA {
            return Err(PackageError::List(format!("it is not of the schema `{SCHEMA}`")));
        }
        if written.revoked.len() > MAX_ENTRIES {
            return Err(PackageError::List(format!("it has more than {MAX_ENTRIES} entries")));
        }
        let all = written.revoked.len();
        let read = |entry: WrittenEntry| Some(Revoked::new(Mark::parse(&entry.what).ok()?, &entry.reason));
        let revoked: Vec<_> = written.revoked.into_iter().filter_map(read).collect();
        Ok(RevokedList { serial: written.serial, unknown: all - revoked.len(), revoked })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::SigningKey;

    #[test]
    fn a_mark_is_a_digest_a_publisher_or_a_skill() {
        let shown = |text: &str| Mark::parse(text).unwrap().to_string();
        let hex = "ab".repeat(32);
        assert_eq!((shown(&hex), shown(&format!("sha256:{hex}"))), (format!("sha256:{hex}"), format!("sha256:{hex}")));
        let key = SigningKey::generate().unwrap().public().unwrap().to_string();
        assert_eq!(shown(&key), key);
        let identity = "sigstore:ada@example.org via https://accounts.example";
        assert_eq!(shown(identity), identity);
        assert_eq!(shown("clawhub:Weather"), "clawhub:weather");
        assert_eq!(shown("clawhub:weather@1.2.3-beta"), "clawhub:weather@1.2.3-beta");
        for bad in
            ["", "weather", "clawhub:", "clawhub:../x", "clawhub:a@", "sha256:1", "RW", "clawhub:a b", "sigstore:ada"]
        {
            assert!(matches!(Mark::parse(bad), Err(PackageError::Mark { .. })), "{bad}");
        }
    }

    #[test]
    fn only_a_list_that_its_key_has_signed_is_read() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let public = key.public().unwrap();
        let list = format!(
            r#"{{"schema":"{SCHEMA}","serial":7,"revoked":[{{"what":"{}","reason":"{}"}},{{"what":"later:kind"}}]}}"#,
            "ab".repeat(32),
            "x".repeat(2000)
        );
        let signature = key.sign(list.as_bytes(), "").unwrap();
        let read = RevokedList::open(&list, &signature, &public).unwrap();
        assert_eq!((read.serial, read.revoked.len(), read.unknown), (7, 1, 1));
        assert_eq!(read.revoked[0].reason.len(), MAX_REASON);
        let by_other = other.sign(list.as_bytes(), "").unwrap();
        let changed = list.replace(":7,", ":8,");
        for (text, signature) in [(&list, &by_other), (&changed, &signature), (&list, &String::new())] {
            assert!(matches!(RevokedList::open(text, signature, &public), Err(PackageError::Signature(_))));
        }
        for text in ["{}", "", r#"{"schema":"other","serial":1,"revoked":[]}"#] {
            let signature = key.sign(text.as_bytes(), "").unwrap();
            assert!(matches!(RevokedList::open(text, &signature, &public), Err(PackageError::List(_))), "{text}");
        }
    }
}
