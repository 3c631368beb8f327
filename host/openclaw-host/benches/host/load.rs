//! Many conversations at once, and many turns one after the other: what the host gets through, what each turn costs it,
//! and whether it grows.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use openclaw_host::client::Client;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::home::Home;
use crate::memory;
use crate::model_server::ModelServer;
use crate::report::{Report, Row, micros};
use crate::samples::{Samples, Stopwatch};
use crate::setup::runtime;
use crate::turn::ended;

/// In which the kernel counts processor time for other programs, on every architecture that the host runs on.
const TICKS_PER_SECOND: f64 = 100.0;
const CONVERSATIONS: usize = 50;
/// Turns of one conversation, one after the other.
const TURNS: usize = 10;
/// Between the beginnings of two turns of a conversation that leaves the machine some room: all of them together have
/// 400 turns a second then.
const PACE: Duration = Duration::from_millis(125);
/// Times that all of these conversations are held.
const ROUNDS: usize = 10;
/// Turns after which memory is looked at.
const TURNS_BEFORE: [(&str, usize); 3] = [("1e3", 1_000), ("1e4", 10_000), ("1e5", 100_000)];

pub fn measure(report: &mut Report) -> Result<()> {
    let runtime = runtime()?;
    let server = runtime.block_on(ModelServer::start())?;
    let home = Home::warm(&server.config())?;
    let host = home.start()?;
    let mut held = Held::default();
    let rounds = report.times(ROUNDS);
    // The first round is a warm-up: of allocators, caches and connections.
    runtime.block_on(held.hold(&home, Duration::ZERO))?;
    let body = server.last(1).pop().context("the model was asked")?;
    let before = processor_time(host.pid())?;
    let watch = Stopwatch::start();
    let mut times = Vec::new();
    for _ in 0..rounds {
        times.extend(runtime.block_on(held.hold(&home, Duration::ZERO))?);
    }
    let took = watch.elapsed();
    let spent = processor_time(host.pid())?.saturating_sub(before);
    let turns = Samples::new(times);
    let watch = Stopwatch::start();
    let alone = Samples::new(runtime.block_on(alone(&server, &body, rounds))?);
    let alone_took = watch.elapsed();
    report.add(Row::time("load.model_alone", &alone).rate_of(&alone, alone_took));
    let row = Row::time("load.by_50", &turns).against("model_alone", &alone);
    report.add(row.rate_of(&turns, took).aim("≥ 800/s"));
    let each = micros(spent) / turns.len() as f64;
    report.add(Row::mean("load.by_50.processor_time", each).aim("≤ 1.2 ms a turn"));
    let mut times = Vec::new();
    for _ in 0..rounds {
        times.extend(runtime.block_on(held.hold(&home, PACE))?);
    }
    report.add(Row::time("load.paced_50", &Samples::new(times)).aim("p99 ≤ 10 ms"));
    for (name, turns) in TURNS_BEFORE {
        let turns = report.times(turns);
        while held.turns < turns {
            runtime.block_on(held.hold(&home, Duration::ZERO))?;
        }
        std::thread::sleep(memory::SETTLES);
        let path = format!("load.after_{name}");
        memory::add(report, &path, host.pid(), Some("≤ 40 MiB, and 1.1 times that after 1e3"), None)?;
    }
    host.stop()
}

/// The turns that a host has had.
#[derive(Default)]
struct Held {
    turns: usize,
}

impl Held {
    /// Holds conversations at once, each over a connection of its own and with a name that is new. Their turns begin no
    /// sooner than `pace` after each other.
    async fn hold(&mut self, home: &Home, pace: Duration) -> Result<Vec<Duration>> {
        let mut clients = Vec::new();
        for _ in 0..CONVERSATIONS {
            clients.push(Client::connect(home.path()).await?);
        }
        let begin = Instant::now();
        let mut tasks = JoinSet::new();
        for (client, number) in clients.into_iter().zip(0..) {
            let name = format!("load-{}-{number}", self.turns);
            tasks.spawn(converse(client, name, begin + pace * number / CONVERSATIONS as u32, pace));
        }
        let mut times = Vec::with_capacity(CONVERSATIONS * TURNS);
        while let Some(done) = tasks.join_next().await {
            times.extend(done??);
        }
        self.turns += times.len();
        Ok(times)
    }
}

async fn converse(mut client: Client, name: String, begin: Instant, pace: Duration) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(TURNS);
    for turn in 0..TURNS {
        sleep_until(begin + pace * turn as u32).await;
        let run = format!("{name}-{turn}");
        let params = json!({ "sessionKey": name, "message": "what time is it?", "idempotencyKey": run });
        let watch = Stopwatch::start();
        client.send("chat.send", params).await?;
        ended(&mut client, &run).await?;
        times.push(watch.elapsed());
    }
    client.close().await;
    Ok(times)
}

/// As many requests to the model's server, by as many clients.
async fn alone(server: &ModelServer, body: &Bytes, rounds: usize) -> Result<Vec<Duration>> {
    let mut tasks = JoinSet::new();
    for _ in 0..CONVERSATIONS {
        let (url, body) = (format!("{}/chat/completions", server.base), body.clone());
        tasks.spawn(async move {
            let client = reqwest::Client::new();
            let mut times = Vec::new();
            for _ in 0..rounds * TURNS {
                let watch = Stopwatch::start();
                let request = client.post(&url).header("content-type", "application/json").body(body.clone());
                request.send().await?.error_for_status()?.bytes().await?;
                times.push(watch.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    Ok(times)
}

/// What a process has had of the processors since its start.
fn processor_time(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))?;
    // The program's name may have spaces, and stands in brackets; user and system time are fields 14 and 15 of all.
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let ticks: Vec<u64> = behind.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    ensure!(ticks.len() == 2, "`{path}` has no times");
    let seconds = ticks.iter().sum::<u64>() as f64 / TICKS_PER_SECOND;
    Ok(Duration::from_secs_f64(seconds))
}
