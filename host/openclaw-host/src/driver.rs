//! The lane driver: the only task that owns [`Lanes`]. It performs their actions and decides nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use claw_core::event::RunEnd;
use claw_core::id::{RunId, SessionKey};
use claw_core::lane::{Action, Dropped, Event, Lanes, Queueing};
use claw_store::RunState;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::app;
use crate::host::Host;
use crate::queue;
use crate::run::{self, Coming};
use crate::tasks;

/// How long nothing runs before free memory goes back to the system: what many runs at once took lies in blocks that are
/// each used in part. Looking for it takes some milliseconds, in which nobody else gets memory.
const AT_REST: Duration = Duration::from_secs(1);

/// What the driver is told.
#[derive(Debug)]
pub enum DriverEvent {
    /// A durable message wants to run, at most this long if its client wants less than the host allows.
    Arrived(SessionKey, RunId, Queueing, Option<Duration>),
    /// A message is on its way to the disk. Where nothing is in its way its run begins, and has told nobody before it is
    /// there; otherwise this changes nothing. [`DriverEvent::Arrived`] follows.
    Coming(Box<Coming>, Option<Duration>),
    /// The run of this session is about to ask its model again; answers with those that join it.
    Boundary(SessionKey, oneshot::Sender<Vec<RunId>>),
    /// Stop one run or all of a session; answers with those that it concerned.
    Stop(SessionKey, Option<RunId>, oneshot::Sender<Vec<RunId>>),
}

/// The driver.
pub struct Driver {
    host: Arc<Host>,
    events: mpsc::Receiver<DriverEvent>,
    lanes: Lanes,
    /// When the lanes' time began.
    began: Instant,
    runs: JoinSet<SessionKey>,
    cancels: HashMap<RunId, CancellationToken>,
    /// The messages that were handed to a run, which ends them.
    joins: HashMap<RunId, Vec<RunId>>,
    /// What clients want of runs that wait.
    limits: HashMap<RunId, Duration>,
    sessions: HashMap<tokio::task::Id, (SessionKey, RunId)>,
    /// The message whose run begins now, if it is not durable yet.
    coming: Option<Box<Coming>>,
    /// When the host is at rest, if nothing runs and it was not since.
    rests_at: Option<Instant>,
}

impl Driver {
    /// A driver without runs.
    pub fn new(host: Arc<Host>, events: mpsc::Receiver<DriverEvent>) -> Self {
        Driver {
            lanes: Lanes::new(host.queue.parallel),
            host,
            events,
            began: Instant::now(),
            runs: JoinSet::new(),
            cancels: HashMap::new(),
            joins: HashMap::new(),
            limits: HashMap::new(),
            sessions: HashMap::new(),
            coming: None,
            rests_at: None,
        }
    }

    /// Drives until `stop`; then waits for the runs at work until `cut_off`. Gives the number of runs that were cut
    /// off: they go on at the next start.
    pub async fn run(mut self, stop: CancellationToken, cut_off: CancellationToken) -> usize {
        loop {
            let wake_at = self.lanes.wake_at().map(|at| self.began + at);
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(DriverEvent::Arrived(session, run, queueing, limit)) => {
                        if !self.lanes.has(&session, &run) {
                            self.limits.extend(limit.map(|limit| (run.clone(), limit)));
                        }
                        self.on(Event::Arrived(session, run, queueing)).await;
                    }
                    Some(DriverEvent::Coming(coming, limit)) => self.begin_early(coming, limit).await,
                    Some(DriverEvent::Boundary(session, reply)) => {
                        let joins = self.on(Event::Boundary(session)).await;
                        let _ = reply.send(joins);
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
                () = sleep_until(wake_at.unwrap_or(self.began)), if wake_at.is_some() => {
                    self.on(Event::Tick).await;
                }
                () = sleep_until(self.rests_at.unwrap_or(self.began)), if self.rests_at.is_some() => {
                    self.rests_at = None;
                    tokio::task::spawn_blocking(app::give_memory_back);
                }
                () = stop.cancelled() => break,
            }
        }
        self.drain(cut_off).await
    }

    async fn begin_early(&mut self, coming: Box<Coming>, limit: Option<Duration>) {
        let (session, run) = (coming.row.session.clone(), coming.row.run.clone());
        if !self.lanes.is_free(&session) {
            return;
        }
        self.limits.extend(limit.map(|limit| (run.clone(), limit)));
        self.coming = Some(coming);
        self.on(Event::Arrived(session, run, queue::taken_up())).await;
    }

    async fn drain(mut self, cut_off: CancellationToken) -> usize {
        // No run may wait for an answer that nobody gives.
        self.events.close();
        while self.events.try_recv().is_ok() {}
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
            run::end_unstarted(&self.host, run.clone(), RunEnd::Failed { kind: "unknown".to_owned(), message }).await;
        }
        self.rests_at = self.runs.is_empty().then(|| Instant::now() + AT_REST);
        let left = self.joins.remove(&run).unwrap_or_default();
        self.on(Event::Finished(session.clone())).await;
        for run in left {
            // A run that failed may not have come to what was handed to it.
            if let Ok(Some(row)) = self.host.store_of(&session).run(&run)
                && row.state == RunState::Received
            {
                self.on(Event::Arrived(session.clone(), run, queue::taken_up())).await;
            }
        }
    }

    /// Performs what follows; gives the runs that join the one that asked.
    async fn on(&mut self, event: Event) -> Vec<RunId> {
        let mut joining = Vec::new();
        for action in self.lanes.on(self.began.elapsed(), event) {
            match action {
                Action::Start(session, id, joins) => self.start(session, id, joins),
                Action::Join(id, joins) => {
                    self.limits.retain(|run, _| !joins.contains(run));
                    self.joins.entry(id).or_default().extend(joins.iter().cloned());
                    joining = joins;
                }
                Action::Cancel(id) => self.cancel(&id),
                Action::Interrupt(session, id) => {
                    self.cancel(&id);
                    // What stops them asks this task to.
                    let host = Arc::clone(&self.host);
                    tokio::spawn(async move {
                        if let Err(err) = tasks::stop_of(&host, &session, Some(&id)).await {
                            tracing::error!(run = %id, error = %err, "the tasks of an interrupted run cannot be stopped");
                        }
                    });
                }
                Action::Drop(id, why) => {
                    self.limits.remove(&id);
                    run::end_unstarted(&self.host, id, end_of(why)).await;
                }
            }
        }
        joining
    }

    fn cancel(&self, id: &RunId) {
        if let Some(cancel) = self.cancels.get(id) {
            cancel.cancel();
        }
    }

    fn start(&mut self, session: SessionKey, id: RunId, joins: Vec<RunId>) {
        self.rests_at = None;
        let cancel = CancellationToken::new();
        self.cancels.insert(id.clone(), cancel.clone());
        let limit = self.limits.remove(&id);
        if !joins.is_empty() {
            self.limits.retain(|run, _| !joins.contains(run));
            self.joins.insert(id.clone(), joins.clone());
        }
        let work =
            run::run(Arc::clone(&self.host), session.clone(), id.clone(), self.coming.take(), joins, limit, cancel);
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
}

/// How a run ends that waited and never started.
fn end_of(why: Dropped) -> RunEnd {
    let failed = |kind: &str, message: &str| RunEnd::Failed { kind: kind.to_owned(), message: message.to_owned() };
    match why {
        Dropped::Stopped => RunEnd::Aborted { text: String::new() },
        Dropped::Replaced => failed(RunEnd::LEFT_OUT, "a newer message took its place before it was looked at"),
        Dropped::TooMany => {
            failed(RunEnd::LEFT_OUT, "too many messages of this conversation wait (`queue.cap`); send it again later")
        }
        Dropped::Summarized => failed(
            RunEnd::SUMMARISED,
            "too many messages of this conversation wait (`queue.cap`); the model is told how this one began",
        ),
    }
}
