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
use crate::message::{Message, ToolCall, Usage};
use crate::outcome::{FailureKind, ToolOutcome};

/// How far a turn may go.
#[derive(Clone, Copy, Debug)]
pub struct TurnLimits {
    /// Model calls in one turn.
    pub iterations: u32,
    /// Tool calls in one reply; the rest are refused as failed calls, so that the log stays valid.
    pub calls_per_reply: usize,
}

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
}

impl Turn {
    /// Goes on from the entries that this run has already written; none for a new run.
    pub fn resume(limits: TurnLimits, written: &[Message]) -> Self {
        let mut turn =
            Turn { limits, iterations: 0, unanswered: VecDeque::new(), answer: None, usage: Usage::default() };
        for message in written {
            match message {
                Message::Assistant { text, calls } => turn.take_reply(text, calls),
                Message::Tool { call, .. } => turn.unanswered.retain(|waiting| waiting.id != *call),
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
            return Step::Done(RunEnd::Done { text: answer.clone(), usage: self.usage });
        }
        if self.iterations >= self.limits.iterations {
            let message = format!(
                "the run was stopped after {} model calls without a final answer; raise `limits.iterations` to allow more",
                self.iterations
            );
            return Step::Done(RunEnd::Failed { kind: "limit".to_owned(), message });
        }
        Step::Ask
    }

    /// Takes the model's reply and gives what is to be recorded: the reply, and a refusal for each call beyond the
    /// limit.
    pub fn take(&mut self, text: String, calls: Vec<ToolCall>, usage: Usage) -> Vec<Message> {
        self.usage.add(usage);
        self.take_reply(&text, &calls);
        let refused = self.unanswered.split_off(self.unanswered.len().min(self.limits.calls_per_reply));
        let refusal = format!("at most {} calls per reply are run; ask for fewer at once", self.limits.calls_per_reply);
        let refusals = refused.into_iter().map(|call| Message::Tool {
            call: call.id,
            tool: call.tool,
            outcome: ToolOutcome::failed(FailureKind::Busy, refusal.clone()),
        });
        std::iter::once(Message::Assistant { text, calls }).chain(refusals).collect()
    }

    /// Takes the outcome of the call that [`Turn::next`] named and gives what is to be recorded.
    pub fn observe(&mut self, outcome: ToolOutcome) -> Message {
        let call = self.unanswered.pop_front().expect("turn: an outcome follows a call");
        Message::Tool { call: call.id, tool: call.tool, outcome }
    }

    /// Tokens used so far.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    fn take_reply(&mut self, text: &str, calls: &[ToolCall]) {
        self.iterations += 1;
        self.unanswered = calls.iter().cloned().collect();
        self.answer = calls.is_empty().then(|| text.to_owned());
    }
}

#[cfg(test)]
mod tests;
