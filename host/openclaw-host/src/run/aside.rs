//! What the model is asked beside the conversation: to note what is worth keeping before it is summarised.

use std::sync::Arc;

use claw_core::context::{self, Room};
use claw_core::event::HOST_MARK;
use claw_core::message::{Message, ToolSpec};
use claw_core::outcome::{FailureKind, ToolOutcome};
use claw_core::rfc3339;
use claw_core::turn::{Step, Turn, TurnLimits};
use claw_sandbox::Place;
use claw_store::{JournalStep, StoreError};

use super::asking::{Aloud, Excerpt};
use super::{Asked, CALLS_PER_REPLY, SAME_OUTCOMES, Shell};
use crate::host::now;
use crate::tool_call;

/// The component whose tools write notes.
const NOTES: &str = "files";
/// Questions that notes may take.
const ITERATIONS: u32 = 4;

impl Shell {
    /// Lets the model write notes into the workspace, if it can; once for each summary, and never of what is incognito. The chat does not hear what it
    /// says, and sees what it calls.
    pub(super) async fn take_notes(&mut self, system: &str, room: &Room) -> Result<(), StoreError> {
        let tools = self.note_tools();
        let is_kept = !self.row.session.is_incognito();
        if !(self.host.limits.context.notes && is_kept) || tools.is_empty() || self.has_noted() {
            return Ok(());
        }
        let day = rfc3339::format(now());
        let text = format!(
            "{HOST_MARK} The older part of this conversation is about to be replaced by a summary. If something in it \
             is worth knowing beyond this conversation (decisions, preferences, facts about the owner, open tasks) and \
             is not noted yet, add it to `memory/{}.md` in the workspace now, and keep what stands there. Then, or if \
             there is nothing to note, answer NO_REPLY.",
            &day[..10]
        );
        self.record(vec![Message::Instruction { text }], Vec::new()).await?;
        let limits =
            TurnLimits { iterations: ITERATIONS, calls_per_reply: CALLS_PER_REPLY, same_outcomes: SAME_OUTCOMES };
        let mut turn = Turn::resume(limits, &[]);
        // What is about to be summarised just did not fit any more: the newest of it is left to make the notes from.
        loop {
            match turn.next() {
                Step::Ask => {
                    let excerpt = newest(self.excerpt(&context::seen(&self.log), room), room.free());
                    let prompt = self.prompt(system, &tools, room, excerpt);
                    let Asked::Reply(reply) = self.complete(prompt, Aloud::No).await? else { return Ok(()) };
                    let recorded = turn.take(reply.text, reply.calls, reply.replay, reply.usage);
                    let steps = self.starting(&turn.next());
                    self.record(recorded, steps).await?;
                }
                Step::Call(call) => {
                    let (outcome, outside) = match tools.iter().any(|tool| tool.name == call.tool) {
                        true => self.call(&call).await,
                        false => {
                            let message = format!("`{}` takes no notes; it was not called", call.tool);
                            (ToolOutcome::failed(FailureKind::UnknownTool, message), false)
                        }
                    };
                    let answered = turn.observe(outcome, outside);
                    let mut steps = vec![JournalStep::CallEnded { call: call.id }];
                    if self.stopped().is_none() {
                        steps.extend(self.starting(&turn.next()));
                    }
                    self.record(vec![answered], steps).await?;
                    if self.stopped().is_some() {
                        return Ok(());
                    }
                }
                Step::Done(_) => return Ok(()),
            }
        }
    }

    /// The tools that write into the workspace, if their component may.
    fn note_tools(&self) -> Vec<ToolSpec> {
        let host = Arc::clone(&self.host);
        let catalog = host.catalog();
        let facts = self.facts();
        let is_notes = |spec: &&ToolSpec| {
            catalog.tool(&spec.name).is_some_and(|tool| {
                let installed = catalog.owner(tool);
                installed.component.name.as_str() == NOTES
                    && tool_call::mounts(&host, installed, &facts, false)
                        .iter()
                        .any(|mount| mount.write && matches!(mount.place, Place::Workspace | Place::Guarded))
            })
        };
        catalog.specs().iter().filter(is_notes).cloned().collect()
    }

    /// Whether notes were taken since the last summary.
    fn has_noted(&self) -> bool {
        let since = self.log.iter().rev().take_while(|entry| !matches!(entry.message, Message::Summary { .. }));
        since.into_iter().any(|entry| matches!(entry.message, Message::Instruction { .. }))
    }
}

/// The newest messages that fit, whole exchanges each.
fn newest(Excerpt { mut messages, .. }: Excerpt, room: u64) -> Excerpt {
    let (mut taken, mut tokens) = (0, 0);
    let mut from = messages.len();
    for (at, message) in messages.iter().enumerate().rev() {
        taken += context::of_message(message);
        if taken > room {
            break;
        }
        // Some providers want to hear the user first.
        if !matches!(message, Message::Tool { .. } | Message::Assistant { .. }) {
            (from, tokens) = (at, taken);
        }
    }
    Excerpt { messages: messages.split_off(from), tokens }
}
