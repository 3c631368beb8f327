//! Asking the sandboxed parser for a card. It is called with a text and with nothing granted: no folder, no effect.

use std::sync::Arc;

use claw_core::effect::EffectError;
use claw_core::id::{AgentId, CallId, ComponentName, RunId, SessionKey, ToolName};
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_core::mode::Mode;
use claw_core::outcome::{FailureKind, ToolOutcome};
use claw_core::route;
use claw_policy::{Action, Decision, Facts, ToolInvocation};
use claw_sandbox::{CallFacts, CallLimits, Ground, Running, Signal};
use serde_json::json;

use super::{CARD_TOOL, COMPONENT, Card, Fault};
use crate::catalog::Installed;
use crate::host::{Host, now, random_bytes};

/// The kind of the sealed note with an agent's cards; another shape of them needs another name.
pub fn note(agent: &AgentId) -> String {
    format!("skills-1-{agent}")
}

/// What came of asking.
pub enum Asked {
    /// A card, or what is wrong with the text.
    Card(Result<Arc<Card>, Fault>),
    /// The text was not looked at.
    Refused(String),
}

/// The component that parses.
pub fn component(host: &Host) -> Option<Arc<Installed>> {
    let name = ComponentName::parse(COMPONENT).expect("skills: the literal is a component's name");
    host.catalog().component(&name).cloned()
}

/// Asks for the card of one SKILL.md.
pub async fn card(host: &Host, text: &str) -> Asked {
    let mut running = match start(host, text).await {
        Ok(running) => running,
        Err(why) => return Asked::Refused(why),
    };
    let answerer = running.answerer();
    let outcome = loop {
        match running.next().await {
            Signal::Effect { effect, .. } => {
                let refusal = EffectError::denied("E_POLICY_DENY", "nothing is granted while a skill is parsed");
                answerer.answer(effect, Err(refusal)).await;
            }
            Signal::Progress { .. } | Signal::Log { .. } => {}
            Signal::Done { outcome, .. } => break outcome,
        }
    };
    match outcome {
        ToolOutcome::Done { text } => Asked::Card(Card::read(&text).map(Arc::new)),
        ToolOutcome::Failed(failure) => match failure.kind {
            FailureKind::Busy | FailureKind::Unavailable | FailureKind::Cancelled | FailureKind::Denied => {
                Asked::Refused(failure.message)
            }
            // The same text would do the same again.
            kind => {
                Asked::Card(Err(Fault { line: 0, message: format!("no card can be made of it ({})", kind.code()) }))
            }
        },
    }
}

async fn start(host: &Host, text: &str) -> Result<Running, String> {
    let installed = component(host).ok_or("the component `skill-folder` is not installed")?;
    let name = &installed.component.name;
    if host.store.paused(name).map_err(|err| err.to_string())?.is_some() {
        return Err(format!("component `{name}` is paused"));
    }
    let (session, run) = host_run();
    let facts = Facts {
        session: session.clone(),
        run: run.clone(),
        origin: Origin::Owner,
        person_present: false,
        labels: Labels::default(),
        mode: Mode::Act,
        at: now(),
    };
    let invocation = ToolInvocation {
        call: CallId::parse("card").expect("skills: the literal is a call id"),
        tool: ToolName::parse(CARD_TOOL).expect("skills: the literal is a tool's name"),
        arguments: json!({ "text": text }).to_string(),
    };
    let permit = match host.policy(&facts.session).decide(&installed.subject(), &facts, Action::CallTool(invocation)) {
        Decision::Allow(permit) => permit,
        Decision::Ask(_) => return Err("the policies would ask before it is parsed".to_owned()),
        Decision::Deny(denial) => return Err(format!("{}: {}", denial.code, denial.reason)),
    };
    let (origin, seed, file) = (Origin::Owner, random_bytes(), Vec::new());
    let call = CallFacts { run, session, origin, seed, begins: facts.at, clock: None, file };
    // Frontmatter takes milliseconds; the rest is patience with a busy machine.
    let limits = CallLimits { wall_ms: 10_000, cpu_ms: 1_000, effects: 1, ..CallLimits::default() };
    let started = host.sandbox.start(&installed.component, permit, call, &Ground::default(), limits).await;
    started.map_err(|err| err.to_string())
}

/// The host's own: part of no conversation.
fn host_run() -> (SessionKey, RunId) {
    let session = SessionKey::parse("skills", &route::main()).expect("skills: the literal is a session key");
    (session, RunId::parse("skills").expect("skills: the literal is a run id"))
}
