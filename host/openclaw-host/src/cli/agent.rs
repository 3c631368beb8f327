//! `agent`: one message, one answer.

use std::fs::File;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claw_core::id::{AgentId, SessionKey};
use claw_core::image::MAX_IMAGE_BYTES;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::card::{Surface, Waiting};
use super::run::{self, Told};
use super::{Exit, Failure, Output, Serve, in_runtime, incognito, sessions};
use crate::client::{Client, ClientError, Event, Incoming, RequestId, idempotency_key};
use crate::legible;
use crate::settings::Env;

/// What is said, and shown with it.
pub(super) struct Said {
    text: String,
    attachments: Vec<Value>,
}

/// How a wait for a final answer ended.
enum Ended {
    Answered(Value),
    TimedOut,
    Interrupted,
}

impl Said {
    /// Reads the images.
    ///
    /// # Errors
    /// If there is no text, or a file cannot be read or is too large. Whether it is an image, the host says.
    pub(super) fn read(text: String, images: &[PathBuf]) -> Result<Said, Failure> {
        if text.trim().is_empty() {
            return Err(Failure::message(Exit::Usage, "the message is empty"));
        }
        let attachments = images.iter().map(|path| attachment(path)).collect::<Result<_, _>>()?;
        Ok(Said { text, attachments })
    }
}

/// An image as the gateway takes it. Whether it is one, the host says.
///
/// # Errors
/// If the file cannot be read or is too large.
pub(super) fn attachment(path: &Path) -> Result<Value, Failure> {
    let failed = |err| {
        let context = format!("cannot read the image `{}`", path.display());
        Failure::new(Exit::Failed, anyhow::Error::new(err).context(context))
    };
    // One byte more tells that it is too large.
    let mut content = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_IMAGE_BYTES as u64 + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() > MAX_IMAGE_BYTES {
        let why = format!("the image `{}` has more than {MAX_IMAGE_BYTES} bytes; make it smaller", path.display());
        return Err(Failure::message(Exit::Failed, why));
    }
    let name = path.file_name().map(|name| name.to_string_lossy());
    Ok(json!({"type": "image", "fileName": name, "content": STANDARD.encode(content)}))
}

/// The conversation that is meant; a fresh one where nothing is to be kept.
///
/// # Errors
/// If the names make no key.
pub(super) fn conversation(session: &str, agent: &AgentId, is_incognito: bool) -> Result<SessionKey, Failure> {
    match is_incognito {
        true => incognito::fresh(agent),
        false => sessions::parse_key_of(session, agent),
    }
}

/// Runs a host in this process for this one message. Nothing listens: the two are the ends of one connection.
pub(super) fn local(
    home: &Path,
    session: &SessionKey,
    said: &Said,
    seconds: u64,
    output: &Output,
    (env, serve): (&Env, Serve),
) -> Result<Exit, Failure> {
    let (ours, client) = UnixStream::pair()?;
    for end in [&ours, &client] {
        end.set_nonblocking(true)?;
    }
    let start = run::start(home, Told { client: Some(client), ..Told::default() }, output, env, None)?;
    let host = thread::spawn(move || serve(start));
    let answered = in_runtime(async {
        let client = Client::over(tokio::net::UnixStream::from_std(ours)?, home).await?;
        ask(client, session, said, seconds, output).await
    });
    // Why it did not start says more than that it does not answer.
    host.join().map_err(|_| Failure::message(Exit::Failed, "the host failed; its log says why"))??;
    answered
}

pub(super) async fn agent(
    home: &Path,
    session: &SessionKey,
    said: &Said,
    seconds: u64,
    output: &Output,
) -> Result<Exit, Failure> {
    ask(Client::connect(home).await?, session, said, seconds, output).await
}

async fn ask(
    mut client: Client,
    session: &SessionKey,
    said: &Said,
    seconds: u64,
    output: &Output,
) -> Result<Exit, Failure> {
    let run = idempotency_key()?;
    let params = json!({
        "message": said.text,
        "attachments": said.attachments,
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

/// Waits for the answer to `request` that is not just "accepted", and shows the calls of `session` that wait
/// meanwhile, and what the host says beside it, on standard error.
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
            Incoming::Event(event) => {
                show_card(&event, session);
                show_notice(&event, session);
            }
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

/// What the host says beside the answer, such as who gives it, and what it lacks.
fn show_notice(event: &Event, session: &SessionKey) {
    let payload = &event.payload;
    if event.name == "agent" && payload["stream"] == "notice" && payload["sessionKey"] == session.as_str() {
        eprintln!("{}", legible::block(payload["data"]["text"].as_str().unwrap_or_default()));
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
            let message = match payload["summary"].as_str() {
                Some("aborted") => "the run was stopped, or a later message took its place".to_owned(),
                summary => format!(
                    "the run ended with `{}`: {}",
                    status.unwrap_or("no status"),
                    summary.unwrap_or("the host gives no reason")
                ),
            };
            Err(Failure::message(Exit::Failed, message))
        }
    }
}

fn answer_text(payload: &Value) -> String {
    let parts = payload["result"]["payloads"].as_array().into_iter().flatten();
    let lines = parts.flat_map(|part| {
        let media = part["mediaUrls"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let text = part["text"].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        text.into_iter().chain(media.map(|media| format!("MEDIA:{media}")))
    });
    lines.collect::<Vec<_>>().join("\n")
}
