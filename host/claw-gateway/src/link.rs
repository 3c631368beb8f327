//! The way to the host: calls go in, events come out.

use std::time::Duration;

use claw_core::event::HostEvent;
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::call::{Call, Caller, Command};
use crate::frame::RpcError;

/// A full queue means that the host is busy; after this long the caller is told so instead of being kept waiting.
const ENQUEUE: Duration = Duration::from_secs(5);

/// The host's answer to one call.
pub(crate) type Answer = Result<Value, RpcError>;

/// Both directions.
#[derive(Clone, Debug)]
pub(crate) struct HostLink {
    commands: mpsc::Sender<Command>,
    events: broadcast::Sender<HostEvent>,
}

/// An answer that the host owes.
#[derive(Debug)]
pub(crate) struct Owed(oneshot::Receiver<Answer>);

impl HostLink {
    pub(crate) fn new(commands: mpsc::Sender<Command>, events: broadcast::Sender<HostEvent>) -> Self {
        HostLink { commands, events }
    }

    /// Hears all events from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<HostEvent> {
        self.events.subscribe()
    }

    /// Hands a call over. Calls handed over one after the other arrive in that order.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the host has stopped, or takes no call for five seconds; nothing was started then.
    pub(crate) async fn enqueue(&self, caller: Caller, call: Call) -> Result<Owed, RpcError> {
        let (reply, answer) = oneshot::channel();
        let command = Command { caller, call, reply };
        self.commands.send_timeout(command, ENQUEUE).await.map_err(|err| match err {
            mpsc::error::SendTimeoutError::Timeout(_) => RpcError::unavailable("the host is busy; try again"),
            mpsc::error::SendTimeoutError::Closed(_) => RpcError::unavailable("the host is stopping"),
        })?;
        Ok(Owed(answer))
    }

    /// Hands a call over and waits for its answer.
    ///
    /// # Errors
    /// What the host answers, or `UNAVAILABLE`.
    pub(crate) async fn ask(&self, caller: Caller, call: Call) -> Answer {
        self.enqueue(caller, call).await?.answer().await
    }
}

impl Owed {
    /// Waits for the answer.
    pub(crate) async fn answer(self) -> Answer {
        self.0.await.unwrap_or_else(|_| {
            Err(RpcError::unavailable("the host dropped the call before answering; it may or may not have run"))
        })
    }
}

#[cfg(test)]
mod tests;
