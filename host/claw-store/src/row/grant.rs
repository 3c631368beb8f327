//! Rows of grants, and of what a component's owner thinks of it.

use claw_core::grant::{GrantRow, Terms};
use claw_core::id::{AgentId, Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::Row;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StoredGrants {
    grants: Vec<StoredGrant>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredGrant {
    grant: String,
    terms: StoredTerms,
    by: String,
    at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredTerms {
    agent: Option<AgentId>,
    directory: Option<String>,
    like: Option<Digest>,
    until: Option<Timestamp>,
    uses: Option<u32>,
}

/// As of version 1: texts without terms.
#[derive(Deserialize)]
struct GrantsV1 {
    grants: Vec<String>,
    at: Timestamp,
}

impl Row for StoredGrants {
    const KIND: &'static str = "grants";
    const VERSION: u8 = 2;

    fn older(version: u8, bytes: &[u8]) -> Option<postcard::Result<Self>> {
        let read = |GrantsV1 { grants, at }: GrantsV1| {
            let row = |grant| GrantRow { grant, terms: Terms::default(), by: "host".to_owned(), at };
            grants.into_iter().map(row).collect()
        };
        (version == 1).then(|| postcard::from_bytes(bytes).map(read))
    }
}

impl FromIterator<GrantRow> for StoredGrants {
    fn from_iter<I: IntoIterator<Item = GrantRow>>(rows: I) -> Self {
        let stored = |GrantRow { grant, terms, by, at }| StoredGrant { grant, terms: terms.into(), by, at };
        StoredGrants { grants: rows.into_iter().map(stored).collect() }
    }
}

impl StoredGrants {
    pub fn rows(self) -> Vec<GrantRow> {
        let row = |StoredGrant { grant, terms, by, at }| GrantRow { grant, terms: terms.into(), by, at };
        self.grants.into_iter().map(row).collect()
    }
}

impl From<Terms> for StoredTerms {
    fn from(Terms { agent, directory, like, until, uses }: Terms) -> Self {
        StoredTerms { agent, directory, like, until, uses }
    }
}

impl From<StoredTerms> for Terms {
    fn from(StoredTerms { agent, directory, like, until, uses }: StoredTerms) -> Self {
        Terms { agent, directory, like, until, uses }
    }
}

/// What a component's owner thinks of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredStanding {
    /// Answers with no since the last yes.
    pub denials: u32,
    /// By whom, when and why it was paused, if it is.
    pub paused: Option<(String, Timestamp, String)>,
}

impl Row for StoredStanding {
    const KIND: &'static str = "standing";
    const VERSION: u8 = 1;
}
