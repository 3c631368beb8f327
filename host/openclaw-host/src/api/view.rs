//! Domain values as the JSON that clients know.

use std::sync::Arc;

use claw_core::approval::{Approval, ApprovalState};
use claw_core::event::RunEnd;
use claw_core::grant::GrantRow;
use claw_core::id::{RunId, Timestamp};
use claw_core::message::Usage;
use claw_core::route;
use claw_model::{KeyState, Model, ModelFacts};
use claw_policy::{Given, Trust};
use claw_sandbox::WorkerState;
use claw_store::SessionRow;
use serde_json::{Value, json};

use super::Times;
use crate::agents::Agent;
use crate::catalog::Installed;
use crate::channels::{Channel, Standing, State};
use crate::host::{Host, now};

/// Names of the protocol's fields whose values do not exist here yet are left out rather than made up.
pub(super) fn run_end(run: &RunId, end: &RunEnd, times: Times) -> Value {
    let mut value = match &end.shown() {
        RunEnd::Done { text, usage } => json!({"status": "ok", "text": text, "usage": usage_of(*usage)}),
        RunEnd::Failed { kind, message } => json!({"status": "error", "error": message, "errorKind": kind}),
        RunEnd::Aborted { text } => json!({"status": "error", "error": "aborted", "aborted": true, "text": text}),
        RunEnd::Joined { run } => json!({"status": "ok", "text": "", "joinedRunId": run}),
    };
    value["runId"] = json!(run);
    if let Some((started, ended)) = times {
        value["startedAt"] = json!(started.0);
        value["endedAt"] = json!(ended.unwrap_or(started).0);
    } else {
        value["endedAt"] = json!(crate::host::now().0);
    }
    value
}

fn usage_of(usage: Usage) -> Value {
    json!({
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cacheRead": usage.cache_read_tokens,
        "cacheWrite": usage.cache_write_tokens,
        "reasoning": usage.reasoning_tokens,
        "costMicros": usage.cost_micros,
    })
}

pub(super) fn answered(approval: &Approval) -> &'static str {
    match approval.state {
        ApprovalState::Approved { always: Some(_), .. } => "allowed for good:",
        ApprovalState::Approved { .. } | ApprovalState::Used { .. } => "approved once:",
        ApprovalState::Denied { paused: true, .. } => "denied and paused:",
        ApprovalState::Denied { .. } => "denied:",
        ApprovalState::Expired => "expired:",
        ApprovalState::Pending | ApprovalState::Withdrawn => "not answered:",
    }
}

pub(super) fn component(host: &Host, installed: &Installed) -> Value {
    let (component, subject) = (&installed.component, installed.subject());
    let tools: Vec<_> = component.manifest.tools.iter().map(|tool| &tool.name).collect();
    json!({
        "name": component.name,
        "version": component.manifest.version,
        "digest": component.digest,
        "publisher": subject.publisher,
        "summary": component.manifest.summary,
        "trust": match subject.trust { Trust::Shipped => "shipped", Trust::Untrusted => "untrusted" },
        "tools": tools,
        "channel": component.manifest.channel.as_ref().map(|channel| json!({
            "textLimit": channel.text_limit, "idempotent": channel.idempotent, "edits": channel.edits,
            "fileLimit": channel.largest_file(),
        })),
        "scopes": subject.declared.scopes().iter().map(ToString::to_string).collect::<Vec<_>>(),
        // What it imports, where it has no manifest.
        "families": subject.declared.imports(),
        "leftOut": component.plain.as_ref().map(|plain| &plain.left_out),
        "grants": subject.grants.iter().map(ToString::to_string).collect::<Vec<_>>(),
        // The same for programs, which need not take them apart.
        "given": subject.grants.iter().map(given).collect::<Vec<_>>(),
        "paused": host.store.paused(&component.name).ok().flatten().map(|paused| json!({
            "by": paused.by, "at": paused.at, "why": paused.why,
        })),
        "worker": match host.sandbox.state(&component.name) {
            WorkerState::Absent => "absent",
            WorkerState::Starting => "starting",
            WorkerState::Idle => "idle",
            WorkerState::Running => "running",
        },
    })
}

/// A grant for programs, which need not take its text apart, and as it is shown.
pub fn given(given: &Given) -> Value {
    json!({"grant": given.grant.to_string(), "terms": given.terms, "shown": given.to_string()})
}

/// What the owner gave a component, stored and in the configuration.
pub(super) fn grants(installed: &Installed, stored: &[GrantRow]) -> Value {
    let name = &installed.component.name;
    let subject = installed.subject();
    let rows = subject.grants.iter().map(|given| {
        let row = stored.iter().find(|row| row.is_same(&given.grant.to_string(), &given.terms));
        let mut value = self::given(given);
        value["by"] = json!(row.map_or("configuration", |row| row.by.as_str()));
        value["at"] = json!(row.map(|row| row.at));
        value
    });
    json!({"name": name, "digest": installed.component.digest, "grants": rows.collect::<Vec<_>>()})
}

pub(super) fn component_in_full(host: &Host, installed: &Installed) -> Value {
    let mut value = component(host, installed);
    let tools = installed.component.manifest.tools.iter().map(|tool| {
        let schema: Value = serde_json::from_str(&tool.schema).unwrap_or_default();
        json!({
            "name": tool.name,
            "description": tool.description,
            "schema": schema,
            "untrustedOutput": tool.untrusted_output,
        })
    });
    value["tools"] = tools.collect();
    value
}

/// Upstream groups tools; ours are grouped by component.
pub(super) fn tools_catalog(host: &Host, agent: &Agent) -> Value {
    let tool = |spec: &claw_core::message::ToolSpec| {
        let component = host.catalog().tool(&spec.name).map(|tool| tool.component.clone());
        json!({
            "id": spec.name, "name": spec.name, "label": spec.name, "source": "core",
            "component": component, "description": spec.description, "schema": spec.schema,
        })
    };
    let catalog = host.catalog();
    let tools: Vec<_> = catalog.specs().iter().filter(|spec| agent.has(&spec.name)).map(tool).collect();
    let groups: Vec<_> = host
        .catalog()
        .components()
        .map(|installed| {
            let own = tools.iter().filter(|tool| tool["component"] == json!(installed.component.name));
            json!({
                "id": installed.component.name, "label": installed.component.name, "source": "core",
                "tools": own.collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({"agentId": agent.id, "profiles": [], "groups": groups, "tools": tools})
}

pub(super) fn agents(host: &Host) -> Value {
    let bindings = |agent: &Agent| {
        let bound = host.routes.bindings().iter().filter(|binding| binding.agent == agent.id);
        let of = bound.map(|it| json!({"channel": it.channel, "accountId": it.account, "peer": it.peer}));
        of.collect::<Vec<_>>()
    };
    let agents = host.agents.all().map(|agent| {
        json!({
            "id": agent.id, "kind": "agent", "workspace": agent.workspace,
            "model": {"primary": with_provider(agent.model(&host.model()).name), "fallbacks": []},
            "thinkingDefault": agent.thinking.as_str(),
            "policy": agent.preset.to_string(),
            "tools": agent.tools(),
            "bindings": bindings(agent),
        })
    });
    json!({
        "defaultId": route::MAIN,
        "mainKey": "main",
        "scope": "per-sender",
        "agents": agents.collect::<Vec<_>>(),
    })
}

fn primary(host: &Host) -> String {
    with_provider(host.model().name())
}

fn with_provider(name: String) -> String {
    if name.contains('/') { name } else { format!("{name}/{name}") }
}

/// The usual model, then all others that can be chosen.
pub(super) fn models(host: &Host) -> Value {
    let known = host.model().choices().into_iter().filter_map(|(name, facts)| Some((name, facts?)));
    let mut models: Vec<(String, ModelFacts)> = vec![(primary(host), host.model().usual().facts)];
    for model in host.model().models().into_iter().chain(known) {
        if models.iter().all(|(name, _)| *name != with_provider(model.0.clone())) {
            models.push(model);
        }
    }
    let row = |(index, (name, facts)): (usize, (String, ModelFacts))| {
        let (provider, model) = name.split_once('/').expect("view: the name has a provider");
        let input = if facts.images { vec!["text", "image"] } else { vec!["text"] };
        let tags = if index == 0 { vec!["default"] } else { vec![] };
        json!({
            "id": model, "name": model, "provider": provider, "tags": tags, "available": true,
            "supportsTools": facts.tools, "input": input,
        })
    };
    json!({"models": models.into_iter().enumerate().map(row).collect::<Vec<_>>()})
}

pub(super) fn health(host: &Host, recent: &[SessionRow], at: Timestamp, took_ms: u64) -> Value {
    let shown = |row: &SessionRow| json!({"key": row.key, "updatedAt": row.updated.0, "age": at.0.saturating_sub(row.updated.0)});
    let sessions = |agent: Option<&Agent>| {
        let of = |row: &&SessionRow| agent.is_none_or(|agent| row.key.agent() == agent.id);
        let recent: Vec<_> = recent.iter().filter(of).map(shown).collect();
        json!({"count": recent.len(), "recent": recent})
    };
    let agents = host.agents.all().map(|agent| {
        json!({"agentId": agent.id, "isDefault": agent.id.as_str() == route::MAIN, "sessions": sessions(Some(agent))})
    });
    let channels = channels(host);
    json!({
        "ok": true, "ts": at.0, "durationMs": took_ms,
        "channels": channels["channels"], "channelOrder": channels["channelOrder"],
        "channelLabels": channels["channelLabels"],
        "defaultAgentId": route::MAIN,
        "agents": agents.collect::<Vec<_>>(),
        "sessions": sessions(None),
    })
}

pub(super) fn channels(host: &Host) -> Value {
    let all = || host.channels.all();
    let channel = |channel: &Arc<Channel>| {
        let Standing { state, since } = channel.standing();
        let about = json!({
            "configured": true, "running": true, "connected": state == State::Works, "state": state.as_str(),
            "lastError": state.failure(),
            "sinceMs": since.0, "owner": channel.settings.owner, "streaming": channel.streaming(host),
            "lacks": channel.lacks(host),
        });
        (channel.name.to_string(), about)
    };
    let labels: serde_json::Map<_, _> = all().map(|it| (it.name.to_string(), json!(it.name))).collect();
    json!({
        "ts": now().0,
        "channelOrder": all().map(|it| &it.name).collect::<Vec<_>>(),
        "channelLabels": labels,
        "channels": all().map(channel).collect::<serde_json::Map<_, _>>(),
    })
}

pub(super) fn model_keys(model: &Model) -> Value {
    let models = model.models().into_iter().map(|(name, facts)| {
        json!({"model": name, "contextTokens": facts.context_tokens, "maxOutputTokens": facts.max_output_tokens})
    });
    let keys = model.keys().into_iter().map(|key| {
        let (state, left, reason) = match key.state {
            KeyState::Ready => ("ready", None, None),
            KeyState::Resting { left, reason } => ("resting", Some(left), Some(reason)),
            KeyState::Disabled { left, reason } => ("disabled", Some(left), Some(reason)),
        };
        let left = left.map(|left| left.as_secs().max(1));
        json!({"provider": key.provider, "key": key.key, "state": state, "secondsLeft": left, "reason": reason})
    });
    json!({"models": models.collect::<Vec<_>>(), "keys": keys.collect::<Vec<_>>()})
}

pub(super) fn status(host: &Host, approvals: usize, unfinished: usize, at: Timestamp) -> Value {
    let catalog = host.catalog();
    let workers = catalog.components().filter(|it| host.sandbox.state(&it.component.name) != WorkerState::Absent);
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptimeMs": at.0.saturating_sub(host.about.started.0),
        "model": host.model().name(),
        "policy": host.about.preset.to_string(),
        "policyError": host.gate.rejected_policy(),
        "home": host.about.home,
        "workspace": host.agents.main().workspace,
        "components": catalog.components().count(),
        "workers": workers.count(),
        "pendingApprovals": approvals,
        "unfinishedRuns": unfinished,
    })
}
