//! Lanes: who may run now. One run per session at a time, sessions in parallel up to a limit.
//!
//! ```text
//!   Arrived ──► waiting ──► running ──► Finished
//!                │   │          │
//!   Stop ────────┤   └► joined  └─► Cancel, then Finished
//!   too many ────┴─► Drop
//! ```
//! Waiting sessions start in the order in which they became ready, so a busy session cannot starve another. Messages of
//! one session are never answered out of order.

mod wish;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::id::{RunId, SessionKey};

pub use self::wish::{LONGEST_DEBOUNCE, MOST_WAITING, QueueWish};

/// What a message does that arrives while its session is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueMode {
    /// Is put in front of the model between two steps of the run; one that comes too late for that runs next.
    Steer,
    /// Runs next.
    Followup,
    /// Runs next, together with the others that wait.
    Collect,
    /// Ends the run and takes its place.
    Interrupt,
}

impl QueueMode {
    /// All of them.
    pub const ALL: [QueueMode; 4] = [QueueMode::Steer, QueueMode::Followup, QueueMode::Collect, QueueMode::Interrupt];

    /// Its name in settings and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            QueueMode::Steer => "steer",
            QueueMode::Followup => "followup",
            QueueMode::Collect => "collect",
            QueueMode::Interrupt => "interrupt",
        }
    }

    /// The mode of this name.
    pub fn named(name: &str) -> Option<QueueMode> {
        QueueMode::ALL.into_iter().find(|mode| mode.as_str() == name)
    }
}

/// Which message goes when too many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropPolicy {
    /// The oldest.
    Old,
    /// The one that has just arrived.
    New,
    /// The oldest; the model gets to see the beginning of it.
    Summarize,
}

impl DropPolicy {
    /// All of them.
    pub const ALL: [DropPolicy; 3] = [DropPolicy::Old, DropPolicy::New, DropPolicy::Summarize];

    /// Its name in settings and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            DropPolicy::Old => "old",
            DropPolicy::New => "new",
            DropPolicy::Summarize => "summarize",
        }
    }
}

/// How one message waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queueing {
    /// What it does.
    pub mode: QueueMode,
    /// With [`QueueMode::Collect`]: how long nothing may have arrived before what waits is run.
    pub debounce: Duration,
    /// How many may wait in its session, itself included; at least 1.
    pub cap: usize,
    /// Which one goes when that is reached.
    pub drop: DropPolicy,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A message wants to run; one that runs or waits already changes nothing.
    Arrived(SessionKey, RunId, Queueing),
    /// The run of this session is about to ask the model again.
    Boundary(SessionKey),
    /// A started run has ended, however it ended.
    Finished(SessionKey),
    /// The owner stops one run, or all of the session.
    Stop(SessionKey, Option<RunId>),
    /// The time of [`Lanes::wake_at`] has come.
    Tick,
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start this run now, with the messages of those others joined into it.
    Start(SessionKey, RunId, Vec<RunId>),
    /// Hand the messages of these to the running one; they end with it.
    Join(RunId, Vec<RunId>),
    /// End this running run; its `Finished` follows.
    Cancel(RunId),
    /// End this running run with all that it has handed over: a newer message takes its place. Its `Finished` follows.
    Interrupt(SessionKey, RunId),
    /// End this waiting run, which never started.
    Drop(RunId, Dropped),
}

/// Why a message that waited is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Its owner stopped it.
    Stopped,
    /// A newer one took its place.
    Replaced,
    /// Too many waited.
    TooMany,
    /// Too many waited; the model is told how it began.
    Summarized,
}

#[derive(Debug)]
struct Waiting {
    run: RunId,
    mode: QueueMode,
    /// When it may start; only what is collected waits for more than its turn.
    not_before: Duration,
}

#[derive(Debug, Default)]
struct Lane {
    running: Option<RunId>,
    waiting: VecDeque<Waiting>,
}

impl Lane {
    /// The waiting ones at the front that have this mode.
    fn front(&self, mode: QueueMode) -> usize {
        self.waiting.iter().take_while(|waiting| waiting.mode == mode).count()
    }

    /// When the next run may start.
    fn starts_at(&self) -> Duration {
        let together = self.waiting.iter().take(self.front(QueueMode::Collect));
        together.map(|waiting| waiting.not_before).max().unwrap_or_default()
    }

    fn take(&mut self, count: usize) -> Vec<RunId> {
        self.waiting.drain(..count).map(|waiting| waiting.run).collect()
    }
}

/// All lanes. Owned by the driver, the only one who tells it what happened. Its time is that since some fixed moment.
#[derive(Debug)]
pub struct Lanes {
    /// Runs at the same time, over all sessions.
    parallel: usize,
    lanes: HashMap<SessionKey, Lane>,
    /// Sessions with a waiting run and no running one, oldest first.
    ready: VecDeque<SessionKey>,
    running: usize,
}

impl Lanes {
    /// Empty lanes, for so many runs at the same time.
    pub fn new(parallel: usize) -> Self {
        Lanes { parallel, lanes: HashMap::new(), ready: VecDeque::new(), running: 0 }
    }

    /// Takes one event and says what follows from it.
    pub fn on(&mut self, now: Duration, event: Event) -> Vec<Action> {
        let mut actions = match event {
            Event::Arrived(session, run, queueing) => self.arrived(now, session, run, queueing),
            Event::Boundary(session) => self.boundary(&session),
            Event::Finished(session) => self.finished(&session),
            Event::Stop(session, run) => self.stop(&session, run),
            Event::Tick => Vec::new(),
        };
        self.start_ready(now, &mut actions);
        actions
    }

    /// When something may start that cannot start yet, if that is only a matter of time.
    pub fn wake_at(&self) -> Option<Duration> {
        let at = |session| self.lanes.get(session).map(Lane::starts_at);
        self.ready.iter().filter_map(at).min().filter(|_| self.running < self.parallel)
    }

    /// Runs that have been started and have not finished.
    pub fn running(&self) -> usize {
        self.running
    }

    /// The runs of a session, the running one first.
    pub fn runs_of(&self, session: &SessionKey) -> Vec<RunId> {
        let Some(lane) = self.lanes.get(session) else { return Vec::new() };
        lane.running.iter().chain(lane.waiting.iter().map(|waiting| &waiting.run)).cloned().collect()
    }

    /// Whether a run of a session is at work or waits.
    pub fn has(&self, session: &SessionKey, run: &RunId) -> bool {
        let lane = self.lanes.get(session);
        lane.is_some_and(|lane| {
            lane.running.as_ref() == Some(run) || lane.waiting.iter().any(|waiting| waiting.run == *run)
        })
    }

    /// Whether a run of this session that arrived now would start at once, and no other with it.
    pub fn is_free(&self, session: &SessionKey) -> bool {
        self.running < self.parallel && self.ready.is_empty() && !self.lanes.contains_key(session)
    }

    fn arrived(&mut self, now: Duration, session: SessionKey, run: RunId, queueing: Queueing) -> Vec<Action> {
        if self.has(&session, &run) {
            return Vec::new();
        }
        let Queueing { mode, debounce, cap, drop } = queueing;
        let lane = self.lanes.entry(session.clone()).or_default();
        // Who finds nobody at work need not wait for others.
        let is_idle = lane.running.is_none() && lane.waiting.is_empty();
        let not_before = if is_idle { Duration::ZERO } else { now + debounce };
        let mut actions = Vec::new();
        if mode == QueueMode::Interrupt
            && let Some(running) = &lane.running
        {
            actions.push(Action::Interrupt(session.clone(), running.clone()));
            let replaced = lane.waiting.drain(..);
            actions.extend(replaced.map(|waiting| Action::Drop(waiting.run, Dropped::Replaced)));
        }
        while lane.waiting.len() >= cap.max(1) {
            let dropped = match drop {
                DropPolicy::New => return vec![Action::Drop(run, Dropped::TooMany)],
                DropPolicy::Old => Dropped::TooMany,
                DropPolicy::Summarize => Dropped::Summarized,
            };
            actions.extend(lane.waiting.pop_front().map(|oldest| Action::Drop(oldest.run, dropped)));
        }
        lane.waiting.push_back(Waiting { run, mode, not_before });
        if is_idle {
            self.ready.push_back(session);
        }
        actions
    }

    fn boundary(&mut self, session: &SessionKey) -> Vec<Action> {
        let Some(lane) = self.lanes.get_mut(session) else { return Vec::new() };
        let Some(running) = lane.running.clone() else { return Vec::new() };
        match lane.take(lane.front(QueueMode::Steer)) {
            joined if joined.is_empty() => Vec::new(),
            joined => vec![Action::Join(running, joined)],
        }
    }

    fn finished(&mut self, session: &SessionKey) -> Vec<Action> {
        let lane = self.lanes.get_mut(session).expect("lanes: finished run has a lane");
        lane.running.take().expect("lanes: finished run was started");
        self.running -= 1;
        if lane.waiting.is_empty() {
            self.lanes.remove(session);
        } else {
            self.ready.push_back(session.clone());
        }
        Vec::new()
    }

    fn stop(&mut self, session: &SessionKey, only: Option<RunId>) -> Vec<Action> {
        let Some(lane) = self.lanes.get_mut(session) else { return Vec::new() };
        let meant = |run: &RunId| only.as_ref().is_none_or(|only| only == run);
        let mut actions: Vec<_> = lane.running.iter().filter(|run| meant(run)).cloned().map(Action::Cancel).collect();
        let (dropped, kept): (VecDeque<_>, _) = lane.waiting.drain(..).partition(|waiting| meant(&waiting.run));
        lane.waiting = kept;
        actions.extend(dropped.into_iter().map(|waiting| Action::Drop(waiting.run, Dropped::Stopped)));
        if lane.waiting.is_empty() {
            self.ready.retain(|ready| ready != session);
            if lane.running.is_none() {
                self.lanes.remove(session);
            }
        }
        actions
    }

    fn start_ready(&mut self, now: Duration, actions: &mut Vec<Action>) {
        while self.running < self.parallel {
            let may_start = |session: &SessionKey| self.lanes[session].starts_at() <= now;
            let Some(session) = self.ready.iter().position(may_start).and_then(|at| self.ready.remove(at)) else {
                return;
            };
            let lane = self.lanes.get_mut(&session).expect("lanes: ready session has a lane");
            let mut runs = lane.take(lane.front(QueueMode::Collect).max(1)).into_iter();
            let run = runs.next().expect("lanes: ready session has a waiting run");
            lane.running = Some(run.clone());
            self.running += 1;
            actions.push(Action::Start(session, run, runs.collect()));
        }
    }
}

#[cfg(test)]
mod tests;
