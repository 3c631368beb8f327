//! One model to ask: providers over HTTP, or the offline rehearsal.

use std::sync::Arc;

use claw_core::message::Usage;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::chain::{Chain, Chosen};
use crate::error::ModelError;
use crate::facts::{ModelFacts, Prices};
use crate::keyring::{KeyRest, KeyStatus};
use crate::prompt::{Prompt, Reply};
use crate::provider::ProviderConfig;
use crate::rehearsal;

/// A model that can answer prompts.
#[derive(Debug)]
pub enum Model {
    /// A provider over HTTP, and those that stand in for it.
    Http(Box<Chain>),
    /// The deterministic offline model: obeys `tool NAME JSON` and `say TEXT` lines, else explains how to set a
    /// provider up. Needs no key and no network.
    Rehearsal,
}

/// What is heard while a model is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Heard<'a> {
    /// The next piece of its answer.
    Text(&'a str),
    /// A sentence for people: somebody else is asked, or the provider wants to be waited for.
    Notice(&'a str),
    /// A provider with these prices has begun to answer: from now on the prompt is paid for, whatever comes of it.
    Begun(Option<Prices>),
    /// What the answer that was begun last has used until now.
    Used {
        /// As its provider says; some say so only at the end.
        usage: Usage,
        /// Its text, thoughts and arguments.
        bytes: usize,
    },
}

impl Model {
    /// Prepares a provider. Opens nothing: the HTTP client is built at the first call.
    ///
    /// # Errors
    /// [`ModelError::Config`] if a setting cannot be used.
    pub fn http(config: ProviderConfig) -> Result<Model, ModelError> {
        Model::with_fallbacks(config, Vec::new())
    }

    /// Prepares a provider, and those that are asked in this order when it fails.
    ///
    /// # Errors
    /// [`ModelError::Config`] if a setting cannot be used.
    pub fn with_fallbacks(config: ProviderConfig, fallbacks: Vec<ProviderConfig>) -> Result<Model, ModelError> {
        Chain::new(config, fallbacks).map(|chain| Model::Http(Box::new(chain)))
    }

    /// The same, which can also be told to ask these. They stand in for nobody.
    ///
    /// # Errors
    /// [`ModelError::Config`] if a setting cannot be used.
    pub fn and_others(self, others: Vec<ProviderConfig>) -> Result<Model, ModelError> {
        match self {
            Model::Http(chain) => chain.and_others(others).map(|chain| Model::Http(Box::new(chain))),
            Model::Rehearsal => Ok(Model::Rehearsal),
        }
    }

    /// The name for people, e.g. `openai/gpt-5` or `rehearsal`.
    pub fn name(&self) -> String {
        match self {
            Model::Http(chain) => chain.name(),
            Model::Rehearsal => "rehearsal".to_owned(),
        }
    }

    /// The model, then those that stand in for it, with what is known of each.
    pub fn models(&self) -> Vec<(String, ModelFacts)> {
        match self {
            Model::Http(chain) => chain.models(),
            Model::Rehearsal => vec![(self.name(), rehearsal::FACTS)],
        }
    }

    /// Those that may be asked in place of a chosen one.
    pub fn stand_ins(&self, chosen: &Chosen) -> Vec<(String, ModelFacts)> {
        let is_other = |(name, _): &(String, ModelFacts)| *name != chosen.name;
        self.models().into_iter().filter(is_other).collect()
    }

    /// What is known of all models that can be chosen by their names. A provider of whose models nothing is known has none
    /// here, and answers nevertheless: its name, then, stands alone.
    pub fn choices(&self) -> Vec<(String, Option<ModelFacts>)> {
        match self {
            Model::Http(chain) => chain.choices(),
            Model::Rehearsal => Vec::new(),
        }
    }

    /// How the keys are that are in use.
    pub fn keys(&self) -> Vec<KeyStatus> {
        match self {
            Model::Http(chain) => chain.keys(Instant::now()),
            Model::Rehearsal => Vec::new(),
        }
    }

    /// The keys that rest, to be taken up by another model or after a restart.
    pub fn rests(&self) -> Vec<KeyRest> {
        match self {
            Model::Http(chain) => chain.rests(Instant::now()),
            Model::Rehearsal => Vec::new(),
        }
    }

    /// The same, in which these keys rest, as far as they are still the same; `changes` is woken whenever a key begins to
    /// rest, or works again.
    #[must_use]
    pub fn resting(self, rests: &[KeyRest], changes: Arc<Notify>) -> Model {
        match self {
            Model::Http(chain) => Model::Http(Box::new(chain.resting(rests, changes, Instant::now()))),
            Model::Rehearsal => Model::Rehearsal,
        }
    }

    /// The model that is asked where nobody wishes for another one.
    pub fn usual(&self) -> Chosen {
        match self {
            Model::Http(chain) => chain.usual(),
            Model::Rehearsal => Chosen::rehearsal(self.name()),
        }
    }

    /// The model that somebody wishes for: `provider/model` or `provider/model@key`, of a provider that is in use.
    ///
    /// # Errors
    /// [`ModelError::Choice`] if there is no such provider, or the model is the rehearsal.
    pub fn choose(&self, wish: &str) -> Result<Chosen, ModelError> {
        match self {
            Model::Http(chain) => chain.choose(wish),
            Model::Rehearsal => {
                Err(ModelError::Choice { reason: "no provider is set up; see `models.default`".to_owned() })
            }
        }
    }

    /// Asks the model and waits for its whole reply; `on_text` receives the text piece by piece meanwhile. As
    /// [`Model::ask`] for nobody in particular.
    ///
    /// # Errors
    /// As [`Model::ask`].
    pub async fn complete(&self, prompt: &Prompt, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<Reply, ModelError> {
        let mut hear = |heard: Heard<'_>| match heard {
            Heard::Text(text) => on_text(text),
            Heard::Notice(_) | Heard::Begun(_) | Heard::Used { .. } => {}
        };
        self.ask(None, &self.usual(), prompt, &mut hear).await
    }

    /// Asks a chosen model, or those that stand in for it, and waits for the whole reply; `hear` receives the text piece
    /// by piece meanwhile, and notices for people. A session stays with the key that worked for it.
    ///
    /// Calls that failed are repeated with other keys, other models or after a pause, as long as no text was heard; so
    /// the pieces always join to the text of one reply. Cancel-safe: dropping the future ends the request.
    ///
    /// # Errors
    /// [`ModelError`] says what failed and what to do next. The text heard before is then a fragment.
    pub async fn ask(
        &self,
        session: Option<&str>,
        chosen: &Chosen,
        prompt: &Prompt,
        hear: &mut (dyn FnMut(Heard<'_>) + Send),
    ) -> Result<Reply, ModelError> {
        match self {
            Model::Http(chain) => chain.ask(session, chosen, prompt, hear).await,
            Model::Rehearsal => {
                let reply = rehearsal::answer(prompt);
                for piece in rehearsal::pieces(&reply.text) {
                    hear(Heard::Text(piece));
                    tokio::task::yield_now().await;
                }
                Ok(reply)
            }
        }
    }
}
