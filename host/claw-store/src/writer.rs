//! The writer: one thread that owns the write side and commits in groups.
//!
//! While one commit waits for the disk, requests gather in the channel; the next commit takes all of them, and those
//! that come while it writes them. It never waits for more. An idle store therefore answers after one commit, and a busy
//! one pays for few.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::audit::{self, AuditEntry};
use crate::change::{Change, Decided};
use crate::database::{Shared, Transactions};
use crate::error::{Failure, StoreError};
use crate::memory::Room;
use crate::tables::Tables;

/// Requests that may wait for the writer. When it is full, callers wait: they must not acknowledge anyway.
const QUEUE: usize = 256;
/// Requests in one transaction, so that the first of a flood need not wait for all of it.
const GROUP: usize = 256;

/// A request with its result type erased.
pub(crate) trait Job: Send {
    /// Where the rows are that it is about.
    fn room(&self) -> Room;
    /// Decides and writes. The reply is given after the commit.
    fn run(self: Box<Self>, tables: &mut Tables<'_>) -> Outcome;
    /// Answers without having run, because the engine failed.
    fn fail(self: Box<Self>, err: StoreError);
}

/// What became of one job inside the transaction.
pub(crate) enum Outcome {
    /// It stands if the commit does.
    Written(Written, Reply),
    /// It only looked, or was refused. True as soon as what it saw is durable.
    Unchanged(Reply),
    /// The engine failed, and the whole group with it.
    Broken(Failure, Reply),
}

/// Answers the caller; takes what became of the commit.
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Request<T, D> {
    room: Room,
    decide: D,
    tx: oneshot::Sender<Result<T, StoreError>>,
}

/// Where requests wait for the writer.
pub(crate) type Queue = mpsc::Sender<Box<dyn Job>>;

/// The running writer.
pub(crate) struct Writer {
    pub queue: Queue,
    pub thread: JoinHandle<()>,
}

/// Starts the writer. It ends when all senders are gone and the queue is empty.
pub(crate) fn spawn(shared: Arc<Shared>) -> std::io::Result<Writer> {
    let (queue, rx) = mpsc::channel(QUEUE);
    let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || run(&shared, rx))?;
    Ok(Writer { queue, thread })
}

/// Wraps a decision into a job that answers through the returned receiver.
pub(crate) fn job<T, D>(room: Room, decide: D) -> (Box<dyn Job>, oneshot::Receiver<Result<T, StoreError>>)
where
    T: Send + 'static,
    D: FnOnce(&Tables<'_>) -> Result<Decided<T>, Failure> + Send + 'static,
{
    let (tx, rx) = oneshot::channel();
    (Box::new(Request { room, decide, tx }), rx)
}

impl<T, D> Job for Request<T, D>
where
    T: Send + 'static,
    D: FnOnce(&Tables<'_>) -> Result<Decided<T>, Failure> + Send,
{
    fn room(&self) -> Room {
        self.room
    }

    fn run(self: Box<Self>, tables: &mut Tables<'_>) -> Outcome {
        let Request { room, decide, tx } = *self;
        // A caller that went away does not undo what it asked for.
        let reply =
            |result: Result<T, StoreError>| -> Reply { Box::new(move |commit| drop(tx.send(commit.and(result)))) };
        let Decided { answer, changes } = match decide(tables) {
            Ok(decided) => decided,
            Err(Failure::Refused(err)) => return Outcome::Unchanged(reply(Err(err))),
            // The group's error takes the place of this one.
            Err(failure) => return Outcome::Broken(failure, reply(Err(StoreError::Closed))),
        };
        if changes.is_empty() {
            return Outcome::Unchanged(reply(Ok(answer)));
        }
        // What is incognito never gets into the file, whoever asks for it.
        if let Some(session) = changes.iter().find_map(|change| change.session().filter(|key| !room.is_of(key))) {
            let session = session.clone();
            return Outcome::Unchanged(reply(Err(StoreError::WrongRoom { session })));
        }
        let written = match room {
            Room::File => Written { file: true, memory: false },
            Room::Memory => Written { file: !changes.iter().all(Change::is_of_conversation), memory: true },
        };
        match changes.into_iter().try_for_each(|change| change.apply(tables)) {
            Ok(()) => Outcome::Written(written, reply(Ok(answer))),
            Err(failure) => Outcome::Broken(failure, reply(Ok(answer))),
        }
    }

    fn fail(self: Box<Self>, err: StoreError) {
        drop(self.tx.send(Err(err)));
    }
}

fn run(shared: &Shared, mut rx: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = rx.blocking_recv() {
        commit_group(shared, &mut Group { next: Some(first), taken: 0, rx: &mut rx });
    }
    if !shared.notes().is_empty() {
        commit_group(shared, &mut Group { next: None, taken: 0, rx: &mut rx });
    }
}

/// The requests of one transaction, as they come.
struct Group<'a> {
    next: Option<Box<dyn Job>>,
    taken: usize,
    rx: &'a mut mpsc::Receiver<Box<dyn Job>>,
}

impl Group<'_> {
    /// The room of the next request, if one waits.
    fn room(&mut self) -> Option<Room> {
        if self.next.is_none() && self.taken < GROUP {
            self.next = self.rx.try_recv().ok();
        }
        self.next.as_ref().map(|job| job.room())
    }

    fn take(&mut self) -> Box<dyn Job> {
        self.taken += 1;
        self.next.take().expect("writer: its room has just been looked at")
    }
}

fn commit_group(shared: &Shared, group: &mut Group<'_>) {
    let mut replies = Vec::new();
    let mut notes = Vec::new();
    let result = shared.write(|transactions| write_group(shared, transactions, group, &mut replies, &mut notes));
    if let Err(err) = &result {
        shared.notes().splice(..0, notes);
        warn!(path = %shared.path().display(), %err, "store write failed");
        // The engine refuses to go on after an I/O error; a fresh one reads what is durable, and can.
        if let Err(err) = shared.reopen() {
            error!(path = %shared.path().display(), %err, "store could not be reopened");
        }
    }
    for reply in replies {
        reply(result.clone());
    }
    if let (Err(err), Some(job)) = (result, group.next.take()) {
        job.fail(err);
    }
}

/// Runs the jobs of the group in order; says what there is to commit.
fn write_group(
    shared: &Shared,
    transactions: &Transactions<'_>,
    group: &mut Group<'_>,
    replies: &mut Vec<Reply>,
    notes: &mut Vec<AuditEntry>,
) -> Result<Written, Failure> {
    let mut all = Written::default();
    let mut open: Option<Tables<'_>> = None;
    while let Some(room) = group.room() {
        let tables = match &mut open {
            Some(tables) if tables.room == room => tables,
            other => {
                drop(other.take());
                other.insert(transactions.tables(room)?)
            }
        };
        all.file |= write_notes(shared, tables, notes)?;
        match group.take().run(tables) {
            Outcome::Written(written, reply) => {
                all = Written { file: all.file || written.file, memory: all.memory || written.memory };
                replies.push(reply);
            }
            Outcome::Unchanged(reply) => replies.push(reply),
            Outcome::Broken(failure, reply) => {
                replies.push(reply);
                return Err(failure);
            }
        }
    }
    drop(open);
    if !shared.notes().is_empty() {
        all.file |= write_notes(shared, &mut transactions.tables(Room::File)?, notes)?;
    }
    Ok(all)
}

/// Appends what was noted, also to `notes`: whoever waits for a write has noted before what goes in front of it.
fn write_notes(shared: &Shared, tables: &mut Tables<'_>, notes: &mut Vec<AuditEntry>) -> Result<bool, Failure> {
    let noted = std::mem::take(&mut *shared.notes());
    notes.extend(noted.iter().cloned());
    let any = !noted.is_empty();
    noted.into_iter().try_for_each(|note| audit::append(tables, note).map(drop))?;
    Ok(any)
}

/// Which transactions have changes to commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub file: bool,
    pub memory: bool,
}
