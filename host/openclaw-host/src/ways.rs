//! How things are done in one conversation: as its owner prefers there, and else as the host does.

use claw_core::id::{RunId, SessionKey};
use claw_core::lane::{QueueWish, Queueing};
use claw_model::{Chosen, Thinking};
use claw_store::{Preferences, PreferencesOf, StoreError};

use crate::agents::Agent;
use crate::host::Host;

/// How one run, or the next ones of a conversation, are done.
#[derive(Clone, Debug)]
pub struct Ways {
    /// Who answers.
    pub model: Chosen,
    /// How much it thinks.
    pub thinking: Thinking,
    /// How messages wait.
    pub waiting: Queueing,
    /// A model that is preferred, and was in use when it was chosen.
    pub gone: Option<String>,
}

impl Ways {
    /// The ways of an agent's owner who prefers this. A name that the host does not know any more, say because the configuration
    /// has changed since, prefers nothing.
    pub fn of(host: &Host, agent: &Agent, preferences: &Preferences) -> Ways {
        let (model, wish) = (host.model(), preferences.model.as_deref());
        let chosen = wish.and_then(|wish| model.choose(wish).ok());
        let gone = wish.filter(|_| chosen.is_none()).map(str::to_owned);
        let thinking = preferences.thinking.as_deref().and_then(Thinking::named);
        let waiting = preferences.queue.as_deref().and_then(QueueWish::parse).unwrap_or_default();
        Ways {
            model: chosen.unwrap_or_else(|| agent.model(&model)),
            thinking: thinking.unwrap_or(agent.thinking),
            waiting: waiting.or(host.queue.waiting),
            gone,
        }
    }

    /// The ways of a conversation in which this is preferred: what it says nothing about is as in those above it, the
    /// nearest first.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn of_session(
        host: &Host,
        session: &SessionKey,
        preferences: Preferences,
        above: &[SessionKey],
    ) -> Result<Ways, StoreError> {
        let mut preferences = preferences;
        for other in above {
            preferences = preferences.or(host.store_of(session).preferences(&PreferencesOf::Session(other.clone()))?);
        }
        Ok(Ways::of(host, host.agents.of(session), &preferences))
    }

    /// The ways of a run of this conversation: its own, then those of the conversation, in which this is preferred and
    /// which has these above it.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn of_run(
        host: &Host,
        run: &RunId,
        session: &SessionKey,
        preferences: Preferences,
        above: &[SessionKey],
    ) -> Result<Ways, StoreError> {
        let own = host.store_of(session).preferences(&PreferencesOf::Run(run.clone()))?;
        Ways::of_session(host, session, own.or(preferences), above)
    }
}
