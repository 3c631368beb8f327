//! `models list`.

use std::path::Path;

use claw_model::ModelFacts;
use serde_json::{Value, json};

use super::super::output::table;
use super::super::{Exit, Failure, Output};
use super::{facts_json, price, size};
use crate::settings::{self, KnownProvider, env};

/// One line.
struct Line {
    provider: String,
    /// `None` stands for all those of which nothing is known.
    model: Option<(String, ModelFacts)>,
    key: &'static str,
    role: Option<String>,
}

pub(super) fn list(home: &Path, all: bool, output: &Output) -> Result<Exit, Failure> {
    let (file, environment) = settings::sources(home)?;
    let models = &file.config.models;
    let default = environment.get(env::HOST_MODEL).or(models.default.as_deref());
    let fallbacks = models.fallbacks.iter().enumerate();
    let named: Vec<(&str, String)> = default
        .map(|name| (name, "default".to_owned()))
        .into_iter()
        .chain(fallbacks.map(|(index, name)| (name.as_str(), format!("fallback {}", index + 1))))
        .collect();
    let mut lines = Vec::new();
    for provider in settings::known_providers(&file, &environment) {
        let is_named = named.iter().any(|(name, _)| id(name) == provider.id);
        let is_local = !provider.needs_key && !provider.in_file;
        if all || is_named || (provider.is_usable() && !is_local) {
            lines.extend(of_provider(provider, &named));
        }
    }
    let data = lines.iter().map(to_json).collect();
    output.data(&Value::Array(data), |_| match lines.as_slice() {
        [] => "no provider has a key yet; `openclaw-host models auth add PROVIDER` adds one, `--all` lists them"
            .to_owned(),
        lines => {
            let rows: Vec<_> = lines.iter().map(row).collect();
            table(["MODEL", "CONTEXT", "OUTPUT", "IN / OUT PER 1M", "KEY", ""], &rows)
        }
    })?;
    Ok(Exit::Ok)
}

fn id(name: &str) -> &str {
    name.split_once('/').map_or(name, |(id, _)| id)
}

fn of_provider(provider: KnownProvider, named: &[(&str, String)]) -> Vec<Line> {
    let key = match (provider.needs_key, provider.is_usable()) {
        (false, _) => "not needed",
        (true, true) => "yes",
        (true, false) => "missing",
    };
    let mut models = provider.models;
    let first = models.first().map(|(model, _)| model.clone());
    // What is named is listed, known or not.
    for (name, _) in named {
        if let Some((id, model)) = name.split_once('/')
            && id == provider.id
            && !models.iter().any(|(known, _)| known == model)
        {
            models.push((model.to_owned(), claw_model::facts(id, model).unwrap_or_default()));
        }
    }
    let role = |model: &str| {
        let full = format!("{}/{model}", provider.id);
        let is_it = |name: &str| name == full || (name == provider.id && first.as_deref() == Some(model));
        named.iter().find(|(name, _)| is_it(name)).map(|(_, role)| role.clone())
    };
    let line = |model: Option<(String, ModelFacts)>| Line {
        role: model.as_ref().and_then(|(model, _)| role(model)),
        provider: provider.id.clone(),
        model,
        key,
    };
    match models.is_empty() {
        true => vec![line(None)],
        false => models.into_iter().map(|model| line(Some(model))).collect(),
    }
}

fn row(line: &Line) -> [String; 6] {
    let role = line.role.clone().unwrap_or_default();
    match &line.model {
        Some((model, facts)) => [
            format!("{}/{model}", line.provider),
            size(facts.context_tokens),
            size(facts.max_output_tokens.into()),
            price(facts.prices),
            line.key.to_owned(),
            role,
        ],
        None => {
            let unknown = || "unknown".to_owned();
            [format!("{}/<model>", line.provider), unknown(), unknown(), unknown(), line.key.to_owned(), role]
        }
    }
}

fn to_json(line: &Line) -> Value {
    let mut value = match &line.model {
        Some((model, facts)) => {
            let mut value = facts_json(facts);
            value["model"] = json!(format!("{}/{model}", line.provider));
            value
        }
        None => json!({ "model": null }),
    };
    value["provider"] = json!(line.provider);
    value["key"] = json!(line.key);
    value["role"] = json!(line.role);
    value
}
