//! From the spawn to the line that says `ready`, with a warm cache: on a new home, on one with conversations, and on one with
//! packages.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::home::Home;
use crate::memory;
use crate::report::{Report, Row};
use crate::samples::Samples;
use crate::setup::{TRUE, numbered, runtime, spawns};

const STARTS: usize = 20;
const TURNS: usize = 1000;
const PACKAGES: usize = 200;

pub fn measure(report: &mut Report) -> Result<()> {
    let count = report.times(STARTS);
    let spawn = spawns(count, TRUE, &[])?;
    report.add(Row::time("start.spawn", &spawn));
    let home = Home::warm("{}")?;
    let without = starts(&home, count)?;
    report.add(Row::time("start.ready", &without).against("spawn", &spawn).aim("≤ 30 ms"));
    runtime()?.block_on(talk(&home, report.times(TURNS)))?;
    let store = std::fs::metadata(home.path().join("host.redb"))?.len();
    report.add(Row::memory("start.with_conversations.store", store.div_ceil(1024)));
    report.add(
        Row::time("start.with_conversations.ready", &starts(&home, count)?).against("spawn", &spawn).aim("≤ 30 ms"),
    );
    packages(report, &without)
}

/// The same with many packages, and what the idle host takes then.
fn packages(report: &mut Report, without: &Samples) -> Result<()> {
    let home = Home::warm("{}")?;
    let idle = |report: &mut Report, path: &str| -> Result<()> {
        let host = home.start()?;
        std::thread::sleep(memory::SETTLES);
        memory::add(report, path, host.pid(), None, None)?;
        host.stop()
    };
    idle(report, "start.packages_0.host")?;
    let count = report.times(PACKAGES);
    let host = home.start()?;
    for (name, wasm) in numbered(count)? {
        let source = home.path().join(format!("{name}.wasm"));
        std::fs::write(&source, wasm)?;
        let source = source.display().to_string();
        let installed = home.command(&["skill", "install", &source, "--yes", "--grant-none"]).output()?;
        ensure!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    }
    host.stop()?;
    let samples = starts(&home, report.times(STARTS))?;
    let row = Row::time(format!("start.packages_{count}.ready"), &samples);
    report.add(row.against("without", without).aim("≤ 1.5× without"));
    idle(report, &format!("start.packages_{count}.host"))
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
