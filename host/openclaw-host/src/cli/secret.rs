//! `secret`: what the vault keeps. Works on the home's files, whether the host runs or not.

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use clap::Subcommand;
use claw_core::id::ComponentName;
use claw_core::rfc3339;
use claw_vault::{Audience, Change, Info, MAX_VALUE_BYTES, Vault, VaultError, Zeroizing};
use serde_json::{Value, json};

use super::output::table;
use super::reload::reload_for_secret;
use super::{Exit, Failure, Output};
use crate::home::Home;
use crate::host::now;
use crate::settings::{self, Env};
use crate::terminal;
use crate::vault::{self, Missing};

#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// Keep a secret, read from standard input; one of the same name is replaced
    Set {
        /// Name: 1 to 64 of `a-z 0-9 - _ . /`
        name: String,
        /// Server that it may be sent to, e.g. `https://api.github.com`; may be repeated
        #[arg(long = "for", value_name = "ORIGIN", required = true, value_parser = Audience::parse)]
        audience: Vec<Audience>,
        /// Component that may use it, if granted; may be repeated [default: any]
        #[arg(long = "component", value_name = "NAME", value_parser = ComponentName::parse)]
        components: Vec<ComponentName>,
        // Caught so that clap does not repeat a secret in its complaint.
        #[arg(hide = true)]
        value: Vec<String>,
    },
    /// List names and what may be shown; never a value
    List,
    /// Give a secret a new value, read from standard input; the rest of it stays
    Rotate {
        /// Its name
        name: String,
        #[arg(hide = true)]
        value: Vec<String>,
    },
    /// Remove a secret
    Rm {
        /// Its name
        name: String,
    },
}

pub(super) async fn secret(command: SecretCommand, home: &Path, output: &Output, env: &Env) -> Result<Exit, Failure> {
    let open = |missing| -> Result<Vault, Failure> { Ok(vault::open(home, settings::vault_key(home)?, env, missing)?) };
    match command {
        SecretCommand::Set { name, audience, components, value } => {
            refuse_words(&value)?;
            // What can be wrong with the words is found before anybody types a secret.
            check_name(&name)?;
            let key = settings::vault_key(home)?;
            Home::open(home)?;
            let vault = vault::open(home, key, env, Missing::Make)?;
            for server in audience.iter().filter(|server| server.is_in_clear()) {
                eprintln!("warning: what is sent to `{server}` can be read on the way; prefer `https` or `wss`");
            }
            let value = read_value(&name)?;
            let done = match vault.set(&name, value, audience, components, now())? {
                Change::Added => "added",
                Change::Replaced => "replaced",
            };
            reload_for_secret(home, &name).await?;
            show(&vault, &name, done, output)
        }
        SecretCommand::List => list(&open(Missing::Leave)?, output),
        SecretCommand::Rotate { name, value } => {
            refuse_words(&value)?;
            let vault = open(Missing::Leave)?;
            if vault.get(&name)?.is_none() {
                return Err(unknown(name).into());
            }
            vault.rotate(&name, read_value(&name)?, now())?;
            reload_for_secret(home, &name).await?;
            show(&vault, &name, "rotated", output)
        }
        SecretCommand::Rm { name } => {
            let vault = open(Missing::Leave)?;
            // A name that was never there may be a secret in the wrong place: only a known one is repeated.
            check_name(&name)?;
            vault.remove(&name)?;
            reload_for_secret(home, &name).await?;
            output.data(&json!({ "name": name, "change": "removed" }), |_| format!("removed `{name}`"))?;
            Ok(Exit::Ok)
        }
    }
}

fn check_name(name: &str) -> Result<(), VaultError> {
    if claw_vault::is_name(name) { Ok(()) } else { Err(VaultError::Name) }
}

/// The error of a name that the vault does not know; what cannot be a name is not repeated.
fn unknown(name: String) -> VaultError {
    match check_name(&name) {
        Ok(()) => VaultError::Unknown { name },
        Err(err) => err,
    }
}

/// Whatever stands behind the name is taken for the value, and is not repeated.
pub(super) fn refuse_words(words: &[String]) -> Result<(), Failure> {
    if words.is_empty() {
        return Ok(());
    }
    let message = "a secret does not belong on the command line: other programs and your shell's history see it";
    let hint = "pipe it in, or run the command without it and type it when asked; if it was a real one, replace it";
    Err(Failure::message(Exit::Usage, message).hint(hint))
}

/// The value: asked for on a terminal, else all of standard input without one line end.
pub(super) fn read_value(name: &str) -> Result<Zeroizing<String>, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        let asked = terminal::ask(&format!("Value of `{name}` (not shown): "));
        return asked
            .map_err(|err| Failure::new(Exit::Failed, anyhow::Error::new(err).context("cannot read the value")));
    }
    // The whole capacity at once: growing would leave copies behind that nobody zeroes. Two bytes more than a value
    // for its line end, one to see that there is more.
    let limit = MAX_VALUE_BYTES + 3;
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    stdin.lock().take(limit as u64).read_to_end(&mut bytes)?;
    let not_text = |_| VaultError::Value { name: name.to_owned(), rule: "it is not UTF-8" };
    let text = std::str::from_utf8(&bytes).map_err(not_text)?;
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(Zeroizing::new(text.to_owned()))
}

fn list(vault: &Vault, output: &Output) -> Result<Exit, Failure> {
    let infos = vault.names()?;
    output.data(&Value::Array(infos.iter().map(to_json).collect()), |_| match infos.as_slice() {
        [] => "no secrets yet".to_owned(),
        infos => {
            let rows: Vec<_> = infos.iter().map(row).collect();
            table(["NAME", "FOR", "COMPONENTS", "SET", "ENDS WITH"], &rows)
        }
    })?;
    Ok(Exit::Ok)
}

/// Prints what may be shown of one secret after a change.
fn show(vault: &Vault, name: &str, done: &'static str, output: &Output) -> Result<Exit, Failure> {
    let info = vault.names()?.into_iter().find(|info| info.name == name);
    let Some(info) = info else { return Err(unknown(name.to_owned()).into()) };
    let mut data = to_json(&info);
    data["change"] = done.into();
    output.data(&data, |_| format!("{done} `{name}`: may be sent to {}", words(&info.audience)))?;
    Ok(Exit::Ok)
}

fn row(info: &Info) -> [String; 5] {
    let components = if info.components.is_empty() { "any".to_owned() } else { words(&info.components) };
    let ending = info.last4.as_ref().map_or("-".to_owned(), |last4| format!("…{last4}"));
    [info.name.clone(), words(&info.audience), components, rfc3339::format(info.rotated), ending]
}

fn to_json(info: &Info) -> Value {
    json!({
        "name": info.name,
        "for": info.audience.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "components": info.components,
        "created": rfc3339::format(info.created),
        "rotated": rfc3339::format(info.rotated),
        "last4": info.last4,
    })
}

fn words(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
