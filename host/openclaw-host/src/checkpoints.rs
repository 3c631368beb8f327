//! Checkpoints: what each run changes in the workspace, so that the owner can take it back.
//!
//! ```text
//!   a call or program that may write ─► begin: look, keep what is new ─► it works ─► end: look
//!   /undo ─► the conversation goes back ─► look ─► plan ─► names are put back ─► noted
//! ```
//! What a look found is attributed by [`claw_core::checkpoint`]. A look takes as long as there are files, and only what
//! nobody has read yet is read. One that fails stops no call: what the run changes is not known then, and an undo says so.
//!
//! Of incognito conversations nothing is noted. While they write they stand among the others, so that what they change is
//! not taken for another one's.
//!
//! Invariant: nothing is looked at while nobody is about to write.

mod restore;
mod sweep;
mod walk;
mod words;
mod writing;

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use claw_core::checkpoint::{Checkpoint, FilePath, Known, observe, plan};
use claw_core::id::{AgentId, RunId, SessionKey};
use claw_core::rfc3339;
use claw_sandbox::beneath::DIRECTORY;
use claw_store::{
    AuditEntry, AuditKind, Batch, Blobs, JournalStep, Kept, Looked, Store, StoreError, TurnBack, Undoing,
};
use rustix::fs::Mode;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::restore::{Restored, Restorer};
use self::walk::WalkError;
use crate::api::DIRECT;
use crate::causes;
use crate::crash_point;
use crate::host::{now, random_bits};
use crate::settings::UndoSettings;

pub use self::words::{answer, payload};
pub use self::writing::Writing;

/// Looks at workspaces, and takes turns back there.
pub struct Checkpoints {
    settings: UndoSettings,
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
    /// Those of which calls and programs are at work, and how many.
    now: BTreeMap<RunId, (Writer, usize)>,
    /// Those at which nobody has looked since they ended.
    unseen: BTreeMap<RunId, Writer>,
}

/// Who writes, and where.
#[derive(Clone)]
struct Writer {
    session: SessionKey,
    workspace: PathBuf,
}

/// What a look has found.
#[derive(Default)]
struct Look {
    folder: String,
    known: BTreeMap<FilePath, Known>,
    changed: Vec<FilePath>,
    checkpoints: Vec<Checkpoint>,
    /// The runs that were writing.
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
    /// None are of a conversation that is incognito.
    Incognito,
    /// They are as they were before, as far as this says.
    Back(Back),
}

/// Files that are as they were before.
#[derive(Default)]
pub struct Back {
    /// Name by name.
    pub restored: Restored,
    /// Where that is which was taken away.
    pub trash: PathBuf,
    /// Why some of the changes are not known, or not taken back.
    pub gaps: Vec<String>,
    /// Whether programs went on after their calls.
    pub background: bool,
}

impl Checkpoints {
    /// Of the host of the home at `home`.
    pub fn new(settings: UndoSettings, home: &Path, store: Store, blobs: Blobs) -> Arc<Self> {
        Arc::new(Checkpoints {
            settings,
            trash: home.join("trash"),
            store,
            blobs,
            looking: tokio::sync::Mutex::default(),
            writers: Mutex::default(),
            unnamed: Notify::new(),
        })
    }

    /// To be called before anything of a run may write to the workspace, and ended after it.
    pub async fn begin(self: &Arc<Self>, run: &RunId, session: &SessionKey, workspace: &Path) -> Option<Writing> {
        if !self.settings.files {
            return None;
        }
        let writer = Writer { session: session.clone(), workspace: workspace.to_owned() };
        let _looking = self.looking.lock().await;
        if !writer.session.is_incognito()
            && !self.writers().now.contains_key(run)
            && let Err(err) = self.note_begin(run, &writer).await
        {
            tracing::error!(%run, error = &err as &dyn std::error::Error, "what a run changes cannot be noted");
        }
        self.writers().now.entry(run.clone()).or_insert_with(|| (writer.clone(), 0)).1 += 1;
        Some(Writing { checkpoints: Arc::clone(self), run: run.clone(), writer, is_seen: false })
    }

    async fn note_begin(&self, run: &RunId, writer: &Writer) -> Result<(), StoreError> {
        let look = match self.look(&writer.workspace, Contents::Keep).await {
            Ok(look) => look,
            Err(why) => self.unknown(&[(run.clone(), writer.clone())], &why)?,
        };
        self.note(look).await.map(drop)
    }

    /// Looks at what runs have changed that write no more; they have all written to the same workspace.
    async fn note_end(&self, writers: &[(RunId, Writer)]) -> Result<(), StoreError> {
        let Some((_, first)) = writers.first() else { return Ok(()) };
        let look = match self.look(&first.workspace, Contents::Leave).await {
            Ok(look) => look,
            Err(why) => {
                // What they have changed must not be taken for another one's.
                self.writers().unseen.extend(writers.iter().cloned());
                self.unknown(writers, &why)?
            }
        };
        self.note(look).await.map(drop)
    }

    /// In the place of a look that failed: it is not known what these change.
    fn unknown(&self, writers: &[(RunId, Writer)], why: &str) -> Result<Look, StoreError> {
        let mut look = Look::default();
        for (run, writer) in writers {
            let own = checkpoint(&self.store, run, writer)?;
            look.folder = folder(&writer.workspace);
            look.checkpoints.push(Checkpoint { gap: own.gap.clone().or(Some(why.to_owned())), ..own });
        }
        Ok(look)
    }

    /// Notes that a run has started a program that goes on after its call.
    async fn note_background(&self, run: &RunId, writer: &Writer) -> Result<(), StoreError> {
        let _looking = self.looking.lock().await;
        let own = Checkpoint { background: true, ..checkpoint(&self.store, run, writer)? };
        let look = Look { folder: own.folder.clone(), checkpoints: vec![own], ..Look::default() };
        self.note(look).await.map(drop)
    }

    /// To be called when a run has ended: what was cut off in it is looked at now, before somebody else changes things.
    pub async fn settle(&self, run: &RunId) {
        let unseen = || self.writers().unseen.get(run).filter(|writer| !writer.session.is_incognito()).cloned();
        if unseen().is_none() {
            return;
        }
        let _looking = self.looking.lock().await;
        if let Some(writer) = unseen()
            && let Err(err) = self.note_end(&[(run.clone(), writer)]).await
        {
            tracing::error!(%run, error = &err as &dyn std::error::Error, "what a run has changed cannot be noted");
        }
    }

    /// To be called at the start, before anything runs: what calls have changed that were cut off by the end of the last
    /// host is theirs. Forgets what is known of other workspaces than these, each with its agent.
    ///
    /// # Errors
    /// [`StoreError`] if that cannot be noted.
    pub async fn take_up(&self, workspaces: &BTreeMap<AgentId, PathBuf>) -> Result<(), StoreError> {
        let folders = workspaces.values().map(|workspace| folder(workspace));
        self.store.watch_only(folders.filter(|_| self.settings.files).collect()).await?;
        if !self.settings.files {
            return Ok(());
        }
        let mut cut_off: BTreeMap<String, Vec<(RunId, Writer)>> = BTreeMap::new();
        for row in self.store.unfinished_runs()? {
            let Some(workspace) = workspaces.get(&row.session.agent()) else { continue };
            // The journal knows which of them were in the midst of a call; direct ones are nothing else.
            if row.source.channel == DIRECT || is_in_a_call(&self.store.journal(&row.run)?) {
                let writer = Writer { session: row.session, workspace: workspace.clone() };
                self.writers().unseen.insert(row.run.clone(), writer.clone());
                cut_off.entry(folder(workspace)).or_default().push((row.run, writer));
            }
        }
        for writers in cut_off.values() {
            self.note_end(writers).await?;
        }
        Ok(())
    }

    /// Takes the last turn of a conversation back, with what its runs have changed in their workspace; or ends what was
    /// cut off of the last time. `mask` hides secrets in what goes on record.
    ///
    /// # Errors
    /// As [`Store::undo_turn`].
    pub async fn undo(
        &self,
        session: &SessionKey,
        by: &str,
        mask: impl Fn(&str) -> String,
    ) -> Result<Undone, StoreError> {
        if session.is_incognito() {
            let (Undoing::Begun(turn) | Undoing::GoesOn(turn) | Undoing::Done(turn)) =
                self.store.incognito().undo_turn(session, by, now()).await?;
            return Ok(Undone { turn, goes_on: false, files: Files::Incognito });
        }
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
        let (files, looks) = self.put_back(&turn).await?;
        crash_point::pass("files are back");
        let entry = AuditEntry {
            session: Some(session.clone()),
            outcome: Some(mask(&words::on_record(&files))),
            ..AuditEntry::new(AuditKind::SessionUndone, by, now())
        };
        self.store.undone(session, turn.clone(), looks, entry).await?;
        crash_point::pass("undone");
        self.unnamed.notify_one();
        Ok(Undone { turn, goes_on, files })
    }

    /// Puts back what the runs of a turn have changed, the last one first.
    async fn put_back(&self, turn: &TurnBack) -> Result<(Files, Vec<Looked>), StoreError> {
        // The same after a restart, so that what was taken away before lies beside the rest.
        let trash: String = rfc3339::format(turn.at).chars().filter(char::is_ascii_alphanumeric).collect();
        let mut back = Back { trash: self.trash.join(trash), ..Back::default() };
        let mut workspaces: BTreeMap<String, Vec<Checkpoint>> = BTreeMap::new();
        for run in &turn.runs {
            let Some(own) = self.store.checkpoint(run)? else { continue };
            back.background |= own.background;
            if let Some(gap) = own.gap {
                // What it has changed was compared with what may have been long ago.
                back.gaps.push(gap);
                continue;
            }
            workspaces.entry(own.folder.clone()).or_default().push(own);
        }
        let mut looks = Vec::new();
        for (folder, runs) in workspaces {
            let workspace = PathBuf::from(&folder);
            let look = match self.look(&workspace, Contents::Keep).await {
                Ok(look) => look,
                Err(why) => {
                    back.gaps.push(why);
                    continue;
                }
            };
            let known = self.note(look).await?;
            let (blobs, trash) = (self.blobs.clone(), back.trash.clone());
            let done = tokio::task::spawn_blocking(move || put_back(&workspace, &blobs, trash, &runs, known)).await;
            match done.unwrap_or_else(|err| std::panic::resume_unwind(err.into_panic())) {
                Ok(mut restored) => {
                    let files = std::mem::take(&mut restored.known);
                    looks.push(Looked { folder, files, keep: self.settings.keep_turns, ..Looked::default() });
                    back.restored.extend(restored);
                }
                Err(errno) => back.gaps.push(WalkError::Io(errno).to_string()),
            }
        }
        Ok((Files::Back(back), looks))
    }

    /// Looks at a workspace. What has changed since the last look was changed by those who were writing.
    async fn look(&self, workspace: &Path, contents: Contents) -> Result<Look, String> {
        let writers: BTreeMap<_, _> = {
            let writers = self.writers();
            let now = writers.now.iter().map(|(run, (writer, _))| (run, writer));
            let all = now.chain(&writers.unseen).filter(|(_, writer)| writer.workspace == workspace);
            all.map(|(run, writer)| (run.clone(), writer.clone())).collect()
        };
        let batch = match contents {
            Contents::Keep => Some(self.blobs.batch().await),
            Contents::Leave => None,
        };
        let (store, settings, workspace) = (self.store.clone(), self.settings, workspace.to_owned());
        let look = tokio::task::spawn_blocking(move || look(&store, &workspace, &settings, &writers, batch)).await;
        look.unwrap_or_else(|err| std::panic::resume_unwind(err.into_panic()))
    }

    /// Makes what a look has found durable, and gives what the workspace is like.
    async fn note(&self, look: Look) -> Result<BTreeMap<FilePath, Known>, StoreError> {
        let Look { folder, known, changed, checkpoints, writers, kept } = look;
        let files: Vec<_> = changed.into_iter().map(|path| (known.get(&path).cloned(), path)).collect();
        let files: Vec<_> = files.into_iter().map(|(now, path)| (path, now)).collect();
        if !(files.is_empty() && checkpoints.is_empty()) {
            let looked = Looked { folder, files, checkpoints, keep: self.settings.keep_turns };
            self.store.looked(looked).await?;
        }
        drop(kept);
        let mut now = self.writers();
        for writer in writers {
            now.unseen.remove(&writer);
        }
        Ok(known)
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

fn is_in_a_call(journal: &[JournalStep]) -> bool {
    let count = |wanted: fn(&JournalStep) -> bool| journal.iter().filter(|step| wanted(step)).count();
    let begun = count(|step| matches!(step, JournalStep::CallStarted { .. }));
    begun > count(|step| matches!(step, JournalStep::CallEnded { .. }))
}

/// A workspace's name in the store.
fn folder(workspace: &Path) -> String {
    workspace.to_string_lossy().into_owned()
}

/// What a run has changed so far.
fn checkpoint(store: &Store, run: &RunId, writer: &Writer) -> Result<Checkpoint, StoreError> {
    let fresh = || Checkpoint::new(run.clone(), writer.session.clone(), folder(&writer.workspace), now());
    Ok(store.checkpoint(run)?.unwrap_or_else(fresh))
}

/// See [`Checkpoints::look`]. Blocks on the disk.
fn look(
    store: &Store,
    workspace: &Path,
    settings: &UndoSettings,
    writers: &BTreeMap<RunId, Writer>,
    batch: Option<Batch>,
) -> Result<Look, String> {
    let deadline = Instant::now() + settings.time;
    let stored = |err: StoreError| causes::chain(&err);
    let root = rustix::fs::open(workspace, DIRECTORY, Mode::empty()).map_err(|err| WalkError::Io(err).to_string())?;
    let folder = folder(workspace);
    let mut known = store.watched(&folder).map_err(stored)?;
    let mut seen = walk::walk(root.as_fd(), settings, deadline).map_err(|err| err.to_string())?;
    for closed in &seen.closed {
        // What is in there counts as it was.
        let below = [closed.as_slice(), b"/"].concat();
        let inside = known.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
        seen.nodes.extend(inside.map(|(path, known)| (path.clone(), known.node.clone())));
    }
    let checkpoints = writers.iter().map(|(run, writer)| checkpoint(store, run, writer));
    let mut checkpoints: Vec<_> = checkpoints.collect::<Result<_, _>>().map_err(stored)?;
    let mut changed = observe(&mut known, seen.nodes, &mut checkpoints, || random_bits() as u64);
    let is_changed = !changed.is_empty();
    checkpoints.retain(|own| is_changed && !own.is_empty() && !own.session.is_incognito());
    let mut kept = None;
    if let Some(mut batch) = batch {
        let read = walk::keep_content(root.as_fd(), &mut known, settings, deadline, now(), &mut batch);
        changed.extend(read.map_err(|err| causes::chain(&err))?);
        kept = Some(batch.keep().map_err(|err| causes::chain(&err))?);
    }
    changed.sort_unstable();
    changed.dedup();
    Ok(Look { folder, known, changed, checkpoints, writers: writers.keys().cloned().collect(), kept })
}

/// See [`Checkpoints::put_back`]. Blocks on the disk.
fn put_back(
    workspace: &Path,
    blobs: &Blobs,
    trash: PathBuf,
    runs: &[Checkpoint],
    mut known: BTreeMap<FilePath, Known>,
) -> rustix::io::Result<Restored> {
    let root = rustix::fs::open(workspace, DIRECTORY, Mode::empty())?;
    let restorer = Restorer { root: root.as_fd(), blobs, trash };
    let mut all = Restored::default();
    for run in runs {
        let restored = restorer.perform(&plan(run, &known));
        for (path, now) in &restored.known {
            match now {
                Some(now) => known.insert(path.clone(), now.clone()),
                None => known.remove(path),
            };
        }
        all.extend(restored);
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
