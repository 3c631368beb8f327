//! `component grants|pause|resume`: what a component may do, changed by its owner.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use serde_json::{Value, json};

use super::output::{table, word};
use super::{Exit, Failure, Output};
use crate::client::Client;

/// What is to change.
#[derive(Debug, Args)]
pub(super) struct GrantsArgs {
    /// Name of the component
    name: String,
    /// Give this grant, for example `http https://api.example.com GET`; can be repeated
    #[arg(long, value_name = "GRANT")]
    add: Vec<String>,
    /// Take this grant back; can be repeated
    #[arg(long, value_name = "GRANT")]
    remove: Vec<String>,
    /// What is added holds for so many effects
    #[arg(long, value_name = "N", requires = "add", value_parser = clap::value_parser!(u32).range(1..))]
    uses: Option<u32>,
    /// What is added holds for so long, for example `12h` or `7d`
    #[arg(long = "for", value_name = "SPAN", requires = "add", value_parser = span)]
    lasts: Option<u64>,
    /// What is added holds for runs of this agent only
    #[arg(long, value_name = "AGENT", requires = "add")]
    agent: Option<String>,
    /// Give it without being asked again
    #[arg(long)]
    yes: bool,
}

/// A span of time in milliseconds.
pub(super) fn span(text: &str) -> Result<u64, String> {
    claw_core::span::millis(text).ok_or_else(|| "write a number and `s`, `m`, `h`, `d` or `w`, such as `7d`".to_owned())
}

pub(super) async fn grants(client: &mut Client, args: GrantsArgs, output: &Output) -> Result<Exit, Failure> {
    let GrantsArgs { name, add, remove, uses, lasts, agent, yes } = args;
    let before = client.call("components.grants", json!({ "name": name })).await?;
    if add.is_empty() && remove.is_empty() {
        return show(&before, output);
    }
    let until = lasts.map(|lasts| crate::host::now().0.saturating_add(lasts));
    let terms = json!({ "uses": uses, "until": until, "agent": agent });
    let terms: serde_json::Map<_, _> = terms
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    // Less is never asked about.
    if !add.is_empty() && !yes && !confirmed(&name, &before, &add, &remove)? {
        return Err(Failure::message(Exit::Failed, "nothing was changed"));
    }
    let add: Vec<_> = add.iter().map(|grant| json!({ "grant": grant, "terms": terms })).collect();
    let after = client.call("components.grants.change", json!({ "name": name, "add": add, "remove": remove })).await?;
    show(&after, output)
}

/// Shows the difference and asks the terminal.
fn confirmed(name: &str, before: &Value, add: &[String], remove: &[String]) -> Result<bool, Failure> {
    let mut text = format!("component `{name}`\n");
    for row in rows(before) {
        let shown = word(&row["shown"]);
        let sign = if remove.contains(&word(&row["grant"])) || remove.contains(&shown) { '-' } else { ' ' };
        text.push_str(&format!("  {sign} {shown}\n"));
    }
    add.iter().for_each(|grant| text.push_str(&format!("  + {}\n", crate::legible::line(grant))));
    let mut terminal = io::stderr();
    if !io::stdin().is_terminal() {
        let message = format!("{text}giving more needs your yes, and there is no terminal to ask");
        return Err(Failure::message(Exit::Usage, message).hint("`--yes` gives it without asking"));
    }
    // What was typed before the question was seen is no answer to it.
    crate::terminal::forget_typed(&io::stdin())?;
    write!(terminal, "{text}give it? [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}

fn rows(grants: &Value) -> impl Iterator<Item = &Value> {
    grants["grants"].as_array().into_iter().flatten()
}

fn show(grants: &Value, output: &Output) -> Result<Exit, Failure> {
    output.data(grants, |grants| {
        let row = |row: &Value| [word(&row["shown"]), word(&row["by"])];
        let rows: Vec<_> = rows(grants).map(row).collect();
        if rows.is_empty() { "it has no grants\n".to_owned() } else { table(["GRANT", "BY"], &rows) }
    })?;
    Ok(Exit::Ok)
}

pub(super) async fn pause(client: &mut Client, name: &str, output: &Output) -> Result<Exit, Failure> {
    let paused = client.call("components.pause", json!({ "name": name })).await?;
    output.data(&paused, |_| format!("`{name}` is paused; `openclaw-host component resume {name}` lets it go on"))?;
    Ok(Exit::Ok)
}

pub(super) async fn resume(client: &mut Client, name: &str, output: &Output) -> Result<Exit, Failure> {
    let resumed = client.call("components.resume", json!({ "name": name })).await?;
    let was_paused = resumed["wasPaused"] == true;
    output.data(&resumed, |_| match was_paused {
        true => format!("`{name}` goes on"),
        false => format!("`{name}` was not paused"),
    })?;
    Ok(Exit::Ok)
}
