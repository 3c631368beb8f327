//! `models auth`.

use std::path::Path;

use claw_vault::Audience;
use serde_json::json;

use super::super::reload::reload;
use super::super::{Exit, Failure, Output, secret};
use super::{change, known};
use crate::home::Home;
use crate::host::now;
use crate::provider_key::origin;
use crate::settings::{self, DEFAULT_KEY, Env, is_key_name};
use crate::vault::{self, Missing};

pub(super) async fn add(
    home: &Path,
    provider: &str,
    name: Option<&str>,
    env: &Env,
    output: &Output,
) -> Result<Exit, Failure> {
    let known = known(home, provider)?;
    let Some(base_url) = known.base_url else {
        let message = format!("`{provider}` has no address yet, and a key is kept for one address only");
        return Err(Failure::message(Exit::Usage, message)
            .hint(format!("set `models.providers.{provider}.baseUrl` in config.json5 first")));
    };
    let name = name.unwrap_or(DEFAULT_KEY);
    if !is_key_name(name) {
        return Err(Failure::message(Exit::Usage, "a key's name has 1 to 32 of `a-z 0-9 - _`"));
    }
    let (file, _) = settings::sources(home)?;
    let entry = file.config.models.providers.get(provider);
    if name == DEFAULT_KEY && entry.is_some_and(|entry| entry.api_key_env.is_some()) {
        let message = format!("`models.providers.{provider}.apiKeyEnv` names a key already");
        return Err(Failure::message(Exit::Usage, message).hint("remove it, or give this key a name with `--name`"));
    }
    let secret_name = match name {
        DEFAULT_KEY => format!("models/{provider}"),
        name => format!("models/{provider}/{name}"),
    };
    let audience = Audience::parse(origin(&base_url)).map_err(|err| Failure::new(Exit::Usage, err))?;
    Home::open(home)?;
    let vault = vault::open(home, settings::vault_key(home)?, env, Missing::Make)?;
    if audience.is_in_clear() {
        eprintln!("warning: what is sent to `{audience}` can be read on the way; prefer `https`");
    }
    let value = secret::read_value(&secret_name)?;
    vault.set(&secret_name, value, vec![audience.clone()], Vec::new(), now())?;
    let place = json!({ "source": "vault", "name": secret_name });
    match name {
        DEFAULT_KEY => change(home, &["models", "providers", provider, "apiKey"], &place)?,
        name => change(home, &["models", "providers", provider, "keys", name], &place)?,
    }
    let from = reload(home, Some(provider)).await?;
    let data = json!({ "provider": provider, "key": name, "secret": secret_name, "for": audience.to_string() });
    output.data(&data, |_| {
        format!(
            "kept as `{secret_name}` in the vault, for `{audience}` alone; key `{name}` of `{provider}` is used {}",
            from.words()
        )
    })?;
    Ok(Exit::Ok)
}

pub(super) async fn order(home: &Path, provider: &str, keys: &[String], output: &Output) -> Result<Exit, Failure> {
    let known = known(home, provider)?;
    let names: Vec<&str> = known.keys.iter().map(|key| key.name.as_str()).collect();
    if let Some(unknown) = keys.iter().find(|key| !names.contains(&key.as_str())) {
        let known = if names.is_empty() { "none".to_owned() } else { format!("`{}`", names.join("`, `")) };
        let message = format!("`{provider}` has no key `{unknown}`; it has {known}");
        return Err(Failure::message(Exit::Usage, message)
            .hint(format!("`openclaw-host models auth add {provider} --name {unknown}` adds it")));
    }
    change(home, &["models", "providers", provider, "keyOrder"], &json!(keys))?;
    let from = reload(home, Some(provider)).await?;
    output.data(&json!({ "provider": provider, "order": keys }), |_| {
        format!("`{provider}` uses `{}` {}", keys.join("`, then `"), from.words())
    })?;
    Ok(Exit::Ok)
}
