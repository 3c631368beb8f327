//! One running call, as the host sees it: what its guest asks for, and how it ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use claw_core::effect::{EffectError, EffectReply, EffectRequest};
use claw_core::outcome::{FailureKind, ToolOutcome};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;

use crate::frame::{BodyPart, FromWorker, LogLevel, ToWorker, Trace};
use crate::handle::{Delivered, Worker};
use crate::limits::{BODY_CREDIT_BYTES, REQUEST_PART_BYTES, REQUEST_PARTS};
use crate::turnstile::Place;

/// A cancelled guest ends at its next tick; one that has not by then takes its worker with it.
const CANCEL_GRACE: Duration = Duration::from_secs(1);

/// What a call tells the host.
#[derive(Debug)]
pub enum Signal {
    /// The guest wants something done and waits for the answer, which goes through the [`Answerer`].
    Effect {
        /// Names the effect within the call.
        effect: u32,
        /// What it wants.
        request: EffectRequest,
    },
    /// For people who wait.
    Progress {
        /// 0 to 100.
        percent: Option<u8>,
        /// At most 512 bytes.
        note: String,
    },
    /// A line of the guest's for the log: one line, no control characters, few enough.
    Log {
        /// How much it matters.
        level: LogLevel,
        /// What it is about, in the guest's words.
        context: String,
        /// What it says.
        message: String,
    },
    /// The call is over; nothing follows.
    Done {
        /// How.
        outcome: ToolOutcome,
        /// What it leaves behind.
        trace: Trace,
    },
}

/// One running call. Dropping it stops the guest.
pub struct Running {
    answerer: Answerer,
    signals: mpsc::Receiver<Delivered>,
    pauses: watch::Receiver<usize>,
    wall: Duration,
    wall_left: Duration,
    stopping: Option<Stopping>,
    done: bool,
    _place: Place,
}

/// Why a call is being stopped, and when patience ends.
struct Stopping {
    outcome: ToolOutcome,
    until: Instant,
}

/// Answers the effects of one call; can be cloned into the tasks that perform them.
#[derive(Clone)]
pub struct Answerer {
    worker: Arc<Worker>,
    id: u64,
    credits: Arc<Mutex<HashMap<u32, Arc<Semaphore>>>>,
    /// Where the parts of request bodies go that have not ended; each has room for the parts that have credit.
    sources: Arc<Mutex<HashMap<u32, mpsc::Sender<BodyPart>>>>,
    /// The room that effects take which have not been answered.
    unanswered: Arc<Mutex<HashMap<u32, OwnedSemaphorePermit>>>,
    pauses: Arc<watch::Sender<usize>>,
}

/// While it lives, the call's wall clock stands still: a person is thinking.
pub struct Pause {
    pauses: Arc<watch::Sender<usize>>,
}

/// Where a response body goes. Waits while the guest does not read.
pub struct BodySink {
    answerer: Answerer,
    effect: u32,
    credit: Arc<Semaphore>,
}

/// Where a streamed request body comes from. The guest waits while nobody takes its parts.
pub struct BodySource {
    answerer: Answerer,
    effect: u32,
    parts: mpsc::Receiver<BodyPart>,
}

impl Running {
    pub(crate) fn new(
        worker: Arc<Worker>,
        id: u64,
        signals: mpsc::Receiver<Delivered>,
        wall: Duration,
        place: Place,
    ) -> Self {
        let (sender, pauses) = watch::channel(0);
        let answerer = Answerer {
            worker,
            id,
            credits: Arc::default(),
            sources: Arc::default(),
            unanswered: Arc::default(),
            pauses: Arc::new(sender),
        };
        Running { answerer, signals, pauses, wall, wall_left: wall, stopping: None, done: false, _place: place }
    }

    /// The way to answer this call's effects.
    pub fn answerer(&self) -> Answerer {
        self.answerer.clone()
    }

    /// Stops the call; [`Signal::Done`] with `cancelled` follows within a second.
    pub async fn cancel(&mut self) {
        self.stop(ToolOutcome::failed(FailureKind::Cancelled, "the call was stopped")).await;
    }

    async fn stop(&mut self, outcome: ToolOutcome) {
        if self.stopping.is_none() {
            self.stopping = Some(Stopping { outcome, until: Instant::now() + CANCEL_GRACE });
            let _ = self.answerer.worker.send(&ToWorker::Cancel { id: self.answerer.id }).await;
        }
    }

    /// The next signal. Cancel-safe.
    pub async fn next(&mut self) -> Signal {
        loop {
            let since = Instant::now();
            let paused = *self.pauses.borrow_and_update() > 0;
            let patience = match &self.stopping {
                Some(stopping) => stopping.until,
                None => since + self.wall_left,
            };
            let limited = self.stopping.is_some() || !paused;
            let signal = tokio::select! {
                biased;
                signal = self.signals.recv() => Some(signal),
                _ = self.pauses.changed() => None,
                () = tokio::time::sleep_until(patience), if limited => {
                    self.out_of_time().await;
                    None
                }
            };
            if !paused {
                self.wall_left = self.wall_left.saturating_sub(since.elapsed());
            }
            if let Some(signal) = signal.and_then(|signal| self.take(signal)) {
                return signal;
            }
        }
    }

    async fn out_of_time(&mut self) {
        if self.stopping.is_some() {
            // It did not stop by itself: its worker goes, and the closed channel gives the end.
            self.answerer.worker.kill();
        } else {
            let message = format!("the call ran longer than its {} ms", self.wall.as_millis());
            self.stop(ToolOutcome::failed(FailureKind::Deadline, message)).await;
        }
    }

    fn take(&mut self, delivered: Option<Delivered>) -> Option<Signal> {
        let (signal, room) = delivered.map(|Delivered { frame, room }| (frame, room)).unzip();
        match signal {
            Some(FromWorker::Effect { effect, request, .. }) => {
                if self.answerer.unanswered().insert(effect, room?).is_some() {
                    self.answerer.worker.condemn("gave two effects the same number");
                    return None;
                }
                Some(Signal::Effect { effect, request })
            }
            Some(FromWorker::Progress { percent, note, .. }) => Some(Signal::Progress { percent, note }),
            Some(FromWorker::BodyCredit { effect, bytes, .. }) => {
                if let Some(credit) = self.answerer.credit(effect) {
                    // A hostile worker may promise anything; a semaphore has an upper bound.
                    let room = (BODY_CREDIT_BYTES as usize).saturating_sub(credit.available_permits());
                    credit.add_permits(room.min(bytes as usize));
                }
                None
            }
            Some(FromWorker::BodyDropped { effect, .. }) => {
                if let Some(credit) = self.answerer.credit(effect) {
                    credit.close();
                }
                None
            }
            Some(FromWorker::RequestPart { effect, part, .. }) => {
                if !self.answerer.take_part(effect, part) {
                    self.answerer.worker.condemn("sent more of a request's body than it had credit for");
                }
                None
            }
            Some(FromWorker::Log { level, context, message, .. }) => Some(Signal::Log { level, context, message }),
            Some(FromWorker::Done { outcome, trace, .. }) => {
                if outcome.is_done() {
                    self.answerer.worker.worked();
                }
                Some(self.end(outcome, trace))
            }
            Some(FromWorker::Fault { .. }) => {
                let message = "a fault of the host's in a call of this component; please report it";
                Some(self.end(ToolOutcome::failed(FailureKind::Crash, message), Trace::default()))
            }
            // Frames that do not belong to a call do not get here.
            Some(FromWorker::Described { .. } | FromWorker::Ready { .. } | FromWorker::StartFailed { .. }) => None,
            None => {
                let message = "the component's worker process died; the next call gets a new one";
                Some(self.end(ToolOutcome::failed(FailureKind::Crash, message), Trace::default()))
            }
        }
    }

    fn end(&mut self, outcome: ToolOutcome, trace: Trace) -> Signal {
        self.done = true;
        // A guest that finished although it was being stopped has still finished.
        let outcome = match self.stopping.take() {
            Some(stopping) if !outcome.is_done() => stopping.outcome,
            _ => outcome,
        };
        Signal::Done { outcome, trace }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.answerer.worker.forget(self.answerer.id);
        for credit in self.answerer.credits.lock().unwrap_or_else(PoisonError::into_inner).values() {
            credit.close();
        }
        self.answerer.sources().clear();
        self.answerer.unanswered().clear();
        if !self.done {
            let answerer = self.answerer.clone();
            tokio::spawn(async move {
                let _ = answerer.worker.send(&ToWorker::Cancel { id: answerer.id }).await;
            });
        }
    }
}

impl Answerer {
    /// Answers an effect that has no body.
    pub async fn answer(&self, effect: u32, answer: Result<EffectReply, EffectError>) {
        let id = self.id;
        let mut frame = ToWorker::Answer { id, effect, answer };
        if let Err(err) = self.worker.send(&frame).await {
            // A dead worker needs no answer; an answer that fits no frame needs another one.
            frame = ToWorker::Answer { id, effect, answer: Err(EffectError::Limit(err.to_string())) };
            let _ = self.worker.send(&frame).await;
        }
        self.unanswered().remove(&effect);
    }

    /// Answers an effect whose body follows through the sink.
    pub async fn answer_with_body(&self, effect: u32, reply: EffectReply) -> BodySink {
        let credit = Arc::new(Semaphore::new(BODY_CREDIT_BYTES as usize));
        self.credits.lock().unwrap_or_else(PoisonError::into_inner).insert(effect, Arc::clone(&credit));
        self.answer(effect, Ok(reply)).await;
        BodySink { answerer: self.clone(), effect, credit }
    }

    /// The streamed body of a request, which comes from now on.
    pub async fn body(&self, effect: u32) -> BodySource {
        let (sender, parts) = mpsc::channel(REQUEST_PARTS);
        self.sources().insert(effect, sender);
        let source = BodySource { answerer: self.clone(), effect, parts };
        for _ in 0..REQUEST_PARTS {
            source.give_credit().await;
        }
        source
    }

    /// Keeps a part until it is taken. Whether it had credit; one that nobody waits for any more needs none.
    fn take_part(&self, effect: u32, part: BodyPart) -> bool {
        let mut sources = self.sources();
        let Some(source) = sources.get(&effect) else { return true };
        match part {
            BodyPart::Chunk(bytes) if bytes.is_empty() || bytes.len() > REQUEST_PART_BYTES => false,
            BodyPart::Chunk(_) => source.try_send(part).is_ok(),
            BodyPart::End => sources.remove(&effect).is_some_and(|source| source.try_send(part).is_ok()),
            // Without its sender the body ends, and not regularly.
            BodyPart::Broken(_) => sources.remove(&effect).is_some(),
        }
    }

    fn unanswered(&self) -> MutexGuard<'_, HashMap<u32, OwnedSemaphorePermit>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sources(&self) -> MutexGuard<'_, HashMap<u32, mpsc::Sender<BodyPart>>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops the call's wall clock until the pause is dropped.
    pub fn pause(&self) -> Pause {
        self.pauses.send_modify(|pauses| *pauses += 1);
        Pause { pauses: Arc::clone(&self.pauses) }
    }

    fn credit(&self, effect: u32) -> Option<Arc<Semaphore>> {
        self.credits.lock().unwrap_or_else(PoisonError::into_inner).get(&effect).cloned()
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.pauses.send_modify(|pauses| *pauses -= 1);
    }
}

impl BodySink {
    /// Passes a chunk on; waits for credit.
    ///
    /// # Errors
    /// [`EffectError::Cancelled`] once nobody reads any more.
    pub async fn send(&self, mut chunk: bytes::Bytes) -> Result<(), EffectError> {
        while !chunk.is_empty() {
            let part = chunk.split_to(chunk.len().min(64 << 10));
            let cost = u32::try_from(part.len()).expect("running: parts are at most 64 KiB");
            self.credit.acquire_many(cost).await.map_err(|_| EffectError::Cancelled)?.forget();
            self.part(BodyPart::Chunk(part.to_vec())).await?;
        }
        Ok(())
    }

    /// Ends the body regularly, or as broken off.
    pub async fn end(self, result: Result<(), EffectError>) {
        let part = match result {
            Ok(()) => BodyPart::End,
            Err(err) => BodyPart::Broken(err),
        };
        let _ = self.part(part).await;
    }

    async fn part(&self, part: BodyPart) -> Result<(), EffectError> {
        let frame = ToWorker::Body { id: self.answerer.id, effect: self.effect, part };
        self.answerer.worker.send(&frame).await.map_err(|_| EffectError::Cancelled)
    }
}

impl BodySource {
    /// The next part, 1 byte to 64 KiB; nothing at the regular end.
    ///
    /// # Errors
    /// [`EffectError::Cancelled`] if the guest, or its call, has ended before the body had.
    pub async fn next(&mut self) -> Result<Option<bytes::Bytes>, EffectError> {
        match self.parts.recv().await {
            Some(BodyPart::Chunk(part)) => {
                self.give_credit().await;
                Ok(Some(part.into()))
            }
            Some(BodyPart::End) => Ok(None),
            Some(BodyPart::Broken(_)) | None => Err(EffectError::Cancelled),
        }
    }

    async fn give_credit(&self) {
        let frame = ToWorker::RequestCredit { id: self.answerer.id, effect: self.effect };
        // A dead worker needs none.
        let _ = self.answerer.worker.send(&frame).await;
    }
}

impl Drop for BodySource {
    fn drop(&mut self) {
        let open = self.answerer.sources().remove(&self.effect);
        if open.is_some() {
            let (answerer, effect) = (self.answerer.clone(), self.effect);
            tokio::spawn(async move {
                let _ = answerer.worker.send(&ToWorker::RequestDropped { id: answerer.id, effect }).await;
            });
        }
    }
}

#[cfg(test)]
mod tests;
