//! The sections `packages` and `clawhub`: what is installed, and where it comes from.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is installed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct PackagesFile {
    /// What a package has to be signed with.
    pub require: Require,
    /// Whose packages are taken from where. For these sources it counts instead of `require`; of several rules, the
    /// longest.
    pub publishers: Vec<PublisherFile>,
    /// A `trusted_root.json` that signatures of Sigstore are checked with, instead of that of its public instance;
    /// relative to the home unless absolute.
    #[schemars(with = "PathBuf")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigstore_root: Option<PathBuf>,
    /// A signed list of what must not run, which somebody else keeps. It is fetched at the start and every day.
    #[schemars(with = "RevocationsFile")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocations: Option<RevocationsFile>,
}

/// What a package has to be signed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Require {
    /// It need not be signed.
    #[default]
    Nothing,
    /// By a minisign key that is known, or in Sigstore's form.
    Signature,
    /// By a minisign key that is known.
    Minisign,
    /// In Sigstore's form, by anybody whom its root of trust knows, or by a key that is known.
    Sigstore,
}

impl Require {
    /// As it stands in the file.
    pub fn word(self) -> &'static str {
        match self {
            Require::Nothing => "nothing",
            Require::Signature => "signature",
            Require::Minisign => "minisign",
            Require::Sigstore => "sigstore",
        }
    }
}

/// Whose packages are taken from some sources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct PublisherFile {
    /// What the sources begin with, e.g. `oci://ghcr.io/ada/`.
    pub source: String,
    /// Minisign keys, identities as `sigstore:NAME via ISSUER`, and keys as `sigstore-key:BASE64`.
    pub by: Vec<String>,
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
