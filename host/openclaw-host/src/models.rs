//! Who answers: the models that the settings name, with their keys. They are read again when their owner says that something
//! about them has changed, and how their keys are outlasts a restart.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use claw_core::id::Timestamp;
use claw_model::{KeyRest, Model};
use claw_store::Store;
use claw_vault::Vault;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cli::{Exit, Failure};
use crate::host::{Host, now};
use crate::provider_key;
use crate::settings::{self, Flags, ModelSettings, ProviderSettings, Settings};

/// The models in use.
pub struct Models {
    current: RwLock<Arc<Model>>,
    /// Woken when keys begin to rest, or work again.
    changes: Arc<Notify>,
    /// Held while they are read again.
    reading: tokio::sync::Mutex<()>,
}

impl Models {
    /// These, with keys that rest as they did when `store` was written last.
    pub fn new(model: Model, store: &Store) -> Models {
        let rests = store.key_rests().unwrap_or_else(|err| {
            tracing::warn!(error = %err, "which keys of providers rest cannot be read; all are tried");
            Vec::new()
        });
        let rests: Vec<_> = rests.into_iter().filter_map(|rest| left_of(rest, now())).collect();
        let changes = Arc::new(Notify::new());
        let model = model.resting(&rests, Arc::clone(&changes));
        Models { current: RwLock::new(Arc::new(model)), changes, reading: tokio::sync::Mutex::default() }
    }

    /// The models that are asked now.
    pub fn current(&self) -> Arc<Model> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the models of the settings in `home` again, with their keys. Runs at work go on with those that they have. Keys
    /// of `forgiven` are tried at once, whatever became of them before; others that are still the same go on to rest.
    ///
    /// # Errors
    /// If settings or keys cannot be used; all stays as it was then.
    pub async fn reload(&self, home: &Path, vault: &Vault, forgiven: Option<&str>) -> Result<(), Failure> {
        let _reading = self.reading.lock().await;
        let settings = settings::read(home, &Flags::default())?.settings;
        let model = open(&settings, vault).await?;
        let mut rests = self.current().rests();
        rests.retain(|rest| forgiven != Some(rest.provider.as_str()));
        let model = model.resting(&rests, Arc::clone(&self.changes));
        tracing::info!(model = %model.name(), "models and their keys were read again");
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(model);
        self.changes.notify_one();
        Ok(())
    }
}

/// Keeps which keys rest, whenever that changes, until the host stops.
pub async fn follow(host: Arc<Host>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = host.models.changes.notified() => keep(&host).await,
            () = stop.cancelled() => return keep(&host).await,
        }
    }
}

async fn keep(host: &Host) {
    let at = now();
    let kept = |rest: KeyRest| {
        let KeyRest { provider, key, mark, left, is_disabled, failures, reason } = rest;
        let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let until = Timestamp(at.0.saturating_add(left));
        claw_store::KeyRest { provider, key, mark, until, is_disabled, failures, reason }
    };
    let rests = host.model().rests().into_iter().map(kept).collect();
    if let Err(err) = host.store.keep_key_rests(rests).await {
        tracing::warn!(error = %err, "which keys of providers rest cannot be kept; the next start tries all");
    }
}

fn left_of(rest: claw_store::KeyRest, at: Timestamp) -> Option<KeyRest> {
    let claw_store::KeyRest { provider, key, mark, until, is_disabled, failures, reason } = rest;
    let left = std::time::Duration::from_millis(until.0.checked_sub(at.0)?);
    Some(KeyRest { provider, key, mark, left, is_disabled, failures, reason })
}

/// The models that these settings name.
///
/// # Errors
/// If one of them has no key, or cannot be asked as the settings say.
pub async fn open(settings: &Settings, vault: &Vault) -> Result<Model, Failure> {
    let (first, fallbacks, others, by_name) = match &settings.model {
        ModelSettings::Rehearsal => return Ok(Model::Rehearsal),
        ModelSettings::Providers { first, fallbacks, others, by_name } => (first, fallbacks, others, by_name),
    };
    let first = provider_key::with_keys(first, vault, &settings.roots).await?;
    let with_keys = async |models: &[ProviderSettings]| {
        let mut found = Vec::with_capacity(models.len());
        for model in models {
            found.push(provider_key::with_keys(model, vault, &settings.roots).await?);
        }
        Ok::<_, Failure>(found)
    };
    let (fallbacks, mut others) = (with_keys(fallbacks).await?, with_keys(others).await?);
    for provider in by_name {
        // Nobody needs it yet.
        match provider_key::with_keys(provider, vault, &settings.roots).await {
            Ok(config) if Model::http(config.clone()).is_ok() => others.push(config),
            Ok(_) => tracing::warn!(provider = %provider.id, "a provider that is not in use cannot be chosen"),
            Err(err) => {
                tracing::warn!(provider = %provider.id, error = %err, "a provider that is not in use cannot be chosen");
            }
        }
    }
    let model = Model::with_fallbacks(first, fallbacks).and_then(|model| model.and_others(others));
    model.map_err(|err| Failure::new(Exit::Config, err))
}
