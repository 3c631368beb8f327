//! What the owner prefers in one conversation: through `sessions.patch`, and through `/model`, `/think`, `/queue` and `/mode`.

use claw_core::id::SessionKey;
use claw_core::lane::{QueueMode, QueueWish, Queueing};
use claw_core::mode::Mode;
use claw_gateway::{Caller, RpcError, Scope, SessionPatch};
use claw_model::Thinking;
use claw_store::{PreferenceChange, Preferences, PreferencesOf};
use serde_json::{Value, json};

use super::command::Wish;
use super::{Api, by, session_view as view, sessions, stored};
use crate::audit;
use crate::ways::Ways;

impl Api {
    /// Changes what is said of a conversation: its label, and what is preferred in it.
    pub(super) async fn patch(&self, caller: &Caller, key: SessionKey, patch: SessionPatch) -> Result<Value, RpcError> {
        let change = self.change(caller, "sessions.patch", &key, &patch).await?;
        if let Some(label) = patch.label {
            let row =
                self.host.store_of(&key).title_session(&key, label.as_deref()).await.map_err(sessions::refused)?;
            row.ok_or_else(|| sessions::unknown(&key))?;
        }
        self.preferring(&key, change).await
    }

    /// What is to be preferred, if this client may choose it.
    pub(super) async fn change(
        &self,
        caller: &Caller,
        method: &'static str,
        key: &SessionKey,
        patch: &SessionPatch,
    ) -> Result<PreferenceChange, RpcError> {
        self.agent(&key.agent())?;
        let SessionPatch { label: _, model, thinking, queue, mode } = patch.clone();
        // Whoever may write may say that nothing is to be done, and takes nobody else's word for it away.
        let lets_act = mode.as_ref().is_some_and(|mode| mode.as_deref() != Some(Mode::Suggest.as_str()));
        let wanted = [(model.is_some(), "choosing a model"), (lets_act, "letting a conversation act")];
        let wanted = wanted.into_iter().find(|(is_wanted, _)| *is_wanted);
        if let Some((_, what)) = wanted.filter(|_| !caller.scopes.allows(Scope::Admin)) {
            let why = format!("{what} needs the scope `{}`", Scope::Admin.as_str());
            audit::refused(&self.host, by(caller), method, "FORBIDDEN", why.clone()).await;
            return Err(RpcError::new(claw_gateway::ErrorCode::Forbidden, why));
        }
        let change = PreferenceChange { model, thinking, queue, mode };
        self.check(&change)?;
        Ok(change)
    }

    /// Changes what is preferred in a conversation, and shows it.
    pub(super) async fn preferring(&self, key: &SessionKey, change: PreferenceChange) -> Result<Value, RpcError> {
        let ways = self.prefer(key, change).await?;
        let row = self.host.store_of(key).session(key).map_err(stored)?;
        let entry = row.as_ref().map(|row| view::session(&self.host, row));
        Ok(json!({"ok": true, "key": key, "entry": entry, "resolved": view::resolved(&ways)}))
    }

    /// The ways of a conversation, as its next message finds them.
    pub(super) fn ways(&self, session: &SessionKey) -> Result<(Preferences, Ways), RpcError> {
        let store = self.host.store_of(session);
        let own = store.preferences(&PreferencesOf::Session(session.clone())).map_err(stored)?;
        let above = store.ancestors(session).map_err(stored)?;
        let ways = Ways::of_session(&self.host, session, own.clone(), &above).map_err(stored)?;
        Ok((own, ways))
    }

    pub(super) async fn model(&self, session: &SessionKey, wish: Wish<String>) -> Result<String, RpcError> {
        let Some(model) = wish.change() else { return self.models_for(session) };
        let change = PreferenceChange { model: Some(model), ..PreferenceChange::default() };
        self.check(&change)?;
        let ways = self.prefer(session, change).await?;
        Ok(format!("this conversation asks {} from the next message on", ways.model.shown()))
    }

    pub(super) async fn think(&self, session: &SessionKey, wish: Wish<Thinking>) -> Result<String, RpcError> {
        let ways = match wish.change() {
            None => self.ways(session)?.1,
            Some(level) => {
                let level = level.map(|level| level.as_str().to_owned());
                self.prefer(session, PreferenceChange { thinking: Some(level), ..PreferenceChange::default() }).await?
            }
        };
        let but = match ways.model.facts.thinking {
            true => String::new(),
            false => format!("; {} cannot be asked to", ways.model.name),
        };
        Ok(format!("thinking here: {}{but}", ways.thinking.as_str()))
    }

    pub(super) async fn queue(&self, session: &SessionKey, wish: Wish<QueueWish>) -> Result<String, RpcError> {
        let ways = match wish.change() {
            None => self.ways(session)?.1,
            Some(wish) => {
                let wish = wish.map(|wish| wish.to_string());
                self.prefer(session, PreferenceChange { queue: Some(wish), ..PreferenceChange::default() }).await?
            }
        };
        Ok(format!("messages that arrive while a run works here: {}", waiting(&ways.waiting)))
    }

    pub(super) async fn mode(&self, session: &SessionKey, wish: Wish<Mode>) -> Result<String, RpcError> {
        if let Some(mode) = wish.change() {
            let mode = mode.map(|mode| mode.as_str().to_owned());
            self.prefer(session, PreferenceChange { mode: Some(mode), ..PreferenceChange::default() }).await?;
        }
        Ok(match self.mode_of(session)? {
            Mode::Act => "this conversation acts, as far as the policies let it".to_owned(),
            Mode::Suggest => "this conversation only suggests: what would change something is refused".to_owned(),
        })
    }

    pub(super) fn mode_of(&self, session: &SessionKey) -> Result<Mode, RpcError> {
        let above = self.host.store_of(session).ancestors(session).map_err(stored)?;
        Ok(self.host.mode(session, &above))
    }

    /// Refuses names that mean nothing here.
    pub(super) fn check(&self, change: &PreferenceChange) -> Result<(), RpcError> {
        if let Some(Some(wish)) = &change.model {
            self.host.model().choose(wish).map_err(|err| RpcError::invalid(err.to_string()))?;
        }
        if let Some(Some(level)) = &change.thinking
            && Thinking::named(level).is_none()
        {
            let known = Thinking::ALL.map(Thinking::as_str).join(", ");
            return Err(RpcError::invalid(format!("invalid thinkingLevel `{level}`; there are {known}")));
        }
        if let Some(Some(name)) = &change.mode
            && Mode::named(name).is_none()
        {
            let known = Mode::ALL.map(Mode::as_str).join(", ");
            return Err(RpcError::invalid(format!("invalid mode `{name}`; there are {known}")));
        }
        if let Some(Some(wish)) = &change.queue
            && QueueWish::parse(wish).is_none()
        {
            let known = QueueMode::ALL.map(QueueMode::as_str).join(", ");
            let more = "`debounce:2s`, `cap:20` and `drop:old|new|summarize`";
            return Err(RpcError::invalid(format!(
                "invalid queueMode `{wish}`; there are {known}, and behind them {more}"
            )));
        }
        Ok(())
    }

    async fn prefer(&self, session: &SessionKey, change: PreferenceChange) -> Result<Ways, RpcError> {
        self.host.store_of(session).prefer(session, change).await.map_err(stored)?;
        self.changed(session, "patch");
        Ok(self.ways(session)?.1)
    }
}

/// How messages wait, for people.
pub(super) fn waiting(queueing: &Queueing) -> String {
    let Queueing { mode, debounce, cap, drop } = queueing;
    let quiet = match mode {
        QueueMode::Collect => format!(" after {} ms of quiet", debounce.as_millis()),
        QueueMode::Steer | QueueMode::Followup | QueueMode::Interrupt => String::new(),
    };
    format!("{}{quiet}, at most {cap} wait, then {}", mode.as_str(), drop.as_str())
}
