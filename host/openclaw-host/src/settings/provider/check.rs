//! What the schema cannot say about the entries of `models.providers`.

use super::super::file::{ModelFile, ProviderFile, SecretRef};
use super::super::issue::Issue;
use super::super::resolve::Merge;
use super::{DEFAULT_KEY, REHEARSAL};

/// Checks the entries in the file, used or not.
pub(super) fn check_providers(merge: &mut Merge<'_>) {
    let file = merge.file;
    for (id, provider) in &file.config.models.providers {
        let path = format!("models.providers.{id}");
        if id == REHEARSAL || id.is_empty() || id.contains('/') {
            merge.complain(Issue::error(&path, "cannot be the name of a provider"));
        }
        match &provider.base_url {
            Some(url) => {
                if let Some(problem) = url_problem(url) {
                    merge.complain(Issue::error(format!("{path}.baseUrl"), problem));
                }
            }
            None if claw_model::vendor(id).is_none() => {
                merge.complain(Issue::error(&path, "the key `baseUrl` is missing"));
            }
            None => {}
        }
        check_keys(merge, &path, provider);
        for (model, own) in &provider.models {
            check_model(merge, &format!("{path}.models.{model}"), own);
        }
    }
}

fn check_keys(merge: &mut Merge<'_>, path: &str, provider: &ProviderFile) {
    if provider.api_key_env.as_deref().is_some_and(|name| !is_variable(name)) {
        // Not repeated: it may be the key itself.
        let message = "expected the name of an environment variable, like `LOCAL_API_KEY`, not the key itself";
        merge.complain(Issue::error(format!("{path}.apiKeyEnv"), message));
    }
    if provider.api_key.is_some() && provider.api_key_env.is_some() {
        let message = "stands beside `apiKeyEnv`; remove one of them";
        merge.complain(Issue::error(format!("{path}.apiKey"), message));
    }
    let default = provider.api_key.iter().map(|place| ("apiKey".to_owned(), place));
    let others = provider.keys.iter().map(|(name, place)| (format!("keys.{name}"), place));
    for (name, place) in default.chain(others) {
        if let Some((key, message)) = problem_of(place) {
            merge.complain(Issue::error(format!("{path}.{name}.{key}"), message));
        }
    }
    for name in provider.keys.keys().filter(|name| *name == DEFAULT_KEY || !is_key_name(name)) {
        let message = "expected another name: 1 to 32 of `a-z 0-9 - _`, and not `default`, which is that of `apiKey`";
        merge.complain(Issue::error(format!("{path}.keys.{name}"), message));
    }
    for (index, name) in provider.key_order.iter().enumerate() {
        if name != DEFAULT_KEY && !provider.keys.contains_key(name) {
            let message = format!("there is no key `{name}` in `keys`");
            merge.complain(Issue::error(format!("{path}.keyOrder[{index}]"), message));
        }
    }
}

fn check_model(merge: &mut Merge<'_>, path: &str, own: &ModelFile) {
    let Some(price) = &own.price else { return };
    let prices = [Some(price.input), Some(price.output), price.cache_read, price.cache_write];
    if prices.into_iter().flatten().any(|price| !(0.0..=100_000.0).contains(&price)) {
        merge.complain(Issue::error(format!("{path}.price"), "expected dollars for a million tokens, 0 to 100000"));
    }
}

/// Whether a key of a provider can be called so.
pub fn is_key_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    (1..=32).contains(&name.len()) && name.chars().all(allowed)
}

/// The key of a reference that cannot be, and what was expected. Nothing is repeated: it may be the secret itself.
fn problem_of(key_ref: &SecretRef) -> Option<(&'static str, &'static str)> {
    match key_ref {
        SecretRef::Env { id } if !is_variable(id) => {
            Some(("id", "expected the name of an environment variable, like `LOCAL_API_KEY`, not the key itself"))
        }
        SecretRef::File { path } if path.as_os_str().is_empty() => Some(("path", "expected the path of a file")),
        SecretRef::Command { argv, .. } if argv.first().is_none_or(String::is_empty) => {
            Some(("argv", "expected a program and its arguments, like `[\"pass\", \"show\", \"openai\"]`"))
        }
        SecretRef::Vault { name } if !claw_vault::is_name(name) => {
            Some(("name", "expected the name of a secret: 1 to 64 of `a-z 0-9 - _ . /`, a letter or digit first"))
        }
        SecretRef::Env { .. } | SecretRef::File { .. } | SecretRef::Command { .. } | SecretRef::Vault { .. } => None,
    }
}

pub(super) fn is_variable(name: &str) -> bool {
    let first = |c: char| c.is_ascii_uppercase() || c == '_';
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// What is wrong with a base URL, without repeating it: it may hold a password.
pub(super) fn url_problem(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return Some("must start with `http://` or `https://`");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('@') {
        return Some("must not hold a user name or password; use `apiKey`");
    }
    if host.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control() || c == '?' || c == '#') {
        return Some("must be a host and a path, without query and fragment");
    }
    None
}
