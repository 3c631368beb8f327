//! `status`, `component` and `doctor`: how things are.

use std::path::Path;

use serde_json::{Value, json};

use super::output::{outline, table, word};
use super::{Exit, Failure, Output};
use crate::client::Client;
use crate::doctor::{self, Verdict};

pub(super) async fn status(client: &mut Client, output: &Output) -> Result<Exit, Failure> {
    let status = client.call("status", json!({})).await?;
    let hello = client.hello();
    let host = json!({
        "url": client.run_file().url,
        "pid": client.run_file().pid,
        "version": hello["server"]["version"],
        "uptimeMs": hello["snapshot"]["uptimeMs"],
    });
    output.data(&json!({ "host": host, "status": status }), outline)?;
    Ok(Exit::Ok)
}

pub(super) async fn components(client: &mut Client, output: &Output) -> Result<Exit, Failure> {
    let list = client.call("components.list", json!({})).await?;
    output.data(&list, |list| {
        let row = |component: &Value| {
            let channel = (!component["channel"].is_null()).then(|| "(a channel)".to_owned());
            let tools = component["tools"].as_array().into_iter().flatten().map(word);
            let offers: Vec<_> = channel.into_iter().chain(tools).collect();
            [
                word(&component["name"]),
                word(&component["version"]),
                word(&component["trust"]),
                word(&component["worker"]),
                offers.join(", "),
            ]
        };
        let rows: Vec<_> = list["components"].as_array().into_iter().flatten().map(row).collect();
        let mut text = match rows.as_slice() {
            [] => "no components are installed\n".to_owned(),
            rows => table(["COMPONENT", "VERSION", "TRUST", "WORKER", "OFFERS"], rows),
        };
        for refused in list["refused"].as_array().into_iter().flatten() {
            text.push_str(&format!("refused: {}: {}\n", word(&refused["name"]), word(&refused["error"])));
        }
        text
    })?;
    Ok(Exit::Ok)
}

pub(super) async fn component(client: &mut Client, name: &str, output: &Output) -> Result<Exit, Failure> {
    let component = client.call("components.inspect", json!({ "name": name })).await?;
    output.data(&component, outline)?;
    Ok(Exit::Ok)
}

pub(super) async fn doctor(home: &Path, output: &Output) -> Result<Exit, Failure> {
    let checks = doctor::examine(home).await;
    let data: Vec<Value> = checks
        .iter()
        .map(|check| json!({ "check": check.name, "verdict": check.verdict.as_str(), "detail": check.detail, "fix": check.fix }))
        .collect();
    let failed = checks.iter().any(|check| check.verdict == Verdict::Fail);
    output.data(&json!({ "ok": !failed, "checks": data }), |_| {
        let mut text = String::new();
        for check in &checks {
            text.push_str(&format!("{:4}  {}: {}\n", check.verdict.as_str(), check.name, check.detail));
            if let Some(fix) = &check.fix {
                text.push_str(&format!("      fix: {fix}\n"));
            }
        }
        text
    })?;
    Ok(if failed { Exit::Failed } else { Exit::Ok })
}
