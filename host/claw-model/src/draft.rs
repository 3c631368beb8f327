//! A reply in the making: pieces of text and of tool calls, in the order of their arrival.

use std::collections::HashSet;

use claw_core::id::{CallId, ToolName};
use claw_core::message::{Message, ToolCall, Usage};
use serde_json::Value;

use crate::prompt::{Prompt, Reply, StopReason};
use crate::replay::{self, Kept};
use crate::wire::Fault;

/// Text and arguments of one reply together: far above what a model writes at once.
pub(crate) const MAX_REPLY_BYTES: usize = 8 * 1024 * 1024;

/// Calls in one reply; further ones are dropped. Providers offer at most 128 tools, and no sane plan calls more than that
/// at once.
pub(crate) const MAX_CALLS: usize = 128;

/// Arguments of one call: more than the longest reply of a model.
pub(crate) const MAX_ARGUMENTS_BYTES: usize = 1024 * 1024;

/// What is kept of longer ones, in characters: enough for the model to know which call it was.
const KEPT_ARGUMENTS: usize = 500;

/// What has arrived so far.
#[derive(Default)]
pub(crate) struct Draft {
    text: String,
    calls: Vec<CallDraft>,
    kept: Vec<Kept>,
    pub(crate) usage: Usage,
    bytes: usize,
}

/// One call of which pieces may be missing.
#[derive(Default)]
struct CallDraft {
    /// The provider's number of the call within the stream.
    index: u64,
    id: String,
    tool: String,
    arguments: String,
    /// There is more of them than a call may have.
    is_cut: bool,
}

impl Draft {
    /// Adds text and passes it on.
    pub(crate) fn say(&mut self, text: &str, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<(), Fault> {
        if text.is_empty() {
            return Ok(());
        }
        self.count(text)?;
        self.text.push_str(text);
        on_text(text);
        Ok(())
    }

    /// Keeps an item that the provider wants back, at this place of the reply.
    pub(crate) fn keep(&mut self, item: Value) {
        self.kept.push(Kept { text_at: self.text.len(), calls_at: self.calls.len(), item });
    }

    /// Keeps an item that the provider wants back with the reply as a whole.
    pub(crate) fn keep_first(&mut self, item: Value) {
        self.kept.insert(0, Kept { text_at: 0, calls_at: 0, item });
    }

    /// Whether nothing has arrived.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0 && self.calls.is_empty()
    }

    /// Text, thoughts and arguments until now.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Starts a call that later pieces name by `index`.
    pub(crate) fn start_call(&mut self, index: u64, id: &str, tool: &str) -> Result<(), Fault> {
        // The latest is always known, for the pieces that belong to it; beyond the limit it is dropped with the next one.
        if self.has_dropped() {
            self.calls.pop();
        }
        self.count(id)?;
        self.count(tool)?;
        let (id, tool) = (id.to_owned(), tool.to_owned());
        self.calls.push(CallDraft { index, id, tool, ..CallDraft::default() });
        Ok(())
    }

    /// Whether there are more calls than a reply may have.
    fn has_dropped(&self) -> bool {
        self.calls.len() > MAX_CALLS
    }

    /// The id of the latest call with this number, if there is one.
    pub(crate) fn call_id(&self, index: u64) -> Option<&str> {
        self.calls.iter().rfind(|call| call.index == index).map(|call| call.id.as_str())
    }

    /// Whether the latest call with this number has arguments yet.
    pub(crate) fn has_arguments(&self, index: u64) -> bool {
        self.calls.iter().rfind(|call| call.index == index).is_some_and(|call| !call.arguments.is_empty())
    }

    /// The number of the latest call.
    pub(crate) fn last_index(&self) -> Option<u64> {
        self.calls.last().map(|call| call.index)
    }

    /// Adds pieces to the latest call with this number. A name or id that came before is kept.
    pub(crate) fn extend_call(&mut self, index: u64, id: &str, tool: &str, arguments: &str) -> Result<(), Fault> {
        let has_dropped = self.has_dropped();
        let Some(at) = self.calls.iter().rposition(|call| call.index == index) else {
            // It may belong to one that was dropped.
            return if has_dropped {
                Ok(())
            } else {
                Err(Fault::garbage("a piece of a tool call that was never started"))
            };
        };
        let call = &mut self.calls[at];
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        if call.tool.is_empty() {
            tool.clone_into(&mut call.tool);
        }
        // A call that has too much is refused later; it is no reason to lose the others.
        call.is_cut |= call.arguments.len() + arguments.len() > MAX_ARGUMENTS_BYTES
            || self.bytes.saturating_add(arguments.len()) > MAX_REPLY_BYTES;
        if call.is_cut && call.arguments.is_empty() {
            call.arguments = arguments.chars().take(KEPT_ARGUMENTS).collect();
        } else if !call.is_cut && at < MAX_CALLS {
            call.arguments.push_str(arguments);
            self.bytes += arguments.len();
        }
        Ok(())
    }

    /// Closes the reply: repairs what can be repaired and drops calls that must not run. What is kept goes back to
    /// `origin` only.
    pub(crate) fn finish(mut self, stop: StopReason, prompt: &Prompt, origin: &str) -> Reply {
        self.calls.truncate(MAX_CALLS);
        match stop {
            // A provider that declines may have streamed a part before; nothing of it may act.
            StopReason::Refusal => {
                self.calls.clear();
                self.kept.clear();
            }
            // The last call may be cut off in the middle, and half a call must not become a call without arguments.
            StopReason::MaxTokens | StopReason::Other(_) => {
                self.calls.pop_if(|call| serde_json::from_str::<Value>(&call.arguments).is_err());
            }
            StopReason::EndTurn | StopReason::ToolUse => {}
        }
        let mut ids = CallIds::of(prompt);
        let calls: Vec<ToolCall> = self.calls.into_iter().map(|call| call.finish(&mut ids)).collect();
        // Some servers say `stop` although they call, and the other way round.
        let stop = match (stop, calls.is_empty()) {
            (StopReason::EndTurn, false) => StopReason::ToolUse,
            (StopReason::ToolUse, true) => StopReason::EndTurn,
            (stop, _) => stop,
        };
        let replay = replay::pack(origin, &self.kept);
        Reply { text: self.text, calls, usage: self.usage, stop, replay }
    }

    /// Counts a piece against the limit of a reply.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] once there is more.
    pub(crate) fn count(&mut self, piece: &str) -> Result<(), Fault> {
        self.bytes = self.bytes.saturating_add(piece.len());
        if self.bytes > MAX_REPLY_BYTES {
            return Err(Fault::TooLarge { what: "bytes", limit: MAX_REPLY_BYTES });
        }
        Ok(())
    }
}

impl CallDraft {
    fn finish(self, ids: &mut CallIds) -> ToolCall {
        let arguments = match self.arguments.trim() {
            // No JSON, so the call is not made, and the model reads why.
            begin if self.is_cut => {
                let begin: String = begin.chars().take(KEPT_ARGUMENTS).collect();
                format!("{begin}… [cut: a call may have {MAX_ARGUMENTS_BYTES} bytes of arguments]")
            }
            "" => "{}".to_owned(),
            _ => self.arguments,
        };
        ToolCall { id: ids.claim(&self.id), tool: tool_name(&self.tool), arguments }
    }
}

/// The ids that are taken, so that each call of a run is named once.
pub(crate) struct CallIds {
    taken: HashSet<CallId>,
    next: usize,
}

impl CallIds {
    pub(crate) fn of(prompt: &Prompt) -> Self {
        let calls = prompt.messages.iter().flat_map(|message| match message {
            Message::Assistant { calls, .. } => calls.as_slice(),
            _ => &[],
        });
        CallIds { taken: calls.map(|call| call.id.clone()).collect(), next: prompt.messages.len() }
    }

    /// The provider's id if it is usable and new, else one made here: local servers leave ids out or repeat them.
    pub(crate) fn claim(&mut self, wanted: &str) -> CallId {
        match CallId::parse(wanted) {
            Ok(id) if self.taken.insert(id.clone()) => id,
            Ok(_) | Err(_) => self.make(),
        }
    }

    fn make(&mut self) -> CallId {
        loop {
            let id = CallId::parse(&format!("call_{}", self.next)).expect("draft: made ids are printable");
            self.next += 1;
            if self.taken.insert(id.clone()) {
                return id;
            }
        }
    }
}

/// The tool as the model named it, with other characters than a tool name may have as `_`. The name need not exist:
/// the loop then tells the model, which is more use to it than a failed turn.
fn tool_name(text: &str) -> ToolName {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let text: String = text.trim().chars().take(64).map(allowed).collect();
    ToolName::parse(if text.is_empty() { "unnamed" } else { &text }).expect("draft: all characters are allowed")
}

#[cfg(test)]
mod tests;
