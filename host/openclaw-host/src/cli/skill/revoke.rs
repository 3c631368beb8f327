//! `skill revoke|unrevoke|revocations`: what must not run.

use claw_core::id::Timestamp;
use claw_core::rfc3339;
use serde_json::{Value, json};

use super::show::items;
use crate::cli::output::{table, word};
use crate::cli::{Exit, Failure, Output};
use crate::client::Client;

pub(super) async fn revoke(client: &mut Client, what: &str, reason: &str, output: &Output) -> Result<Exit, Failure> {
    let done = client.call("packages.revoke", json!({ "what": what, "reason": reason })).await?;
    output.data(&done, |it| format!("`{}` is revoked: what runs of it has ended", word(&it["what"])))?;
    Ok(Exit::Ok)
}

pub(super) async fn unrevoke(client: &mut Client, what: &str, output: &Output) -> Result<Exit, Failure> {
    let done = client.call("packages.unrevoke", json!({ "what": what })).await?;
    output.data(&done, |it| match it["still"].as_str() {
        None => format!("`{}` is not revoked any more", word(&it["what"])),
        Some(why) => format!("your own revocation is gone, and yet it stays off: {why}"),
    })?;
    Ok(Exit::Ok)
}

pub(super) async fn list(client: &mut Client, fetch: bool, output: &Output) -> Result<Exit, Failure> {
    let list = client.call("packages.revocations", json!({ "fetch": fetch })).await?;
    output.data(&list, |list| {
        let row = |it: &Value| {
            let whose = if it["list"].is_null() { "you" } else { "the list" };
            [word(&it["what"]), whose.to_owned(), day(&it["at"]), word(&it["reason"])]
        };
        let rows: Vec<_> = items(&list["revoked"]).map(row).collect();
        let mut text = match rows.as_slice() {
            [] => "nothing is revoked\n".to_owned(),
            rows => table(["REVOKED", "BY", "SINCE", "REASON"], rows),
        };
        text.push_str(&feed(&list["list"]));
        text
    })?;
    Ok(Exit::Ok)
}

fn feed(feed: &Value) -> String {
    if feed.is_null() {
        return String::new();
    }
    let url = word(&feed["url"]);
    let mut text = match feed["serial"].as_u64() {
        None => format!("list {url}: never fetched\n"),
        Some(serial) => format!("list {url}: serial {serial}, fetched {}\n", day(&feed["fetched"])),
    };
    if let Some(trouble) = feed["trouble"].as_str() {
        text.push_str(&format!("the last try failed: {trouble}\n"));
    }
    text
}

fn day(at: &Value) -> String {
    at.as_u64().map(|at| rfc3339::format(Timestamp(at)).chars().take(10).collect()).unwrap_or_default()
}
