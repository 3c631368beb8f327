//! `POST /v1/chat/completions`: one turn of an agent, for clients that speak OpenAI's API.

use std::net::SocketAddr;

use claw_core::event::RunEnd;
use claw_core::id::{AgentId, RunId, SessionKey};
use claw_core::message::Usage;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::access;
use super::models;
use super::prompt::{ChatMessage, Prompt};
use super::reply::{self, Body, Problem};
use super::sse::{self, Source};
use crate::call::{Call, Caller, ChatHistory, ChatSend};
use crate::clock;
use crate::listener::Shared;
use crate::method;
use crate::turn::{self, Acceptance, Ended};

/// The parts of a request that mean something here; sampling parameters belong to the host's own settings.
#[derive(Debug, Deserialize)]
struct Params {
    model: Option<String>,
    messages: Vec<ChatMessage>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
    user: Option<String>,
    n: Option<u64>,
    #[serde(default)]
    tools: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// What every part of one answer repeats.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub(super) id: String,
    pub(super) model: String,
    /// Seconds since the Unix epoch.
    pub(super) created: u64,
}

/// Where a turn goes, and whether the host knows the conversation already.
struct Place {
    session: SessionKey,
    /// The key was made for this call, so nothing can stand there.
    new: bool,
}

pub(super) async fn create(
    shared: &Shared,
    address: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    let caller = access::owner(shared, address, request.headers()).await?;
    let headers = request.headers().clone();
    let body = access::object(shared, request).await?;
    let params: Params = serde_json::from_value(body).map_err(|err| Problem::bad(format!("invalid request: {err}")))?;
    check(&params)?;
    let model = params.model.clone().unwrap_or_else(|| "openclaw".to_owned());
    let run = run_id(&headers)?;
    let user = params.user.as_deref().filter(|user| !user.is_empty());
    let usual = shared.config.routes.agent(&caller.source.whence(user));
    let place = place(&headers, user, models::agent(&model)?, &usual)?;
    let prompt = Prompt::read(&params.messages)?;
    let known = prompt.has_context() && !place.new && has_history(shared, &caller, &place.session).await?;
    let (text, images) = if known { prompt.into_turn()? } else { prompt.into_whole()? };

    // Subscribed before the host hears of the run: its end cannot be missed.
    let mut events = shared.link.subscribe();
    let turn = ChatSend::new(place.session, run.clone(), text, images);
    let accepted = shared.link.ask(caller.clone(), Call::Agent(turn)).await?;
    let running = Acceptance::of(&accepted) == Acceptance::Running;
    let label = Label { id: format!("chatcmpl-{run}"), model, created: clock::now().0 / 1000 };
    if params.stream {
        let source = if running { Source::Events(events) } else { Source::asking(&shared.link, &caller, &run) };
        let usage = params.stream_options.unwrap_or_default().include_usage;
        let include = if usage { sse::UsageChunk::Sent } else { sse::UsageChunk::Omitted };
        let link = shared.link.clone();
        let keep_alive = shared.config.limits.keep_alive;
        return Ok(sse::response(sse::Answer::new(label, include, link, caller, run, source), keep_alive));
    }
    let ended = if running {
        turn::watch(&shared.link, &caller, &run, &mut events).await?
    } else {
        turn::ask(&shared.link, &caller, &run).await?
    };
    whole(&label, ended)
}

fn check(params: &Params) -> Result<(), Problem> {
    if params.n.is_some_and(|n| n != 1) {
        return Err(Problem::bad("`n` must be 1: an agent answers once"));
    }
    if !params.tools.is_empty() {
        return Err(Problem::bad("`tools` of the client are not supported; the agent has its own"));
    }
    Ok(())
}

fn run_id(headers: &HeaderMap) -> Result<RunId, Problem> {
    match headers.get("idempotency-key") {
        None => Ok(clock::fresh_run()),
        Some(key) => {
            let key = key.to_str().map_err(|_| Problem::bad("`Idempotency-Key` must be ASCII"))?;
            RunId::parse(key).map_err(|err| Problem::bad(format!("`Idempotency-Key`: {err}")))
        }
    }
}

/// The conversation: named by header, else by the user's name, else a new one.
fn place(headers: &HeaderMap, user: Option<&str>, agent: Option<AgentId>, usual: &AgentId) -> Result<Place, Problem> {
    let key = |text: &str| method::session_of(Some(text), agent.clone(), usual);
    if let Some(named) = headers.get("x-openclaw-session-key") {
        let named = named.to_str().map_err(|_| Problem::bad("`x-openclaw-session-key` must be ASCII"))?;
        // Without a named agent, a key of any agent is taken at its word.
        let session = key(named).map_err(|err| Problem::bad(format!("`x-openclaw-session-key`: {err}")))?;
        return if is_reserved(&session) {
            Err(Problem::bad("`x-openclaw-session-key` must not start with `subagent:`, `cron:` or `acp:`"))
        } else {
            Ok(Place { session, new: false })
        };
    }
    match user {
        Some(user) => {
            // Keys are lower-case and have no spaces; other names become digests, so that no two users meet.
            let plain = user.len() <= 128 && user.chars().all(|c| c.is_ascii_graphic() && !c.is_ascii_uppercase());
            let name = if plain { user.to_owned() } else { format!("sha256:{:x}", Sha256::digest(user)) };
            let session = key(&format!("openai-user:{name}")).map_err(Problem::bad)?;
            Ok(Place { session, new: false })
        }
        None => {
            let session = key(&format!("openai:{}", clock::random_name())).map_err(Problem::bad)?;
            Ok(Place { session, new: true })
        }
    }
}

/// These belong to runs that the host starts by itself.
fn is_reserved(session: &SessionKey) -> bool {
    let conversation = session.as_str().splitn(3, ':').nth(2).unwrap_or_default();
    let conversation = conversation.strip_prefix("incognito:").unwrap_or(conversation);
    ["subagent:", "cron:", "acp:"].iter().any(|prefix| conversation.starts_with(prefix))
}

async fn has_history(shared: &Shared, caller: &Caller, session: &SessionKey) -> Result<bool, Problem> {
    let page = ChatHistory { session: session.clone(), branch: None, limit: 1, offset: 0, before: None };
    let history = shared.link.ask(caller.clone(), Call::ChatHistory(page)).await?;
    Ok(history["messages"].as_array().is_some_and(|messages| !messages.is_empty()))
}

fn whole(label: &Label, ended: Ended) -> Result<Response<Body>, Problem> {
    let (text, usage) = match ended.end {
        RunEnd::Done { text, usage } => (text, usage),
        RunEnd::Aborted { text } => (text, Usage::default()),
        // Requests wait for their turn; none joins another run.
        RunEnd::Joined { .. } => (String::new(), Usage::default()),
        RunEnd::Failed { kind, message } => return Err(failed(&kind, message)),
    };
    let answer = json!({
        "id": label.id,
        "object": "chat.completion",
        "created": label.created,
        "model": label.model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }],
        "usage": usage_object(usage),
    });
    Ok(reply::json(StatusCode::OK, &answer))
}

/// A failed run as an HTTP problem.
pub(super) fn failed(kind: &str, message: String) -> Problem {
    let status = match kind {
        "rate_limit" => StatusCode::TOO_MANY_REQUESTS,
        "context_length" => StatusCode::BAD_REQUEST,
        // What failed is the model's provider behind the host.
        "auth" | "timeout" => StatusCode::BAD_GATEWAY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, kind, message)
}

/// Token counts in OpenAI's words.
pub(super) fn usage_object(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens.saturating_add(usage.output_tokens),
    })
}

#[cfg(test)]
mod tests;
