//! The section `channels`: chat services that people write over.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A chat service that its component, of the same name, connects to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct ChannelFile {
    /// Ids of you on that service. They may say and approve everything that you may; nobody else is answered.
    pub owner: Vec<String>,
    /// How much of an answer is sent before all of it is there.
    pub streaming: StreamingWord,
}

/// How much of an answer is sent before all of it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum StreamingWord {
    /// Nothing.
    #[default]
    Off,
    /// Its paragraphs, as they are finished.
    Block,
    /// Its beginning, in a message that grows and is the answer in the end.
    Preview,
}
