//! The one door: each effect leaves the worker here as a frame, and its answer comes back here.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use claw_core::effect::{EffectError, EffectReply, EffectRequest};
use claw_core::guard::Guard;
use tokio::sync::{mpsc, oneshot};

use super::turn::Turn;
use crate::frame::{self, BodyPart, FromWorker};
use crate::limits::{CallLimits, UNANSWERED_BYTES};

/// The way out, shared by all calls of the worker.
pub(super) struct Door {
    socket: Mutex<UnixStream>,
    calls: Mutex<HashMap<u64, Arc<CallState>>>,
    /// Who reads what comes in.
    pub(super) turn: Turn,
    /// Bytes of all requests that have no answer yet.
    unanswered: Arc<AtomicUsize>,
}

/// What the door knows of one running call.
pub(super) struct CallState {
    pub(super) id: u64,
    cancelled: AtomicBool,
    ended: AtomicBool,
    next_effect: AtomicU32,
    /// Effects that the call may ask for.
    effects: u32,
    waiting: Mutex<HashMap<u32, Waiting>>,
    /// The host's last refusal: the truth about it, whatever the guest makes of it.
    refusal: Mutex<Option<EffectError>>,
}

enum Waiting {
    Answer { answer: oneshot::Sender<Result<EffectReply, EffectError>>, _room: Unanswered },
    Body(mpsc::UnboundedSender<BodyPart>),
    Credit(mpsc::UnboundedSender<()>),
}

/// The bytes of a request that has no answer yet; all of them together are limited.
struct Unanswered {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// An effect that was asked for, whose answer may have a body behind it.
pub(super) struct Asked {
    pub(super) effect: u32,
    answer: oneshot::Receiver<Result<EffectReply, EffectError>>,
    pub(super) body: mpsc::UnboundedReceiver<BodyPart>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panicking call must not take the other calls of its worker with it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Door {
    pub(super) fn new(socket: UnixStream) -> Self {
        Door {
            socket: Mutex::new(socket),
            calls: Mutex::new(HashMap::new()),
            turn: Turn::default(),
            unanswered: Arc::default(),
        }
    }

    pub(super) fn reader(&self) -> io::Result<UnixStream> {
        lock(&self.socket).try_clone()
    }

    pub(super) fn send(&self, frame: &FromWorker) -> io::Result<()> {
        self.write(&frame::encode(frame)?)
    }

    fn write(&self, frame: &[u8]) -> io::Result<()> {
        lock(&self.socket).write_all(frame)
    }

    /// Finds room for a request; `None` if too much is asked already.
    fn ask_for(&self, bytes: usize) -> Option<Unanswered> {
        let fits = |asked: usize| asked.checked_add(bytes).filter(|all| *all <= UNANSWERED_BYTES);
        self.unanswered.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Unanswered { bytes, all: Arc::clone(&self.unanswered) })
    }

    pub(super) fn open(&self, id: u64, limits: CallLimits) -> Arc<CallState> {
        let state = Arc::new(CallState {
            id,
            cancelled: AtomicBool::new(false),
            ended: AtomicBool::new(false),
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
        if let Some(Waiting::Answer { answer: sender, .. }) = waiting {
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

    /// One more part of a request's body may be sent.
    pub(super) fn credit(&self, id: u64, effect: u32) {
        let Some(state) = self.call(id) else { return };
        if let Some(Waiting::Credit(sender)) = lock(&state.waiting).get(&(effect | CREDIT)) {
            let _ = sender.send(());
        }
    }

    /// No more of a request's body may be sent.
    pub(super) fn unwanted(&self, id: u64, effect: u32) {
        if let Some(state) = self.call(id) {
            state.forget_credit(effect);
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

    /// The guest is gone: what it has not finished by now, it never will.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whoever waits for credit now finds its sender gone.
    pub(super) fn forget_credit(&self, effect: u32) {
        lock(&self.waiting).remove(&(effect | CREDIT));
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
        let (effect, answer) = self.ask(door, request, [])?;
        let answered = answer.blocking_recv().unwrap_or(Err(EffectError::Cancelled));
        lock(&self.waiting).remove(&effect);
        self.remember(answered)
    }

    /// Asks for an effect whose answer may have a body; `credit` is for the parts of the request's own.
    pub(super) fn ask_with_body(
        &self,
        door: &Door,
        request: EffectRequest,
        credit: Option<mpsc::UnboundedSender<()>>,
    ) -> Result<Asked, EffectError> {
        let (parts, body) = mpsc::unbounded_channel();
        let places = [Some((BODY, Waiting::Body(parts))), credit.map(|credit| (CREDIT, Waiting::Credit(credit)))];
        let (effect, answer) = self.ask(door, request, places.into_iter().flatten())?;
        Ok(Asked { effect, answer, body })
    }

    /// Waits for the answer.
    pub(super) async fn answer(&self, asked: &mut Asked) -> Result<EffectReply, EffectError> {
        let answered = (&mut asked.answer).await.unwrap_or(Err(EffectError::Cancelled));
        if answered.is_err() {
            lock(&self.waiting).remove(&(asked.effect | BODY));
        }
        self.remember(answered)
    }

    /// Sends a request; `places` are for what comes beside its answer.
    fn ask(
        &self,
        door: &Door,
        request: EffectRequest,
        places: impl IntoIterator<Item = (u32, Waiting)>,
    ) -> Result<(u32, oneshot::Receiver<Result<EffectReply, EffectError>>), EffectError> {
        let (sender, receiver) = oneshot::channel();
        let effect = self.next_effect.fetch_add(1, Ordering::Relaxed);
        if effect >= self.effects && Guard::EffectLimit.is_up() {
            // Counting on would wrap around some day.
            self.next_effect.store(self.effects, Ordering::Relaxed);
            return Err(EffectError::Limit(format!("a call may ask for {} effects", self.effects)));
        }
        let unsendable = |err| EffectError::Limit(format!("the request does not fit a frame: {err}"));
        let frame = frame::encode(&FromWorker::Effect { id: self.id, effect, request }).map_err(unsendable)?;
        let Some(room) = door.ask_for(frame.len()) else {
            let most = UNANSWERED_BYTES >> 20;
            return Err(EffectError::Limit(format!("more than {most} MiB of requests wait for their answers")));
        };
        {
            let mut waiting = lock(&self.waiting);
            // Under the same lock as `cancel`, so that no waiter can slip in behind it.
            if self.is_cancelled() {
                return Err(EffectError::Cancelled);
            }
            waiting.insert(effect, Waiting::Answer { answer: sender, _room: room });
            // Answer and body may be here before this thread runs again, so their places are made before the request
            // leaves.
            waiting.extend(places.into_iter().map(|(mark, place)| (effect | mark, place)));
        }
        // The answer will come in: somebody must be there to read it.
        door.turn.pass();
        door.write(&frame).map_err(|err| EffectError::Unavailable(format!("the host is gone: {err}")))?;
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
/// Marks the number of an effect whose request has a body on its way.
const CREDIT: u32 = 1 << 30;
