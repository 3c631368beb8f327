//! From the spawn to the line that says `ready`, with a warm cache: on a new home, and on one with conversations.

use anyhow::Result;
use serde_json::json;

use crate::home::Home;
use crate::report::{Report, Row};
use crate::samples::Samples;
use crate::setup::{TRUE, runtime, spawns};

const STARTS: usize = 20;
const TURNS: usize = 1000;

pub fn measure(report: &mut Report) -> Result<()> {
    let count = report.times(STARTS);
    let spawn = spawns(count, TRUE, &[])?;
    report.add(Row::time("start.spawn", &spawn));
    let home = Home::warm("{}")?;
    report.add(Row::time("start.ready", &starts(&home, count)?).against("spawn", &spawn).aim("≤ 30 ms"));
    runtime()?.block_on(talk(&home, report.times(TURNS)))?;
    let store = std::fs::metadata(home.path().join("host.redb"))?.len();
    report.add(Row::memory("start.with_conversations.store", store.div_ceil(1024)));
    report.add(
        Row::time("start.with_conversations.ready", &starts(&home, count)?).against("spawn", &spawn).aim("≤ 30 ms"),
    );
    Ok(())
}

/// From the spawn to `ready`, many times.
pub fn starts(home: &Home, count: usize) -> Result<Samples> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let host = home.start()?;
        times.push(host.ready_after);
        host.stop()?;
    }
    Ok(Samples::new(times))
}

/// Fills the store: each request is a conversation of its own.
async fn talk(home: &Home, turns: usize) -> Result<()> {
    let host = home.start()?;
    let client = reqwest::Client::new();
    let url = format!("{}/v1/chat/completions", host.url);
    let words = format!("say {}", "hello ".repeat(100));
    let body = json!({ "model": "openclaw", "messages": [{ "role": "user", "content": words }] });
    for _ in 0..turns {
        let answer = client.post(&url).bearer_auth(&host.token).json(&body).send().await?;
        answer.error_for_status()?.bytes().await?;
    }
    host.stop()
}
