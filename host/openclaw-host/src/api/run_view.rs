//! Runs, their calls and their replays as JSON.

use claw_core::event::RunEnd;
use claw_core::id::{CallId, RunId};
use claw_core::message::{Entry, Message, ToolCall};
use claw_store::{RunRow, RunState};
use serde_json::{Value, json};

use crate::recording::Recording;
use crate::replay::{Replayed, Verdict};

/// A run with its calls and their effects.
pub(super) fn run_in_full(row: &RunRow, entries: &[Entry], recordings: &[(CallId, Vec<u8>)]) -> Value {
    let state = match &row.state {
        RunState::Received => "received".to_owned(),
        RunState::Running => "running".to_owned(),
        RunState::Ended(RunEnd::Done { .. }) => "done".to_owned(),
        RunState::Ended(RunEnd::Failed { kind, .. }) => format!("failed ({kind})"),
        RunState::Ended(RunEnd::Aborted { .. }) => "aborted".to_owned(),
        RunState::Ended(RunEnd::Joined { run }) => format!("joined {run}"),
    };
    let calls = entries.iter().flat_map(|entry| match &entry.message {
        Message::Assistant { calls, .. } => calls.as_slice(),
        _ => &[],
    });
    let calls: Vec<Value> = calls.map(|call| call_in_full(call, entries, recordings)).collect();
    json!({
        "runId": row.run, "sessionKey": row.session, "state": state, "text": row.text,
        "receivedAt": row.received_at, "endedAt": row.ended_at, "attempts": row.attempts, "calls": calls,
    })
}

fn call_in_full(call: &ToolCall, entries: &[Entry], recordings: &[(CallId, Vec<u8>)]) -> Value {
    let outcome = entries.iter().find_map(|entry| match &entry.message {
        Message::Tool { call: answered, outcome, .. } if *answered == call.id => Some(outcome.text()),
        _ => None,
    });
    let recording = recordings.iter().find(|(id, _)| *id == call.id).and_then(|(_, bytes)| Recording::decode(bytes));
    let effects = recording.as_ref().map(|recording| recording.effects.as_slice()).unwrap_or_default().iter();
    let effects: Vec<Value> = effects
        .map(|effect| {
            let result = match &effect.answer {
                Ok(_) => "done".to_owned(),
                Err(err) => err.to_string(),
            };
            json!({"number": effect.number, "what": effect.what, "result": result})
        })
        .collect();
    json!({
        "callId": call.id, "tool": call.tool, "arguments": call.arguments, "outcome": outcome,
        "component": recording.map(|recording| recording.component), "effects": effects,
    })
}

/// What came of running the calls of a run again.
pub(super) fn replayed(run: &RunId, replayed: &[Replayed]) -> Value {
    let calls: Vec<Value> = replayed
        .iter()
        .map(|Replayed { call, verdict }| {
            let (result, detail) = match verdict {
                Verdict::Same => ("same", ""),
                Verdict::Differs(detail) => ("differs", detail.as_str()),
                Verdict::Impossible(detail) => ("impossible", detail.as_str()),
            };
            json!({"callId": call.id, "tool": call.tool, "result": result, "detail": detail})
        })
        .collect();
    let same = replayed.iter().all(|replayed| matches!(replayed.verdict, Verdict::Same));
    json!({"runId": run, "same": same, "calls": calls})
}
