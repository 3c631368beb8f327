//! The lane driver: the only task that owns [`Lanes`]. It performs their actions and decides nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use claw_core::event::RunEnd;
use claw_core::id::{RunId, SessionKey};
use claw_core::lane::{Action, Event, LaneLimits, Lanes};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::host::Host;
use crate::run;

/// What the driver is told.
#[derive(Debug)]
pub enum DriverEvent {
    /// A durable message wants to run, at most this long if its client wants less than the host allows.
    Arrived(SessionKey, RunId, Option<Duration>),
    /// Stop one run or all of a session; answers with those that it concerned.
    Stop(SessionKey, Option<RunId>, oneshot::Sender<Vec<RunId>>),
}

/// Runs at the same time over all sessions, and messages that wait in one.
const LIMITS: LaneLimits = LaneLimits { running: 64, waiting_per_session: 20 };

/// The driver.
pub struct Driver {
    host: Arc<Host>,
    events: mpsc::Receiver<DriverEvent>,
    lanes: Lanes,
    runs: JoinSet<SessionKey>,
    cancels: HashMap<RunId, CancellationToken>,
    /// What clients want of runs that wait.
    limits: HashMap<RunId, Duration>,
    sessions: HashMap<tokio::task::Id, (SessionKey, RunId)>,
}

impl Driver {
    /// A driver without runs.
    pub fn new(host: Arc<Host>, events: mpsc::Receiver<DriverEvent>) -> Self {
        Driver {
            host,
            events,
            lanes: Lanes::new(LIMITS),
            runs: JoinSet::new(),
            cancels: HashMap::new(),
            limits: HashMap::new(),
            sessions: HashMap::new(),
        }
    }

    /// Drives until `stop`; then waits for the runs at work until `cut_off`. Gives the number of runs that were cut
    /// off: they go on at the next start.
    pub async fn run(mut self, stop: CancellationToken, cut_off: CancellationToken) -> usize {
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(DriverEvent::Arrived(session, run, limit)) => {
                        if !self.lanes.has(&session, &run) {
                            self.limits.extend(limit.map(|limit| (run.clone(), limit)));
                        }
                        self.on(Event::Arrived(session, run)).await;
                    }
                    Some(DriverEvent::Stop(session, run, reply)) => {
                        let meant = |id: &RunId| run.as_ref().is_none_or(|only| only == id);
                        let runs: Vec<_> = self.lanes.runs_of(&session).into_iter().filter(meant).collect();
                        self.on(Event::Stop(session, run)).await;
                        let _ = reply.send(runs);
                    }
                    None => break,
                },
                Some(ended) = self.runs.join_next_with_id() => self.ended(ended).await,
                () = stop.cancelled() => break,
            }
        }
        self.drain(cut_off).await
    }

    async fn drain(mut self, cut_off: CancellationToken) -> usize {
        while !self.runs.is_empty() {
            tokio::select! {
                _ = self.runs.join_next() => {}
                () = cut_off.cancelled() => break,
            }
        }
        let left = self.runs.len();
        self.runs.shutdown().await;
        left
    }

    async fn ended(&mut self, ended: Result<(tokio::task::Id, SessionKey), tokio::task::JoinError>) {
        let task = match &ended {
            Ok((task, _)) => *task,
            Err(err) => err.id(),
        };
        let (session, run) = self.sessions.remove(&task).expect("driver: each task has a session");
        self.cancels.remove(&run);
        if let Err(err) = ended {
            // A bug in one turn ends that turn, never the host.
            tracing::error!(%run, %session, error = %err, "a run panicked");
            let message = "the host has a fault that ended this run; its log says where".to_owned();
            run::end_unstarted(&self.host, run, RunEnd::Failed { kind: "unknown".to_owned(), message }).await;
        }
        self.on(Event::Finished(session)).await;
    }

    async fn on(&mut self, event: Event) {
        for action in self.lanes.on(event) {
            match action {
                Action::Start(session, id) => {
                    let cancel = CancellationToken::new();
                    self.cancels.insert(id.clone(), cancel.clone());
                    let limit = self.limits.remove(&id);
                    let work = run::run(Arc::clone(&self.host), id.clone(), limit, cancel);
                    let kept = session.clone();
                    // Every line of the run's log carries its names.
                    let span = tracing::info_span!("run", runId = %id, %session);
                    let task = self.runs.spawn(
                        async move {
                            work.await;
                            kept
                        }
                        .instrument(span),
                    );
                    self.sessions.insert(task.id(), (session, id));
                }
                Action::Cancel(id) => {
                    if let Some(cancel) = self.cancels.get(&id) {
                        cancel.cancel();
                    }
                }
                Action::Drop(id) => {
                    self.limits.remove(&id);
                    run::end_unstarted(&self.host, id, RunEnd::Aborted { text: String::new() }).await;
                }
                Action::Refuse(id) => {
                    self.limits.remove(&id);
                    let waiting = LIMITS.waiting_per_session;
                    let message = format!("{waiting} messages of this conversation wait already; send it again later");
                    run::end_unstarted(&self.host, id, RunEnd::Failed { kind: "limit".to_owned(), message }).await;
                }
            }
        }
    }
}
