//! The sections `agent`, `agents` and `bindings`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Preset, ThinkingLevel};

/// The agent `main`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct AgentFile {
    /// The folder it works in; absolute, or relative to the home. Without it: the home's folder `workspace`.
    #[schemars(with = "String")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<PathBuf>,
}

/// An agent beside `main`. What it says nothing about is as for `main`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct OtherAgentFile {
    /// The folder it works in; absolute, or relative to the home. Without it: the home's folder `workspace-ID`.
    #[schemars(with = "String")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<PathBuf>,
    /// The model that answers, e.g. `anthropic/claude-sonnet-4-5`.
    #[schemars(with = "String")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How much the model thinks.
    #[schemars(with = "ThinkingLevel")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<ThinkingLevel>,
    /// The policies to start from. The files in `policies/` come on top; they know it as `context.agent`.
    #[schemars(with = "Preset")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// The only tools that it has, by name; none with `[]`.
    #[schemars(with = "Vec<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    /// The only skills that it has, by name; none with `[]`. Those of its own workspace count among them.
    #[schemars(with = "Vec<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skills: Option<Vec<String>>,
}

/// Messages that name no agent, and the one that they go to. The most specific binding counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct BindingFile {
    /// The agent.
    pub agent_id: String,
    /// Which messages.
    #[serde(rename = "match")]
    pub of: MatchFile,
}

/// Which messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct MatchFile {
    /// The channel that they come over: `ws` (WebSocket clients), `http` (clients of OpenAI's API) or the name of a
    /// chat service.
    pub channel: String,
    /// Only those of this account or device, as `/whoami` names it behind the channel; `*` for all.
    #[schemars(with = "String")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Only those of this person.
    #[schemars(with = "PeerFile")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<PeerFile>,
}

/// A person on a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct PeerFile {
    /// Over HTTP: the `user` of the request; over a chat service its id of the person.
    pub id: String,
}
