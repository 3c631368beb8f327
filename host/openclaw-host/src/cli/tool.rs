//! `tool`: the model's tools, and calling one by hand.

use std::io::Read;

use claw_core::id::SessionKey;
use serde_json::{Value, json};

use super::output::{outline, table, word};
use super::{Exit, Failure, Output, agent};
use crate::client::{Client, idempotency_key};

/// The most that is read from standard input: the largest request is 25 MiB with all that surrounds the arguments.
const MAX_ARGUMENT_BYTES: u64 = 24 * 1024 * 1024;

pub(super) async fn list(client: &mut Client, output: &Output) -> Result<Exit, Failure> {
    let catalog = client.call("tools.catalog", json!({})).await?;
    output.data(&catalog, |catalog| {
        let tools = catalog["tools"].as_array().into_iter().flatten();
        let row = |tool: &Value| {
            let summary = word(&tool["description"]);
            // The first sentence tells tools apart; `--json` has the rest.
            let first = summary.split_once(". ").map_or(summary.as_str(), |(first, _)| first);
            [word(&tool["name"]), word(&tool["component"]), first.trim_end_matches('.').to_owned()]
        };
        table(["TOOL", "COMPONENT", "WHAT IT DOES"], &tools.map(row).collect::<Vec<_>>())
    })?;
    Ok(Exit::Ok)
}

/// Parses the arguments of a call: a JSON object, or `-` for standard input.
pub(super) fn parse_arguments(text: &str) -> Result<Value, Failure> {
    let mut input = String::new();
    let text = if text == "-" {
        std::io::stdin().lock().take(MAX_ARGUMENT_BYTES).read_to_string(&mut input)?;
        &input
    } else {
        text
    };
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_object() => Ok(value),
        Ok(_) => Err(Failure::message(Exit::Usage, "the arguments are not a JSON object")
            .hint("like this: `openclaw-host tool call read '{\"path\": \"AGENTS.md\"}'`")),
        Err(err) => Err(Failure::new(Exit::Usage, anyhow::Error::new(err).context("the arguments are not valid JSON"))
            .hint("quote them for the shell: `'{\"path\": \"AGENTS.md\"}'`")),
    }
}

pub(super) async fn call(
    client: &mut Client,
    name: &str,
    arguments: Value,
    session: &SessionKey,
    output: &Output,
) -> Result<Exit, Failure> {
    let params = json!({
        "name": name,
        "args": arguments,
        "sessionKey": session.as_str(),
        "idempotencyKey": idempotency_key()?,
    });
    let request = client.send("tools.invoke", params).await?;
    // No deadline of its own: the host's limits end the call, and a person may have to answer first.
    let result = agent::final_answer(client, "tools.invoke", &request, session).await?;
    show(name, &result, output)
}

/// Prints what a tool gave.
///
/// # Errors
/// Says why it failed, if it did.
pub(super) fn show(name: &str, result: &Value, output: &Output) -> Result<Exit, Failure> {
    if result["ok"] == true {
        output.data(result, |result| output_text(&result["output"]))?;
        return Ok(Exit::Ok);
    }
    if output.format() == super::Format::Json {
        output.data(result, |_| String::new())?;
    }
    let code = result["error"]["code"].as_str().unwrap_or("E_OTHER");
    let message = result["error"]["message"].as_str().unwrap_or("the host gives no reason");
    let exit = if is_refusal(code) { Exit::Refused } else { Exit::Failed };
    Err(Failure::message(exit, format!("tool `{name}` failed: {message} ({code})")))
}

/// What tools say is text, or JSON as text; either is printed so that people can read it.
fn output_text(output: &Value) -> String {
    match output {
        Value::String(text) => text.clone(),
        other => outline(other),
    }
}

/// Whether policy or a person said no.
fn is_refusal(code: &str) -> bool {
    matches!(code, "E_POLICY_DENY" | "E_EXEC_DENIED" | "E_NET_HOST" | "E_NET_ADDR") || code.starts_with("E_APPR_")
}
