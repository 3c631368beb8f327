//! `agent`: one message, one answer.

use std::path::Path;
use std::time::Duration;

use claw_core::id::SessionKey;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::card::{Surface, Waiting};
use super::own_host::OwnHost;
use super::{Exit, Failure, Output};
use crate::client::{Client, ClientError, Event, Incoming, RequestId, idempotency_key};

/// How a wait for a final answer ended.
enum Ended {
    Answered(Value),
    TimedOut,
    Interrupted,
}

/// Starts a host for this one message, and ends it with the answer.
pub(super) async fn local(
    home: &Path,
    session: &SessionKey,
    message: &str,
    seconds: u64,
    output: &Output,
) -> Result<Exit, Failure> {
    check(message)?;
    let said = tempfile::NamedTempFile::new()?;
    let _host = OwnHost::start(&mut OwnHost::command(home)?, said.path())?;
    agent(home, session, message, seconds, output).await
}

pub(super) async fn agent(
    home: &Path,
    session: &SessionKey,
    message: &str,
    seconds: u64,
    output: &Output,
) -> Result<Exit, Failure> {
    check(message)?;
    let mut client = Client::connect(home).await?;
    let run = idempotency_key()?;
    let params = json!({
        "message": message,
        "agentId": session.agent().to_string(),
        "sessionKey": session.as_str(),
        "deliver": false,
        "timeout": seconds,
        "idempotencyKey": run,
    });
    let request = client.send("agent", params).await?;
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let ended = tokio::select! {
        answered = final_answer(&mut client, "agent", &request, session) => Ended::Answered(answered?),
        () = sleep_until(deadline) => Ended::TimedOut,
        _ = tokio::signal::ctrl_c() => Ended::Interrupted,
    };
    let exit = match ended {
        Ended::Answered(payload) => report(&payload, output),
        Ended::TimedOut => {
            abort(&mut client, session, &run).await?;
            Err(Failure::message(Exit::Failed, format!("the run did not end within {seconds} s and was stopped"))
                .hint("allow it more time with `--timeout S`"))
        }
        Ended::Interrupted => {
            abort(&mut client, session, &run).await?;
            Err(Failure::message(Exit::Failed, "the run was stopped"))
        }
    };
    client.close().await;
    exit
}

fn check(message: &str) -> Result<(), Failure> {
    match message.trim().is_empty() {
        true => Err(Failure::message(Exit::Usage, "the message is empty")),
        false => Ok(()),
    }
}

/// Waits for the answer to `request` that is not just "accepted", and shows the calls of `session` that wait
/// meanwhile on standard error.
pub(super) async fn final_answer(
    client: &mut Client,
    method: &str,
    request: &RequestId,
    session: &SessionKey,
) -> Result<Value, Failure> {
    loop {
        match client.next().await? {
            Incoming::Response { id, result } if id == *request => match result {
                Ok(payload) if payload["status"] == "accepted" => {}
                Ok(payload) => return Ok(payload),
                // A run that ended without an answer has its payload all the same.
                Err(failure) if failure.payload["status"].is_string() => return Ok(failure.payload),
                Err(failure) => return Err(ClientError::Failed { method: method.to_owned(), failure }.into()),
            },
            Incoming::Event(event) => show_card(&event, session),
            Incoming::Response { .. } => {}
        }
    }
}

fn show_card(event: &Event, session: &SessionKey) {
    if event.name == "exec.approval.requested" {
        let waiting = Waiting::read(&event.payload);
        if waiting.session == session.as_str() {
            eprint!("{}", waiting.to_text(Surface::Shell));
        }
    }
}

/// Stops a run. It may have ended already, which is no failure.
pub(super) async fn abort(client: &mut Client, session: &SessionKey, run: &str) -> Result<(), Failure> {
    client.call("chat.abort", json!({ "sessionKey": session.as_str(), "runId": run })).await?;
    Ok(())
}

fn report(payload: &Value, output: &Output) -> Result<Exit, Failure> {
    output.data(payload, answer_text)?;
    match payload["status"].as_str() {
        Some("ok") => Ok(Exit::Ok),
        status => {
            let summary = payload["summary"].as_str().unwrap_or("the host gives no reason");
            Err(Failure::message(
                Exit::Failed,
                format!("the run ended with `{}`: {summary}", status.unwrap_or("no status")),
            ))
        }
    }
}

fn answer_text(payload: &Value) -> String {
    let parts = payload["result"]["payloads"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
}
