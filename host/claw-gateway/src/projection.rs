//! Host events as client frames.
//!
//! Holds the text of each run once for all connections. Pure: time comes in as an argument.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use claw_core::approval::{Approval, ApprovalState, Choice};
use claw_core::event::{HostEvent, RunEnd};
use claw_core::id::{CallId, RunId, SessionKey, Timestamp, ToolName};
use claw_core::message::Usage;
use claw_core::outcome::ToolOutcome;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::frame::{Audience, EventFrame, Urgency};
use crate::scope::Scope;

/// Each delta repeats the whole text so far, so long answers would cost the square of their length if every token
/// became a frame. 40 ms still reads as a stream.
const DELTA_GAP: Duration = Duration::from_millis(40);

/// Runs whose text is remembered. One whose end was never seen gives way to newer ones.
const REMEMBERED: usize = 1024;

/// Bytes of a tool's result that clients see live; the whole stands in the history.
const SHOWN_RESULT_BYTES: usize = 64 * 1024;

type Frames = Vec<Arc<EventFrame>>;

/// What has been shown of the runs that work.
#[derive(Debug, Default)]
pub(crate) struct Projection {
    runs: HashMap<RunId, Run>,
    births: u64,
}

#[derive(Debug)]
struct Run {
    session: SessionKey,
    birth: u64,
    started: Timestamp,
    chat_seq: u64,
    agent_seq: u64,
    /// What the model said.
    said: String,
    /// What the chat shows: that, and the cards of approvals.
    shown: String,
    /// The end of `said` that no frame carries yet.
    unsent_said: usize,
    /// The end of `shown` that no frame carries yet.
    unsent_shown: usize,
    /// Before then, text is held back.
    next_send: Instant,
}

impl Projection {
    /// Turns one event into frames, in order.
    pub(crate) fn on(&mut self, event: &HostEvent, now: Instant, at: Timestamp) -> Frames {
        match event {
            HostEvent::RunStarted { run, session, at } => self.run(run, session, *at, now).start(run),
            HostEvent::TextDelta { run, session, delta } => {
                let state = self.run(run, session, at, now);
                state.say(delta);
                if state.due().is_some_and(|due| due <= now) { state.flush(run, now, at) } else { Vec::new() }
            }
            HostEvent::ToolStarted { run, session, call, tool, arguments } => {
                let state = self.run(run, session, at, now);
                let mut frames = state.flush(run, now, at);
                frames.extend(state.tool_started(run, at, call, tool, arguments));
                frames
            }
            HostEvent::ToolEnded { run, session, call, tool, outcome } => {
                let state = self.run(run, session, at, now);
                let mut frames = state.flush(run, now, at);
                frames.extend(state.tool_ended(run, at, call, tool, outcome));
                frames
            }
            HostEvent::Compaction { run, session, tokens } => {
                let data = match tokens {
                    None => json!({"phase": "start"}),
                    Some((before, summary)) => {
                        json!({"phase": "end", "willRetry": true, "tokensBefore": before, "summaryTokens": summary})
                    }
                };
                vec![self.run(run, session, at, now).agent(run, at, "compaction", Urgency::Kept, data)]
            }
            HostEvent::Noticed { run, session, text } => {
                let state = self.run(run, session, at, now);
                state.show_apart(text);
                let mut frames = state.flush(run, now, at);
                frames.push(state.agent(run, at, "notice", Urgency::Kept, json!({"text": text})));
                frames
            }
            HostEvent::ApprovalRequested { approvals, card } => {
                let Some(first) = approvals.first() else { return Vec::new() };
                let state = self.run(&first.run, &first.session, at, now);
                state.show_apart(card);
                let mut frames = state.flush(&first.run, now, at);
                let requested =
                    |approval| kept("exec.approval.requested", &approval_payload(approval), Some(Scope::Approvals));
                frames.extend(approvals.iter().map(requested));
                frames
            }
            HostEvent::ApprovalResolved { approval, at } => resolved(approval, *at).into_iter().collect(),
            HostEvent::RunEnded { run, session, end, at } => {
                let state = self.run(run, session, *at, now);
                let mut frames = state.flush(run, now, *at);
                frames.extend(state.end(run, end, *at));
                self.runs.remove(run);
                frames
            }
            HostEvent::SessionChanged { session, reason, at } => {
                let payload = json!({"sessionKey": session, "agentId": session.agent(), "reason": reason, "ts": at});
                vec![kept("sessions.changed", &payload, Some(Scope::Read))]
            }
            HostEvent::Shutdown { reason } => vec![shutdown(reason)],
        }
    }

    /// When the next held-back text is to be sent.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.runs.values().filter_map(Run::due).min()
    }

    /// Sends held-back text whose time has come.
    pub(crate) fn flush(&mut self, now: Instant, at: Timestamp) -> Frames {
        let due = self.runs.iter_mut().filter(|(_, state)| state.due().is_some_and(|due| due <= now));
        due.flat_map(|(run, state)| state.flush(run, now, at)).collect()
    }

    fn run(&mut self, run: &RunId, session: &SessionKey, started: Timestamp, now: Instant) -> &mut Run {
        if !self.runs.contains_key(run) {
            if self.runs.len() >= REMEMBERED
                && let Some(oldest) = self.runs.iter().min_by_key(|(_, state)| state.birth).map(|(run, _)| run.clone())
            {
                self.runs.remove(&oldest);
            }
            self.births += 1;
            self.runs.insert(run.clone(), Run::new(session.clone(), self.births, started, now));
        }
        self.runs.get_mut(run).expect("projection: the run was just inserted")
    }
}

impl Run {
    fn new(session: SessionKey, birth: u64, started: Timestamp, now: Instant) -> Self {
        Run {
            session,
            birth,
            started,
            chat_seq: 0,
            agent_seq: 0,
            said: String::new(),
            shown: String::new(),
            unsent_said: 0,
            unsent_shown: 0,
            // The first word goes out at once.
            next_send: now,
        }
    }

    fn start(&mut self, run: &RunId) -> Frames {
        let started = self.started;
        vec![
            self.chat(run, Urgency::Kept, json!({"state": "status", "phase": "starting_model"})),
            self.agent(run, started, "lifecycle", Urgency::Kept, json!({"phase": "start", "startedAt": started})),
        ]
    }

    fn say(&mut self, delta: &str) {
        self.said.push_str(delta);
        self.shown.push_str(delta);
        self.unsent_said += delta.len();
        self.unsent_shown += delta.len();
    }

    /// Shows a card or a notice on lines of its own, so that it does not run into what the model says.
    fn show_apart(&mut self, card: &str) {
        let before = self.shown.len();
        if !self.shown.is_empty() {
            self.shown.push_str("\n\n");
        }
        self.shown.push_str(card);
        self.shown.push_str("\n\n");
        self.unsent_shown += self.shown.len() - before;
    }

    fn due(&self) -> Option<Instant> {
        (self.unsent_shown > 0).then_some(self.next_send)
    }

    fn flush(&mut self, run: &RunId, now: Instant, at: Timestamp) -> Frames {
        let mut frames = Vec::new();
        if self.unsent_shown > 0 {
            let delta = self.shown[self.shown.len() - self.unsent_shown..].to_owned();
            let fields = json!({"state": "delta", "deltaText": delta, "message": spoken(&self.shown, at)});
            frames.push(self.chat(run, Urgency::Droppable, fields));
        }
        if self.unsent_said > 0 {
            let delta = self.said[self.said.len() - self.unsent_said..].to_owned();
            let data = json!({"text": self.said, "delta": delta});
            frames.push(self.agent(run, at, "assistant", Urgency::Droppable, data));
        }
        if !frames.is_empty() {
            (self.unsent_said, self.unsent_shown, self.next_send) = (0, 0, now + DELTA_GAP);
        }
        frames
    }

    fn tool_started(&mut self, run: &RunId, at: Timestamp, call: &CallId, tool: &ToolName, arguments: &str) -> Frames {
        let args: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!(arguments));
        let item = item("start", call, tool, "running");
        vec![
            self.agent(run, at, "item", Urgency::Kept, item),
            self.tool(run, at, json!({"phase": "start", "name": tool, "toolCallId": call, "args": args})),
        ]
    }

    fn tool_ended(
        &mut self,
        run: &RunId,
        at: Timestamp,
        call: &CallId,
        tool: &ToolName,
        outcome: &ToolOutcome,
    ) -> Frames {
        let failed = !outcome.is_done();
        let item = item("end", call, tool, if failed { "failed" } else { "completed" });
        let content = json!([{"type": "text", "text": shortened(outcome.text())}]);
        let data = json!({
            "phase": "result", "name": tool, "toolCallId": call, "isError": failed, "result": {"content": content},
        });
        vec![self.agent(run, at, "item", Urgency::Kept, item), self.tool(run, at, data)]
    }

    fn end(&mut self, run: &RunId, end: &RunEnd, at: Timestamp) -> Frames {
        let (chat, data) = match end {
            RunEnd::Done { text, usage } => (
                json!({
                    "state": "final", "stopReason": "stop", "message": spoken(text, at), "usage": usage_payload(*usage),
                }),
                json!({"phase": "end", "startedAt": self.started, "endedAt": at}),
            ),
            RunEnd::Failed { kind, message } => (
                json!({"state": "error", "errorMessage": message, "errorKind": error_kind(kind)}),
                json!({"phase": "error", "startedAt": self.started, "endedAt": at, "error": message}),
            ),
            RunEnd::Aborted { text } => {
                let mut chat = json!({"state": "aborted"});
                if !text.is_empty() {
                    chat["message"] = spoken(text, at);
                }
                (chat, json!({"phase": "end", "startedAt": self.started, "endedAt": at, "aborted": true}))
            }
            RunEnd::Joined { run } => (
                json!({"state": "final", "stopReason": "joined", "joinedRunId": run}),
                json!({"phase": "end", "startedAt": self.started, "endedAt": at, "joinedRunId": run}),
            ),
        };
        vec![self.chat(run, Urgency::Kept, chat), self.agent(run, at, "lifecycle", Urgency::Kept, data)]
    }

    fn chat(&mut self, run: &RunId, urgency: Urgency, mut payload: Value) -> Arc<EventFrame> {
        self.chat_seq += 1;
        payload["runId"] = json!(run);
        payload["sessionKey"] = json!(self.session);
        payload["agentId"] = json!(self.session.agent());
        payload["seq"] = json!(self.chat_seq);
        EventFrame::new("chat", &payload, Some(Scope::Read), Audience::Everybody, urgency)
    }

    fn agent(&mut self, run: &RunId, at: Timestamp, stream: &str, urgency: Urgency, data: Value) -> Arc<EventFrame> {
        let payload = self.agent_payload(run, at, stream, data);
        EventFrame::new("agent", &payload, Some(Scope::Read), Audience::Everybody, urgency)
    }

    fn tool(&mut self, run: &RunId, at: Timestamp, data: Value) -> Arc<EventFrame> {
        let payload = self.agent_payload(run, at, "tool", data);
        EventFrame::new("agent", &payload, Some(Scope::Read), Audience::ToolEvents, Urgency::Kept)
    }

    fn agent_payload(&mut self, run: &RunId, at: Timestamp, stream: &str, data: Value) -> Value {
        self.agent_seq += 1;
        json!({
            "runId": run, "sessionKey": self.session, "agentId": self.session.agent(), "seq": self.agent_seq,
            "stream": stream, "ts": at, "data": data,
        })
    }
}

/// The event that tells clients to expect the end of the connection.
pub(crate) fn shutdown(reason: &str) -> Arc<EventFrame> {
    kept("shutdown", &json!({"reason": reason}), None)
}

fn kept(event: &str, payload: &Value, scope: Option<Scope>) -> Arc<EventFrame> {
    EventFrame::new(event, payload, scope, Audience::Everybody, Urgency::Kept)
}

fn item(phase: &str, call: &CallId, tool: &ToolName, status: &str) -> Value {
    json!({
        "phase": phase, "kind": "tool", "itemId": call, "toolCallId": call, "name": tool, "title": tool,
        "status": status,
    })
}

fn spoken(text: &str, at: Timestamp) -> Value {
    json!({"role": "assistant", "content": [{"type": "text", "text": text}], "timestamp": at})
}

/// Token counts under the names that clients read.
pub(crate) fn usage_payload(usage: Usage) -> Value {
    let Usage { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_micros } =
        usage;
    let total = input_tokens.saturating_add(output_tokens);
    let mut payload = json!({"input": input_tokens, "output": output_tokens, "total": total});
    let more = [
        ("cacheRead", cache_read_tokens),
        ("cacheWrite", cache_write_tokens),
        ("reasoning", reasoning_tokens),
        ("costMicros", cost_micros),
    ];
    for (name, count) in more.into_iter().filter(|(_, count)| *count > 0) {
        payload[name] = count.into();
    }
    payload
}

/// Clients know a closed set of kinds.
fn error_kind(kind: &str) -> &str {
    match kind {
        "refusal" | "timeout" | "rate_limit" | "context_length" => kind,
        _ => "unknown",
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > SHOWN_RESULT_BYTES {
        let end = text.floor_char_boundary(SHOWN_RESULT_BYTES);
        let cut = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("\n[{cut} more bytes are in the session's history]"));
    }
    text
}

fn resolved(approval: &Approval, at: Timestamp) -> Option<Arc<EventFrame>> {
    let (decision, by) = match &approval.state {
        ApprovalState::Pending => return None,
        ApprovalState::Approved { by, always: Some(_), .. } => ("allow-always", Some(by)),
        ApprovalState::Approved { by, .. } => ("allow-once", Some(by)),
        ApprovalState::Used { .. } => ("allow-once", None),
        ApprovalState::Denied { by, .. } => ("deny", Some(by)),
        ApprovalState::Expired | ApprovalState::Withdrawn => ("expired", None),
    };
    let payload = json!({"id": approval.id, "decision": decision, "resolvedBy": by, "ts": at});
    Some(kept("exec.approval.resolved", &payload, Some(Scope::Approvals)))
}

/// An approval as clients see it: the payload of `exec.approval.requested`, and a row of `exec.approval.list`.
///
/// `command` is one line for people, escaped so that it cannot fake another; `commandArgv` and the card are exact.
pub fn approval_payload(approval: &Approval) -> Value {
    let command = match approval.argv.as_slice() {
        [] => approval.card.title.clone(),
        argv => argv.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" "),
    };
    let choice = |(number, Choice { label, grant, terms }): (u8, &Choice)| json!({"choice": number, "label": label, "grant": grant, "terms": terms});
    let choices: Vec<_> = (1..).zip(&approval.choices).map(choice).collect();
    let always = (!choices.is_empty()).then_some("allow-always");
    let decisions: Vec<_> = [Some("allow-once"), always, Some("deny"), Some("pause")].into_iter().flatten().collect();
    let mut request = json!({
        "command": command,
        "cwd": approval.cwd,
        "agentId": approval.session.agent(),
        "sessionKey": approval.session,
        "runId": approval.run,
        "host": "gateway",
        "security": "allowlist",
        "ask": "always",
        "component": approval.component,
        "card": approval.card,
        "digest": approval.digest,
        "choices": choices,
        "allowedDecisions": decisions,
    });
    if !approval.argv.is_empty() {
        request["commandArgv"] = json!(approval.argv);
    }
    json!({
        "id": approval.id,
        "approvalKind": "exec",
        "state": approval.state.as_str(),
        "request": request,
        "createdAtMs": approval.created,
        "expiresAtMs": approval.expires,
    })
}

fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) { argument.to_owned() } else { format!("{argument:?}") }
}

#[cfg(test)]
mod tests;
