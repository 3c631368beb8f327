//! `agents`: who there is to talk with.

use serde_json::{Value, json};

use super::output::{table, word};
use super::{Exit, Failure, Output};
use crate::client::Client;

pub(super) async fn list(client: &mut Client, output: &Output) -> Result<Exit, Failure> {
    let list = client.call("agents.list", json!({})).await?;
    output.data(&list, |list| {
        let rows: Vec<_> = list["agents"].as_array().into_iter().flatten().map(row).collect();
        table(["AGENT", "MODEL", "POLICIES", "TOOLS", "GETS", "WORKSPACE"], &rows)
    })?;
    Ok(Exit::Ok)
}

fn row(agent: &Value) -> [String; 6] {
    let tools = match agent["tools"].as_array() {
        Some(tools) if tools.is_empty() => "none".to_owned(),
        Some(tools) => tools.iter().map(word).collect::<Vec<_>>().join(", "),
        None => "all".to_owned(),
    };
    let mut gets: Vec<_> = agent["bindings"].as_array().into_iter().flatten().map(bound).collect();
    if agent["id"] == "main" {
        gets.push("the rest".to_owned());
    }
    let model = word(&agent["model"]["primary"]);
    [word(&agent["id"]), model, word(&agent["policy"]), tools, gets.join(", "), word(&agent["workspace"])]
}

fn bound(binding: &Value) -> String {
    let parts = ["channel", "accountId", "peer"].into_iter().filter_map(|key| binding[key].as_str());
    parts.collect::<Vec<_>>().join(":")
}
