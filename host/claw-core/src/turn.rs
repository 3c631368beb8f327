//! One turn: the model speaks, its tools are called in order, until it has nothing more to call.
//!
//! ```text
//!   Ask ──► reply without calls ──► Done
//!    ▲          │ with calls
//!    │          ▼
//!    └─────── Call, Call, …  (one outcome each)
//! ```
//! The state is a projection of what the session's log holds, so an interrupted turn goes on from its entries.

use std::collections::VecDeque;

use crate::event::RunEnd;
use crate::message::{Message, Replay, ToolCall, Usage};
use crate::outcome::{FailureKind, ToolOutcome};
use crate::text::is_silent;

mod repeats;

use repeats::Repeats;

/// How far a turn may go.
#[derive(Clone, Copy, Debug)]
pub struct TurnLimits {
    /// Model calls in one turn.
    pub iterations: u32,
    /// Tool calls in one reply; the rest are refused as failed calls, so that the log stays valid.
    pub calls_per_reply: usize,
    /// How often a call with the same arguments may give the same outcome before it is refused; more than zero.
    pub same_outcomes: u32,
}

/// Calls that are refused as loops before the turn ends: a model that does not take the hint will not take it later.
const LOOPS: u32 = 3;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask the model.
    Ask,
    /// Run this call and hand its outcome to [`Turn::observe`].
    Call(ToolCall),
    /// The turn is over.
    Done(RunEnd),
}

/// The state of one turn.
#[derive(Debug)]
pub struct Turn {
    limits: TurnLimits,
    iterations: u32,
    unanswered: VecDeque<ToolCall>,
    answer: Option<String>,
    usage: Usage,
    repeats: Repeats,
    /// Calls that were refused as loops.
    loops: u32,
    /// Since an instruction of the host: what the model says then is not the answer.
    aside: bool,
}

impl Turn {
    /// Goes on from the entries that this run has already written; none for a new run.
    pub fn resume(limits: TurnLimits, written: &[Message]) -> Self {
        let mut turn = Turn {
            limits,
            iterations: 0,
            unanswered: VecDeque::new(),
            answer: None,
            usage: Usage::default(),
            repeats: Repeats::default(),
            loops: 0,
            aside: false,
        };
        for message in written {
            match message {
                Message::Assistant { text, calls, .. } => turn.take_reply(text, calls),
                Message::Tool { call, outcome, .. } => {
                    let answered = turn.unanswered.iter().position(|waiting| waiting.id == *call);
                    if let Some(call) = answered.and_then(|at| turn.unanswered.remove(at)) {
                        turn.saw(&call, outcome);
                    }
                }
                Message::Instruction { .. } => turn.aside = true,
                Message::Summary { .. } => turn.aside = false,
                Message::User { .. } | Message::Notice { .. } => {}
            }
        }
        turn
    }

    /// What to do next.
    pub fn next(&self) -> Step {
        if let Some(call) = self.unanswered.front() {
            return Step::Call(call.clone());
        }
        if let Some(answer) = &self.answer {
            let text = if is_silent(answer) { String::new() } else { answer.clone() };
            return Step::Done(RunEnd::Done { text, usage: self.usage });
        }
        let end = |kind: &str, message| Step::Done(RunEnd::Failed { kind: kind.to_owned(), message });
        if self.loops >= LOOPS {
            let message = "the run was stopped: the model made the same tool call again and again, with the same \
                           outcome; say what it should do instead"
                .to_owned();
            return end("loop", message);
        }
        if self.iterations >= self.limits.iterations {
            let message = format!(
                "the run was stopped after {} model calls without a final answer; raise `limits.iterations` to allow more",
                self.iterations
            );
            return end("limit", message);
        }
        Step::Ask
    }

    /// Takes the model's reply and gives what is to be recorded: the reply, and a refusal for each call that will not
    /// run, as it is one too many or leads nowhere.
    pub fn take(&mut self, text: String, calls: Vec<ToolCall>, replay: Option<Replay>, usage: Usage) -> Vec<Message> {
        self.usage.add(usage);
        self.take_reply(&text, &calls);
        let mut recorded = vec![Message::Assistant { text, calls, replay }];
        for (number, call) in std::mem::take(&mut self.unanswered).into_iter().enumerate() {
            match self.refusal(number, &call) {
                None => self.unanswered.push_back(call),
                Some(outcome) => {
                    self.saw(&call, &outcome);
                    recorded.push(Message::Tool { call: call.id, tool: call.tool, outcome, outside: false });
                }
            }
        }
        recorded
    }

    /// Takes the outcome of the call that [`Turn::next`] named and gives what is to be recorded. `outside` says whether
    /// it may hold what somebody outside wrote.
    pub fn observe(&mut self, outcome: ToolOutcome, outside: bool) -> Message {
        let call = self.unanswered.pop_front().expect("turn: an outcome follows a call");
        self.saw(&call, &outcome);
        Message::Tool { call: call.id, tool: call.tool, outcome, outside }
    }

    /// Tokens used so far.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    fn take_reply(&mut self, text: &str, calls: &[ToolCall]) {
        self.iterations += 1;
        self.unanswered = calls.iter().cloned().collect();
        self.answer = (calls.is_empty() && !self.aside).then(|| text.to_owned());
    }

    fn saw(&mut self, call: &ToolCall, outcome: &ToolOutcome) {
        match outcome {
            ToolOutcome::Failed(failure) if failure.kind == FailureKind::Loop => self.loops += 1,
            ToolOutcome::Done { .. } | ToolOutcome::Failed(_) => self.repeats.saw(call, outcome),
        }
    }

    fn refusal(&self, number: usize, call: &ToolCall) -> Option<ToolOutcome> {
        let TurnLimits { iterations, calls_per_reply, same_outcomes } = self.limits;
        if number >= calls_per_reply {
            let message = format!("at most {calls_per_reply} calls per reply are run; ask for fewer at once");
            return Some(ToolOutcome::failed(FailureKind::Busy, message));
        }
        (self.repeats.of(call) >= same_outcomes).then(|| {
            let message = format!(
                "`{}` has given the same outcome {same_outcomes} times for these arguments, so it was not called again; \
                 try something else, or tell the owner what is missing. {} of {iterations} model calls of this run are used",
                call.tool, self.iterations
            );
            ToolOutcome::failed(FailureKind::Loop, message)
        })
    }
}

#[cfg(test)]
mod tests;
