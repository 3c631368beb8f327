//! Why a model gave no reply, and what the owner can do about it.

use std::time::Duration;

/// Why a model gave no reply. Texts of the provider in it are cut to 500 characters and never hold the key.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A setting cannot be used; found before anything was sent.
    #[error("provider `{provider}` cannot be used: {reason}; correct `models.providers.{provider}` in the config")]
    Config {
        /// The owner's name of the provider.
        provider: String,
        /// Which setting, and what is wrong with it.
        reason: String,
    },
    /// A session cannot have the model that was chosen for it.
    #[error("cannot choose that model: {reason}")]
    Choice {
        /// Why not, and what can be chosen.
        reason: String,
    },
    /// The HTTP client could not be built.
    #[error("cannot set up TLS for provider `{provider}`")]
    Client {
        /// The owner's name of the provider.
        provider: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// The key is missing, wrong or not allowed to do this (401, 403).
    #[error("provider `{provider}` refused the key: {message}; {}", key_hint(.provider, .key_source.as_deref()))]
    Auth {
        /// The owner's name of the provider.
        provider: String,
        /// Where the key comes from.
        key_source: Option<String>,
        /// The provider's words.
        message: String,
    },
    /// Too many requests at the moment (429).
    #[error("provider `{provider}` limits the rate: {message}; {}", wait_hint(.retry_after))]
    RateLimited {
        /// The owner's name of the provider.
        provider: String,
        /// How long the provider asks to wait.
        retry_after: Option<Duration>,
        /// The provider's words.
        message: String,
    },
    /// The account has no credit left; waiting does not help.
    #[error("the account at provider `{provider}` has no credit or quota left: {message}; check its billing page")]
    Quota {
        /// The owner's name of the provider.
        provider: String,
        /// The provider's words.
        message: String,
    },
    /// The provider is overloaded or broken at the moment (408, 409, 498, 5xx).
    #[error("provider `{provider}` is overloaded or failing: {message}; {}", wait_hint(.retry_after))]
    Overloaded {
        /// The owner's name of the provider.
        provider: String,
        /// How long the provider asks to wait.
        retry_after: Option<Duration>,
        /// The provider's words.
        message: String,
    },
    /// The conversation does not fit into the model's context.
    #[error("the conversation is too long for `{model}`: {message}; start a new session or choose a larger model")]
    ContextTooLong {
        /// The provider's name of the model.
        model: String,
        /// The provider's words.
        message: String,
    },
    /// The provider declined to answer this prompt.
    #[error("provider `{provider}` declined this prompt: {message}; rephrase it or choose another model")]
    Refused {
        /// The owner's name of the provider.
        provider: String,
        /// The provider's words.
        message: String,
    },
    /// The address or the model does not exist there (404).
    #[error(
        "provider `{provider}` at `{host}` knows no such model or address: {message}; check model `{model}` and `baseUrl`"
    )]
    NotFound {
        /// The owner's name of the provider.
        provider: String,
        /// Host and port that were asked.
        host: String,
        /// The provider's name of the model.
        model: String,
        /// The provider's words.
        message: String,
    },
    /// The provider does not accept the request as it is.
    #[error(
        "provider `{provider}` rejected the request with status {status}: {message}; check `models.providers.{provider}` and the model's abilities"
    )]
    Rejected {
        /// The owner's name of the provider.
        provider: String,
        /// The HTTP status; 200 if the error came inside the stream.
        status: u16,
        /// The provider's words.
        message: String,
    },
    /// The answer's stream ended before the answer did.
    #[error("the answer of provider `{provider}` broke off after {received_bytes} bytes; send the message again")]
    Truncated {
        /// The owner's name of the provider.
        provider: String,
        /// What had arrived, in bytes of the stream.
        received_bytes: usize,
        /// The transport's error, if it was not a clean end.
        source: Option<reqwest::Error>,
    },
    /// The provider stayed silent for too long.
    #[error("provider `{provider}` sent nothing for {} s; try again, or choose a faster model", .timeout.as_secs_f32())]
    Idle {
        /// The owner's name of the provider.
        provider: String,
        /// The silence that was allowed.
        timeout: Duration,
    },
    /// No connection, or it broke before an answer.
    #[error(
        "cannot reach provider `{provider}` at `{host}`; check the network, `baseUrl`, and that a local server runs"
    )]
    Unreachable {
        /// The owner's name of the provider.
        provider: String,
        /// Host and port that were asked.
        host: String,
        /// The cause, without the URL.
        source: reqwest::Error,
    },
    /// The reply exceeds a limit of this host.
    #[error("the answer of provider `{provider}` has more than {limit} {what}; ask for less at once")]
    TooLarge {
        /// The owner's name of the provider.
        provider: String,
        /// What there is too much of.
        what: &'static str,
        /// How much of it is accepted.
        limit: usize,
    },
    /// The answer is not in the provider's format.
    #[error("the answer of provider `{provider}` makes no sense: {what}; check that `wire` and `baseUrl` fit together")]
    Garbage {
        /// The owner's name of the provider.
        provider: String,
        /// Which part, without quoting it.
        what: String,
    },
}

impl ModelError {
    /// The kind for clients: `rate_limit`, `auth`, `timeout`, `context_length`, `refusal` or `unknown`.
    pub fn kind(&self) -> &'static str {
        match self {
            ModelError::RateLimited { .. } | ModelError::Quota { .. } | ModelError::Overloaded { .. } => "rate_limit",
            ModelError::Auth { .. } => "auth",
            ModelError::Idle { .. } => "timeout",
            ModelError::ContextTooLong { .. } => "context_length",
            ModelError::Refused { .. } => "refusal",
            ModelError::Config { .. }
            | ModelError::Choice { .. }
            | ModelError::Client { .. }
            | ModelError::NotFound { .. }
            | ModelError::Rejected { .. }
            | ModelError::Truncated { .. }
            | ModelError::Unreachable { .. }
            | ModelError::TooLarge { .. }
            | ModelError::Garbage { .. } => "unknown",
        }
    }

    /// What failed, without the provider's words and without advice.
    pub(crate) fn brief(&self) -> String {
        let text = self.to_string();
        let end = [": ", "; "].iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
        let text = &text[..end];
        let mut chars = text.chars();
        chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
    }

    /// Whether the provider refuses thoughts that it was sent back: those of another account, or of a model that is no
    /// more.
    pub(crate) fn is_of_thoughts(&self) -> bool {
        let ModelError::Rejected { message, .. } = self else { return false };
        let lower = message.to_lowercase();
        THOUGHTS.iter().any(|phrase| lower.contains(phrase))
    }

    /// Whether the same request may succeed a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            ModelError::RateLimited { .. } | ModelError::Overloaded { .. } | ModelError::Unreachable { .. } => true,
            // Nothing came back at all: as good as no connection. Later it may be a server that always cuts.
            ModelError::Truncated { received_bytes, .. } => *received_bytes == 0,
            ModelError::Config { .. }
            | ModelError::Choice { .. }
            | ModelError::Client { .. }
            | ModelError::Auth { .. }
            | ModelError::Quota { .. }
            | ModelError::ContextTooLong { .. }
            | ModelError::Refused { .. }
            | ModelError::NotFound { .. }
            | ModelError::Rejected { .. }
            | ModelError::Idle { .. }
            | ModelError::TooLarge { .. }
            | ModelError::Garbage { .. } => false,
        }
    }
}

/// How they say it, in small letters.
const THOUGHTS: [&str; 4] = [
    "the encrypted content",                    // OpenAI
    "invalid `signature` in `thinking`",        // Anthropic
    "`thinking` or `redacted_thinking` blocks", // Anthropic
    "thought signature",                        // Gemini
];

fn key_hint(provider: &str, key_source: Option<&str>) -> String {
    match key_source {
        Some(source) => format!("check the key in {source} and start the host again"),
        None => format!("name the place of one in `models.providers.{provider}.apiKey`"),
    }
}

fn wait_hint(retry_after: &Option<Duration>) -> String {
    match retry_after {
        Some(wait) => format!("try again in {} s", wait.as_secs().max(1)),
        None => "try again in a minute".to_owned(),
    }
}
