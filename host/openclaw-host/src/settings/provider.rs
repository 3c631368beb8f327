//! Which model answers: the one that was named, else the provider whose key is at hand, else the offline model.

use std::path::Path;

use super::env::{self, Env};
use super::file::{ProviderFile, SecretRef, Wire};
use super::issue::Issue;
use super::resolve::{Merge, Origin};
use super::schema::nearest;
use super::{ModelSettings, ProviderSettings, Secret};

/// The provider that needs no network and no key.
const REHEARSAL: &str = "rehearsal";

/// The providers that need no entry in the file.
const BUILT_IN: [BuiltIn; 2] = [
    BuiltIn {
        id: "anthropic",
        wire: Wire::AnthropicMessages,
        base_url: "https://api.anthropic.com",
        base_url_variable: env::ANTHROPIC_BASE_URL,
        key_variable: env::ANTHROPIC_API_KEY,
        model: "claude-sonnet-4-5",
    },
    BuiltIn {
        id: "openai",
        wire: Wire::OpenAiChat,
        base_url: "https://api.openai.com/v1",
        base_url_variable: env::OPENAI_BASE_URL,
        key_variable: env::OPENAI_API_KEY,
        model: "gpt-5-mini",
    },
];

struct BuiltIn {
    id: &'static str,
    wire: Wire,
    base_url: &'static str,
    base_url_variable: &'static str,
    key_variable: &'static str,
    /// Asked for when nobody names one; any newer one is a matter of `models.default`.
    model: &'static str,
}

/// A provider before its model is chosen.
struct Candidate {
    id: String,
    wire: Wire,
    base_url: (Origin, String),
    key_ref: (Origin, Option<SecretRef>),
    model: Option<String>,
    /// Whether it answers nobody without a key.
    needs_key: NeedsKey,
}

#[derive(Clone, Copy, PartialEq)]
enum NeedsKey {
    Yes,
    No,
}

/// Selects the model. `None` after a complaint. `home` is where the relative path of a key's file starts.
pub(super) fn select(merge: &mut Merge<'_>, home: &Path, env: &Env) -> Option<ModelSettings> {
    check_providers(merge);
    let in_file = merge.file.config.models.default.clone().map(|text| (Origin::File, text));
    let in_env = env.get(env::HOST_MODEL).map(|text| (Origin::Env(env::HOST_MODEL.to_owned()), text.to_owned()));
    let (origin, name) = in_env.or(in_file).unwrap_or_else(|| by_key(merge, env));

    let (id, model) = match name.split_once('/') {
        Some((id, model)) => (id, Some(model)),
        None => (name.as_str(), None),
    };
    if id == REHEARSAL {
        merge.note("models.default", REHEARSAL, origin);
        return Some(ModelSettings::Rehearsal);
    }
    let place = match &origin {
        Origin::Env(name) => name.clone(),
        _ => "models.default".to_owned(),
    };
    let selected = candidate(merge, env, id)
        .ok_or_else(|| unknown_provider(merge, id))
        .and_then(|candidate| finish(candidate, model, home, env));
    match selected {
        Ok((provider, base_url_origin, key_origin)) => {
            merge.note("models.default", format!("{}/{}", provider.id, provider.model), origin);
            merge.note(format!("models.providers.{}.baseUrl", provider.id), &provider.base_url, base_url_origin);
            if let Some(key_ref) = &provider.key_ref
                && (provider.key.is_some() || !key_ref.is_env())
            {
                merge.note(format!("models.providers.{}.apiKey", provider.id), key_ref.to_string(), key_origin);
            }
            Some(ModelSettings::Provider(provider))
        }
        Err(message) => {
            merge.complain(Issue::error(place, message));
            None
        }
    }
}

/// The provider whose key is in the environment.
fn by_key(merge: &mut Merge<'_>, env: &Env) -> (Origin, String) {
    let with_key = BUILT_IN.iter().find(|built_in| env.get(built_in.key_variable).is_some());
    if let Some(built_in) = with_key {
        return (Origin::Env(built_in.key_variable.to_owned()), built_in.id.to_owned());
    }
    for built_in in &BUILT_IN {
        if env.get(built_in.base_url_variable).is_some() {
            let message = format!("has no effect without `{}` or `models.default`", built_in.key_variable);
            merge.complain(Issue::warning(built_in.base_url_variable, message));
        }
    }
    if !merge.file.config.models.providers.is_empty() {
        merge.complain(Issue::warning("models.providers", "no provider is used until `models.default` names one"));
    }
    (Origin::Default, REHEARSAL.to_owned())
}

fn candidate(merge: &Merge<'_>, env: &Env, id: &str) -> Option<Candidate> {
    let in_file = merge.file.config.models.providers.get(id);
    let built_in = BUILT_IN.iter().find(|built_in| built_in.id == id);
    match (in_file, built_in) {
        (Some(file), None) => Some(Candidate {
            id: id.to_owned(),
            wire: file.wire,
            base_url: (Origin::File, file.base_url.clone()),
            key_ref: (Origin::File, key_ref(file)),
            model: file.model.clone(),
            needs_key: if key_ref(file).is_some() { NeedsKey::Yes } else { NeedsKey::No },
        }),
        (file, Some(built_in)) => Some(customised(built_in, file, env)),
        (None, None) => None,
    }
}

/// A built-in provider with what the file and the environment change about it.
fn customised(built_in: &BuiltIn, file: Option<&ProviderFile>, env: &Env) -> Candidate {
    let from_env = env.get(built_in.base_url_variable);
    let base_url = match (from_env, file) {
        (Some(url), _) => (Origin::Env(built_in.base_url_variable.to_owned()), url.to_owned()),
        (None, Some(file)) => (Origin::File, file.base_url.clone()),
        (None, None) => (Origin::Default, built_in.base_url.to_owned()),
    };
    let key_ref = match file.and_then(key_ref) {
        Some(key_ref) => (Origin::File, Some(key_ref)),
        None => (Origin::Default, Some(SecretRef::Env { id: built_in.key_variable.to_owned() })),
    };
    Candidate {
        id: built_in.id.to_owned(),
        wire: file.map_or(built_in.wire, |file| file.wire),
        // A server of one's own behind another URL may want no key.
        needs_key: if base_url.0 == Origin::Default { NeedsKey::Yes } else { NeedsKey::No },
        base_url,
        key_ref,
        model: file.and_then(|file| file.model.clone()).or(Some(built_in.model.to_owned())),
    }
}

/// Where the file says that the provider's key is; that it says so once is checked with all entries.
fn key_ref(file: &ProviderFile) -> Option<SecretRef> {
    let by_variable = || file.api_key_env.clone().map(|id| SecretRef::Env { id });
    file.api_key.clone().or_else(by_variable)
}

/// The provider with its model, and where its base URL and the place of its key were said.
fn finish(
    candidate: Candidate,
    model: Option<&str>,
    home: &Path,
    env: &Env,
) -> Result<(ProviderSettings, Origin, Origin), String> {
    let Candidate { id, wire, base_url: (url_origin, base_url), key_ref, model: own_model, needs_key } = candidate;
    if let Some(problem) = url_problem(&base_url) {
        return Err(format!("the base URL of provider `{id}` {problem}"));
    }
    let model = match model.map(str::to_owned).or(own_model) {
        Some(model) if !model.is_empty() => model,
        _ => return Err(format!("names no model; write `{id}/<model>`")),
    };
    let (key_origin, key_ref) = key_ref;
    let key_ref = key_ref.map(|key_ref| key_ref.at(home));
    let key = match &key_ref {
        Some(SecretRef::Env { id: name }) => match env.get(name) {
            None if needs_key == NeedsKey::Yes => {
                // What is no name may be the key itself: it is not repeated.
                let name = if is_variable(name) { name } else { "…" };
                let message = "needs its key in the environment variable";
                return Err(format!("provider `{id}` {message} `{name}`, which is not set"));
            }
            value => value.map(Secret::new),
        },
        Some(SecretRef::File { .. } | SecretRef::Command { .. } | SecretRef::Vault { .. }) | None => None,
    };
    let base_url = base_url.trim_end_matches('/').to_owned();
    Ok((ProviderSettings { id, wire, base_url, key, key_ref, model }, url_origin, key_origin))
}

fn unknown_provider(merge: &Merge<'_>, id: &str) -> String {
    let in_file = merge.file.config.models.providers.keys().map(String::as_str);
    let known: Vec<&str> = in_file.chain(BUILT_IN.iter().map(|built_in| built_in.id)).chain([REHEARSAL]).collect();
    match nearest(id, known.iter().copied()) {
        Some(name) => format!("there is no provider `{id}`; did you mean `{name}`?"),
        None => format!(
            "there is no provider `{id}`; describe it under `models.providers`, or use one of `{}`",
            known.join("`, `")
        ),
    }
}

/// Checks what the schema cannot say about the entries in the file, used or not.
fn check_providers(merge: &mut Merge<'_>) {
    let file = merge.file;
    for (id, provider) in &file.config.models.providers {
        let path = format!("models.providers.{id}");
        if id == REHEARSAL || id.is_empty() || id.contains('/') {
            merge.complain(Issue::error(&path, "cannot be the name of a provider"));
        }
        if let Some(problem) = url_problem(&provider.base_url) {
            merge.complain(Issue::error(format!("{path}.baseUrl"), problem));
        }
        if provider.api_key_env.as_deref().is_some_and(|name| !is_variable(name)) {
            // Not repeated: it may be the key itself.
            let message = "expected the name of an environment variable, like `LOCAL_API_KEY`, not the key itself";
            merge.complain(Issue::error(format!("{path}.apiKeyEnv"), message));
        }
        if let Some(key_ref) = &provider.api_key {
            if provider.api_key_env.is_some() {
                let message = "stands beside `apiKeyEnv`; remove one of them";
                merge.complain(Issue::error(format!("{path}.apiKey"), message));
            }
            if let Some((key, message)) = problem_of(key_ref) {
                merge.complain(Issue::error(format!("{path}.apiKey.{key}"), message));
            }
        }
    }
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

fn is_variable(name: &str) -> bool {
    let first = |c: char| c.is_ascii_uppercase() || c == '_';
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// What is wrong with a base URL, without repeating it: it may hold a password.
fn url_problem(url: &str) -> Option<&'static str> {
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
