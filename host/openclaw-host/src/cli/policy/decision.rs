//! `policy explain DECISION_ID`: a decision of the record, with the places of the policies that made it.

use std::fmt::Write;
use std::path::Path;

use claw_core::id::SessionKey;
use claw_core::route;
use claw_policy::Loaded;
use serde_json::{Value, json};

use super::super::output::word;
use super::super::{Exit, Failure, Output, audit};
use super::sources::{effect, of_agent, place};
use crate::legible;

pub(super) async fn explain(home: &Path, id: &str, output: &Output) -> Result<Exit, Failure> {
    let sequence = id.trim_start_matches('#').parse::<u64>().map_err(|_| {
        let message = format!("`{}` is no number of a decision", legible::line(id));
        Failure::message(Exit::Usage, message).hint("refusals end with it, as in `(decision #123)`")
    })?;
    let row = audit::entry(home, sequence).await?;
    let entry = &row["entry"];
    let Some(answer) = answer(entry) else {
        let message = format!("entry {sequence} of the record is no decision but `{}`", word(&entry["kind"]));
        return Err(
            Failure::message(Exit::Failed, message).hint(format!("`openclaw-host audit show {sequence}` shows it"))
        );
    };
    let session = entry["session"].as_str().and_then(|key| SessionKey::parse(key, &route::main()).ok());
    let (_, policy) = of_agent(home, &session.map_or_else(route::main, |session| session.agent()), &[])?;
    let ids = entry["decidedBy"].as_array().into_iter().flatten().map(word);
    let decided_by: Vec<(String, Option<&Loaded>)> =
        ids.map(|id| (id.clone(), policy.loaded().iter().find(|policy| policy.id == id))).collect();
    let places: Vec<_> = decided_by
        .iter()
        .map(|(id, policy)| json!({"id": id, "at": policy.map(|policy| place(home, policy))}))
        .collect();
    let data = json!({ "decision": sequence, "answer": answer, "decidedBy": places, "entry": entry });
    output.data(&data, |_| text(home, sequence, answer, entry, &decided_by))?;
    Ok(Exit::Ok)
}

/// What was decided; `None` for an entry that is no decision.
fn answer(entry: &Value) -> Option<&'static str> {
    match entry["kind"].as_str()? {
        "decision.deny" => Some("denied"),
        "decision.ask" => Some("asked about"),
        "decision.allow" | "effect.started" => Some("allowed"),
        _ => None,
    }
}

fn text(home: &Path, sequence: u64, answer: &str, entry: &Value, decided_by: &[(String, Option<&Loaded>)]) -> String {
    let code = entry["code"].as_str().map(|code| format!(" ({code})")).unwrap_or_default();
    let mut text = format!("{answer}{code}, decision #{sequence}\n");
    let mut line =
        |name: &str, value: &str| writeln!(text, "  {name:10}  {value}").expect("a string takes every write");
    let shown = |key: &str| legible::line(&word(&entry[key])).into_owned();
    line("question", &format!("{} wanted {} {}", shown("component"), shown("action"), shown("subject")));
    line("run", &format!("{} in {}", shown("run"), shown("session")));
    for (id, policy) in decided_by {
        match policy {
            Some(policy) => line("decided by", &format!("`{id}` ({}), {}", effect(policy), place(home, policy))),
            None => line("decided by", &format!("`{id}`, which is not in force any more")),
        }
    }
    if decided_by.is_empty() {
        line("decided by", "no policy");
    }
    if entry["outcome"].is_string() {
        line("because", &shown("outcome"));
    }
    text
}
