//! One model to ask: a provider over HTTP, or the offline rehearsal.

use crate::error::ModelError;
use crate::http::HttpModel;
use crate::prompt::{Prompt, Reply};
use crate::provider::ProviderConfig;
use crate::rehearsal;

/// What today's models have at least.
const CONTEXT_TOKENS: u64 = 128_000;

/// A model that can answer prompts.
#[derive(Debug)]
pub enum Model {
    /// A provider over HTTP.
    Http(Box<HttpModel>),
    /// The deterministic offline model: obeys `tool NAME JSON` and `say TEXT` lines, else explains how to set a
    /// provider up. Needs no key and no network.
    Rehearsal,
}

impl Model {
    /// Prepares a provider. Opens nothing: the HTTP client is built at the first call.
    ///
    /// # Errors
    /// [`ModelError::Config`] if a setting cannot be used.
    pub fn http(config: ProviderConfig) -> Result<Model, ModelError> {
        HttpModel::new(config).map(|http| Model::Http(Box::new(http)))
    }

    /// The name for people, e.g. `openai/gpt-5` or `rehearsal`.
    pub fn name(&self) -> String {
        match self {
            Model::Http(http) => http.name(),
            Model::Rehearsal => "rehearsal".to_owned(),
        }
    }

    /// Tokens that it reads and writes in one call.
    pub fn context_tokens(&self) -> u64 {
        CONTEXT_TOKENS
    }

    /// Asks the model and waits for its whole reply; `on_text` receives the text piece by piece meanwhile.
    ///
    /// Calls that failed for the moment are repeated as long as no text was given to `on_text`, so the pieces always
    /// join to the text of one reply. Cancel-safe: dropping the future ends the request.
    ///
    /// # Errors
    /// [`ModelError`] says what failed and what to do next. The text given to `on_text` before is then a fragment.
    pub async fn complete(&self, prompt: &Prompt, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<Reply, ModelError> {
        match self {
            Model::Http(http) => http.complete(prompt, on_text).await,
            Model::Rehearsal => {
                let reply = rehearsal::answer(prompt);
                for piece in rehearsal::pieces(&reply.text) {
                    on_text(piece);
                    tokio::task::yield_now().await;
                }
                Ok(reply)
            }
        }
    }
}
