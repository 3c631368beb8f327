//! `models`: which there are, which are used, and the keys for them. Works on the home's files, whether the host runs or
//! not; only how keys are at the moment is what a running host knows.

mod auth;
mod list;
mod scan;
mod status;

use std::path::Path;

use clap::Subcommand;
use claw_model::{ModelFacts, Prices};
use serde_json::{Value, json};

use super::reload::reload;
use super::{Exit, Failure, Output};
use crate::settings::{self, Env, KnownProvider};

#[derive(Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// List the models that can be asked, with what they take and cost
    List {
        /// Also those of providers without a key
        #[arg(long)]
        all: bool,
    },
    /// Show which models are asked in which order, and how their keys are
    Status {
        /// Ask each model with each key for one word
        #[arg(long)]
        probe: bool,
    },
    /// Choose the model that answers, as `provider/model`
    Set {
        /// Its name
        name: String,
    },
    /// Add keys of providers, and say which are used first
    #[command(subcommand)]
    Auth(AuthCommand),
    /// Look for model servers on this machine
    Scan {
        /// Base URLs of other servers to look at, e.g. `http://192.168.1.5:11434/v1`
        #[arg(value_name = "URL")]
        urls: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AuthCommand {
    /// Keep a key in the vault, read from standard input, and use it for a provider
    Add {
        /// The provider
        provider: String,
        /// Name of the key, if it is to stand beside others
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        // Caught so that clap does not repeat a secret in its complaint.
        #[arg(hide = true)]
        value: Vec<String>,
    },
    /// Say which keys of a provider are used first
    Order {
        /// The provider
        provider: String,
        /// Names of keys, the first one first; `default` is that of `apiKey` and of the environment
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
}

pub(super) async fn models(command: ModelsCommand, home: &Path, env: &Env, output: &Output) -> Result<Exit, Failure> {
    match command {
        ModelsCommand::List { all } => list::list(home, all, output),
        ModelsCommand::Status { probe } => status::status(home, probe, env, output).await,
        ModelsCommand::Set { name } => set(home, &name, output).await,
        ModelsCommand::Auth(AuthCommand::Add { provider, name, value }) => {
            super::secret::refuse_words(&value)?;
            auth::add(home, &provider, name.as_deref(), env, output).await
        }
        ModelsCommand::Auth(AuthCommand::Order { provider, keys }) => auth::order(home, &provider, &keys, output).await,
        ModelsCommand::Scan { urls } => scan::scan(&urls, output).await,
    }
}

/// The provider of this name.
fn known(home: &Path, id: &str) -> Result<KnownProvider, Failure> {
    let (file, env) = settings::sources(home)?;
    let found = settings::known_providers(&file, &env).into_iter().find(|provider| provider.id == id);
    found.ok_or_else(|| {
        Failure::message(Exit::Usage, format!("there is no provider `{id}`"))
            .hint("`openclaw-host models list --all` names the known ones; describe others under `models.providers`")
    })
}

async fn set(home: &Path, name: &str, output: &Output) -> Result<Exit, Failure> {
    let mut hint = None;
    if name != "rehearsal" {
        let (id, model) = name.split_once('/').unwrap_or((name, ""));
        let provider = known(home, id)?;
        if model.is_empty() && (name.contains('/') || provider.models.is_empty()) {
            return Err(Failure::message(Exit::Usage, format!("`{name}` names no model; write `{id}/<model>`")));
        }
        if provider.base_url.is_none() {
            hint = Some(format!("`{id}` also needs its address in `models.providers.{id}.baseUrl`"));
        } else if !provider.is_usable() {
            hint = Some(format!("`{id}` has no key yet: `openclaw-host models auth add {id}`"));
        }
    }
    change(home, &["models", "default"], &json!(name))?;
    let from = reload(home, None).await?;
    output.data(&json!({ "default": name, "change": "set", "hint": hint }), |_| {
        let hint = hint.as_ref().map_or(String::new(), |hint| format!("\n{hint}"));
        format!("`{name}` answers {}{hint}", from.words())
    })?;
    Ok(Exit::Ok)
}

fn change(home: &Path, path: &[&str], value: &Value) -> Result<(), Failure> {
    crate::home::Home::open(home)?;
    settings::edit(home, path, value).map_err(|err| Failure::new(Exit::Config, err))
}

fn facts_json(facts: &ModelFacts) -> Value {
    json!({
        "contextTokens": facts.context_tokens,
        "maxOutputTokens": facts.max_output_tokens,
        "price": facts.prices.map(|prices| json!({
            "input": prices.input,
            "output": prices.output,
            "cacheRead": prices.cache_read,
            "cacheWrite": prices.cache_write,
        })),
        "tools": facts.tools,
        "images": facts.images,
        "thinking": facts.thinking,
    })
}

/// Dollars for a million tokens of prompt and of reply.
fn price(prices: Option<Prices>) -> String {
    prices.map_or("unknown".to_owned(), |prices| format!("${} / ${}", prices.input, prices.output))
}

/// `128k`, `1M`: what people call such sizes.
fn size(tokens: u64) -> String {
    match tokens {
        0..=9_999 => tokens.to_string(),
        10_000..=999_999 => format!("{}k", tokens / 1_000),
        _ => format!("{}M", (tokens as f64 / 100_000.0).round() / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_prices_are_short() {
        assert_eq!([4_096, 128_000, 1_000_000, 1_048_576, 1_500_000].map(size), ["4096", "128k", "1M", "1M", "1.5M"]);
        let prices = Prices { input: 0.3, output: 15.0, cache_read: None, cache_write: None };
        assert_eq!((price(Some(prices)), price(None)), ("$0.3 / $15".to_owned(), "unknown".to_owned()));
    }
}
