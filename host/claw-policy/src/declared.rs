//! What a component may be given at most: what its manifest says or, where it has none, what it imports.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::grant::{Grant, Grants};
use crate::subject::Subject;

/// A kind of thing that a component can want done. Kinds that nothing is offered for yet are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Files.
    Fs,
    /// Requests.
    Http,
    /// Connections.
    Net,
    /// Programs.
    Exec,
    /// Secrets.
    Secret,
    /// Key-value stores.
    Kv,
    /// Questions to models.
    Llm,
    /// Messages.
    Message,
    /// Other conversations.
    Sessions,
}

/// Each family with its grants' first word, what its imports begin with, and what it is in words.
const FAMILIES: [(Family, &str, &[&str], &str); 9] = [
    (Family::Fs, "fs", &["wasi:filesystem/", "openclaw:workspace/"], "files"),
    (Family::Http, "http", &["wasi:http/outgoing-handler"], "requests"),
    (Family::Net, "net", &["openclaw:net/"], "connections"),
    (Family::Exec, "exec", &["openclaw:exec/"], "programs"),
    (Family::Secret, "secret", &["openclaw:secrets/"], "secrets"),
    (Family::Kv, "kv", &["wasi:keyvalue/"], "key-value stores"),
    (Family::Llm, "llm", &["openclaw:llm/"], "models"),
    (Family::Message, "message", &["openclaw:message/"], "messages"),
    (Family::Sessions, "sessions", &["openclaw:sessions/"], "conversations"),
];

/// What the owner can give a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declared {
    /// What its manifest says that it wants.
    Scopes(Grants),
    /// It has no manifest and imports these: whatever its owner gives it of them is its scope too, and nothing else is.
    Imports(BTreeSet<Family>),
}

// === impl Family ===

impl Family {
    /// Every family, in the order in which they are shown.
    pub fn all() -> impl Iterator<Item = Family> {
        FAMILIES.iter().map(|(family, ..)| *family)
    }

    /// The family of an import, e.g. of `wasi:http/outgoing-handler@0.2.3`; `None` for one that opens nothing.
    pub fn of_import(import: &str) -> Option<Family> {
        let found = FAMILIES.iter().find(|(_, _, imports, _)| imports.iter().any(|begin| import.starts_with(begin)));
        found.map(|(family, ..)| *family)
    }

    /// The first word of its grants.
    pub fn as_str(self) -> &'static str {
        FAMILIES[self as usize].1
    }

    /// What it is, for people.
    pub fn in_words(self) -> &'static str {
        FAMILIES[self as usize].3
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Grant {
    /// Its family; `None` where nothing is offered for it yet.
    pub fn family(&self) -> Option<Family> {
        Some(match self {
            Grant::Fs(_) => Family::Fs,
            Grant::Http(_) => Family::Http,
            Grant::Net(_) => Family::Net,
            Grant::Exec(_) => Family::Exec,
            Grant::Secret(_) => Family::Secret,
            Grant::Kv(_) => Family::Kv,
            Grant::Llm(_) => Family::Llm,
            Grant::Message(_) => Family::Message,
            Grant::Sessions(_) => Family::Sessions,
            Grant::Memory(_) | Grant::Schedule => return None,
        })
    }
}

// === impl Declared ===

impl Declared {
    /// Whether a grant could open anything.
    pub fn has_room_for(&self, grant: &Grant) -> bool {
        match self {
            Declared::Scopes(scopes) => scopes.have_room_for(grant),
            Declared::Imports(families) => grant.family().is_some_and(|family| families.contains(&family)),
        }
    }

    /// The scopes of its manifest; none where there is no manifest.
    pub fn scopes(&self) -> &[Grant] {
        match self {
            Declared::Scopes(scopes) => scopes.as_slice(),
            Declared::Imports(_) => &[],
        }
    }

    /// What it imports, where it has no manifest.
    pub fn imports(&self) -> Option<&BTreeSet<Family>> {
        match self {
            Declared::Scopes(_) => None,
            Declared::Imports(families) => Some(families),
        }
    }
}

impl From<Grants> for Declared {
    fn from(scopes: Grants) -> Declared {
        Declared::Scopes(scopes)
    }
}

impl Subject {
    /// Its scopes. Nothing outside is ever allowed.
    pub fn scopes(&self) -> Cow<'_, Grants> {
        match &self.declared {
            Declared::Scopes(scopes) => Cow::Borrowed(scopes),
            Declared::Imports(_) => {
                let given = self.grants.iter().map(|given| &given.grant);
                Cow::Owned(given.filter(|grant| self.declared.has_room_for(grant)).cloned().collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_stands_in_its_own_row() {
        for (row, (family, word, ..)) in FAMILIES.iter().enumerate() {
            assert_eq!((*family as usize, family.as_str()), (row, *word));
        }
        assert_eq!(Family::all().count(), FAMILIES.len());
    }

    #[test]
    fn imports_are_of_their_family_and_most_are_of_none() {
        let cases = [
            ("wasi:http/outgoing-handler@0.2.6", Some(Family::Http)),
            ("wasi:http/types@0.2.6", None),
            ("wasi:filesystem/preopens@0.2.0", Some(Family::Fs)),
            ("openclaw:workspace/files@0.1.0", Some(Family::Fs)),
            ("openclaw:secrets/secrets@0.1.0", Some(Family::Secret)),
            ("wasi:keyvalue/atomics@0.2.0-draft", Some(Family::Kv)),
            ("wasi:sockets/tcp@0.2.0", None),
            ("wasi:clocks/wall-clock@0.2.0", None),
        ];
        for (import, family) in cases {
            assert_eq!(Family::of_import(import), family, "{import}");
        }
    }

    #[test]
    fn what_is_imported_has_room_for_grants_of_its_family_only() {
        let declared = Declared::Imports([Family::Http].into());
        assert!(declared.has_room_for(&Grant::parse("http https://a.example GET").unwrap()));
        for text in ["fs workspace read", "kv cache", "memory read", "schedule", "exec git **"] {
            assert!(!declared.has_room_for(&Grant::parse(text).unwrap()), "{text}");
        }
    }
}
