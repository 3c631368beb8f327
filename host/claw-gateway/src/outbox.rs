//! What waits to be written to one client. Bounded: a client that reads too slowly loses deltas, then its place.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::frame::{Audience, EventFrame, Urgency};
use crate::scope::{Scope, Scopes};

/// The queue between everybody who has something to say to a client and the one who writes to its socket.
#[derive(Debug)]
pub(crate) struct Outbox {
    scopes: Scopes,
    tool_events: bool,
    limit: usize,
    state: Mutex<State>,
    /// Something is there to be written.
    ready: Notify,
    /// What is being written does not matter any more.
    cut: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Item>,
    bytes: usize,
    seq: u64,
    closing: Option<Close>,
}

#[derive(Debug)]
enum Item {
    Event(u64, Arc<EventFrame>),
    Text(String),
    Ping,
}

/// Why the gateway ends a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

/// What is to be written next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Text(String),
    Ping,
    Close(Close),
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Item::Event(_, frame) => frame.size(),
            Item::Text(text) => text.len(),
            Item::Ping => 0,
        }
    }

    fn is_droppable(&self) -> bool {
        matches!(self, Item::Event(_, frame) if frame.urgency == Urgency::Droppable)
    }
}

impl Outbox {
    /// Whether the client may see what needs this scope.
    pub(crate) fn hears(&self, scope: Scope) -> bool {
        self.scopes.allows(scope)
    }

    /// An empty queue for a client that may see what `scopes` allow, and holds at most `limit` bytes.
    pub(crate) fn new(scopes: Scopes, tool_events: bool, limit: usize) -> Arc<Self> {
        let (state, ready, cut) = (Mutex::default(), Notify::new(), Notify::new());
        Arc::new(Outbox { scopes, tool_events, limit, state, ready, cut })
    }

    /// Queues an event, if this client may see it.
    pub(crate) fn offer(&self, frame: &Arc<EventFrame>) {
        let meant = frame.scope.is_none_or(|scope| self.scopes.allows(scope))
            && (frame.audience == Audience::Everybody || self.tool_events);
        if !meant {
            return;
        }
        let mut state = self.lock();
        // Counted even when it is dropped: the gap tells the client to fetch again what it missed.
        state.seq += 1;
        let item = Item::Event(state.seq, Arc::clone(frame));
        self.push(&mut state, item);
    }

    /// Tells the client by a gap that events were lost before they reached its queue.
    pub(crate) fn skip(&self) {
        self.lock().seq += 1;
    }

    /// Queues a response.
    pub(crate) fn reply(&self, text: String) {
        self.push(&mut self.lock(), Item::Text(text));
    }

    /// Queues a ping.
    pub(crate) fn ping(&self) {
        self.push(&mut self.lock(), Item::Ping);
    }

    /// Ends the connection after what is queued. The first reason stays.
    pub(crate) fn close(&self, code: u16, reason: &str) {
        let close = Close { code, reason: reason.to_owned() };
        self.lock().closing.get_or_insert(close);
        self.ready.notify_one();
    }

    /// The next thing to write; waits until there is one. Cancel-safe: nothing is taken before it is returned.
    pub(crate) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.ready.notified().await;
        }
    }

    /// Whether nothing waits, so that it is time to flush.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().queue.is_empty()
    }

    /// Returns when the client has been given up and a write in progress should be abandoned.
    pub(crate) async fn given_up(&self) {
        self.cut.notified().await;
    }

    fn take(&self) -> Option<Next> {
        let mut state = self.lock();
        let Some(item) = state.queue.pop_front() else { return state.closing.clone().map(Next::Close) };
        state.bytes -= item.size();
        Some(match item {
            Item::Event(seq, frame) => Next::Text(frame.numbered(seq)),
            Item::Text(text) => Next::Text(text),
            Item::Ping => Next::Ping,
        })
    }

    fn push(&self, state: &mut State, item: Item) {
        if state.closing.is_some() {
            return;
        }
        // A quarter is enough to notice that the client does not keep up; the rest is for what must arrive.
        if item.is_droppable() && state.bytes + item.size() > self.limit / 4 {
            return;
        }
        state.bytes += item.size();
        state.queue.push_back(item);
        if state.bytes > self.limit {
            state.queue.retain(|item| !item.is_droppable());
            state.bytes = state.queue.iter().map(Item::size).sum();
        }
        if state.bytes > self.limit {
            (state.queue, state.bytes) = (VecDeque::new(), 0);
            state.closing = Some(Close { code: 1008, reason: "slow consumer".to_owned() });
            self.cut.notify_one();
        }
        self.ready.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
