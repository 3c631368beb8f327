//! `models scan`: servers on this machine, on the ports that they usually have.

use claw_model::{Listed, list_models};
use serde_json::{Value, json};

use super::super::{Exit, Failure, Output};

/// A server that answered.
struct Found {
    /// The known provider, if it stands at its usual address.
    provider: Option<&'static str>,
    base_url: String,
    models: Vec<Listed>,
}

pub(super) async fn scan(urls: &[String], output: &Output) -> Result<Exit, Failure> {
    let local = claw_model::vendors().iter().filter(|vendor| !vendor.needs_key());
    let usual = local.filter_map(|vendor| Some((Some(vendor.id), vendor.base_url?.to_owned())));
    let mut found = Vec::new();
    for (provider, base_url) in usual.chain(urls.iter().map(|url| (None, url.clone()))) {
        if let Some(models) = list_models(&base_url).await {
            found.push(Found { provider, base_url, models });
        }
    }
    output.data(&Value::Array(found.iter().map(to_json).collect()), |_| match found.as_slice() {
        [] => "no model server answers; start one, or name its base URL: `openclaw-host models scan URL`".to_owned(),
        found => found.iter().map(lines).collect::<Vec<_>>().join("\n\n"),
    })?;
    Ok(Exit::Ok)
}

/// The command or the lines of the file that make the host use it. How much its models take, the host asks it itself.
fn how(found: &Found) -> Option<String> {
    let model = found.models.first()?;
    Some(match found.provider {
        Some(provider) => format!("openclaw-host models set '{provider}/{}'", model.name),
        None => {
            let (name, url) = (json!(format!("local/{}", model.name)), json!(found.base_url));
            format!("models: {{ default: {name}, providers: {{ local: {{ baseUrl: {url} }} }} }}")
        }
    })
}

fn lines(found: &Found) -> String {
    let name = found.provider.and_then(claw_model::vendor).map_or("a server", |vendor| vendor.name);
    let models: Vec<_> = found.models.iter().map(shown).collect();
    match how(found) {
        Some(how) => format!("{name} at {}: {}\n  {how}", found.base_url, models.join(", ")),
        None => format!("{name} at {}: no models loaded", found.base_url),
    }
}

fn shown(model: &Listed) -> String {
    match model.context_tokens {
        Some(tokens) => format!("{} ({tokens} tokens)", model.name),
        None => model.name.clone(),
    }
}

fn to_json(found: &Found) -> Value {
    let names: Vec<_> = found.models.iter().map(|model| &model.name).collect();
    let context = found.models.iter().filter_map(|model| Some((model.name.clone(), json!(model.context_tokens?))));
    let context: serde_json::Map<_, _> = context.collect();
    json!({
        "provider": found.provider, "baseUrl": found.base_url, "models": names, "contextTokens": context,
        "use": how(found),
    })
}
