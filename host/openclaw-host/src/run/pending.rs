//! Writes that the disk may take its time for: meanwhile a run asks its model, or runs a call that takes no effect by
//! itself. Nothing leaves the run before they are durable, and nothing is written behind them that does not know of them.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use claw_core::event::HostEvent;
use claw_core::id::{RunId, Seq};
use claw_core::message::{Entry, Message};
use claw_store::{JournalStep, Record, Repeatable, RunRow, RunState, StoreError};
use futures_util::future::FutureExt;
use tokio::sync::{broadcast, oneshot, watch};

use super::Shell;
use crate::crash_point;
use crate::host::now;

/// A message on its way to the disk.
#[derive(Debug)]
pub struct Coming {
    /// What the store will have of it.
    pub row: RunRow,
    /// Says so when it has come there; ends without a word if it has not.
    pub durable: oneshot::Receiver<()>,
}

/// What is being written. The log's last entries stand for those that it gives.
pub(super) struct Pending {
    write: Write,
    entries: usize,
}

type Write = Pin<Box<dyn Future<Output = Result<Vec<Entry>, StoreError>> + Send>>;

impl Pending {
    /// Until the message of this run is durable; its run is unknown if that is refused.
    pub(super) fn arrival(run: RunId, durable: oneshot::Receiver<()>) -> Pending {
        let write = async move { durable.await.map(|()| Vec::new()).map_err(|_| StoreError::UnknownRun { run }) };
        Pending { write: Box::pin(write), entries: 0 }
    }

    /// Waits for it; then what was held leaves the run.
    async fn durable(self, threshold: &Threshold) -> Result<Written, StoreError> {
        match self.write.await {
            Ok(entries) => {
                threshold.open();
                Ok(Written { entries, stand_ins: self.entries })
            }
            Err(err) => {
                threshold.fail();
                Err(err)
            }
        }
    }
}

/// What has been written.
pub(super) struct Written {
    entries: Vec<Entry>,
    stand_ins: usize,
}

/// What leaves a run: nothing before what it rests on is durable.
pub struct Threshold {
    clients: broadcast::Sender<HostEvent>,
    /// What clients are told then.
    held: Mutex<Vec<HostEvent>>,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    /// Something is being written.
    Closed,
    /// It could not be.
    Failed,
}

impl Threshold {
    pub(super) fn new(clients: broadcast::Sender<HostEvent>) -> Threshold {
        Threshold { clients, held: Mutex::default(), state: watch::Sender::new(State::Open) }
    }

    /// Tells clients what happens in the run, in order; nobody listening is fine.
    pub(super) fn tell(&self, event: HostEvent) {
        let mut held = self.held();
        match self.is_closed() {
            true => held.push(event),
            false => drop(self.clients.send(event)),
        }
    }

    /// Waits until an effect may begin; whether it may.
    pub async fn may_pass(&self) -> bool {
        let passed = self.state.subscribe().wait_for(|state| *state != State::Closed).await.map(|state| *state);
        passed.is_ok_and(|state| state == State::Open)
    }

    pub(super) fn close(&self) {
        self.state.send_replace(State::Closed);
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.state.borrow() != State::Open
    }

    fn open(&self) {
        let mut held = self.held();
        held.drain(..).for_each(|event| drop(self.clients.send(event)));
        self.state.send_replace(State::Open);
    }

    fn fail(&self) {
        self.state.send_replace(State::Failed);
    }

    fn held(&self) -> MutexGuard<'_, Vec<HostEvent>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shell {
    /// Records a step. Waits for it only where what comes next can take effect without asking the host.
    pub(super) async fn step(&mut self, entries: Vec<Message>, steps: Vec<JournalStep>) -> Result<(), StoreError> {
        let may_take_effect =
            |step: &JournalStep| matches!(step, JournalStep::CallStarted { repeatable: Repeatable::No, .. });
        if steps.iter().any(may_take_effect) {
            return self.record(entries, steps).await;
        }
        let record = self.recordable(entries, steps).await?;
        self.begin(record).await
    }

    /// Records something, and waits for it.
    pub(super) async fn append(&mut self, record: Record) -> Result<(), StoreError> {
        self.begin(record).await?;
        self.settle().await
    }

    async fn begin(&mut self, record: Record) -> Result<(), StoreError> {
        self.settle().await?;
        let (labels, cost) = (self.labels.now(), std::mem::take(&mut self.unsettled));
        let record = Record { labels, cost, ..record };
        let next = self.log.last().map_or(1, |entry| entry.seq.0 + 1);
        let entry = |(seq, message): (u64, &Message)| Entry {
            seq: Seq(seq),
            at: now(),
            run: self.row.run.clone(),
            message: message.clone(),
        };
        let stand_ins: Vec<_> = (next..).zip(&record.entries).map(entry).collect();
        // The run's own message comes again among what is recorded first, in its place.
        let own = usize::from(!std::mem::replace(&mut self.is_heard, true));
        let entries = own + stand_ins.len();
        self.log.extend(stand_ins);
        self.row.state = RunState::Running;
        self.threshold.close();
        let (host, store, run) = (Arc::clone(&self.host), self.store().clone(), self.row.run.clone());
        let (reservation, kept) = (self.reservation.take(), self.kept.take());
        let mut write: Write = Box::pin(async move {
            let sends = !record.outbox.is_empty();
            let entries = store.record(&run, record, now()).await?;
            if sends {
                host.channels.wake();
            }
            // Now its cost is counted, and its files are named.
            drop((reservation, kept));
            crash_point::pass("recorded");
            Ok(entries)
        });
        // From now on it is on its way.
        if let Some(written) = (&mut write).now_or_never() {
            write = Box::pin(std::future::ready(written));
        }
        self.pending = Some(Pending { write, entries });
        Ok(())
    }

    /// What is pending, to be waited for beside something else, and then taken over.
    pub(super) fn durable(&mut self) -> impl Future<Output = Option<Result<Written, StoreError>>> + use<> {
        let (pending, threshold) = (self.pending.take(), Arc::clone(&self.threshold));
        async move { Some(pending?.durable(&threshold).await) }
    }

    /// Waits until all that was written is durable.
    pub(super) async fn settle(&mut self) -> Result<(), StoreError> {
        let written = self.durable().await;
        self.settled(written)
    }

    /// Takes over what has been written.
    pub(super) fn settled(&mut self, written: Option<Result<Written, StoreError>>) -> Result<(), StoreError> {
        if let Some(Written { entries, stand_ins }) = written.transpose()? {
            self.log.truncate(self.log.len() - stand_ins);
            self.log.extend(entries);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use claw_core::id::{SessionKey, Timestamp};

    use super::*;

    fn started(run: &str) -> HostEvent {
        let session = SessionKey::try_from("agent:main:main".to_owned()).unwrap();
        HostEvent::RunStarted { run: RunId::parse(run).unwrap(), session, at: Timestamp(1) }
    }

    fn runs(clients: &mut broadcast::Receiver<HostEvent>) -> Vec<String> {
        let run = |event| match event {
            HostEvent::RunStarted { run, .. } => run.to_string(),
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| clients.try_recv().ok()).map(run).collect()
    }

    #[tokio::test]
    async fn nothing_leaves_a_run_before_its_message_is_durable() {
        let (clients, mut heard) = broadcast::channel(8);
        let threshold = Threshold::new(clients);
        assert!(threshold.may_pass().await);
        let (durable, coming) = oneshot::channel();
        threshold.close();
        threshold.tell(started("a"));
        let pending = Pending::arrival(RunId::parse("a").unwrap(), coming);
        let mut written = std::pin::pin!(pending.durable(&threshold));
        assert!(written.as_mut().now_or_never().is_none() && threshold.may_pass().now_or_never().is_none());
        assert_eq!(runs(&mut heard), [""; 0]);
        durable.send(()).unwrap();
        assert!(written.await.is_ok() && threshold.may_pass().await);
        threshold.tell(started("b"));
        assert_eq!(runs(&mut heard), ["a", "b"]);
    }

    #[tokio::test]
    async fn nothing_ever_leaves_a_run_whose_message_was_refused() {
        let (clients, mut heard) = broadcast::channel(8);
        let threshold = Threshold::new(clients);
        let (durable, coming) = oneshot::channel();
        threshold.close();
        threshold.tell(started("a"));
        drop(durable);
        let written = Pending::arrival(RunId::parse("a").unwrap(), coming).durable(&threshold).await;
        assert!(matches!(written, Err(StoreError::UnknownRun { .. })));
        threshold.tell(started("b"));
        assert!(!threshold.may_pass().await);
        assert_eq!(runs(&mut heard), [""; 0]);
    }
}
