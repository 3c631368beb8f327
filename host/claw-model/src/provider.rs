//! Who is asked: one provider with its address, key and limits.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::facts::ModelFacts;

/// The language that a provider speaks over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WireFormat {
    /// OpenAI Chat Completions; also Ollama, llama.cpp, vLLM, OpenRouter and many more.
    OpenAiChat,
    /// OpenAI Responses, with nothing kept by the provider.
    OpenAiResponses,
    /// Anthropic Messages.
    AnthropicMessages,
    /// Google Gemini, `streamGenerateContent`.
    Gemini,
}

impl WireFormat {
    /// The name that settings use.
    pub fn as_str(self) -> &'static str {
        match self {
            WireFormat::OpenAiChat => "openai-chat",
            WireFormat::OpenAiResponses => "openai-responses",
            WireFormat::AnthropicMessages => "anthropic-messages",
            WireFormat::Gemini => "gemini",
        }
    }

    /// Where the key stands if nobody says otherwise.
    pub fn key_header(self) -> KeyHeader {
        match self {
            WireFormat::OpenAiChat | WireFormat::OpenAiResponses => KeyHeader::Bearer,
            WireFormat::AnthropicMessages => KeyHeader::XApiKey,
            WireFormat::Gemini => KeyHeader::XGoogApiKey,
        }
    }
}

/// The header that carries the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// One key of a provider.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The owner's name for it, e.g. `work`.
    pub name: String,
    /// The key.
    pub key: Secret,
    /// Where it comes from, for errors, e.g. "the environment variable `KEY`".
    pub source: String,
}

/// Which of several keys a conversation begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyUse {
    /// The one that was not used for the longest time.
    #[default]
    Spread,
    /// The first of them: their owner has put them in order.
    InOrder,
}

/// One provider and the model to ask there.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// The owner's name for it, e.g. `openai`; shown in errors and in [`crate::Model::name`].
    pub id: String,
    /// How it is spoken to.
    pub wire: WireFormat,
    /// Where the API starts, e.g. `https://api.openai.com/v1` or `http://127.0.0.1:11434/v1`. The endpoint's path is
    /// added; a query is kept.
    pub base_url: String,
    /// The header of the key.
    pub key_header: KeyHeader,
    /// Its keys; none for servers that need no key.
    pub keys: Vec<Credential>,
    /// Which of them is used first.
    pub key_use: KeyUse,
    /// The provider's name of the model.
    pub model: String,
    /// What is known of the model.
    pub facts: ModelFacts,
    /// What is known of its other models, where its owner says so; of the rest, [`crate::facts`] knows.
    pub others: BTreeMap<String, ModelFacts>,
    /// How long the provider may stay silent, before the answer and in the middle of it. More than zero.
    pub idle_timeout: Duration,
    /// How often a call that failed for the moment is repeated; at most 10.
    pub retries: u32,
    /// Certificates in DER, of authorities that are believed beside the public ones.
    pub extra_roots: Vec<Vec<u8>>,
}

/// A text that must not be shown: `Debug` prints `***`, there is no `Display`, and its memory is zeroed.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps `text` without the white space around it, as left by `echo` and editors.
    pub fn new(text: &str) -> Self {
        Secret(Zeroizing::new(text.trim().to_owned()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
