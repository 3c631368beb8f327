//! The sections `limits.tokens` and `limits.usd`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens that models may read and write. What is not said has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct TokensFile {
    /// In one run.
    #[schemars(with = "u64", range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
    /// In one conversation, over its resets.
    #[schemars(with = "u64", range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<u64>,
    /// In one day, in UTC, by the conversations of one agent.
    #[schemars(with = "u64", range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<u64>,
    /// In one day, in UTC.
    #[schemars(with = "u64", range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<u64>,
}

/// US dollars that models may cost. What is not said has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct UsdFile {
    /// In one run.
    #[schemars(with = "f64", range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<f64>,
    /// In one conversation, over its resets.
    #[schemars(with = "f64", range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<f64>,
    /// In one day, in UTC, by the conversations of one agent.
    #[schemars(with = "f64", range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<f64>,
    /// In one day, in UTC.
    #[schemars(with = "f64", range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<f64>,
}
