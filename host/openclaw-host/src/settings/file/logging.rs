//! The section `logging`: what is written to the log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is written to the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct LoggingFile {
    /// `error`, `warn`, `info`, `debug` or `trace`, also per room: `info,claw_gateway=debug`.
    pub level: String,
}

impl Default for LoggingFile {
    fn default() -> Self {
        LoggingFile { level: "info".to_owned() }
    }
}
