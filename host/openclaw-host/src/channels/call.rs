//! Calls of a channel's component. The host makes them of its own accord: no run has asked for them, and nobody would
//! answer a card.

use std::sync::Arc;
use std::time::Duration;

use claw_core::channel::{self, Batch, Failure, Outgoing, OutgoingFile};
use claw_core::id::{CallId, ComponentName, RunId, SessionKey, ToolName};
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_core::message::ToolCall;
use claw_core::mode::Mode;
use claw_core::outcome::ToolOutcome;
use claw_core::route;
use claw_policy::{Action, Facts, ToolInvocation};
use claw_sandbox::{CallFacts, CallLimits, Ground};
use claw_store::Cost;
use tokio_util::sync::CancellationToken;

use super::Channel;
use crate::causes;
use crate::effects::Effects;
use crate::gate::{Asker, Refused};
use crate::host::{Host, now, random_bytes};
use crate::labels::RunLabels;
use crate::lineage::Lineage;
use crate::masking::masked;
use crate::run_clock::RunClock;
use crate::tool_call::{self, CallContext};

/// One call: half a minute of waiting for messages, and what a slow service takes to answer.
const WITHIN: Duration = Duration::from_secs(60);

/// Asks for the messages after a cursor.
///
/// # Errors
/// Why there are none.
pub async fn receive(
    host: &Arc<Host>,
    channel: &Channel,
    cursor: Option<&str>,
    stop: &CancellationToken,
) -> Result<Batch, Failure> {
    let wanted = Wanted::new(channel::RECEIVE, channel::receive_arguments(cursor));
    let Given { outcome, denied, .. } = call(host, channel, wanted, stop).await?;
    channel::received(outcome).map_err(|failure| told(failure, denied))
}

/// Sends one message; gives the service's id of it.
///
/// # Errors
/// Why it was not sent, or may not have been.
pub async fn send(
    host: &Arc<Host>,
    channel: &Channel,
    message: &Outgoing,
    stop: &CancellationToken,
) -> Result<String, Failure> {
    let wanted = Wanted::new(channel::SEND, message.arguments());
    let Given { outcome, denied, .. } = call(host, channel, wanted, stop).await?;
    channel::sent(outcome).map_err(|failure| told(failure, denied))
}

/// Sends one file, of these bytes; gives the service's id of the message.
///
/// # Errors
/// As [`send`].
pub async fn send_file(
    host: &Arc<Host>,
    channel: &Channel,
    file: &OutgoingFile,
    bytes: Vec<u8>,
    stop: &CancellationToken,
) -> Result<String, Failure> {
    let wanted = Wanted { file: bytes, ..Wanted::new(channel::SEND_FILE, file.arguments()) };
    let Given { outcome, denied, .. } = call(host, channel, wanted, stop).await?;
    channel::sent(outcome).map_err(|failure| told(failure, denied))
}

/// Gives the bytes of an attachment.
///
/// # Errors
/// Why there are none.
pub async fn fetch(
    host: &Arc<Host>,
    channel: &Channel,
    attachment: &str,
    stop: &CancellationToken,
) -> Result<Vec<u8>, Failure> {
    let wanted = Wanted::new(channel::FETCH, channel::fetch_arguments(attachment));
    let Given { outcome, denied, fetched } = call(host, channel, wanted, stop).await?;
    channel::fetched(outcome).map_err(|failure| told(failure, denied))?;
    Ok(fetched)
}

/// What a component is asked for.
struct Wanted {
    function: &'static str,
    arguments: String,
    /// The bytes of the file that it is to send.
    file: Vec<u8>,
}

impl Wanted {
    fn new(function: &'static str, arguments: String) -> Self {
        Wanted { function, arguments, file: Vec::new() }
    }
}

/// What came back.
struct Given {
    outcome: ToolOutcome,
    /// Why something was denied to the call.
    denied: Option<String>,
    /// The attachment that it has fetched.
    fetched: Vec<u8>,
}

/// A failure for what it is, if something was denied to a call that sent nothing.
fn told(failure: Failure, denied: Option<String>) -> Failure {
    match (failure, denied) {
        (Failure::Unavailable(_) | Failure::Rejected(_), Some(why)) => Failure::Refused(why),
        (failure, _) => failure,
    }
}

/// Calls one of the component's functions.
///
/// # Errors
/// [`Failure::Unavailable`] or [`Failure::Refused`] if the call does not begin.
async fn call(
    host: &Arc<Host>,
    channel: &Channel,
    Wanted { function, arguments, file }: Wanted,
    stop: &CancellationToken,
) -> Result<Given, Failure> {
    let (installed, _) = channel.component(host).map_err(Failure::Unavailable)?;
    let call = ToolCall {
        id: CallId::parse(function).expect("channels: the literal is a call id"),
        tool: ToolName::parse(function).expect("channels: the literal is a tool's name"),
        arguments,
    };
    let (session, run) = names(&channel.name);
    let cancel = stop.child_token();
    let context = CallContext {
        host: Arc::clone(host),
        facts: Facts {
            session: session.clone(),
            run: run.clone(),
            origin: Origin::Owner,
            person_present: false,
            labels: Labels::default(),
            mode: Mode::Act,
            at: now(),
        },
        cancel: cancel.clone(),
        clock: Arc::new(RunClock::start(WITHIN)),
        labels: Arc::new(RunLabels::new(Labels::default())),
        shows_cards: false,
        started: None,
        lineage: Arc::new(Lineage::of(host, &session, &run).map_err(|err| unavailable(&err))?),
        used: Cost::default(),
        threshold: None,
    };
    let subject = installed.subject();
    let asker = Asker { host, subject: &subject, facts: &context.facts, call: &call.id, cancel: &cancel };
    let invocation =
        ToolInvocation { call: call.id.clone(), tool: call.tool.clone(), arguments: call.arguments.clone() };
    let admitted = host.gate.admit(&asker, Action::CallTool(invocation), || ()).await;
    let admitted = admitted.map_err(|refused| match refused {
        Refused::Denied(denial) => Failure::Refused(format!("{}: {}", denial.code, denial.reason)),
        Refused::Cancelled => Failure::Unavailable("the host stops".to_owned()),
        Refused::Store(err) => unavailable(&err),
    })?;
    // Taken before anything is looked up: what is taken back from now on ends the call.
    let revoked = installed.calls();
    let (origin, seed) = (Origin::Owner, random_bytes());
    let facts = CallFacts { run, session, origin, seed, begins: now(), clock: None, file };
    let ground = Ground { mounts: Vec::new(), config: installed.settings.config.clone() };
    let limits = CallLimits { wall_ms: WITHIN.as_millis() as u64, ..installed.settings.call_limits(host.limits.call) };
    let running = host.sandbox.start(&installed.component, admitted.permit, facts, &ground, limits).await;
    let mut running = running.map_err(|err| unavailable(&err))?;
    let on_record = Arc::clone(&channel.on_record);
    let effects = Arc::new(Effects::own(context.clone(), call.clone(), &installed, running.answerer(), on_record));
    let (outcome, trace) = tool_call::attend(&context, &call, &mut running, &effects, &revoked).await;
    let outcome = masked(&host.vault, outcome.into()).outcome;
    Ok(Given { outcome, denied: effects.denied(), fetched: trace.fetched })
}

/// What stands in the record for the conversation and the run, which there are none of.
fn names(name: &ComponentName) -> (SessionKey, RunId) {
    let session = SessionKey::parse(&format!("channel:{name}"), &route::main());
    let run = RunId::parse(&format!("channel:{name}"));
    (
        session.expect("channels: a component's name makes a session key"),
        run.expect("channels: a component's name makes a run id"),
    )
}

fn unavailable(err: &dyn std::error::Error) -> Failure {
    Failure::Unavailable(causes::chain(err))
}
