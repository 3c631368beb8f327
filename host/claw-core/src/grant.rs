//! Grants of an owner as they are stored: a matcher in its text form, and the terms on which it holds.

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, Digest, Timestamp};

/// On what terms a grant holds. Without any it holds for every agent, until it is taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Terms {
    /// Only for runs of this agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// Only for programs that start in this directory; its canonical path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Only for programs with this file, environment and input; a digest over these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<Digest>,
    /// Only before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Only for so many effects more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
}

/// One grant of an owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRow {
    /// Its text form, e.g. `exec git status`.
    pub grant: String,
    /// On what terms.
    pub terms: Terms,
    /// Who gave it, e.g. `ws:owner`.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl GrantRow {
    /// Whether the two open the same on the same terms, however often they may still be used.
    pub fn is_same(&self, grant: &str, terms: &Terms) -> bool {
        let Terms { agent, directory, like, until, uses: _ } = &self.terms;
        self.grant == grant
            && (agent, directory, like, until) == (&terms.agent, &terms.directory, &terms.like, &terms.until)
    }
}
