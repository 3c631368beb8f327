//! The sections `packages` and `clawhub`: what is installed, and where it comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is installed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct PackagesFile {
    /// Whether a package has to be signed by a key that is known.
    pub require_signature: bool,
    /// A signed list of what must not run, which somebody else keeps. It is fetched at the start and every day.
    #[schemars(with = "RevocationsFile")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocations: Option<RevocationsFile>,
}

/// A signed list of what must not run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct RevocationsFile {
    /// Where it is, e.g. `https://example.org/revocations.json`; its signature is `URL.minisig`.
    pub url: String,
    /// The minisign key that it must be signed with.
    pub key: String,
}

/// Where skills of ClawHub come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct ClawHubFile {
    /// Its address.
    pub url: String,
}

impl Default for ClawHubFile {
    fn default() -> Self {
        ClawHubFile { url: "https://clawhub.ai".to_owned() }
    }
}
