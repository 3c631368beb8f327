//! Fetching a provider's key from where the configuration says that it is.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use claw_effects::TrustRoots;
use claw_model::{Credential, ProviderConfig};
use claw_vault::{Vault, VaultError, Zeroizing};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::settings::{KeySettings, ProviderSettings, Secret, SecretRef};

/// A provider that says nothing for so long is not coming back.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// How often a call that failed for the moment is repeated as a whole.
const RETRIES: u32 = 2;

/// No key is longer.
const MAX_BYTES: u64 = 64 * 1024;

/// Why there is no key. Names the place, never what was found there.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file or the vault says why.
    #[error("cannot get the key of provider `{provider}` from {place}")]
    Vault {
        /// The provider.
        provider: String,
        /// Where its key should be.
        place: String,
        /// Why it cannot be read.
        #[source]
        err: VaultError,
    },
    /// The program does not run.
    #[error("cannot get the key of provider `{provider}` from {place}: the program does not run")]
    Run {
        /// The provider.
        provider: String,
        /// Where its key should be.
        place: String,
        /// Why.
        #[source]
        err: io::Error,
    },
    /// The place was found, and holds no key.
    #[error("cannot get the key of provider `{provider}` from {place}: {what}")]
    Unusable {
        /// The provider.
        provider: String,
        /// Where its key should be.
        place: String,
        /// What is wrong there.
        what: String,
    },
}

impl KeyError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            KeyError::Vault { err, .. } => err.hint(),
            KeyError::Run { provider, .. } | KeyError::Unusable { provider, .. } => {
                format!("correct `models.providers.{provider}.apiKey`, or what it names; docs/secrets.md explains it")
            }
        }
    }
}

/// The provider as the room of models wants it, with its keys. Where one of several cannot be had, the others do.
///
/// # Errors
/// [`KeyError`] if none can be had.
pub async fn with_keys(
    provider: &ProviderSettings,
    vault: &Vault,
    roots: &TrustRoots,
) -> Result<ProviderConfig, KeyError> {
    let mut keys = Vec::with_capacity(provider.keys.len());
    let mut failed = None;
    for key in &provider.keys {
        match fetch(provider, key, vault).await {
            Ok(secret) => keys.push(Credential {
                name: key.name.clone(),
                key: claw_model::Secret::new(secret.expose()),
                source: key.place.to_string(),
            }),
            Err(err) => {
                tracing::warn!(error = %err, key = %key.name, "a key of a provider cannot be had");
                failed = Some(err);
            }
        }
    }
    if let (true, Some(err)) = (keys.is_empty(), failed) {
        return Err(err);
    }
    Ok(ProviderConfig {
        id: provider.id.clone(),
        wire: provider.wire,
        base_url: provider.base_url.clone(),
        key_header: provider.key_header,
        keys,
        key_use: provider.key_use,
        model: provider.model.clone(),
        facts: provider.facts,
        others: provider.others.clone(),
        idle_timeout: IDLE_TIMEOUT,
        retries: RETRIES,
        extra_roots: roots.extra().to_vec(),
    })
}

/// One key to show to `provider`.
///
/// # Errors
/// [`KeyError`] if it is not where it should be, or the vault's secret is not meant for this provider's server.
pub async fn fetch(provider: &ProviderSettings, key: &KeySettings, vault: &Vault) -> Result<Secret, KeyError> {
    let place = &key.place;
    let found = match place {
        SecretRef::Env { .. } => {
            let unset = || Failed::Unusable("it is not set".to_owned());
            key.value.clone().ok_or_else(unset)
        }
        SecretRef::File { path } => claw_vault::private(path, MAX_BYTES).map_err(Failed::from).and_then(first_line),
        SecretRef::Command { argv, timeout_seconds } => {
            run(argv, Duration::from_secs(*timeout_seconds)).await.and_then(first_line)
        }
        SecretRef::Vault { name } => from_vault(vault, name, &provider.base_url),
    };
    let (provider, place) = (provider.id.clone(), place.to_string());
    match found {
        Ok(key) => Ok(key),
        Err(Failed::Vault(err)) => Err(KeyError::Vault { provider, place, err }),
        Err(Failed::Run(err)) => Err(KeyError::Run { provider, place, err }),
        Err(Failed::Unusable(what)) => Err(KeyError::Unusable { provider, place, what }),
    }
}

/// Why one place gives no key.
enum Failed {
    Vault(VaultError),
    Run(io::Error),
    Unusable(String),
}

impl From<VaultError> for Failed {
    fn from(err: VaultError) -> Self {
        Failed::Vault(err)
    }
}

fn from_vault(vault: &Vault, name: &str, base_url: &str) -> Result<Secret, Failed> {
    let secret = vault.get(name)?.ok_or_else(|| VaultError::Unknown { name: name.to_owned() })?;
    // The audience binds the host itself, too: a changed base URL must not carry the key elsewhere.
    let origin = origin(base_url);
    if secret.allows(origin) {
        Ok(Secret::new(secret.expose()))
    } else {
        Err(Failed::Unusable(format!("it may not be sent to `{origin}`; `secret set` it with `--for {origin}`")))
    }
}

/// Scheme, host and port of a base URL, whose form the settings have checked.
pub fn origin(base_url: &str) -> &str {
    let authority = base_url.find("://").map_or(0, |at| at + 3);
    let end = base_url[authority..].find('/').map_or(base_url.len(), |at| authority + at);
    &base_url[..end]
}

/// What the program prints. It gets the environment of the host, as a password manager needs it, and no input. What it
/// says on standard error is not shown: it may quote the secret.
async fn run(argv: &[String], patience: Duration) -> Result<Zeroizing<Vec<u8>>, Failed> {
    let (program, arguments) = argv.split_first().expect("provider key: the settings have checked that argv has one");
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(Failed::Run)?;
    let output = child.stdout.take().expect("provider key: standard output is a pipe");
    let work = async {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES as usize + 1));
        output.take(MAX_BYTES + 1).read_to_end(&mut bytes).await.map_err(Failed::Run)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Failed::Unusable("it prints more than 64 KiB".to_owned()));
        }
        let status = child.wait().await.map_err(Failed::Run)?;
        if status.success() { Ok(bytes) } else { Err(Failed::Unusable(format!("it ended with {status}"))) }
    };
    let late = |_| Failed::Unusable(format!("it took longer than {} s", patience.as_secs()));
    tokio::time::timeout(patience, work).await.map_err(late)?
}

fn first_line(bytes: Zeroizing<Vec<u8>>) -> Result<Secret, Failed> {
    let text = std::str::from_utf8(&bytes).map_err(|_| Failed::Unusable("it is not UTF-8".to_owned()))?;
    match text.lines().next().unwrap_or_default().trim() {
        "" => Err(Failed::Unusable("its first line is empty".to_owned())),
        key => Ok(Secret::new(key)),
    }
}

#[cfg(test)]
mod tests;
