//! The sections `sessions` and `audit`: what is kept, and how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which conversations are kept. All of them, unless something is said here; what is not kept is deleted when the host
/// starts and every hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct SessionsFile {
    /// Days that a conversation is kept after it last changed.
    #[schemars(with = "u64", range(min = 1, max = 36500))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u64>,
    /// How many conversations are kept: those that changed last.
    #[schemars(with = "u64", range(min = 1, max = 10000000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_count: Option<u64>,
}

/// The record of what was decided and done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct AuditFile {
    /// Days that an entry is kept; older ones are removed when the host starts.
    #[schemars(range(min = 1, max = 36500))]
    pub keep_days: u64,
}

impl Default for AuditFile {
    fn default() -> Self {
        AuditFile { keep_days: 365 }
    }
}
