//! Conversations as the JSON that clients know.

use claw_core::id::{RunId, SessionKey, Timestamp};
use claw_core::image::Image;
use claw_core::inbound::Inbound;
use claw_core::message::{Entry, Message};
use claw_core::outbound::Spoken;
use claw_core::rfc3339;
use claw_gateway::{ChatHistory, SessionsList};
use claw_store::{Branch, Fork, Found, History, Preferences, Rewound, SearchPage, SessionPage, SessionRow, Stale};
use serde_json::{Value, json};

use crate::host::Host;
use crate::retention::Deleted;
use crate::ways::Ways;

pub(super) fn history(host: &Host, page: &ChatHistory, history: &History, ways: (&Preferences, &Ways)) -> Value {
    let mut messages: Vec<Value> = history.entries.iter().map(entry).collect();
    let next = history.entries.last().map_or(0, |entry| entry.seq.0) + 1;
    messages.extend(history.pending.iter().zip(next..).map(|(pending, seq)| {
        let Inbound { text, images, .. } = &pending.inbound;
        row("user", said(text, images), pending.at, seq, &pending.inbound.run, None)
    }));
    let runs: Vec<_> = history.pending.iter().map(|pending| &pending.inbound.run).collect();
    let (own, ways) = ways;
    let mut info = resolved(ways);
    info["key"] = json!(page.session);
    info["kind"] = json!("direct");
    info["sessionId"] = json!(history.session_id);
    preferred(&mut info, own);
    json!({
        "sessionKey": page.session,
        "sessionId": history.session_id,
        "messages": messages,
        "hasMore": history.more,
        "totalMessages": history.total,
        "pendingInputs": runs,
        "defaults": defaults(host),
        "sessionInfo": info,
        "thinkingLevel": ways.thinking.as_str(),
    })
}

fn entry(entry: &Entry) -> Value {
    let Entry { seq, at, run, message } = entry;
    match message {
        Message::User { text, images } => row("user", said(text, images), *at, seq.0, run, None),
        Message::Assistant { text, calls, .. } => {
            let text = Spoken::shown().all(text);
            let mut parts = if text.is_empty() { Vec::new() } else { text_parts(&text) };
            parts.extend(calls.iter().map(|call| {
                // Malformed arguments are shown as the text they are.
                let arguments = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!(call.arguments));
                json!({"type": "toolCall", "id": call.id, "name": call.tool, "arguments": arguments})
            }));
            row("assistant", parts, *at, seq.0, run, None)
        }
        Message::Tool { call, tool, outcome, outside: _ } => {
            let mut value = row("toolResult", text_parts(&outcome.text()), *at, seq.0, run, None);
            value["toolCallId"] = json!(call);
            value["toolName"] = json!(tool);
            value["isError"] = json!(!outcome.is_done());
            value
        }
        Message::Notice { text } => row("assistant", text_parts(text), *at, seq.0, run, Some("notice")),
        Message::Summary { text, .. } => row("system", text_parts(text), *at, seq.0, run, Some("compaction")),
        Message::Instruction { text } => row("system", text_parts(text), *at, seq.0, run, Some("instruction")),
    }
}

fn text_parts(text: &str) -> Vec<Value> {
    vec![json!({"type": "text", "text": text})]
}

/// What a person said; of images, what they are.
fn said(text: &str, images: &[Image]) -> Vec<Value> {
    let mut parts = if text.is_empty() && !images.is_empty() { Vec::new() } else { text_parts(text) };
    parts.extend(images.iter().map(|image| {
        json!({
            "type": "image", "mimeType": image.kind.mime(), "sizeBytes": image.bytes, "sha256": image.digest,
        })
    }));
    parts
}

fn row(role: &str, content: Vec<Value>, at: Timestamp, seq: u64, run: &RunId, kind: Option<&str>) -> Value {
    let mut value = json!({
        "role": role,
        "content": content,
        "timestamp": at.0,
        "__openclaw": {"id": format!("{run}:{seq}"), "seq": seq, "runId": run, "recordTimestampMs": at.0},
    });
    if role == "user" {
        value["idempotencyKey"] = json!(format!("{run}:user"));
    }
    if let Some(kind) = kind {
        value["__openclaw"]["kind"] = json!(kind);
    }
    value
}

fn defaults(host: &Host) -> Value {
    resolved(&Ways::of(host, host.agents.main(), &Preferences::default()))
}

/// The model that answers.
pub(super) fn resolved(ways: &Ways) -> Value {
    let name = &ways.model.name;
    let (provider, model) = name.split_once('/').unwrap_or((name, name));
    json!({"modelProvider": provider, "model": model})
}

/// What is preferred in a conversation; what is not said is as usual.
fn preferred(row: &mut Value, own: &Preferences) {
    let Preferences { model, thinking, queue, mode } = own;
    row["modelOverride"] = json!(model);
    row["thinkingLevel"] = json!(thinking);
    row["queueMode"] = json!(queue);
    row["mode"] = json!(mode);
}

pub(super) fn sessions(host: &Host, list: &SessionsList, page: &SessionPage) -> Value {
    let rows: Vec<_> = page.rows.iter().skip(list.offset).map(|row| session(host, row)).collect();
    json!({
        "ts": crate::host::now().0,
        "count": rows.len(),
        "offset": list.offset,
        "limitApplied": list.limit,
        "hasMore": page.next.is_some(),
        "nextCursor": page.next.as_ref().map(ToString::to_string),
        "defaults": defaults(host),
        "sessions": rows,
    })
}

pub(super) fn session(host: &Host, row: &SessionRow) -> Value {
    let SessionRow { key, session_id, created, updated, entries, runs, last_message, labels, title, fork, preferences } =
        row;
    let fork = fork
        .as_ref()
        .map(|Fork { session, session_id, seq }| json!({"key": session, "sessionId": session_id, "seq": seq}));
    // Only keys of this form are ever a sub-agent's, and most are none.
    let may_be = key.as_str().contains(":subagent:");
    let agent = may_be.then(|| host.store_of(key).sub_agent(key).ok().flatten()).flatten();
    let title = title.as_ref().or(agent.as_ref().map(|agent| &agent.label).filter(|label| !label.is_empty()));
    let above = agent.as_ref().and_then(|_| host.store_of(key).ancestors(key).ok()).unwrap_or_default();
    let ways = Ways::of_session(host, key, preferences.clone(), &above);
    let ways = ways.unwrap_or_else(|_| Ways::of(host, host.agents.of(key), preferences));
    let ways = resolved(&ways);
    let mut value = json!({
        "key": key,
        "kind": "direct",
        "spawnedBy": agent.as_ref().map(|agent| &agent.parent),
        "spawnDepth": agent.as_ref().map(|agent| agent.depth),
        "sessionId": session_id,
        "modelProvider": ways["modelProvider"],
        "model": ways["model"],
        "agentId": key.agent(),
        "label": title,
        "createdAt": created.0,
        "updatedAt": updated.0,
        "lastMessagePreview": last_message,
        "messages": entries,
        "runs": runs,
        "forkedFrom": fork,
        "tainted": labels.tainted,
        "private": labels.private,
    });
    preferred(&mut value, preferences);
    value
}

/// The name of an entry among all of its conversation.
pub(super) fn entry_id(entry: &Entry) -> String {
    format!("{}:{}", entry.run, entry.seq.0)
}

pub(super) fn branches(branches: &[Branch]) -> Value {
    let branch = |branch: &Branch| {
        json!({
            "branch": branch.number,
            "leafEntryId": branch.last.as_ref().map(entry_id),
            "headline": branch.last_message,
            "messageCount": branch.entries,
            "updatedAt": rfc3339::format(branch.updated),
            "active": branch.number.is_none(),
        })
    };
    json!({"branches": branches.iter().map(branch).collect::<Vec<_>>()})
}

pub(super) fn rewound(key: &SessionKey, rewound: &Rewound) -> Value {
    let Rewound { entries, dropped, branch, text } = rewound;
    json!({
        "ok": true, "key": key, "entries": entries, "dropped": dropped, "branch": branch, "editorText": text,
    })
}

pub(super) fn found(page: &SearchPage) -> Value {
    let result = |found: &Found| {
        json!({
            "sessionKey": found.session, "label": found.title, "seq": found.seq, "role": found.role,
            "timestamp": found.at.0, "excerpt": found.excerpt,
        })
    };
    let results: Vec<_> = page.found.iter().map(result).collect();
    json!({
        "results": results, "scanned": page.scanned, "nextCursor": page.next.as_ref().map(ToString::to_string),
    })
}

pub(super) fn stale(stale: &[Stale]) -> Value {
    let rows: Vec<_> = stale.iter().map(|it| json!({"key": it.key, "updatedAt": it.updated.0})).collect();
    json!({"deleted": 0, "more": false, "sessions": rows})
}

pub(super) fn cleaned(deleted: &Deleted, more: bool) -> Value {
    let rows = deleted.iter().map(|(stale, result)| {
        let why = result.as_ref().err().map(ToString::to_string);
        json!({"key": stale.key, "updatedAt": stale.updated.0, "error": why})
    });
    let count = deleted.iter().filter(|(_, result)| result.is_ok()).count();
    json!({"deleted": count, "more": more && count > 0, "sessions": rows.collect::<Vec<_>>()})
}
