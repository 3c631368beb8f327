//! One call of a run: its note in the journal, and its outcome.

use std::collections::HashSet;
use std::sync::Arc;

use claw_core::event::HostEvent;
use claw_core::id::{CallId, RunId, ToolName};
use claw_core::message::ToolCall;
use claw_core::outcome::{FailureKind, ToolOutcome};
use claw_core::turn::Step;
use claw_store::{JournalStep, Repeatable, Store, StoreError};

use super::Shell;
use crate::legible;
use crate::tool_call::{self, CallContext, Called};

/// What a notice shows of a call's arguments, in characters.
const ARGUMENT_CHARS: usize = 120;

/// The calls of a run that had begun and not ended when the host stopped, and may have taken effect, each with its tool. A
/// call that was only noted, and can neither write files nor had begun an effect, is not among them: it may simply run.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub fn unknown_outcomes(store: &Store, run: &RunId) -> Result<Vec<(CallId, ToolName)>, StoreError> {
    let mut open: Vec<(CallId, ToolName, Repeatable)> = Vec::new();
    for step in store.journal(run)? {
        match step {
            JournalStep::CallStarted { call, tool, repeatable, .. } => open.push((call, tool, repeatable)),
            JournalStep::EffectStarted { call, .. } => {
                open.iter_mut().filter(|it| it.0 == call).for_each(|it| it.2 = Repeatable::No);
            }
            JournalStep::CallEnded { call } => open.retain(|it| it.0 != call),
            JournalStep::EffectEnded { .. } => {}
        }
    }
    Ok(open.into_iter().filter(|it| it.2 == Repeatable::No).map(|(call, tool, _)| (call, tool)).collect())
}

impl Shell {
    /// The journal's note of the call that comes next, so that its start is durable before anything that it does.
    pub(super) fn starting(&self, next: &Step) -> Vec<JournalStep> {
        let Step::Call(call) = next else { return Vec::new() };
        let component = self.host.catalog().tool(&call.tool).map(|tool| tool.component.clone());
        let Some(component) = component else { return Vec::new() };
        vec![JournalStep::CallStarted {
            call: call.id.clone(),
            tool: call.tool.clone(),
            component,
            repeatable: tool_call::repeatable(&self.host, call, &self.facts()),
        }]
    }

    /// Runs one call, or finds out what became of it before a restart; also gives whether its outcome may hold what
    /// somebody outside wrote.
    pub(super) async fn call(&mut self, call: &ToolCall) -> (ToolOutcome, bool) {
        let host = Arc::clone(&self.host);
        if self.cut_off.contains(&call.id) {
            let message = format!(
                "the host stopped while `{}` ran: it may or may not have taken effect, and it was not repeated; look \
                 before trying again",
                call.tool
            );
            // Whoever answers for it hears so from the host, whatever the model makes of it.
            self.notice(&format!("The call `{}` ({}): {message}", call.id.as_str(), shown(&call.arguments)));
            return (ToolOutcome::failed(FailureKind::OutcomeUnknown, message), false);
        }
        let (run, session) = (self.row.run.clone(), self.row.session.clone());
        self.threshold.tell(HostEvent::ToolStarted {
            run: run.clone(),
            session: session.clone(),
            call: call.id.clone(),
            tool: call.tool.clone(),
            arguments: call.arguments.as_str().into(),
        });
        let cancel = self.cancel.child_token();
        let context = CallContext {
            host: Arc::clone(&host),
            facts: self.facts(),
            cancel: cancel.clone(),
            clock: Arc::clone(&self.clock),
            labels: Arc::clone(&self.labels),
            shows_cards: self.shows_cards(),
            started: self.command.as_ref().map(|command| command.skill.as_str().into()),
            lineage: Arc::clone(&self.lineage),
            used: self.used,
            threshold: Some(Arc::clone(&self.threshold)),
        };
        let mut called = std::pin::pin!(tool_call::run(&context, call));
        let Called { outcome, recording, outside, .. } = tokio::select! {
            called = &mut called => called,
            () = self.clock.reached() => {
                cancel.cancel();
                called.await
            }
        };
        // Nobody can ask for a replay after what is incognito has ended, and it would take as much again.
        let recording = recording.filter(|_| !session.is_incognito());
        self.recordings.extend(recording.map(|recording| (call.id.clone(), recording.encode())));
        self.threshold.tell(HostEvent::ToolEnded {
            run,
            session,
            call: call.id.clone(),
            tool: call.tool.clone(),
            outcome: Arc::new(outcome.clone()),
        });
        (outcome, outside)
    }

    pub(super) fn cut_off(&self) -> Result<HashSet<CallId>, StoreError> {
        if self.row.attempts == 0 {
            return Ok(HashSet::new());
        }
        Ok(unknown_outcomes(self.store(), &self.row.run)?.into_iter().map(|(call, _)| call).collect())
    }
}

/// The beginning of a call's arguments, for people.
fn shown(arguments: &str) -> String {
    let line = arguments.split_whitespace().collect::<Vec<_>>().join(" ");
    legible::beginning(&line, ARGUMENT_CHARS).into_owned()
}
