//! A streamed answer in OpenAI's chunks. Dropping it, when the client leaves, does not touch the run.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use claw_core::event::{HostEvent, RunEnd};
use claw_core::id::RunId;
use claw_core::message::Usage;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::completions::{Label, failed, usage_object};
use super::reply::{self, Body, Problem};
use crate::call::Caller;
use crate::frame::RpcError;
use crate::link::HostLink;
use crate::turn::{self, Ended};

/// Whether the client wants token counts after the last chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsageChunk {
    Sent,
    Omitted,
}

/// Where the run's end comes from.
pub(super) enum Source {
    /// Everything that the run does.
    Events(broadcast::Receiver<HostEvent>),
    /// Only its end.
    Asking(BoxFuture<'static, Result<Ended, RpcError>>),
}

/// One streamed answer on its way.
pub(super) struct Answer {
    label: Label,
    usage: UsageChunk,
    link: HostLink,
    caller: Caller,
    run: RunId,
    source: Source,
    /// What the model said and the client has.
    sent: String,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Start,
    Running,
    Over,
}

/// Something that the client is told.
enum Heard {
    Text(String),
    Apart(String),
    Ended(Result<RunEnd, RpcError>),
}

impl Source {
    /// Waits for the end of a run whose events cannot be followed.
    pub(super) fn asking(link: &HostLink, caller: &Caller, run: &RunId) -> Self {
        let (link, caller, run) = (link.clone(), caller.clone(), run.clone());
        Source::Asking(Box::pin(async move { turn::ask(&link, &caller, &run).await }))
    }
}

/// The answer as an event stream; silence of `keep_alive` is broken by a comment.
pub(super) fn response(answer: Answer, keep_alive: Duration) -> Response<Body> {
    let parts = stream::unfold(answer, move |mut answer| async move {
        let part = answer.next(keep_alive).await?;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(part))), answer))
    });
    reply::with_type(StreamBody::new(parts).boxed_unsync(), "text/event-stream")
}

impl Answer {
    pub(super) fn new(
        label: Label,
        usage: UsageChunk,
        link: HostLink,
        caller: Caller,
        run: RunId,
        source: Source,
    ) -> Self {
        Answer { label, usage, link, caller, run, source, sent: String::new(), stage: Stage::Start }
    }

    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self, keep_alive: Duration) -> Option<String> {
        match self.stage {
            Stage::Over => None,
            Stage::Start => {
                self.stage = Stage::Running;
                Some(self.chunk(json!({"role": "assistant", "content": ""}), Value::Null))
            }
            Stage::Running => Some(match timeout(keep_alive, self.hear()).await {
                Err(_) => ": keep-alive\n\n".to_owned(),
                Ok(Heard::Text(text)) => {
                    self.sent.push_str(&text);
                    self.chunk(json!({"content": text}), Value::Null)
                }
                Ok(Heard::Apart(card)) => self.chunk(json!({"content": format!("\n\n{card}\n\n")}), Value::Null),
                Ok(Heard::Ended(end)) => {
                    self.stage = Stage::Over;
                    self.closing(end)
                }
            }),
        }
    }

    /// Waits for something to tell. Cancel-safe: an event is told or still queued, a question stays open.
    async fn hear(&mut self) -> Heard {
        loop {
            let events = match &mut self.source {
                Source::Asking(ended) => return Heard::Ended(ended.as_mut().await.map(|ended| ended.end)),
                Source::Events(events) => events,
            };
            match events.recv().await {
                Ok(HostEvent::TextDelta { run, delta, .. }) if run == self.run => {
                    return Heard::Text(delta.as_ref().to_owned());
                }
                Ok(HostEvent::ApprovalRequested { approvals, card })
                    if approvals.first().is_some_and(|approval| approval.run == self.run) =>
                {
                    return Heard::Apart(card.as_ref().to_owned());
                }
                Ok(HostEvent::Noticed { run, text, .. }) if run == self.run => {
                    return Heard::Apart(text.as_ref().to_owned());
                }
                Ok(HostEvent::RunEnded { run, end, .. }) if run == self.run => {
                    return Heard::Ended(Ok((*end).clone()));
                }
                Ok(_) => {}
                // What was missed cannot be told piece by piece any more; the end has the whole text.
                Err(RecvError::Lagged(_)) => self.source = Source::asking(&self.link, &self.caller, &self.run),
                Err(RecvError::Closed) => {
                    return Heard::Ended(Err(RpcError::unavailable("the host stopped before the run ended")));
                }
            }
        }
    }

    fn closing(&self, end: Result<RunEnd, RpcError>) -> String {
        let (text, usage) = match end {
            Ok(RunEnd::Done { text, usage }) => (text, usage),
            Ok(RunEnd::Aborted { text }) => (text, Usage::default()),
            Ok(RunEnd::Joined { .. }) => (String::new(), Usage::default()),
            Ok(RunEnd::Failed { kind, message }) => return Self::problem(&failed(&kind, message)),
            Err(error) => return Self::problem(&Problem::from(error)),
        };
        let mut parts = String::new();
        // Without a stream, or with a hole in it, the rest comes at once.
        if let Some(rest) = text.strip_prefix(self.sent.as_str()).filter(|rest| !rest.is_empty()) {
            parts.push_str(&self.chunk(json!({"content": rest}), Value::Null));
        }
        parts.push_str(&self.chunk(json!({}), json!("stop")));
        if self.usage == UsageChunk::Sent {
            let mut chunk = self.object(json!([]));
            chunk["usage"] = usage_object(usage);
            parts.push_str(&data(&chunk));
        }
        parts + "data: [DONE]\n\n"
    }

    fn problem(problem: &Problem) -> String {
        data(&problem.openai()) + "data: [DONE]\n\n"
    }

    fn chunk(&self, delta: Value, finish_reason: Value) -> String {
        data(&self.object(json!([{"index": 0, "delta": delta, "finish_reason": finish_reason}])))
    }

    fn object(&self, choices: Value) -> Value {
        let Label { id, model, created } = &self.label;
        json!({
            "id": id, "object": "chat.completion.chunk", "created": created, "model": model, "choices": choices,
        })
    }
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

#[cfg(test)]
mod tests;
