//! Waiting for the end of a run: by its events, or by asking when events cannot tell.

use std::time::Duration;

use claw_core::event::{HostEvent, RunEnd};
use claw_core::id::{RunId, Timestamp};
use claw_core::message::Usage;
use claw_core::outbound;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::call::{Call, Caller};
use crate::frame::RpcError;
use crate::link::HostLink;
use crate::projection::usage_payload;

/// How long one `AgentWait` waits before it is repeated.
const WAIT_MS: u64 = 30_000;

/// What the host said when it took a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acceptance {
    /// The run will end, and say so.
    Running,
    /// The same call is being answered elsewhere.
    InFlight,
    /// The run has ended before; no event will come.
    Over,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) end: RunEnd,
    pub(crate) duration: Duration,
}

impl Acceptance {
    /// Reads the reply to [`Call::Agent`].
    pub(crate) fn of(reply: &Value) -> Self {
        match reply["status"].as_str() {
            Some("in_flight") => Acceptance::InFlight,
            Some("accepted") if reply["duplicate"] != true => Acceptance::Running,
            _ => Acceptance::Over,
        }
    }
}

/// Waits for the run's end among `events`, which were subscribed before the run was asked for.
///
/// # Errors
/// `UNAVAILABLE` when the host stops first.
pub(crate) async fn watch(
    link: &HostLink,
    caller: &Caller,
    run: &RunId,
    events: &mut broadcast::Receiver<HostEvent>,
) -> Result<Ended, RpcError> {
    let mut started = None;
    loop {
        match events.recv().await {
            Ok(HostEvent::RunStarted { run: begun, at, .. }) if begun == *run => started = Some(at),
            Ok(HostEvent::RunEnded { run: ended, end, at, .. }) if ended == *run => {
                // The host knows who answers instead, and waits for that one.
                if let RunEnd::Joined { .. } = *end {
                    return ask(link, caller, run).await;
                }
                return Ok(Ended { end: (*end).clone(), duration: between(started.unwrap_or(at), at) });
            }
            Ok(_) => {}
            // The end may be among what was missed.
            Err(RecvError::Lagged(_)) => return ask(link, caller, run).await,
            Err(RecvError::Closed) => return Err(RpcError::unavailable("the host stopped before the run ended")),
        }
    }
}

/// Asks the host until the run has ended.
///
/// # Errors
/// What the host answers, e.g. that it does not know the run.
pub(crate) async fn ask(link: &HostLink, caller: &Caller, run: &RunId) -> Result<Ended, RpcError> {
    loop {
        let wait = Call::AgentWait { run: run.clone(), timeout_ms: WAIT_MS };
        let reply = link.ask(caller.clone(), wait).await?;
        if let Some(ended) = ended(&reply) {
            return Ok(ended);
        }
    }
}

/// Reads the reply to [`Call::AgentWait`]; `None` while the run works.
fn ended(reply: &Value) -> Option<Ended> {
    let text = reply["text"].as_str().unwrap_or_default().to_owned();
    let millis = |key: &str| reply[key].as_u64().map(Timestamp);
    let kind = |default: &str| reply["errorKind"].as_str().unwrap_or(default).to_owned();
    let message = |default: &str| reply["error"].as_str().unwrap_or(default).to_owned();
    let end = match reply["status"].as_str() {
        Some("ok") => {
            let tokens = |key: &str| reply["usage"][key].as_u64().unwrap_or(0);
            let usage = Usage {
                input_tokens: tokens("input"),
                output_tokens: tokens("output"),
                cache_read_tokens: tokens("cacheRead"),
                cache_write_tokens: tokens("cacheWrite"),
                reasoning_tokens: tokens("reasoning"),
                cost_micros: tokens("costMicros"),
            };
            RunEnd::Done { text, usage }
        }
        Some("timeout") if reply["endedAt"].is_null() => return None,
        Some("timeout") => RunEnd::Failed { kind: kind("timeout"), message: message("the run ran out of time") },
        _ => RunEnd::Failed { kind: kind("unknown"), message: message("the run failed") },
    };
    let duration = match (millis("startedAt"), millis("endedAt")) {
        (Some(from), Some(to)) => between(from, to),
        _ => Duration::ZERO,
    };
    Some(Ended { end, duration })
}

impl Ended {
    /// The second payload of an `agent` call, and the error that goes with it unless all is well.
    pub(crate) fn payload(&self, run: &RunId) -> (Value, Option<RpcError>) {
        let (status, summary, text, usage) = match &self.end {
            RunEnd::Done { text, usage } => ("ok", "completed", text.as_str(), *usage),
            RunEnd::Failed { kind, message } if kind == "timeout" => {
                ("timeout", message.as_str(), "", Usage::default())
            }
            RunEnd::Failed { message, .. } => ("error", message.as_str(), "", Usage::default()),
            RunEnd::Aborted { text } => ("error", "aborted", text.as_str(), Usage::default()),
            RunEnd::Joined { .. } => ("ok", "joined", "", Usage::default()),
        };
        let millis = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
        let payload = json!({
            "runId": run,
            "status": status,
            "summary": summary,
            "result": {
                "payloads": said(text),
                "meta": {"durationMs": millis, "agentMeta": {"usage": usage_payload(usage)}},
            },
        });
        let error = (status == "error").then(|| {
            let kind = if let RunEnd::Failed { kind, .. } = &self.end { kind.as_str() } else { "aborted" };
            RpcError { retryable: false, ..RpcError::unavailable(summary) }
                .with_details(json!({"runId": run, "errorKind": kind}))
        });
        (payload, error)
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(to.0.saturating_sub(from.0))
}

/// What was said, with the files and addresses that it names to be sent along, as upstream's clients take them.
fn said(text: &str) -> Value {
    let (text, media) = outbound::without_media(text);
    match media.first() {
        None if text.is_empty() => json!([]),
        None => json!([{"text": text}]),
        Some(first) => json!([{"text": text.trim_end(), "mediaUrl": first, "mediaUrls": media}]),
    }
}

#[cfg(test)]
mod tests;
