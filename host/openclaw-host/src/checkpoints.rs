//! Checkpoints: what each run changes in the workspace, so that the owner can take it back.
//!
//! ```text
//!   a call or program that may write ─► begin: look, keep what is new ─► it works ─► end: look
//!   /undo ─► the conversation goes back ─► look ─► plan ─► names are put back ─► noted
//! ```
//! What a look found is attributed by [`claw_core::checkpoint`]. A look takes as long as there are files, and only what
//! nobody has read yet is read. One that fails stops no call: what the run changes is not known then, and an undo says so.
//!
//! Invariant: nothing is looked at while nobody is about to write.

mod restore;
mod sweep;
mod walk;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use claw_core::checkpoint::{Checkpoint, FilePath, Known, observe, plan};
use claw_core::id::{RunId, SessionKey};
use claw_core::rfc3339;
use claw_sandbox::beneath::DIRECTORY;
use claw_store::{AuditEntry, AuditKind, Batch, Blobs, Kept, Looked, Store, StoreError, TurnBack, Undoing};
use rustix::fs::Mode;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::restore::{Restored, Restorer};
use crate::causes;
use crate::crash_point;
use crate::host::{now, random_bits};
use crate::settings::UndoSettings;

pub use self::words::{answer, payload};

/// Looks at the workspace, and takes turns back there.
pub struct Checkpoints {
    settings: UndoSettings,
    workspace: PathBuf,
    trash: PathBuf,
    store: Store,
    blobs: Blobs,
    /// One look at a time, and none while a turn is taken back.
    looking: tokio::sync::Mutex<()>,
    writers: Mutex<Writers>,
    /// Rows that named blobs are gone.
    unnamed: Notify,
}

/// Runs whose changes the next look will see.
#[derive(Default)]
struct Writers {
    /// How many calls and programs of each are at work.
    now: BTreeMap<RunId, usize>,
    /// Those at which nobody has looked since they ended.
    unseen: BTreeSet<RunId>,
}

/// A call or program that may write. Dropped without [`Writing::end`], the next look sees what it did.
pub struct Writing {
    checkpoints: Arc<Checkpoints>,
    run: RunId,
    is_seen: bool,
}

/// What a look has found.
#[derive(Default)]
struct Look {
    known: BTreeMap<FilePath, Known>,
    changed: Vec<FilePath>,
    checkpoints: Vec<Checkpoint>,
    /// Of the runs that were writing.
    writers: Vec<RunId>,
    /// The blobs that it names.
    kept: Option<Kept>,
}

/// What became of a turn that was taken back.
pub struct Undone {
    /// The turn.
    pub turn: TurnBack,
    /// Whether it had gone back before, and only its files followed now.
    pub goes_on: bool,
    /// What became of its files.
    pub files: Files,
}

/// What became of files.
pub enum Files {
    /// No changes were noted.
    None,
    /// None are, because the configuration says so.
    Off,
    /// They are as they were before, as far as this says.
    Back {
        /// Name by name.
        restored: Restored,
        /// Where that is which was taken away.
        trash: PathBuf,
        /// Why some of the changes are not known.
        gaps: Vec<String>,
        /// Whether programs went on after their calls.
        background: bool,
    },
    /// They stay as they are.
    Stay {
        /// Why.
        why: String,
    },
}

impl Checkpoints {
    /// Of the host of the home at `home`.
    pub fn new(settings: UndoSettings, workspace: PathBuf, home: &std::path::Path, store: Store) -> Arc<Self> {
        Arc::new(Checkpoints {
            settings,
            workspace,
            trash: home.join("trash"),
            store,
            blobs: Blobs::new(home.join("blobs")),
            looking: tokio::sync::Mutex::default(),
            writers: Mutex::default(),
            unnamed: Notify::new(),
        })
    }

    /// To be called before anything of a run may write to the workspace, and ended after it.
    pub async fn begin(self: &Arc<Self>, run: &RunId, session: &SessionKey) -> Option<Writing> {
        if !self.settings.files {
            return None;
        }
        let _looking = self.looking.lock().await;
        if !self.writers().now.contains_key(run)
            && let Err(err) = self.note_begin(run, session).await
        {
            tracing::error!(%run, error = &err as &dyn std::error::Error, "what a run changes cannot be noted");
        }
        *self.writers().now.entry(run.clone()).or_default() += 1;
        Some(Writing { checkpoints: Arc::clone(self), run: run.clone(), is_seen: false })
    }

    async fn note_begin(&self, run: &RunId, session: &SessionKey) -> Result<(), StoreError> {
        let (mut look, gap) = match self.look(Contents::Keep).await {
            Ok(look) => (look, None),
            Err(why) => (Look::default(), Some(why)),
        };
        if !look.checkpoints.iter().any(|checkpoint| checkpoint.run == *run) {
            let known = self.store.checkpoint(run)?;
            look.checkpoints.push(known.unwrap_or_else(|| Checkpoint::new(run.clone(), session.clone(), now())));
        }
        for own in look.checkpoints.iter_mut().filter(|checkpoint| checkpoint.run == *run) {
            own.gap = own.gap.take().or(gap.clone());
        }
        self.note(look, vec![(run.clone(), true)]).await.map(drop)
    }

    async fn note_end(&self, runs: &[RunId]) -> Result<(), StoreError> {
        let writing = runs.iter().map(|run| (run.clone(), false)).collect();
        let look = match self.look(Contents::Leave).await {
            Ok(look) => look,
            Err(why) => {
                let mut look = Look::default();
                for run in runs {
                    let known = self.store.checkpoint(run)?;
                    look.checkpoints.extend(known.map(|known| Checkpoint { gap: Some(why.clone()), ..known }));
                }
                // What it has changed must not be taken for another one's.
                self.writers().unseen.extend(runs.iter().cloned());
                look
            }
        };
        self.note(look, writing).await.map(drop)
    }

    /// Notes that a run has started a program that goes on after its call.
    pub async fn note_background(&self, run: &RunId) {
        let _looking = self.looking.lock().await;
        let noted = async {
            let Some(own) = self.store.checkpoint(run)? else { return Ok(()) };
            let look = Look { checkpoints: vec![Checkpoint { background: true, ..own }], ..Look::default() };
            self.note(look, Vec::new()).await.map(drop)
        };
        let noted: Result<(), StoreError> = noted.await;
        if let Err(err) = noted {
            tracing::error!(%run, error = &err as &dyn std::error::Error, "a background program cannot be noted");
        }
    }

    /// To be called when a run has ended: what was cut off in it is looked at now, before somebody else changes things.
    pub async fn settle(&self, run: &RunId) {
        let is_unseen = || self.writers().unseen.contains(run);
        if !is_unseen() {
            return;
        }
        let _looking = self.looking.lock().await;
        if is_unseen()
            && let Err(err) = self.note_end(std::slice::from_ref(run)).await
        {
            tracing::error!(%run, error = &err as &dyn std::error::Error, "what a run has changed cannot be noted");
        }
    }

    /// To be called at the start, before anything runs: what calls have changed that were cut off by the end of the last
    /// host is theirs.
    pub async fn take_up(&self) {
        let taken_up = async {
            let folders = if self.settings.files { vec![self.folder()] } else { Vec::new() };
            self.store.watch_only(folders).await?;
            let runs = self.store.writing_runs()?;
            if runs.is_empty() {
                return Ok(());
            }
            self.writers().unseen.extend(runs.iter().cloned());
            self.note_end(&runs).await
        };
        let taken_up: Result<(), StoreError> = taken_up.await;
        if let Err(err) = taken_up {
            tracing::error!(error = &err as &dyn std::error::Error, "what cut-off calls have changed cannot be noted");
        }
    }

    /// Takes the last turn of a conversation back, with what its runs have changed in the workspace; or ends what was cut
    /// off of the last time. `mask` hides secrets in what goes on record.
    ///
    /// # Errors
    /// As [`Store::undo_turn`].
    pub async fn undo(
        &self,
        session: &SessionKey,
        by: &str,
        mask: impl Fn(&str) -> String,
    ) -> Result<Undone, StoreError> {
        let _looking = self.looking.lock().await;
        let (turn, goes_on) = match self.store.undo_turn(session, by, now()).await? {
            Undoing::Begun(turn) => (turn, false),
            Undoing::GoesOn(turn) => (turn, true),
            Undoing::Done(turn) => {
                let files = if self.settings.files { Files::None } else { Files::Off };
                return Ok(Undone { turn, goes_on: false, files });
            }
        };
        crash_point::pass("the conversation went back");
        let mut looked = self.looked(Vec::new(), Vec::new());
        let files = match self.look(Contents::Keep).await {
            Err(why) => Files::Stay { why },
            Ok(look) => {
                let known = self.note(look, Vec::new()).await?;
                let (files, known) = self.put_back(&turn, known).await?;
                looked.files = known;
                files
            }
        };
        crash_point::pass("files are back");
        let outcome = words::on_record(&files);
        let entry = AuditEntry {
            session: Some(session.clone()),
            outcome: Some(mask(&outcome)),
            ..AuditEntry::new(AuditKind::SessionUndone, by, now())
        };
        self.store.undone(session, turn.clone(), looked, entry).await?;
        crash_point::pass("undone");
        self.unnamed.notify_one();
        Ok(Undone { turn, goes_on, files })
    }

    /// Puts back what the runs of a turn have changed, the last one first.
    async fn put_back(
        &self,
        turn: &TurnBack,
        mut known: BTreeMap<FilePath, Known>,
    ) -> Result<(Files, Vec<(FilePath, Option<Known>)>), StoreError> {
        let mut runs = Vec::new();
        for run in &turn.runs {
            runs.extend(self.store.checkpoint(run)?);
        }
        // The same after a restart, so that what was taken away before lies beside the rest.
        let trash: String = rfc3339::format(turn.at).chars().filter(char::is_ascii_alphanumeric).collect();
        let trash = self.trash.join(trash);
        let (workspace, blobs, folder) = (self.workspace.clone(), self.blobs.clone(), trash.clone());
        let done = tokio::task::spawn_blocking(move || {
            let root = rustix::fs::open(&workspace, DIRECTORY, Mode::empty())?;
            let restorer = Restorer { root: std::os::fd::AsFd::as_fd(&root), blobs: &blobs, trash: folder };
            let (mut all, mut gaps, mut background) = (Restored::default(), Vec::new(), false);
            for checkpoint in &runs {
                let restored = restorer.perform(&plan(checkpoint, &known));
                for (path, now) in &restored.known {
                    match now {
                        Some(now) => known.insert(path.clone(), now.clone()),
                        None => known.remove(path),
                    };
                }
                all.extend(restored);
                gaps.extend(checkpoint.gap.clone());
                background |= checkpoint.background;
            }
            Ok((all, gaps, background))
        });
        let done: rustix::io::Result<_> = done.await.unwrap_or_else(|err| std::panic::resume_unwind(err.into_panic()));
        Ok(match done {
            Ok((mut restored, gaps, background)) => {
                let known = std::mem::take(&mut restored.known);
                (Files::Back { restored, trash, gaps, background }, known)
            }
            Err(errno) => (Files::Stay { why: walk::WalkError::Io(errno).to_string() }, Vec::new()),
        })
    }

    /// Looks at the workspace. What has changed since the last look was changed by those who were writing.
    async fn look(&self, contents: Contents) -> Result<Look, String> {
        let writers: BTreeSet<_> = {
            let writers = self.writers();
            writers.now.keys().chain(&writers.unseen).cloned().collect()
        };
        let batch = match contents {
            Contents::Keep => Some(self.blobs.batch().await),
            Contents::Leave => None,
        };
        let (store, folder, settings) = (self.store.clone(), self.folder(), self.settings);
        let workspace = self.workspace.clone();
        let look = move || look(&store, &folder, &workspace, &settings, writers.into_iter().collect(), batch);
        let look = tokio::task::spawn_blocking(look).await;
        look.unwrap_or_else(|err| std::panic::resume_unwind(err.into_panic()))
    }

    /// Makes what a look has found durable, and gives what the workspace is like.
    async fn note(&self, look: Look, writing: Vec<(RunId, bool)>) -> Result<BTreeMap<FilePath, Known>, StoreError> {
        let Look { known, changed, checkpoints, writers, kept } = look;
        let files = changed.into_iter().map(|path| (known.get(&path).cloned(), path)).map(|(now, path)| (path, now));
        let looked = Looked { files: files.collect(), ..self.looked(checkpoints, writing) };
        if !(looked.files.is_empty() && looked.checkpoints.is_empty() && looked.writing.is_empty()) {
            self.store.looked(looked).await?;
        }
        drop(kept);
        let mut now = self.writers();
        for writer in writers {
            now.unseen.remove(&writer);
        }
        Ok(known)
    }

    fn looked(&self, checkpoints: Vec<Checkpoint>, writing: Vec<(RunId, bool)>) -> Looked {
        Looked { folder: self.folder(), files: Vec::new(), checkpoints, writing, keep: self.settings.keep_turns }
    }

    /// The workspace's name in the store.
    fn folder(&self) -> String {
        self.workspace.to_string_lossy().into_owned()
    }

    fn writers(&self) -> MutexGuard<'_, Writers> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a look does about content that nobody has read yet.
#[derive(Clone, Copy)]
enum Contents {
    /// Somebody is about to write: it is kept.
    Keep,
    /// It can wait until somebody is.
    Leave,
}

/// See [`Checkpoints::look`]. Blocks on the disk.
fn look(
    store: &Store,
    folder: &str,
    workspace: &std::path::Path,
    settings: &UndoSettings,
    writers: Vec<RunId>,
    batch: Option<Batch>,
) -> Result<Look, String> {
    let deadline = Instant::now() + settings.time;
    let root = rustix::fs::open(workspace, DIRECTORY, Mode::empty()).map_err(walk::WalkError::Io);
    let root = root.map_err(|err| err.to_string())?;
    let root = std::os::fd::AsFd::as_fd(&root);
    let mut known = store.watched(folder).map_err(|err| causes::chain(&err))?;
    let mut seen = walk::walk(root, settings, deadline).map_err(|err| err.to_string())?;
    for closed in &seen.closed {
        // What is in there counts as it was.
        let below = [closed.as_slice(), b"/"].concat();
        let inside = known.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
        seen.nodes.extend(inside.map(|(path, known)| (path.clone(), known.node.clone())));
    }
    let mut checkpoints = Vec::new();
    for writer in &writers {
        checkpoints.extend(store.checkpoint(writer).map_err(|err| causes::chain(&err))?);
    }
    let mut changed = observe(&mut known, seen.nodes, &mut checkpoints, || random_bits() as u64);
    if changed.is_empty() {
        checkpoints.clear();
    }
    let mut kept = None;
    if let Some(mut batch) = batch {
        let read = walk::keep_content(root, &mut known, settings, deadline, now(), &mut batch);
        changed.extend(read.map_err(|err| causes::chain(&err))?);
        kept = Some(batch.keep().map_err(|err| causes::chain(&err))?);
    }
    changed.sort_unstable();
    changed.dedup();
    Ok(Look { known, changed, checkpoints, writers, kept })
}

// === impl Writing ===

impl Writing {
    /// It has ended: what it has changed is noted.
    pub async fn end(mut self) {
        let checkpoints = Arc::clone(&self.checkpoints);
        let _looking = checkpoints.looking.lock().await;
        let is_last = checkpoints.writers().now.get(&self.run) == Some(&1);
        if !is_last {
            self.is_seen = true;
            return;
        }
        match checkpoints.note_end(std::slice::from_ref(&self.run)).await {
            Ok(()) => self.is_seen = true,
            Err(err) => {
                let run = &self.run;
                tracing::error!(%run, error = &err as &dyn std::error::Error, "what a call has changed cannot be noted");
            }
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut writers = self.checkpoints.writers();
        let left = writers.now.get_mut(&self.run).map_or(0, |count| {
            *count -= 1;
            *count
        });
        if left == 0 {
            writers.now.remove(&self.run);
            if !self.is_seen {
                writers.unseen.insert(self.run.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
