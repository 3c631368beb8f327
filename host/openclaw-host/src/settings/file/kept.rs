//! The sections `sessions`, `undo` and `audit`: what is kept, and how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which conversations are kept. All of them, unless something is said here; what is not kept is deleted when the host
/// starts and every hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Minutes after which an incognito conversation ends in which nothing happens.
    #[schemars(range(min = 1, max = 10080))]
    pub incognito_minutes: u64,
}

/// What is kept of files, so that `/undo` can take back what a turn has changed in the workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct UndoFile {
    /// Whether anything is. A copy of the workspace is kept in the home's folder `blobs` for it.
    pub files: bool,
    /// Files and folders of a workspace; where there are more, no changes are noted.
    #[schemars(range(min = 1, max = 1000000))]
    pub max_files: u64,
    /// Size of a file, in MiB; what a larger one held does not come back.
    #[schemars(range(min = 1, max = 1024))]
    #[serde(rename = "maxFileMiB")]
    pub max_file_mib: u64,
    /// All files that are kept of a workspace, in MiB; what does not fit does not come back.
    #[schemars(range(min = 1, max = 1048576))]
    #[serde(rename = "maxMiB")]
    pub max_mib: u64,
    /// Seconds of a look at the workspace. What is not read by then does not come back.
    #[schemars(range(min = 1, max = 600))]
    pub seconds: u64,
    /// Turns whose changes are noted, over all conversations: the last ones.
    #[schemars(range(min = 1, max = 10000))]
    pub keep_turns: u64,
    /// Days that what an undo takes away stays in the home's folder `trash`.
    #[schemars(range(min = 1, max = 36500))]
    pub trash_days: u64,
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

impl Default for SessionsFile {
    fn default() -> Self {
        SessionsFile { keep_days: None, keep_count: None, incognito_minutes: 60 }
    }
}

impl Default for UndoFile {
    fn default() -> Self {
        UndoFile {
            files: true,
            max_files: 20_000,
            max_file_mib: 16,
            max_mib: 512,
            seconds: 5,
            keep_turns: 100,
            trash_days: 30,
        }
    }
}

impl Default for AuditFile {
    fn default() -> Self {
        AuditFile { keep_days: 365 }
    }
}
