//! Which model is asked with which key, and who steps in when one fails.
//!
//! One call tries, in this order, the keys of the session's model, then the models after it. What failed for the moment
//! is tried again as a whole, after a pause. No step is taken once text was shown.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::catalogue;
use crate::error::ModelError;
use crate::facts::ModelFacts;
use crate::http::{HttpModel, retry};
use crate::keyring::{KeyRest, KeyStatus, Keyring};
use crate::model::Heard;
use crate::prompt::{Prompt, Reply};
use crate::provider::ProviderConfig;
use crate::rehearsal;

/// Sessions whose keys are remembered; beyond it, all are forgotten: a key is only found again.
const SESSIONS: usize = 4096;

/// A pause that its user is told about.
const LONG_PAUSE: Duration = Duration::from_secs(1);

/// A model, and those that stand in for it.
#[derive(Debug)]
pub struct Chain {
    /// Never empty; the first is the one to ask.
    models: Vec<Arc<HttpModel>>,
    /// Those that are only asked when they are wished for.
    others: Vec<Arc<HttpModel>>,
    /// Woken whenever a key begins to rest, or works again.
    changes: Arc<Notify>,
    sessions: Mutex<HashMap<String, Sticky>>,
}

/// What a session stays with.
#[derive(Clone, Debug, Default)]
struct Sticky {
    /// The key that worked last, by provider: a provider's cache belongs to one key.
    slots: HashMap<String, usize>,
    /// The model that was wanted last and the one that answered in its place.
    answered: Option<(String, String)>,
}

/// A model to ask, as it was wished for.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its name for people, e.g. `openai/gpt-5`.
    pub name: String,
    /// What is known of it.
    pub facts: ModelFacts,
    /// `None` for the rehearsal.
    pub(crate) http: Option<Arc<HttpModel>>,
    /// The key to ask with first.
    pub(crate) slot: Option<usize>,
    /// Those that may not stand in for it.
    left_out: Vec<String>,
}

/// One way to ask.
struct Way {
    model: Arc<HttpModel>,
    slot: usize,
}

/// What comes after a failure.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    /// Nobody else would do better.
    Nobody,
    /// Another key may help.
    AnyWay,
    /// Another model may help.
    AnotherModel,
}

impl Chain {
    /// Models in the order in which they are asked. Those of one provider share its keys.
    ///
    /// # Errors
    /// [`ModelError::Config`] if a setting cannot be used.
    pub(crate) fn new(first: ProviderConfig, fallbacks: Vec<ProviderConfig>) -> Result<Self, ModelError> {
        let mut chain =
            Chain { models: Vec::new(), others: Vec::new(), changes: Arc::default(), sessions: Mutex::default() };
        for config in std::iter::once(first).chain(fallbacks) {
            let model = chain.model(config)?;
            chain.models.push(model);
        }
        Ok(chain)
    }

    /// See [`crate::Model::and_others`].
    pub(crate) fn and_others(mut self, others: Vec<ProviderConfig>) -> Result<Self, ModelError> {
        for config in others {
            let model = self.model(config)?;
            self.others.push(model);
        }
        Ok(self)
    }

    /// Models of one provider share its keys.
    fn model(&self, config: ProviderConfig) -> Result<Arc<HttpModel>, ModelError> {
        let known = self.known().find(|model| model.provider() == config.id);
        let model = match known {
            Some(known) => known.asking(&config.model, config.facts)?,
            None => HttpModel::new(config)?,
        };
        Ok(Arc::new(model))
    }

    /// All models that the configuration names.
    fn known(&self) -> impl Iterator<Item = &Arc<HttpModel>> {
        self.models.iter().chain(&self.others)
    }

    /// The name of the first model.
    pub(crate) fn name(&self) -> String {
        self.models[0].name()
    }

    /// All models in their order.
    pub(crate) fn models(&self) -> Vec<(String, ModelFacts)> {
        self.models.iter().map(|model| (model.name(), model.facts())).collect()
    }

    /// See [`crate::Model::choices`].
    pub(crate) fn choices(&self) -> Vec<(String, Option<ModelFacts>)> {
        let mut providers: Vec<&Arc<HttpModel>> = Vec::new();
        for model in self.known() {
            if !providers.iter().any(|known| known.provider() == model.provider()) {
                providers.push(model);
            }
        }
        let mut choices = Vec::new();
        for provider in providers {
            let names = provider.known_models();
            let choice = |name: &String| (format!("{}/{name}", provider.provider()), Some(provider.facts_of(name)));
            choices.extend(names.iter().map(choice));
            if names.is_empty() {
                choices.push((provider.provider().to_owned(), None));
            }
        }
        choices
    }

    /// The first model.
    pub(crate) fn usual(&self) -> Chosen {
        Chosen::of(Arc::clone(&self.models[0]), None)
    }

    /// How the keys are.
    pub(crate) fn keys(&self, now: Instant) -> Vec<KeyStatus> {
        self.rings().into_iter().flat_map(|ring| ring.status(now)).collect()
    }

    /// See [`crate::Model::rests`].
    pub(crate) fn rests(&self, now: Instant) -> Vec<KeyRest> {
        self.rings().into_iter().flat_map(|ring| ring.rests(now)).collect()
    }

    /// See [`crate::Model::resting`].
    pub(crate) fn resting(self, rests: &[KeyRest], changes: Arc<Notify>, now: Instant) -> Self {
        for ring in self.rings() {
            rests.iter().for_each(|rest| ring.take_up(rest, now));
        }
        Chain { changes, ..self }
    }

    fn rings(&self) -> Vec<&Arc<Keyring>> {
        let mut rings: Vec<&Arc<Keyring>> = Vec::new();
        for model in self.known() {
            if !rings.iter().any(|ring| Arc::ptr_eq(ring, model.keys())) {
                rings.push(model.keys());
            }
        }
        rings
    }

    /// Chooses a model, see [`crate::Model::choose`].
    pub(crate) fn choose(&self, wish: &str) -> Result<Chosen, ModelError> {
        let unknown = |reason: String| ModelError::Choice { reason };
        let Some((provider, rest)) = wish.split_once('/') else {
            return Err(unknown(format!("`{wish}` is not of the form `provider/model` or `provider/model@key`")));
        };
        let Some(known) = self.known().find(|model| model.provider() == provider) else {
            let names: BTreeSet<&str> = self.known().map(|model| model.provider()).collect();
            let names: Vec<&str> = names.into_iter().collect();
            let names = names.join("`, `");
            let how = match catalogue::vendor(provider) {
                Some(_) => format!("`openclaw-host models auth add {provider}` keeps a key for it"),
                None => "describe it under `models.providers`, for the next start".to_owned(),
            };
            return Err(unknown(format!("provider `{provider}` is not in use, only `{names}`; {how}")));
        };
        let in_use = |model: &str| self.known().find(|known| known.provider() == provider && known.model() == model);
        let parts = rest.rsplit_once('@');
        let by_key = parts.and_then(|(model, key)| Some((model, known.keys().named(key)?)));
        // A name with an `@` of its own is no key, nor is the date of a release.
        let is_key = |(model, key): &(&str, &str)| {
            let is_known = in_use(model).is_some() || known.known_models().iter().any(|known| known == model);
            is_known && !key.bytes().all(|byte| byte.is_ascii_digit())
        };
        if let (None, Some((_, key))) = (by_key, parts.filter(is_key)) {
            let names: Vec<_> = known.keys().names().map(|name| format!("`{name}`")).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(unknown(format!("provider `{provider}` has no key `{key}`; it has {names}")));
        }
        let (model, slot) = by_key.map_or((rest, None), |(model, slot)| (model, Some(slot)));
        let same = in_use(model);
        let chosen = match same {
            Some(same) => Arc::clone(same),
            None => {
                let facts = known.facts_of(model);
                Arc::new(known.asking(model, facts)?)
            }
        };
        Ok(Chosen::of(chosen, slot))
    }

    /// Asks, see [`crate::Model::ask`].
    pub(crate) async fn ask(
        &self,
        session: Option<&str>,
        chosen: &Chosen,
        prompt: &Prompt,
        hear: &mut (dyn FnMut(Heard<'_>) + Send),
    ) -> Result<Reply, ModelError> {
        let mut bodies: Vec<(Arc<HttpModel>, Bytes)> = Vec::new();
        let mut forgetful: Option<Prompt> = None;
        let mut repeats = 0;
        let (mut told, mut told_of_left_out) = (false, false);
        'again: loop {
            let prompt = forgetful.as_ref().unwrap_or(prompt);
            let mut has_streamed = false;
            let mut pause: Option<Duration> = None;
            let mut ways = self.ways(session, chosen).into_iter().peekable();
            let error = loop {
                let Way { model, slot } = ways.next().expect("chain: there is always a way");
                let body = body(&mut bodies, &model, prompt);
                let mut heard = |heard: Heard<'_>| {
                    has_streamed |= matches!(heard, Heard::Text(_));
                    hear(heard);
                };
                let error = match model.attempt(slot, body, prompt, &mut heard).await {
                    Ok(reply) => {
                        if model.keys().worked(slot) {
                            self.changes.notify_one();
                        }
                        if let Some(notice) = self.remember(session, chosen, &model, slot).filter(|_| !told) {
                            hear(Heard::Notice(&notice));
                        }
                        return Ok(reply);
                    }
                    Err(error) => error,
                };
                // Otherwise the conversation would be refused from now on.
                if error.is_of_thoughts() && forgetful.is_none() && prompt.has_thoughts() && !has_streamed {
                    tracing::warn!(model = %model.name(), %error, "it is asked again without what it had thought");
                    forgetful = Some(prompt.without_thoughts());
                    bodies.clear();
                    continue 'again;
                }
                if model.keys().failed(slot, &error, Instant::now()) {
                    self.changes.notify_one();
                }
                let next = next(&error);
                // Text that was shown cannot be taken back, so from then on the failure is the caller's.
                if has_streamed || next == Next::Nobody {
                    return Err(error);
                }
                if error.is_passing() {
                    let wait = retry::pause(repeats, &error, retry::jitter());
                    pause = Some(pause.map_or(wait, |pause| pause.min(wait)));
                }
                let of_no_use = |way: &Way| next == Next::AnotherModel && Arc::ptr_eq(&way.model, &model);
                while ways.next_if(of_no_use).is_some() {}
                match ways.peek() {
                    Some(way) => {
                        tracing::warn!(model = %model.name(), %error, next = %way.name(), "another one is asked");
                        hear(Heard::Notice(&format!("{}; asking {} instead.", error.brief(), way.name())));
                        told = true;
                    }
                    None => {
                        if !chosen.left_out.is_empty() && !std::mem::replace(&mut told_of_left_out, true) {
                            let names = chosen.left_out.join("`, `");
                            let notice =
                                format!("{}; `{names}` would cost more than the budget leaves.", error.brief());
                            hear(Heard::Notice(&notice));
                        }
                        break error;
                    }
                }
            };
            let Some(pause) = pause.filter(|_| repeats < self.models[0].retries()) else { return Err(error) };
            repeats += 1;
            tracing::info!(%error, repeats, ?pause, "model call is repeated");
            if pause >= LONG_PAUSE {
                hear(Heard::Notice(&format!("{}; trying again in {} s.", error.brief(), pause.as_secs())));
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// The ways to ask now, best first. Where all rest, the one that rests the shortest is asked nevertheless: a rest
    /// only means that others are better.
    fn ways(&self, session: Option<&str>, chosen: &Chosen) -> Vec<Way> {
        let sticky = session.and_then(|session| self.sessions().get(session).cloned()).unwrap_or_default();
        let is_other = |model: &&Arc<HttpModel>| {
            let name = model.name();
            chosen.name != name && !chosen.left_out.contains(&name)
        };
        let models: Vec<_> = chosen.http.iter().chain(self.models.iter().filter(is_other)).collect();
        let wished = |model: &HttpModel| {
            let of = chosen.http.as_ref().filter(|http| http.provider() == model.provider());
            chosen.slot.filter(|_| of.is_some())
        };
        let now = Instant::now();
        let ready = |model: &&Arc<HttpModel>| {
            let first = wished(model).or_else(|| sticky.slots.get(model.provider()).copied());
            let model = Arc::clone(model);
            let slots = model.keys().ready(first, now);
            slots.into_iter().map(move |slot| Way { model: Arc::clone(&model), slot })
        };
        let ways: Vec<Way> = models.iter().flat_map(ready).collect();
        if !ways.is_empty() {
            return ways;
        }
        let soonest = models.into_iter().min_by_key(|model| model.keys().soonest().0);
        let model = Arc::clone(soonest.expect("chain: there is at least one model"));
        let (_, slot) = model.keys().soonest();
        vec![Way { model, slot }]
    }

    /// Lets a session stay with what worked, and gives a notice where that is another model than before. What any other
    /// session would be asked first needs no memory.
    fn remember(&self, session: Option<&str>, chosen: &Chosen, model: &Arc<HttpModel>, slot: usize) -> Option<String> {
        let session = session?;
        let mut sessions = self.sessions();
        let mut sticky = sessions.remove(session).unwrap_or_default();
        if model.keys().names().count() > 1 {
            sticky.slots.insert(model.provider().to_owned(), slot);
        }
        let (name, wanted) = (model.name(), chosen.name.clone());
        let before = sticky.answered.take().filter(|(of, _)| *of == wanted);
        // Who wishes for another model knows who answers.
        let before = before.map_or_else(|| wanted.clone(), |(_, name)| name);
        let how = if name == wanted { "again".to_owned() } else { format!("in place of `{wanted}`") };
        let notice = (before != name).then(|| format!("`{name}` answers {how}."));
        sticky.answered = (name != wanted).then_some((wanted, name));
        if !sticky.slots.is_empty() || sticky.answered.is_some() {
            if sessions.len() >= SESSIONS {
                sessions.clear();
            }
            sessions.insert(session.to_owned(), sticky);
        }
        notice
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Sticky>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chosen {
    fn of(model: Arc<HttpModel>, slot: Option<usize>) -> Self {
        Chosen { name: model.name(), facts: model.facts(), http: Some(model), slot, left_out: Vec::new() }
    }

    pub(crate) fn rehearsal(name: String) -> Self {
        Chosen { name, facts: rehearsal::FACTS, http: None, slot: None, left_out: Vec::new() }
    }

    /// Its name with the key that it is asked with first, if that was chosen.
    pub fn shown(&self) -> String {
        let key = self.http.as_ref().zip(self.slot).and_then(|(http, slot)| http.keys().key(slot));
        key.map_or_else(|| self.name.clone(), |key| format!("{}@{}", self.name, key.name))
    }

    /// The same model, with what its server says of it, where nobody else has said it: a server that wants no key is its
    /// owner's own, and is asked anew once a minute, as it may have loaded the model with more or less.
    pub async fn learn(mut self) -> Self {
        if let Some(http) = self.http.as_ref().filter(|_| self.facts.is_assumed)
            && let Some(context_tokens) = http.context_tokens().await
        {
            self.facts = ModelFacts { context_tokens, is_assumed: false, ..self.facts };
        }
        self
    }

    /// The same, for which these models do not stand in.
    pub fn without(&self, left_out: Vec<String>) -> Self {
        Chosen { left_out, ..self.clone() }
    }
}

impl Way {
    fn name(&self) -> String {
        let name = self.model.name();
        match self.model.keys().key(self.slot) {
            Some(key) if self.model.keys().names().count() > 1 => format!("`{name}` with the key `{}`", key.name),
            _ => format!("`{name}`"),
        }
    }
}

/// The request's body, made once for each model.
fn body(bodies: &mut Vec<(Arc<HttpModel>, Bytes)>, model: &Arc<HttpModel>, prompt: &Prompt) -> Bytes {
    if let Some((_, body)) = bodies.iter().find(|(known, _)| Arc::ptr_eq(known, model)) {
        return body.clone();
    }
    let body = model.body(prompt);
    bodies.push((Arc::clone(model), body.clone()));
    body
}

fn next(error: &ModelError) -> Next {
    match error {
        ModelError::RateLimited { .. }
        | ModelError::Overloaded { .. }
        | ModelError::Quota { .. }
        | ModelError::Auth { .. } => Next::AnyWay,
        ModelError::Unreachable { .. }
        | ModelError::Idle { .. }
        | ModelError::NotFound { .. }
        | ModelError::Rejected { .. }
        | ModelError::Garbage { .. }
        | ModelError::Truncated { received_bytes: 0, .. } => Next::AnotherModel,
        // What does not fit is made shorter elsewhere, and what one declines is not hawked around.
        ModelError::ContextTooLong { .. }
        | ModelError::Refused { .. }
        | ModelError::Config { .. }
        | ModelError::Choice { .. }
        | ModelError::Client { .. }
        | ModelError::Truncated { .. }
        | ModelError::TooLarge { .. } => Next::Nobody,
    }
}

#[cfg(test)]
mod tests;
