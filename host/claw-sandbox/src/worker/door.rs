//! The one door: each effect leaves the worker here as a frame, and its answer comes back here.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use claw_core::effect::{EffectError, EffectReply, EffectRequest};
use claw_core::guard::Guard;
use tokio::sync::{mpsc, oneshot};

use super::turn::Turn;
use crate::frame::{self, BodyPart, FromWorker};
use crate::limits::CallLimits;

/// The way out, shared by all calls of the worker.
pub(super) struct Door {
    socket: Mutex<UnixStream>,
    calls: Mutex<HashMap<u64, Arc<CallState>>>,
    /// Who reads what comes in.
    pub(super) turn: Turn,
}

/// What the door knows of one running call.
pub(super) struct CallState {
    pub(super) id: u64,
    cancelled: AtomicBool,
    next_effect: AtomicU32,
    /// Effects that the call may ask for.
    effects: u32,
    waiting: Mutex<HashMap<u32, Waiting>>,
    /// The host's last refusal: the truth about it, whatever the guest makes of it.
    refusal: Mutex<Option<EffectError>>,
}

enum Waiting {
    Answer(oneshot::Sender<Result<EffectReply, EffectError>>),
    Body(mpsc::UnboundedSender<BodyPart>),
}

/// An answer that has a body behind it.
pub(super) struct Answered {
    pub(super) reply: EffectReply,
    pub(super) effect: u32,
    pub(super) body: mpsc::UnboundedReceiver<BodyPart>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panicking call must not take the other calls of its worker with it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Door {
    pub(super) fn new(socket: UnixStream) -> Self {
        Door { socket: Mutex::new(socket), calls: Mutex::new(HashMap::new()), turn: Turn::default() }
    }

    pub(super) fn reader(&self) -> io::Result<UnixStream> {
        lock(&self.socket).try_clone()
    }

    pub(super) fn send(&self, frame: &FromWorker) -> io::Result<()> {
        let bytes = frame::encode(frame)?;
        lock(&self.socket).write_all(&bytes)
    }

    pub(super) fn open(&self, id: u64, limits: CallLimits) -> Arc<CallState> {
        let state = Arc::new(CallState {
            id,
            cancelled: AtomicBool::new(false),
            next_effect: AtomicU32::new(0),
            effects: limits.clamped().effects,
            waiting: Mutex::new(HashMap::new()),
            refusal: Mutex::new(None),
        });
        lock(&self.calls).insert(id, Arc::clone(&state));
        state
    }

    pub(super) fn close(&self, id: u64) {
        lock(&self.calls).remove(&id);
    }

    pub(super) fn cancel(&self, id: u64) {
        if let Some(state) = self.call(id) {
            state.cancelled.store(true, Ordering::Release);
            // Whoever waits for an answer now finds its sender gone.
            lock(&state.waiting).clear();
        }
    }

    pub(super) fn answer(&self, id: u64, effect: u32, answer: Result<EffectReply, EffectError>) {
        let Some(state) = self.call(id) else { return };
        let waiting = lock(&state.waiting).remove(&effect);
        if let Some(Waiting::Answer(sender)) = waiting {
            let _ = sender.send(answer);
        }
    }

    pub(super) fn body(&self, id: u64, effect: u32, part: BodyPart) {
        let Some(state) = self.call(id) else { return };
        let last = !matches!(part, BodyPart::Chunk(_));
        let effect = effect | BODY;
        let mut waiting = lock(&state.waiting);
        if let Some(Waiting::Body(sender)) = waiting.get(&effect) {
            let _ = sender.send(part);
        }
        if last {
            waiting.remove(&effect);
        }
    }

    fn call(&self, id: u64) -> Option<Arc<CallState>> {
        lock(&self.calls).get(&id).cloned()
    }
}

impl CallState {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Effects that the call may still ask for.
    pub(super) fn effects_left(&self) -> u32 {
        self.effects.saturating_sub(self.next_effect.load(Ordering::Relaxed))
    }

    pub(super) fn refusal(&self) -> Option<EffectError> {
        lock(&self.refusal).clone()
    }

    /// Keeps the words of a refusal that the guest gets only as a number.
    pub(super) fn refused(&self, refusal: EffectError) {
        *lock(&self.refusal) = Some(refusal);
    }

    /// Asks for an effect and blocks this thread until its answer is here.
    pub(super) fn ask_blocking(&self, door: &Door, request: EffectRequest) -> Result<EffectReply, EffectError> {
        let (effect, answer) = self.ask(door, request, None)?;
        let answered = answer.blocking_recv().unwrap_or(Err(EffectError::Cancelled));
        lock(&self.waiting).remove(&effect);
        self.remember(answered)
    }

    /// Asks for an effect whose answer may have a body.
    pub(super) async fn ask_with_body(&self, door: &Door, request: EffectRequest) -> Result<Answered, EffectError> {
        let (parts, body) = mpsc::unbounded_channel();
        let (effect, answer) = self.ask(door, request, Some(parts))?;
        let answered = answer.await.unwrap_or(Err(EffectError::Cancelled));
        match self.remember(answered) {
            Ok(reply) => Ok(Answered { reply, effect, body }),
            Err(err) => {
                lock(&self.waiting).remove(&(effect | BODY));
                Err(err)
            }
        }
    }

    /// Sends a request; `parts` is where the body of its answer goes.
    fn ask(
        &self,
        door: &Door,
        request: EffectRequest,
        parts: Option<mpsc::UnboundedSender<BodyPart>>,
    ) -> Result<(u32, oneshot::Receiver<Result<EffectReply, EffectError>>), EffectError> {
        let (sender, receiver) = oneshot::channel();
        let effect = self.next_effect.fetch_add(1, Ordering::Relaxed);
        if effect >= self.effects && Guard::EffectLimit.is_up() {
            // Counting on would wrap around some day.
            self.next_effect.store(self.effects, Ordering::Relaxed);
            return Err(EffectError::Limit(format!("a call may ask for {} effects", self.effects)));
        }
        {
            let mut waiting = lock(&self.waiting);
            // Under the same lock as `cancel`, so that no waiter can slip in behind it.
            if self.is_cancelled() {
                return Err(EffectError::Cancelled);
            }
            waiting.insert(effect, Waiting::Answer(sender));
            // Answer and body may be here before this thread runs again, so their places are made before the request
            // leaves.
            if let Some(parts) = parts {
                waiting.insert(effect | BODY, Waiting::Body(parts));
            }
        }
        // The answer will come in: somebody must be there to read it.
        door.turn.pass();
        let frame = FromWorker::Effect { id: self.id, effect, request };
        door.send(&frame).map_err(|err| EffectError::Limit(format!("the request does not fit a frame: {err}")))?;
        Ok((effect, receiver))
    }

    fn remember<T>(&self, answered: Result<T, EffectError>) -> Result<T, EffectError> {
        if let Err(err @ EffectError::Denied { .. }) = &answered {
            self.refused(err.clone());
        }
        answered
    }
}

/// Marks the number of an effect's body among those who wait; effects themselves count below it.
const BODY: u32 = 1 << 31;
