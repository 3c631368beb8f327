//! Programs that live past the call that started them.
//!
//! ```text
//! spawn ──► running ──(end, kill, time, host)──► ended ──(its end was read, or 10 minutes)──► gone
//! ```
//!
//! The table is the only one that holds a process; a task for each one moves it along. A process belongs to the
//! component and the conversation that started it, and for everybody else it does not exist.

mod input;
mod process;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use claw_core::effect::{Background, EffectError, ExecPlan, ProcessProgress, ProcessSummary};
use claw_core::id::{ComponentName, SessionKey};
use claw_policy::{Action, Permit};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::exec::run::{ExecPaths, Supervised, end_of};
use process::{Ends, Process};

/// Live processes of one owner.
const LIVE_PER_OWNER: usize = 8;
/// Live processes of the whole host.
const LIVE: usize = 64;
/// Ended processes of the whole host whose end nobody has read; beyond it the oldest is forgotten.
const ENDED: usize = 256;
/// How long an ended process waits for somebody to look.
const KEPT: Duration = Duration::from_secs(10 * 60);
/// How long a supervisor may take until the program runs.
const START: Duration = Duration::from_secs(30);
/// The longest wait of one look.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Bytes of one write.
const MAX_WRITE_BYTES: usize = 1024 * 1024;
/// How long stopping may take; each process has its grace within it.
const STOPPING: Duration = Duration::from_secs(20);

/// Whose process it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProcessOwner {
    /// The component that started it.
    pub component: ComponentName,
    /// The conversation in which it did.
    pub session: SessionKey,
}

/// All background processes of the host.
#[derive(Debug)]
pub struct Processes {
    paths: ExecPaths,
    table: Arc<Mutex<Table>>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

#[derive(Debug, Default)]
struct Table {
    by_id: HashMap<String, Arc<Process>>,
    /// Live ones, those that are being started included.
    live: HashMap<ProcessOwner, usize>,
}

/// The right to one live process; given back when dropped.
struct Slot {
    table: Weak<Mutex<Table>>,
    owner: ProcessOwner,
}

// === impl Processes ===

impl Processes {
    /// An empty table.
    pub fn new(paths: ExecPaths) -> Processes {
        let (table, tasks, closing) = (Arc::default(), TaskTracker::new(), CancellationToken::new());
        Processes { paths, table, tasks, closing }
    }

    /// Starts the permitted program and gives its id.
    ///
    /// Cancel-safe: a dropped call leaves no process behind.
    /// # Errors
    /// Those of [`crate::run_exec`], and [`EffectError::Limit`] with `E_EXEC_LIMIT` if the owner has 8 live processes
    /// or with `E_BUSY` if the host has 64.
    pub async fn spawn(
        &self,
        permit: Permit,
        owner: &ProcessOwner,
        cancel: &CancellationToken,
    ) -> Result<String, EffectError> {
        let plan = match permit.into_action() {
            Action::RunProgram(plan) => plan,
            other => return Err(EffectError::Other(format!("a permit for `{}` starts no process", other.name()))),
        };
        let Some(background) = plan.background else {
            return Err(EffectError::Other("the permit is for a program that is waited for".to_owned()));
        };
        if self.closing.is_cancelled() {
            return Err(EffectError::Unavailable("the host is stopping and starts no more programs".to_owned()));
        }
        let slot = self.reserve(owner)?;
        self.start(plan, background, slot, cancel).await
    }

    /// Gives the id back if the owner has a process of this id.
    ///
    /// # Errors
    /// [`EffectError::NotFound`], also for a process of somebody else.
    pub fn attach(&self, owner: &ProcessOwner, id: &str) -> Result<String, EffectError> {
        self.find(owner, id).map(|_| id.to_owned())
    }

    /// The owner's processes, the oldest first; ended ones until their end was read.
    pub fn all(&self, owner: &ProcessOwner) -> Vec<ProcessSummary> {
        let table = lock(&self.table);
        let own = table.by_id.iter().filter(|(_, process)| process.owner == *owner);
        let mut all: Vec<ProcessSummary> = own.map(|(id, process)| process.summary(id)).collect();
        all.sort_by(|a, b| b.age_ms.cmp(&a.age_ms).then_with(|| a.id.cmp(&b.id)));
        all
    }

    /// Takes what it has written since the last look, waiting at most `wait_ms`, clamped to a minute, for some output
    /// or the end. Once the end was told, the process is gone.
    ///
    /// Cancel-safe: nothing is taken unless it is returned.
    /// # Errors
    /// [`EffectError::NotFound`]; [`EffectError::Cancelled`] on `cancel`.
    pub async fn poll(
        &self,
        owner: &ProcessOwner,
        id: &str,
        wait_ms: u64,
        cancel: &CancellationToken,
    ) -> Result<ProcessProgress, EffectError> {
        let process = self.find(owner, id)?;
        let progress = process.progress(Duration::from_millis(wait_ms).min(MAX_WAIT), cancel).await?;
        if progress.ended.is_some() {
            lock(&self.table).by_id.remove(id);
        }
        Ok(progress)
    }

    /// Gives bytes to its standard input, and then its end if `end` is set; on a terminal the end is a typed Ctrl-D.
    /// What it does not read at once is kept for it.
    ///
    /// # Errors
    /// [`EffectError::NotFound`]; [`EffectError::Invalid`] if it has closed its input, or for more than 1 MiB;
    /// [`EffectError::Limit`] with `E_BUSY` if it does not read what it was given before.
    pub fn write(&self, owner: &ProcessOwner, id: &str, bytes: &[u8], end: bool) -> Result<(), EffectError> {
        let process = self.find(owner, id)?;
        if bytes.len() > MAX_WRITE_BYTES {
            let length = bytes.len();
            return Err(EffectError::Invalid(format!("{length} bytes are too many for one write: at most 1 MiB")));
        }
        process.input.write(bytes, end)
    }

    /// Ends it and all that it started; returns when that is done. Killing an ended one does nothing.
    ///
    /// # Errors
    /// [`EffectError::NotFound`].
    pub async fn kill(&self, owner: &ProcessOwner, id: &str) -> Result<(), EffectError> {
        let process = self.find(owner, id)?;
        process.stop.cancel();
        process.until_ended().await;
        Ok(())
    }

    /// Ends all processes of a component, whoever's conversation they belong to; returns when that is done.
    pub async fn stop_of(&self, component: &ComponentName) {
        self.stop_where(|process| process.owner.component == *component).await;
    }

    /// Ends all processes that may read something in this folder beside the workspace; returns when that is done.
    pub async fn stop_reading(&self, folder: &Path) {
        self.stop_where(|process| process.reads.as_ref().is_some_and(|reads| reads.starts_with(folder))).await;
    }

    async fn stop_where(&self, is_meant: impl Fn(&Process) -> bool) {
        let meant: Vec<_> = lock(&self.table).by_id.values().filter(|process| is_meant(process)).cloned().collect();
        meant.iter().for_each(|process| process.stop.cancel());
        for process in meant {
            process.until_ended().await;
        }
    }

    /// Ends all processes and starts no more.
    pub async fn stop_all(&self) {
        self.closing.cancel();
        self.tasks.close();
        if timeout(STOPPING, self.tasks.wait()).await.is_err() {
            tracing::warn!("background programs did not end in time; their supervisors go on ending them");
        }
    }

    fn reserve(&self, owner: &ProcessOwner) -> Result<Slot, EffectError> {
        let mut table = lock(&self.table);
        if table.live.values().sum::<usize>() >= LIVE {
            return Err(EffectError::Limit(format!(
                "E_BUSY: {LIVE} programs run in the background already: try again later"
            )));
        }
        let live = table.live.entry(owner.clone()).or_default();
        if *live >= LIVE_PER_OWNER {
            return Err(EffectError::Limit(format!(
                "E_EXEC_LIMIT: {LIVE_PER_OWNER} programs of this component run in the background already: kill one first"
            )));
        }
        *live += 1;
        Ok(Slot { table: Arc::downgrade(&self.table), owner: owner.clone() })
    }

    async fn start(
        &self,
        plan: ExecPlan,
        background: Background,
        slot: Slot,
        cancel: &CancellationToken,
    ) -> Result<String, EffectError> {
        let id = random_id()?;
        let (argv, stdin, reads) = (plan.argv.clone(), plan.stdin.clone(), plan.reads.clone());
        let ttl = Duration::from_millis(background.ttl_ms);
        let (ends, streams) = Ends::open(background.terminal)
            .map_err(|err| EffectError::Unavailable(format!("no streams for the program could be made: {err}")))?;
        let mut supervised = Supervised::launch(plan, &self.paths, ttl, streams)?;
        let started = tokio::select! {
            started = timeout(START, supervised.start()) => started,
            () = cancel.cancelled() => return Err(EffectError::Cancelled),
            () = self.closing.cancelled() => return Err(EffectError::Cancelled),
        };
        let lost = |why: String| EffectError::Unavailable(format!("the program's supervisor was lost: {why}"));
        let report = started.map_err(|_| lost("it took too long".into()))?.map_err(|err| lost(err.to_string()))?;
        if end_of(report)?.is_some() {
            return Err(lost("it reported out of turn".into()));
        }
        let process = Arc::new(Process::new(slot.owner.clone(), argv, reads, &ends, self.closing.child_token()));
        process.input.write(&stdin, false).or_else(|err| match err {
            // It ended, or closed its input, before it read any: for the next look to tell.
            EffectError::Invalid(_) => Ok(()),
            err => Err(err),
        })?;
        lock(&self.table).insert(id.clone(), Arc::clone(&process));
        let (table, closing, own_id) = (Arc::downgrade(&self.table), self.closing.clone(), id.clone());
        self.tasks.spawn(async move {
            let ended = process.tend(supervised, ends, ttl).await;
            // Before the end is seen: whoever sees it may start the next.
            drop(slot);
            process.end(ended);
            drop(process);
            tokio::select! {
                () = tokio::time::sleep(KEPT) => {}
                () = closing.cancelled() => {}
            }
            if let Some(table) = table.upgrade() {
                lock(&table).by_id.remove(&own_id);
            }
        });
        Ok(id)
    }

    fn find(&self, owner: &ProcessOwner, id: &str) -> Result<Arc<Process>, EffectError> {
        let found = lock(&self.table).by_id.get(id).filter(|process| process.owner == *owner).cloned();
        found.ok_or_else(|| {
            EffectError::NotFound("there is no such process: it is gone, or was started elsewhere".to_owned())
        })
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

impl Table {
    fn insert(&mut self, id: String, process: Arc<Process>) {
        let ended = self.by_id.iter().filter(|(_, process)| process.has_ended());
        if ended.clone().count() >= ENDED
            && let Some(oldest) = ended.min_by_key(|(_, process)| process.started).map(|(id, _)| id.clone())
        {
            self.by_id.remove(&oldest);
        }
        self.by_id.insert(id, process);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(table) = self.table.upgrade() else { return };
        let mut table = lock(&table);
        if let Some(live) = table.live.get_mut(&self.owner) {
            *live -= 1;
            if *live == 0 {
                table.live.remove(&self.owner);
            }
        }
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().expect("processes: nothing panics under this lock")
}

/// 128 random bits: nobody finds a process by guessing.
fn random_id() -> Result<String, EffectError> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|err| EffectError::Unavailable(format!("no random id could be made: {err}")))?;
    Ok(format!("{:032x}", u128::from_le_bytes(bits)))
}
