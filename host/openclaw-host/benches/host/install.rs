//! Installing a package, and what others notice of it: how long it takes, and how long turns take meanwhile.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::home::{Home, Host};
use crate::report::{Report, Row};
use crate::samples::{Samples, Stopwatch};
use crate::setup::{TRUE, built, runtime, spawns};

const TURNS: usize = 200;
/// Between two turns.
const PAUSE: Duration = Duration::from_millis(5);

/// Skills of this project, the language, how often each is installed, and the aim: 1 MB of Rust, 18 MB of Python.
const SKILLS: [(&str, &str, usize, &str); 2] =
    [("image", "rust", 20, "≤ 1 s for 1 MB"), ("translate", "python", 5, "≤ 20 s for 18 MB")];

pub fn measure(report: &mut Report) -> Result<()> {
    let spawn = spawns(report.times(200), TRUE, &[])?;
    report.add(Row::time("install.spawn", &spawn));
    let runtime = runtime()?;
    let home = Home::warm("{}")?;
    let host = home.start()?;
    let idle = runtime.block_on(turns(&host, report.times(TURNS)))?;
    report.add(Row::time("install.turn.alone", &idle));
    for (name, language, count, aim) in SKILLS {
        let source = built("skills").join(format!("{name}.wasm"));
        let wasm = fs::read(&source).with_context(|| format!("`{name}` is not built: run `cargo xtask guests`"))?;
        let over = AtomicBool::new(false);
        let (times, turned) = std::thread::scope(|scope| {
            let turning = scope.spawn(|| runtime.block_on(turns_until(&host, &over)));
            let times = installs(&home, name, &wasm, report.times(count));
            over.store(true, Ordering::Relaxed);
            (times, turning.join().expect("install: turns do not panic"))
        });
        report.add(Row::time(format!("install.{language}"), &times?).against("spawn", &spawn).aim(aim));
        let row = Row::time(format!("install.turn.during_{language}"), &turned?);
        report.add(row.p99_against("alone", &idle).aim("p99 ≤ 250 ms"));
    }
    host.stop()
}

/// Installs and removes a skill, each time with other bytes, so that nothing of it is compiled yet.
fn installs(home: &Home, name: &str, wasm: &[u8], count: usize) -> Result<Samples> {
    let mut times = Vec::with_capacity(count);
    let source: PathBuf = home.path().join(format!("{name}.wasm"));
    for number in 0..count {
        // A custom section with the name `n` and a number.
        let section = [&[0, 6, 1, b'n'][..], &u32::try_from(number)?.to_le_bytes()].concat();
        fs::write(&source, [wasm, &section].concat())?;
        let shown = source.display().to_string();
        let watch = Stopwatch::start();
        let installed = home.command(&["skill", "install", &shown, "--yes", "--grant-none"]).output()?;
        times.push(watch.elapsed());
        ensure!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        let removed = home.command(&["skill", "remove", name]).output()?;
        ensure!(removed.status.success(), "{}", String::from_utf8_lossy(&removed.stderr));
    }
    Ok(Samples::new(times))
}

async fn turns(host: &Host, count: usize) -> Result<Samples> {
    let client = reqwest::Client::new();
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        times.push(turn(&client, host).await?);
    }
    Ok(Samples::new(times))
}

async fn turns_until(host: &Host, over: &AtomicBool) -> Result<Samples> {
    let client = reqwest::Client::new();
    let mut times = Vec::new();
    while !over.load(Ordering::Relaxed) || times.is_empty() {
        times.push(turn(&client, host).await?);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(Samples::new(times))
}

/// One message and its answer, over HTTP.
async fn turn(client: &reqwest::Client, host: &Host) -> Result<Duration> {
    let body = json!({ "model": "openclaw", "messages": [{ "role": "user", "content": "say hello" }] });
    let watch = Stopwatch::start();
    let answer = client.post(format!("{}/v1/chat/completions", host.url)).bearer_auth(&host.token).json(&body);
    answer.send().await?.error_for_status()?.bytes().await?;
    Ok(watch.elapsed())
}
