//! What the host adds to a turn: the same requests to the same model's server, with and without the host between.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axum::body::Bytes;
use openclaw_host::client::{Client, Incoming};
use serde_json::{Value, json};

use crate::home::{Home, Host};
use crate::model_server::{CALL, ModelServer};
use crate::report::{Report, Row, micros};
use crate::samples::{Samples, Stopwatch};
use crate::setup::runtime;

const WARM_UP: usize = 20;
const TURNS: usize = 500;
const WRITES: usize = 200;

/// The two turns: name, what the user says, requests to the model, and what the host may add.
const KINDS: [(&str, &str, usize, &str); 2] =
    [("plain", "what time is it?", 1, "≤ 1.5 ms added"), ("with_tool", CALL, 2, "≤ 3 ms added")];

pub fn measure(report: &mut Report) -> Result<()> {
    let runtime = runtime()?;
    let server = runtime.block_on(ModelServer::start())?;
    let home = Home::warm(&server.config())?;
    report.add(Row::time("turn.durable_write", &durable_writes(&home, report.times(WRITES))?));
    let host = home.start()?;
    let turns = report.times(TURNS);
    for (kind, words, requests, aim) in KINDS {
        let over_http = runtime.block_on(over_http(&host, words, turns))?;
        let over_websocket = runtime.block_on(over_websocket(&home, kind, words, turns))?;
        let bodies = server.last(requests);
        ensure!(bodies.len() == requests, "the model was asked {} times in a turn", bodies.len());
        let direct = runtime.block_on(direct(&server, &bodies, turns))?;
        report.add(Row::time(format!("turn.{kind}.model_alone"), &direct));
        for (way, samples) in [("websocket", over_websocket), ("http", over_http)] {
            report.add(Row::time(format!("turn.{kind}.{way}"), &samples).against("model_alone", &direct));
            let added = micros(samples.p50()) - micros(direct.p50());
            report.add(Row::added(format!("turn.{kind}.{way}.added"), added).aim(aim));
        }
    }
    host.stop()
}

/// What this disk takes to keep one page: every commit of the host waits for it.
fn durable_writes(home: &Home, writes: usize) -> Result<Samples> {
    let file = File::create(home.path().join("durable-write"))?;
    Samples::of(WARM_UP, writes, || {
        file.write_all_at(&[1; 4096], 0)?;
        file.sync_data().context("cannot write durably")
    })
}

/// The requests of one turn, sent by the client library that the host uses too.
async fn direct(server: &ModelServer, bodies: &[Bytes], turns: usize) -> Result<Samples> {
    let client = reqwest::Client::new();
    let url = format!("{}/chat/completions", server.base);
    timed(turns, async || {
        for body in bodies {
            let request = client.post(&url).header("content-type", "application/json").body(body.clone());
            request.send().await?.error_for_status()?.bytes().await?;
        }
        Ok(())
    })
    .await
}

async fn over_http(host: &Host, words: &str, turns: usize) -> Result<Samples> {
    let client = reqwest::Client::new();
    let url = format!("{}/v1/chat/completions", host.url);
    // Without a user's name each request is a conversation of its own.
    let body = json!({ "model": "openclaw", "messages": [{ "role": "user", "content": words }] });
    timed(turns, async || {
        let answer = client.post(&url).bearer_auth(&host.token).json(&body).send().await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        ensure!(answer["choices"][0]["message"]["content"] == "It is noon.", "the host answered {answer}");
        Ok(())
    })
    .await
}

async fn over_websocket(home: &Home, kind: &str, words: &str, turns: usize) -> Result<Samples> {
    let mut client = Client::connect(home.path()).await?;
    let mut times = Vec::with_capacity(turns);
    for number in 0..WARM_UP + turns {
        let run = format!("{kind}-{number}");
        let params = json!({ "sessionKey": run, "message": words, "idempotencyKey": run });
        let watch = Stopwatch::start();
        client.send("chat.send", params).await?;
        ended(&mut client, &run).await?;
        times.push(watch.elapsed());
    }
    client.close().await;
    Ok(Samples::new(times.split_off(WARM_UP)))
}

/// Waits for the end of a run.
pub async fn ended(client: &mut Client, run: &str) -> Result<()> {
    loop {
        match client.next().await? {
            Incoming::Event(event) if event.name == "chat" && event.payload["runId"] == run => {
                match event.payload["state"].as_str() {
                    Some("final") => return Ok(()),
                    Some("error" | "aborted") => bail!("the turn failed: {}", event.payload),
                    _ => {}
                }
            }
            Incoming::Response { result, .. } => {
                result.context("the host did not take the message")?;
            }
            Incoming::Event(_) => {}
        }
    }
}

async fn timed(turns: usize, work: impl AsyncFn() -> Result<()>) -> Result<Samples> {
    let mut times: Vec<Duration> = Vec::with_capacity(WARM_UP + turns);
    for _ in 0..WARM_UP + turns {
        let watch = Stopwatch::start();
        work().await?;
        times.push(watch.elapsed());
    }
    Ok(Samples::new(times.split_off(WARM_UP)))
}
