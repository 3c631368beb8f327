//! Who may run a call now: every component always one, and the rest in turn.
//!
//! A component's first call never waits for another component, whatever the others do. Further calls share a number of
//! places; they come first in, first out within a component, and the components take turns.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use claw_core::id::ComponentName;
use tokio::sync::oneshot;

/// Calls that may wait for a place in their component's worker.
pub(crate) const WAITING: usize = 64;

/// Hands out the places.
#[derive(Clone)]
pub(crate) struct Turnstile {
    state: Arc<Mutex<State>>,
}

/// A running call's place; dropping it lets the next one in.
pub(crate) struct Place {
    turnstile: Turnstile,
    component: ComponentName,
}

/// Too many calls wait for the component already.
#[derive(Debug)]
pub(crate) struct Full;

struct State {
    /// Calls that one component may run at the same time.
    concurrency: usize,
    /// Places left for calls beyond the first of their component.
    shared: usize,
    lines: HashMap<ComponentName, Line>,
    /// The components with waiting calls, whose turn it is next first.
    turns: VecDeque<ComponentName>,
}

#[derive(Default)]
struct Line {
    running: usize,
    waiting: VecDeque<oneshot::Sender<Place>>,
}

impl Turnstile {
    /// `concurrency` calls of one component at a time, `shared` of all components beyond the first of each.
    pub(crate) fn new(concurrency: usize, shared: usize) -> Self {
        let state = State { concurrency: concurrency.max(1), shared, lines: HashMap::new(), turns: VecDeque::new() };
        Turnstile { state: Arc::new(Mutex::new(state)) }
    }

    /// Waits for a place. Cancel-safe: who gives up waiting holds up nobody.
    pub(crate) async fn enter(&self, component: &ComponentName) -> Result<Place, Full> {
        let waiting = {
            let mut state = self.lock();
            if state.enter_at_once(component) {
                return Ok(self.place(component));
            }
            state.wait(component)?
        };
        Ok(waiting.await.expect("turnstile: who waits is let in some time, for every place is given back"))
    }

    fn leave(&self, component: &ComponentName) {
        self.lock().leave(component);
        loop {
            let Some((component, waiting)) = self.lock().next() else { return };
            let Err(unwanted) = waiting.send(self.place(&component)) else { continue };
            // It gave up meanwhile. Its place goes back here, not by being dropped, which would call this once more.
            std::mem::forget(unwanted);
            self.lock().leave(&component);
        }
    }

    fn place(&self, component: &ComponentName) -> Place {
        Place { turnstile: self.clone(), component: component.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.turnstile.leave(&self.component);
    }
}

impl State {
    fn enter_at_once(&mut self, component: &ComponentName) -> bool {
        // Whoever waits already comes first.
        let is_free = match self.lines.get(component) {
            None => true,
            Some(line) => line.waiting.is_empty() && self.has_room(line),
        };
        if is_free {
            self.start(component);
        }
        is_free
    }

    fn wait(&mut self, component: &ComponentName) -> Result<oneshot::Receiver<Place>, Full> {
        let line = self.lines.entry(component.clone()).or_default();
        if line.waiting.len() >= WAITING {
            line.waiting.retain(|waiting| !waiting.is_closed());
        }
        if line.waiting.len() >= WAITING {
            return Err(Full);
        }
        if line.waiting.is_empty() {
            self.turns.push_back(component.clone());
        }
        let (sender, receiver) = oneshot::channel();
        line.waiting.push_back(sender);
        Ok(receiver)
    }

    /// Starts the next waiting call that may, and puts its component at the end of the turns.
    fn next(&mut self) -> Option<(ComponentName, oneshot::Sender<Place>)> {
        let turn = self.turns.iter().position(|component| self.has_room(&self.lines[component]))?;
        let component = self.turns.remove(turn)?;
        let line = self.lines.get_mut(&component)?;
        let waiting = line.waiting.pop_front()?;
        if !line.waiting.is_empty() {
            self.turns.push_back(component.clone());
        }
        self.start(&component);
        Some((component, waiting))
    }

    fn has_room(&self, line: &Line) -> bool {
        line.running == 0 || (line.running < self.concurrency && self.shared > 0)
    }

    fn start(&mut self, component: &ComponentName) {
        let line = match self.lines.get_mut(component) {
            Some(line) => line,
            None => self.lines.entry(component.clone()).or_default(),
        };
        line.running += 1;
        if line.running > 1 {
            self.shared -= 1;
        }
    }

    fn leave(&mut self, component: &ComponentName) {
        let line = self.lines.get_mut(component).expect("turnstile: a running call has a line");
        line.running -= 1;
        if line.running > 0 {
            self.shared += 1;
        } else if line.waiting.is_empty() {
            self.lines.remove(component);
        }
    }
}

#[cfg(test)]
mod tests;
