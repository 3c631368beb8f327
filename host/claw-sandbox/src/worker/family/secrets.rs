//! `openclaw:secrets`: secrets by name; the worker never holds one that was not revealed.

use claw_core::effect::{EffectReply, EffectRequest, SecretReply, SecretRequest, placeholder};
use wasmtime::component::Resource;

use super::{other_family, table_full};
use crate::worker::bindings::openclaw::secrets::secrets;
use crate::worker::bindings::openclaw::types::types::Error;
use crate::worker::guest::Guest;

/// A secret that the component may name.
pub struct Secret {
    name: String,
}

impl Guest {
    fn secret(&mut self, request: SecretRequest) -> Result<SecretReply, Error> {
        match self.ask(EffectRequest::Secret(request))? {
            EffectReply::Secret(reply) => Ok(reply),
            _ => Err(other_family()),
        }
    }

    fn secret_name(&self, secret: &Resource<Secret>) -> String {
        self.table.get(secret).expect("secrets: the engine checks handles").name.clone()
    }
}

impl secrets::Host for Guest {
    fn get(&mut self, name: String) -> Result<Resource<Secret>, Error> {
        match self.secret(SecretRequest::Get { name: name.clone() })? {
            SecretReply::Held => self.table.push(Secret { name }).map_err(table_full),
            SecretReply::Revealed(_) => Err(other_family()),
        }
    }

    fn reveal(&mut self, secret: Resource<Secret>) -> Result<String, Error> {
        let name = self.secret_name(&secret);
        match self.secret(SecretRequest::Reveal { name })? {
            SecretReply::Revealed(value) => Ok(value),
            SecretReply::Held => Err(other_family()),
        }
    }
}

impl secrets::HostSecret for Guest {
    fn placeholder(&mut self, secret: Resource<Secret>) -> String {
        placeholder(&self.secret_name(&secret))
    }

    fn drop(&mut self, secret: Resource<Secret>) -> wasmtime::Result<()> {
        self.table.delete(secret)?;
        Ok(())
    }
}
