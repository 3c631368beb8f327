//! The section `subAgents`: where conversations end that others start.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where sub-agents end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct SubAgentsFile {
    /// How many conversations of a chain may stand above a sub-agent: with 1 it starts none itself, with 0 there are none.
    #[schemars(range(min = 0, max = 5))]
    pub max_depth: u32,
    /// Tasks that one conversation may have handed over and that have not ended.
    #[schemars(range(min = 1, max = 20))]
    pub max_children: u64,
    /// Seconds that one task may take, without the time it waits for answers to its questions; never more than
    /// `limits.runSeconds`.
    #[schemars(range(min = 1, max = 86_400))]
    pub run_seconds: u64,
}

impl Default for SubAgentsFile {
    fn default() -> Self {
        // OpenClaw's values for depth and number; its tasks have no limit of their own.
        SubAgentsFile { max_depth: 1, max_children: 5, run_seconds: 600 }
    }
}
