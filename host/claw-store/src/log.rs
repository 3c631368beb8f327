//! The rule of a log: which message may follow which.
//!
//! Each call of an assistant message is answered exactly once, by the run that asked for it, before anybody else
//! speaks. Providers refuse a conversation that breaks this, and a session with such a log would be dead for good.
//! Notices are outside of it: no model ever sees them.

use claw_core::id::{CallId, RunId, ToolName};
use claw_core::message::{Entry, Message, ToolCall};

use crate::error::Failure;

/// The calls that still need an answer at the end of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenCalls {
    run: Option<RunId>,
    calls: Vec<(CallId, ToolName)>,
}

impl OpenCalls {
    /// Reads a log backwards, just as far as it has to.
    pub fn of(newest_first: impl Iterator<Item = Result<Entry, Failure>>) -> Result<Self, Failure> {
        let mut answered = Vec::new();
        for entry in newest_first {
            let entry = entry?;
            match entry.message {
                Message::Notice { .. } | Message::Summary { .. } | Message::Instruction { .. } => {}
                Message::Tool { call, .. } => answered.push(call),
                Message::User { .. } => return Ok(OpenCalls::default()),
                Message::Assistant { calls, .. } => {
                    let calls = calls.into_iter().map(|call| (call.id, call.tool));
                    let calls = calls.filter(|(call, _)| !answered.contains(call)).collect();
                    return Ok(OpenCalls { run: Some(entry.run), calls });
                }
            }
        }
        Ok(OpenCalls::default())
    }

    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The run whose calls need answers, if there are any.
    pub fn owner(&self) -> Option<&RunId> {
        self.run.as_ref().filter(|_| !self.is_empty())
    }

    /// The next call of `run` that needs an answer.
    pub fn next_of(&self, run: &RunId) -> Option<(CallId, ToolName)> {
        self.calls.first().filter(|_| self.run.as_ref() == Some(run)).cloned()
    }

    /// Whether `message` may only be appended once all calls are answered.
    pub fn blocks(&self, message: &Message) -> bool {
        !self.is_empty() && !matches!(message, Message::Tool { .. } | Message::Notice { .. })
    }

    /// Takes the next message of `run` in, or says why it may not follow.
    pub fn take(&mut self, run: &RunId, message: &Message) -> Result<(), String> {
        if self.blocks(message) {
            return Err(format!("tool call `{}` has no answer yet", self.calls[0].0));
        }
        match message {
            Message::User { .. } | Message::Notice { .. } | Message::Summary { .. } | Message::Instruction { .. } => {
                Ok(())
            }
            Message::Assistant { calls, .. } => self.ask(run, calls),
            Message::Tool { call, .. } => self.answer(run, call),
        }
    }

    fn ask(&mut self, run: &RunId, calls: &[ToolCall]) -> Result<(), String> {
        self.run = Some(run.clone());
        self.calls.clear();
        for call in calls {
            if self.calls.iter().any(|(id, _)| *id == call.id) {
                self.calls.clear();
                return Err(format!("two calls of one message are named `{}`", call.id));
            }
            self.calls.push((call.id.clone(), call.tool.clone()));
        }
        Ok(())
    }

    fn answer(&mut self, run: &RunId, call: &CallId) -> Result<(), String> {
        let position = self.calls.iter().position(|(id, _)| id == call).filter(|_| self.run.as_ref() == Some(run));
        match position {
            Some(position) => {
                self.calls.remove(position);
                Ok(())
            }
            None => Err(format!("no open tool call is named `{call}`")),
        }
    }
}

#[cfg(test)]
mod tests;
