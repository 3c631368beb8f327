//! What a command that changes keys or models tells the host, so that it counts at once.

use std::path::Path;

use serde_json::json;

use super::Failure;
use crate::client::{Client, ClientError};
use crate::settings::{self, SecretRef};
use crate::{app, causes};

/// From when on a change counts.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum From {
    Now,
    NextStart,
}

impl From {
    pub(super) fn words(self) -> &'static str {
        match self {
            From::Now => "from now on",
            From::NextStart => "from the next start on",
        }
    }
}

/// Lets a running host read models and keys again. The keys of `forgiven` are tried at once, also by a host that is started
/// later.
///
/// # Errors
/// If the store of a home in which no host runs cannot be written.
pub(super) async fn reload(home: &Path, forgiven: Option<&str>) -> Result<From, Failure> {
    let mut client = match Client::connect(home).await {
        Ok(client) => client,
        Err(ClientError::NotRunning { .. } | ClientError::Gone { .. }) => {
            forgive(home, forgiven).await?;
            return Ok(From::NextStart);
        }
        Err(err) => return Ok(not_told(&err)),
    };
    let told = client.call("secrets.reload", json!({ "provider": forgiven })).await;
    client.close().await;
    Ok(told.map_or_else(|err| not_told(&err), |_| From::Now))
}

/// The same, where a secret of the vault has changed: for the providers whose key it is.
///
/// # Errors
/// As [`reload`].
pub(super) async fn reload_for_secret(home: &Path, secret: &str) -> Result<(), Failure> {
    let Ok((file, env)) = settings::sources(home) else { return Ok(()) };
    let providers = settings::known_providers(&file, &env);
    let is_it = |place: &SecretRef| matches!(place, SecretRef::Vault { name } if name == secret);
    for provider in providers.iter().filter(|provider| provider.keys.iter().any(|key| is_it(&key.place))) {
        reload(home, Some(&provider.id)).await?;
    }
    Ok(())
}

/// What was changed stays changed, so this is no failure.
fn not_told(err: &ClientError) -> From {
    eprintln!("warning: the running host goes on with the models and keys that it has: {}", causes::chain(err));
    From::NextStart
}

async fn forgive(home: &Path, forgiven: Option<&str>) -> Result<(), Failure> {
    let Some(provider) = forgiven.filter(|_| app::store_path(home).exists()) else { return Ok(()) };
    let store = app::open_store(home)?;
    let mut rests = store.key_rests().map_err(app::store_failure)?;
    rests.retain(|rest| rest.provider != provider);
    store.keep_key_rests(rests).await.map_err(app::store_failure)?;
    store.close();
    Ok(())
}
