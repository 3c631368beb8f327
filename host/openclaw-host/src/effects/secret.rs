//! Secrets of the owner's vault: named, sent in headers and paths, and only with a grant of its own seen.

use std::collections::HashMap;
use std::sync::Arc;

use claw_core::effect::{EffectError, SecretPurpose, SecretReply, SecretRequest, SecretUse, Target};
use claw_core::guard::Guard;
use claw_core::label::Labels;
use claw_policy::Action;
use claw_vault::{Secret, Zeroizing};

use super::Effects;

/// The secrets of one request, by name.
pub(super) struct Sealed(HashMap<String, Zeroizing<String>>);

impl Sealed {
    /// The value behind a placeholder.
    pub(super) fn value(&self, name: &str) -> Option<Zeroizing<String>> {
        self.0.get(name).cloned()
    }
}

impl Effects {
    pub(super) async fn secret(&self, request: SecretRequest) -> Result<SecretReply, EffectError> {
        match request {
            SecretRequest::Get { name } => {
                self.allowed_secret(&name, SecretPurpose::Hold).await?;
                Ok(SecretReply::Held)
            }
            SecretRequest::Reveal { name } => {
                let wish = SecretUse { name: name.clone(), purpose: SecretPurpose::Reveal };
                let (_, index) = self.admit(Action::UseSecret(wish)).await?;
                let secret = self.own_secret(&name).await;
                self.label(Labels::private(&format!("secret `{name}` was revealed"))).await?;
                self.ended(index, if secret.is_ok() { "revealed" } else { "not there" }.to_owned()).await?;
                Ok(SecretReply::Revealed(secret?.expose().to_owned()))
            }
        }
    }

    /// The secrets that header fields and the path name, each allowed to be sent to `target` by its grant and by its owner.
    pub(super) async fn secrets_for(
        &self,
        headers: &[(String, Vec<u8>)],
        target: &Target,
    ) -> Result<Sealed, EffectError> {
        let server = origin(target);
        let mut sealed = HashMap::new();
        for name in claw_effects::secrets_in(headers, target) {
            let secret = self.allowed_secret(&name, SecretPurpose::Send(server.clone())).await?;
            if !secret.allows(&server) && Guard::SecretAudience.is_up() {
                let reason = format!(
                    "secret `{name}` may not be sent to `{server}`; its owner can allow it with `openclaw-host secret \
                     set {name} --for {server}`"
                );
                return Err(EffectError::denied("E_SECRET_SCOPE", reason));
            }
            sealed.insert(name, Zeroizing::new(secret.expose().to_owned()));
        }
        Ok(Sealed(sealed))
    }

    async fn allowed_secret(&self, name: &str, purpose: SecretPurpose) -> Result<Secret, EffectError> {
        let admitted = self.decide(Action::UseSecret(SecretUse { name: name.to_owned(), purpose })).await?;
        self.note_allowed(&admitted);
        self.own_secret(name).await
    }

    /// A secret that the component was granted; that there is none and that it is for others sounds the same.
    async fn own_secret(&self, name: &str) -> Result<Secret, EffectError> {
        let vault = Arc::clone(&self.context.host.vault);
        let wanted = name.to_owned();
        let found = tokio::task::spawn_blocking(move || vault.get(&wanted)).await;
        let found = found.map_err(|err| EffectError::Other(err.to_string()))?;
        let found = found.map_err(|err| EffectError::Unavailable(format!("the vault cannot be read: {err}")))?;
        found.filter(|secret| secret.serves(self.name())).ok_or_else(|| {
            let reason = format!("there is no secret `{name}` for component `{}`", self.name());
            EffectError::denied("E_SECRET_SCOPE", reason)
        })
    }
}

/// `scheme://host:port`, as the vault and the policies know servers. A WebSocket begins as a request.
fn origin(target: &Target) -> String {
    let origin = target.url();
    let origin = origin.strip_suffix(target.path_and_query.as_str()).unwrap_or(&origin);
    match origin.split_once("://") {
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        _ => origin.to_owned(),
    }
}
