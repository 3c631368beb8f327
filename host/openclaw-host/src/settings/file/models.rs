//! The section `models`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretRef;

/// Which model answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct ModelsFile {
    /// `provider/model`, or a provider alone for its own `model`. Without it: the first known provider that has a key in
    /// the environment, else the offline model `rehearsal`.
    #[schemars(with = "String")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Who is asked, in this order, when the default fails: `["anthropic/claude-sonnet-5-5"]`.
    pub fallbacks: Vec<String>,
    /// How much models think before they answer, where they can.
    pub thinking: ThinkingLevel,
    /// Providers by name. Known ones, which `openclaw-host models list --all` names, need no entry.
    pub providers: BTreeMap<String, ProviderFile>,
}

/// How much a model thinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum ThinkingLevel {
    /// It is not asked to.
    #[default]
    Off,
    /// A little.
    Low,
    /// As much as the question deserves.
    Medium,
    /// As much as it can.
    High,
}

/// One model provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct ProviderFile {
    /// The protocol it speaks. Without it: a known provider's own, else `openai-chat`.
    #[schemars(with = "Wire")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire: Option<Wire>,
    /// Where it listens, e.g. `http://127.0.0.1:11434/v1`. Known providers have one already.
    #[schemars(with = "String")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The header that carries its key. Without it: as its protocol wants it.
    #[schemars(with = "KeyHeader")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_header: Option<KeyHeader>,
    /// Where its key is; the key itself never stands in this file. Without any key, none is sent; for known providers
    /// their variable of the environment counts.
    #[schemars(with = "SecretRef")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretRef>,
    /// The name of the environment variable that holds its key: short for `apiKey` with the source `env`.
    #[schemars(with = "String")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// More keys by name, for when one is at its limit: `{ work: { source: "vault", name: "openai/work" } }`. The one of
    /// `apiKey` is called `default`.
    pub keys: BTreeMap<String, SecretRef>,
    /// Names of keys that are used first, in this order. Without it a conversation begins with the key that was not used
    /// for the longest time.
    pub key_order: Vec<String>,
    /// The model to ask for when only the provider is named.
    #[schemars(with = "String")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What is known of its models better than the host knows it, by their names.
    pub models: BTreeMap<String, ModelFile>,
}

/// A provider's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Wire {
    /// OpenAI Chat Completions.
    #[serde(rename = "openai-chat")]
    OpenAiChat,
    /// OpenAI Responses.
    #[serde(rename = "openai-responses")]
    OpenAiResponses,
    /// Anthropic Messages.
    AnthropicMessages,
    /// Google Gemini.
    Gemini,
}

/// The header that carries a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum KeyHeader {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// `x-api-key: KEY`.
    XApiKey,
    /// `api-key: KEY`.
    ApiKey,
    /// `x-goog-api-key: KEY`.
    XGoogApiKey,
}

/// What is known of one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct ModelFile {
    /// Tokens that prompt and reply may have together.
    #[schemars(with = "u64", range(min = 1024, max = 100_000_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u64>,
    /// Tokens that one reply may have.
    #[schemars(with = "u32", range(min = 1, max = 10_000_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// What it costs.
    #[schemars(with = "PriceFile")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceFile>,
    /// Whether it can call tools.
    #[schemars(with = "bool")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<bool>,
    /// Whether it can look at images.
    #[schemars(with = "bool")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<bool>,
    /// Whether it can be asked to think.
    #[schemars(with = "bool")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<bool>,
}

/// Prices in US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct PriceFile {
    /// Of the prompt.
    pub input: f64,
    /// Of the reply.
    pub output: f64,
    /// Of what comes from the provider's cache. Without it: as the prompt.
    #[schemars(with = "f64")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<f64>,
    /// Of what goes into the provider's cache. Without it: as the prompt.
    #[schemars(with = "f64")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<f64>,
}

// === into the words of the room of models ===

impl From<Wire> for claw_model::WireFormat {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::OpenAiChat => claw_model::WireFormat::OpenAiChat,
            Wire::OpenAiResponses => claw_model::WireFormat::OpenAiResponses,
            Wire::AnthropicMessages => claw_model::WireFormat::AnthropicMessages,
            Wire::Gemini => claw_model::WireFormat::Gemini,
        }
    }
}

impl From<KeyHeader> for claw_model::KeyHeader {
    fn from(header: KeyHeader) -> Self {
        match header {
            KeyHeader::Bearer => claw_model::KeyHeader::Bearer,
            KeyHeader::XApiKey => claw_model::KeyHeader::XApiKey,
            KeyHeader::ApiKey => claw_model::KeyHeader::ApiKey,
            KeyHeader::XGoogApiKey => claw_model::KeyHeader::XGoogApiKey,
        }
    }
}

impl From<ThinkingLevel> for claw_model::Thinking {
    fn from(level: ThinkingLevel) -> Self {
        match level {
            ThinkingLevel::Off => claw_model::Thinking::Off,
            ThinkingLevel::Low => claw_model::Thinking::Low,
            ThinkingLevel::Medium => claw_model::Thinking::Medium,
            ThinkingLevel::High => claw_model::Thinking::High,
        }
    }
}

impl From<PriceFile> for claw_model::Prices {
    fn from(price: PriceFile) -> Self {
        let PriceFile { input, output, cache_read, cache_write } = price;
        claw_model::Prices { input, output, cache_read, cache_write }
    }
}

impl ModelFile {
    /// What the host knows, corrected by what the file says.
    pub fn correct(&self, facts: claw_model::ModelFacts) -> claw_model::ModelFacts {
        claw_model::ModelFacts {
            context_tokens: self.context_tokens.unwrap_or(facts.context_tokens),
            is_assumed: facts.is_assumed && self.context_tokens.is_none(),
            max_output_tokens: self.max_output_tokens.unwrap_or(facts.max_output_tokens),
            prices: self.price.map(Into::into).or(facts.prices),
            tools: self.tools.unwrap_or(facts.tools),
            images: self.images.unwrap_or(facts.images),
            thinking: self.thinking.unwrap_or(facts.thinking),
        }
    }
}
