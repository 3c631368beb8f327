//! `sessions`: the conversations that the host keeps.

use claw_core::id::{AgentId, SessionKey, Timestamp};
use claw_core::rfc3339;
use serde_json::{Value, json};

use super::output::{table, word};
use super::{Exit, Failure, Output};
use crate::client::Client;

/// How many conversations, or messages of one, are listed.
const PAGE: u32 = 200;

/// The agent that bare keys belong to.
const DEFAULT_AGENT: &str = "main";

/// Parses what was typed; `main` means `agent:main:main`.
pub(super) fn parse_key(text: &str) -> Result<SessionKey, Failure> {
    let agent = AgentId::parse(DEFAULT_AGENT).expect("cli: the default agent's id is valid");
    SessionKey::parse(text, &agent).map_err(|err| Failure::new(Exit::Usage, err))
}

pub(super) async fn list(client: &mut Client, output: &Output) -> Result<Exit, Failure> {
    let list = client.call("sessions.list", json!({ "limit": PAGE, "includeLastMessage": true })).await?;
    output.data(&list, |list| {
        let rows: Vec<_> = list["sessions"].as_array().into_iter().flatten().map(row).collect();
        match rows.as_slice() {
            [] => "no conversations yet".to_owned(),
            rows => table(["SESSION", "UPDATED", "LAST MESSAGE"], rows),
        }
    })?;
    Ok(Exit::Ok)
}

fn row(session: &Value) -> [String; 3] {
    let updated = session["updatedAt"].as_u64().map(|at| rfc3339::format(Timestamp(at))).unwrap_or_default();
    let preview: String = word(&session["lastMessagePreview"]).chars().take(60).collect();
    [word(&session["key"]), updated, preview]
}

pub(super) async fn show(client: &mut Client, key: &SessionKey, output: &Output) -> Result<Exit, Failure> {
    let history = client.call("chat.history", json!({ "sessionKey": key.as_str(), "limit": PAGE })).await?;
    output.data(&history, |history| {
        let messages = history["messages"].as_array().into_iter().flatten();
        let text = messages.map(message_text).collect::<Vec<_>>().join("\n\n");
        if text.is_empty() { "nothing was said yet".to_owned() } else { text }
    })?;
    Ok(Exit::Ok)
}

fn message_text(message: &Value) -> String {
    let name = match message["toolName"].as_str() {
        Some(tool) => tool.to_owned(),
        None => word(&message["role"]),
    };
    let parts = message["content"].as_array().into_iter().flatten();
    let calls = parts.filter(|part| part["type"] == "toolCall");
    let calls = calls.map(|call| format!("· {} {}", word(&call["name"]), word(&call["arguments"])));
    let text = Some(content_text(&message["content"])).filter(|text| !text.is_empty());
    let lines: Vec<String> = text.into_iter().chain(calls).collect();
    format!("{name}: {}", lines.join("\n"))
}

/// The text of a message: a plain text, or the text parts among others.
pub(super) fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        parts => {
            let parts = parts.as_array().into_iter().flatten();
            parts.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
    }
}

pub(super) async fn reset(client: &mut Client, key: &SessionKey, output: &Output) -> Result<Exit, Failure> {
    let answer = client.call("sessions.reset", json!({ "key": key.as_str(), "reason": "reset" })).await?;
    output.data(&answer, |_| format!("started afresh: `{key}`"))?;
    Ok(Exit::Ok)
}
