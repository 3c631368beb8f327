//! Who listens, and the one task that turns host events into frames for all of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use claw_core::event::HostEvent;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::clock;
use crate::frame::EventFrame;
use crate::outbox::Outbox;
use crate::projection::{Projection, shutdown};
use crate::scope::Scope;

/// The connections that get events.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    outboxes: Mutex<HashMap<u64, Arc<Outbox>>>,
    next: AtomicU64,
    told_of_shutdown: AtomicBool,
}

/// Those in the audience who may answer approvals.
#[derive(Clone, Debug)]
pub struct Approvers(pub(crate) Arc<Audience>);

impl Approvers {
    /// Whether there is anybody now.
    pub fn are_there(&self) -> bool {
        self.0.with(|outboxes| outboxes.values().any(|outbox| outbox.hears(Scope::Approvals)))
    }
}

/// A place in the audience; dropping it leaves.
#[derive(Debug)]
pub(crate) struct Seat {
    audience: Arc<Audience>,
    number: u64,
}

impl Audience {
    /// Lets a connection hear everything from now on.
    pub(crate) fn join(self: &Arc<Self>, outbox: &Arc<Outbox>) -> Seat {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.with(|outboxes| outboxes.insert(number, Arc::clone(outbox)));
        Seat { audience: Arc::clone(self), number }
    }

    /// Says goodbye to everybody and ends their connections.
    pub(crate) fn dismiss(&self) {
        if !self.told_of_shutdown.swap(true, Ordering::Relaxed) {
            self.tell(&shutdown("gateway stopping"));
        }
        self.with(|outboxes| outboxes.values().for_each(|outbox| outbox.close(1012, "service restart")));
    }

    fn tell(&self, frame: &Arc<EventFrame>) {
        self.with(|outboxes| outboxes.values().for_each(|outbox| outbox.offer(frame)));
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<u64, Arc<Outbox>>) -> T) -> T {
        act(&mut self.outboxes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.audience.with(|outboxes| outboxes.remove(&self.number));
    }
}

/// Carries host events to the audience until the host stops sending.
pub(crate) async fn run(audience: Arc<Audience>, mut events: broadcast::Receiver<HostEvent>) {
    let mut projection = Projection::default();
    loop {
        let held_back = async {
            match projection.due() {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let received = tokio::select! {
            received = events.recv() => received,
            () = held_back => {
                let frames = projection.flush(Instant::now(), clock::now());
                frames.iter().for_each(|frame| audience.tell(frame));
                continue;
            }
        };
        match received {
            Ok(event) => {
                if matches!(event, HostEvent::Shutdown { .. }) {
                    audience.told_of_shutdown.store(true, Ordering::Relaxed);
                }
                let frames = projection.on(&event, Instant::now(), clock::now());
                frames.iter().for_each(|frame| audience.tell(frame));
            }
            Err(RecvError::Lagged(lost)) => {
                warn!(lost, "events were lost; clients are told to fetch again");
                // What is known of the running texts has holes now; final messages are whole again.
                projection = Projection::default();
                audience.with(|outboxes| outboxes.values().for_each(|outbox| outbox.skip()));
            }
            Err(RecvError::Closed) => return,
        }
    }
}

#[cfg(test)]
mod tests;
