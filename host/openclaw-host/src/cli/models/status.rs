//! `models status`.

use std::path::Path;

use claw_core::message::Message;
use claw_model::{Credential, Images, Model, Prompt, ProviderConfig, Thinking};
use serde_json::{Value, json};

use super::super::output::table;
use super::super::{Exit, Failure, Output};
use crate::causes;
use crate::client::Client;
use crate::provider_key;
use crate::settings::{self, Env, Flags, ModelSettings, ProviderSettings};
use crate::vault::{self, Missing};

/// Tokens of the one word that is asked for; models that think need some more.
const PROBE_TOKENS: u32 = 256;

/// One key of one model.
struct Line {
    model: String,
    role: String,
    key: Option<String>,
    place: Option<String>,
    /// What a running host says, or what came of a probe.
    state: String,
}

pub(super) async fn status(home: &Path, probe: bool, env: &Env, output: &Output) -> Result<Exit, Failure> {
    let settings = settings::read(home, &Flags::default())?.settings;
    let (first, fallbacks, others) = match &settings.model {
        ModelSettings::Rehearsal => {
            output.data(&json!([]), |_| "no provider is set up; the offline model `rehearsal` answers".to_owned())?;
            return Ok(Exit::Ok);
        }
        ModelSettings::Providers { first, fallbacks, others, by_name: _ } => (&**first, fallbacks, others),
    };
    let running = if probe { None } else { running(home).await };
    let mut lines = Vec::new();
    let mut all_work = true;
    for (index, provider) in std::iter::once(first).chain(fallbacks).chain(others).enumerate() {
        let role = match index {
            0 => "default".to_owned(),
            index if index <= fallbacks.len() => format!("fallback {index}"),
            _ => "of agents".to_owned(),
        };
        let line = |key: Option<String>, place: Option<String>, state| Line {
            model: format!("{}/{}", provider.id, provider.model),
            role: role.clone(),
            key,
            place,
            state,
        };
        if probe {
            let vault = vault::open(home, settings.vault, env, Missing::Leave)?;
            let config = provider_key::with_keys(provider, &vault, &settings.roots).await?;
            for key in each_key(&config) {
                let name = key.keys.first().map(|key| key.name.clone());
                let source = key.keys.first().map(|key| key.source.clone());
                let (works, state) = probed(key).await;
                all_work &= works;
                lines.push(line(name, source, state));
            }
        } else {
            lines.extend(keys(provider).map(|(key, place)| {
                let state = state(running.as_ref(), &provider.id, key.as_deref());
                line(key, place, state)
            }));
        }
    }
    output.data(&Value::Array(lines.iter().map(to_json).collect()), |_| {
        let rows: Vec<_> = lines.iter().map(row).collect();
        table(["MODEL", "ROLE", "KEY", "FROM", "STATE"], &rows)
    })?;
    Ok(if all_work { Exit::Ok } else { Exit::Failed })
}

/// What a running host says of its keys.
async fn running(home: &Path) -> Option<Value> {
    let mut client = Client::connect(home).await.ok()?;
    let status = client.call("models.status", json!({})).await.ok();
    client.close().await;
    status
}

fn keys(provider: &ProviderSettings) -> impl Iterator<Item = (Option<String>, Option<String>)> {
    let none = provider.keys.is_empty().then_some((None, None));
    none.into_iter().chain(provider.keys.iter().map(|key| (Some(key.name.clone()), Some(key.place.to_string()))))
}

fn state(running: Option<&Value>, provider: &str, key: Option<&str>) -> String {
    let Some(running) = running else { return "no host runs".to_owned() };
    let is_it = |status: &&Value| status["provider"] == provider && status["key"].as_str() == key;
    let Some(status) = running["keys"].as_array().into_iter().flatten().find(is_it) else {
        return "not in use by the running host".to_owned();
    };
    let state = status["state"].as_str().unwrap_or_default();
    match (status["secondsLeft"].as_u64(), status["reason"].as_str()) {
        (Some(left), Some(reason)) => format!("{state} for {left} s: {reason}"),
        _ => state.to_owned(),
    }
}

/// The provider with each of its keys alone, or once without any.
fn each_key(config: &ProviderConfig) -> Vec<ProviderConfig> {
    let with = |keys: Vec<Credential>| ProviderConfig { keys, retries: 0, ..config.clone() };
    match config.keys.as_slice() {
        [] => vec![with(Vec::new())],
        keys => keys.iter().map(|key| with(vec![key.clone()])).collect(),
    }
}

async fn probed(config: ProviderConfig) -> (bool, String) {
    let prompt = Prompt {
        system: String::new(),
        messages: vec![Message::user("Answer with the word: ok")],
        images: Images::new(),
        tools: Vec::new(),
        max_output_tokens: PROBE_TOKENS,
        thinking: Thinking::Off,
    };
    let started = tokio::time::Instant::now();
    let answer = match Model::http(config) {
        Ok(model) => model.complete(&prompt, &mut |_| {}).await,
        Err(err) => Err(err),
    };
    match answer {
        Ok(_) => (true, format!("answers, in {} ms", started.elapsed().as_millis())),
        Err(err) => (false, causes::chain(&err)),
    }
}

fn row(line: &Line) -> [String; 5] {
    let key = line.key.clone().unwrap_or("none".to_owned());
    let place = line.place.clone().unwrap_or("-".to_owned());
    [line.model.clone(), line.role.clone(), key, place, line.state.clone()]
}

fn to_json(line: &Line) -> Value {
    json!({ "model": line.model, "role": line.role, "key": line.key, "from": line.place, "state": line.state })
}
