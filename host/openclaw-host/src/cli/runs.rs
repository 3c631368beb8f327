//! `runs`: what a run did, and whether it would do so again.

use claw_core::id::RunId;
use serde_json::{Value, json};

use super::output::{table, word};
use super::{Exit, Failure, Output};
use crate::client::Client;

pub(super) fn parse_id(text: &str) -> Result<RunId, Failure> {
    RunId::parse(text).map_err(|err| Failure::new(Exit::Usage, err))
}

pub(super) async fn show(client: &mut Client, run: &RunId, output: &Output) -> Result<Exit, Failure> {
    let run = client.call("runs.show", json!({ "runId": run })).await?;
    output.data(&run, |run| {
        let mut text = format!(
            "{} in {}, {}\n{}\n",
            word(&run["runId"]),
            word(&run["sessionKey"]),
            word(&run["state"]),
            word(&run["text"]),
        );
        for call in run["calls"].as_array().into_iter().flatten() {
            text.push_str(&format!(
                "\n{} {} {}\n",
                word(&call["callId"]),
                word(&call["tool"]),
                word(&call["arguments"])
            ));
            for effect in call["effects"].as_array().into_iter().flatten() {
                text.push_str(&format!("  {} -> {}\n", word(&effect["what"]), word(&effect["result"])));
            }
            text.push_str(&format!("  = {}\n", word(&call["outcome"])));
        }
        text.trim_end().to_owned()
    })?;
    Ok(Exit::Ok)
}

pub(super) async fn replay(client: &mut Client, run: &RunId, output: &Output) -> Result<Exit, Failure> {
    let replayed = client.call("runs.replay", json!({ "runId": run })).await?;
    output.data(&replayed, |replayed| {
        let rows: Vec<_> = replayed["calls"].as_array().into_iter().flatten().map(row).collect();
        match rows.as_slice() {
            [] => "this run has no recorded calls".to_owned(),
            rows => table(["CALL", "TOOL", "RESULT", "DETAIL"], rows),
        }
    })?;
    Ok(if replayed["same"] == json!(true) { Exit::Ok } else { Exit::Failed })
}

fn row(call: &Value) -> [String; 4] {
    [word(&call["callId"]), word(&call["tool"]), word(&call["result"]), word(&call["detail"])]
}
