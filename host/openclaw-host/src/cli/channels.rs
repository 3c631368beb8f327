//! `channels`: chat services, and how they do.

use serde_json::{Value, json};

use super::output::{table, word};
use super::{Exit, Failure, Output};
use crate::client::Client;
use crate::export::moment;

pub(super) async fn list(client: &mut Client, output: &Output) -> Result<Exit, Failure> {
    let status = client.call("channels.status", json!({})).await?;
    let rows: Vec<_> = status["channels"].as_object().into_iter().flatten().map(row).collect();
    output.data(&status, |_| match rows.as_slice() {
        [] => "no channels; docs/channels.md says how to add one".to_owned(),
        rows => table(["CHANNEL", "STATE", "SINCE", "OWNER", "WHY"], rows),
    })?;
    Ok(Exit::Ok)
}

fn row((name, channel): (&String, &Value)) -> [String; 5] {
    let owner: Vec<_> = channel["owner"].as_array().into_iter().flatten().map(word).collect();
    let owner = if owner.is_empty() { "nobody".to_owned() } else { owner.join(", ") };
    let why: Vec<_> =
        [&channel["lastError"], &channel["lacks"]].map(word).into_iter().filter(|why| !why.is_empty()).collect();
    let since = moment(&channel["sinceMs"]);
    [name.clone(), word(&channel["state"]), since, owner, why.join("; ")]
}
