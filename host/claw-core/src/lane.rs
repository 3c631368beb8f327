//! Lanes: who may run now. One run per session at a time, sessions in parallel up to a limit.
//!
//! ```text
//!   Arrived ──► waiting ──► running ──► Finished
//!                  │            │
//!   Stop ──────────┴─► Drop     └─► Cancel, then Finished
//! ```
//! Waiting sessions start in the order in which they became ready, so a busy session cannot starve another.

use std::collections::{HashMap, VecDeque};

use crate::id::{RunId, SessionKey};

/// How much may run and wait.
#[derive(Clone, Copy, Debug)]
pub struct LaneLimits {
    /// Runs at the same time, over all sessions.
    pub running: usize,
    /// Runs that wait behind the running one of their session; upstream's queue cap.
    pub waiting_per_session: usize,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A durable message wants to run; one that runs or waits already changes nothing.
    Arrived(SessionKey, RunId),
    /// A started run has ended, however it ended.
    Finished(SessionKey),
    /// The owner stops one run, or all of the session.
    Stop(SessionKey, Option<RunId>),
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start this run now.
    Start(SessionKey, RunId),
    /// End this running run; its `Finished` follows.
    Cancel(RunId),
    /// End this waiting run as aborted; it never started.
    Drop(RunId),
    /// End this run as refused: too many wait before it.
    Refuse(RunId),
}

#[derive(Debug, Default)]
struct Lane {
    running: Option<RunId>,
    waiting: VecDeque<RunId>,
}

/// All lanes. Owned by the driver, the only one who tells it what happened.
#[derive(Debug)]
pub struct Lanes {
    limits: LaneLimits,
    lanes: HashMap<SessionKey, Lane>,
    /// Sessions with a waiting run and no running one, oldest first.
    ready: VecDeque<SessionKey>,
    running: usize,
}

impl Lanes {
    /// Empty lanes.
    pub fn new(limits: LaneLimits) -> Self {
        Lanes { limits, lanes: HashMap::new(), ready: VecDeque::new(), running: 0 }
    }

    /// Takes one event and says what follows from it.
    pub fn on(&mut self, event: Event) -> Vec<Action> {
        let mut actions = match event {
            Event::Arrived(session, run) => self.arrived(session, run),
            Event::Finished(session) => self.finished(&session),
            Event::Stop(session, run) => self.stop(&session, run),
        };
        self.start_ready(&mut actions);
        actions
    }

    /// Runs that have been started and have not finished.
    pub fn running(&self) -> usize {
        self.running
    }

    /// The runs of a session, the running one first.
    pub fn runs_of(&self, session: &SessionKey) -> Vec<RunId> {
        let Some(lane) = self.lanes.get(session) else { return Vec::new() };
        lane.running.iter().chain(&lane.waiting).cloned().collect()
    }

    /// Whether a run of a session is at work or waits.
    pub fn has(&self, session: &SessionKey, run: &RunId) -> bool {
        let lane = self.lanes.get(session);
        lane.is_some_and(|lane| lane.running.as_ref() == Some(run) || lane.waiting.contains(run))
    }

    fn arrived(&mut self, session: SessionKey, run: RunId) -> Vec<Action> {
        if self.has(&session, &run) {
            return Vec::new();
        }
        let lane = self.lanes.entry(session.clone()).or_default();
        if lane.waiting.len() >= self.limits.waiting_per_session {
            return vec![Action::Refuse(run)];
        }
        lane.waiting.push_back(run);
        if lane.running.is_none() && lane.waiting.len() == 1 {
            self.ready.push_back(session);
        }
        Vec::new()
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
        let (dropped, kept): (VecDeque<_>, _) = lane.waiting.drain(..).partition(&meant);
        lane.waiting = kept;
        actions.extend(dropped.into_iter().map(Action::Drop));
        if lane.waiting.is_empty() {
            self.ready.retain(|ready| ready != session);
            if lane.running.is_none() {
                self.lanes.remove(session);
            }
        }
        actions
    }

    fn start_ready(&mut self, actions: &mut Vec<Action>) {
        while self.running < self.limits.running {
            let Some(session) = self.ready.pop_front() else { return };
            let lane = self.lanes.get_mut(&session).expect("lanes: ready session has a lane");
            let run = lane.waiting.pop_front().expect("lanes: ready session has a waiting run");
            lane.running = Some(run.clone());
            self.running += 1;
            actions.push(Action::Start(session, run));
        }
    }
}

#[cfg(test)]
mod tests;
