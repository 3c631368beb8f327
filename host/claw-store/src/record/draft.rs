//! The part of a log that one record is about to append.

use claw_core::event::{HOST_MARK, RunEnd};
use claw_core::id::{CallId, RunId, Seq, SessionKey, Timestamp};
use claw_core::image;
use claw_core::label::Labels;
use claw_core::message::{Entry, Message};
use claw_core::outcome::{FailureKind, ToolOutcome};
use redb::ReadableTable;

use crate::branch;
use crate::change::Change;
use crate::error::{Failure, StoreError, cause};
use crate::log::OpenCalls;
use crate::record::{JournalStep, Repeatable};
use crate::row::{StoredBranch, StoredRun, StoredSession};
use crate::run;
use crate::segments::Segments;
use crate::session;
use crate::tables::Tables;

/// New entries of one session, checked one by one; nothing is written before `finish`.
pub(super) struct Draft {
    session: SessionKey,
    /// The run's own message, unless that is in the log.
    own: Option<Message>,
    at: Timestamp,
    epoch: u64,
    was: StoredSession,
    row: StoredSession,
    /// The branch that the entries go to.
    segments: Segments,
    /// Its number, if it has been left since the run began.
    left: Option<(u64, StoredBranch)>,
    calls: OpenCalls,
    next: u64,
    entries: Vec<Entry>,
    heard: Vec<StoredRun>,
}

impl Draft {
    /// Reads the end of the log that `run` writes to; with `end` it ends.
    pub fn open(tables: &Tables<'_>, run: &StoredRun, end: Option<&RunEnd>, at: Timestamp) -> Result<Self, Failure> {
        let session = run.session.clone();
        let missing = || StoreError::Row { kind: "session", key: session.to_string(), err: cause("it is missing") };
        let was = session::find(&tables.sessions, &session)?.ok_or_else(missing)?;
        let epoch = run.epoch.unwrap_or(was.epoch);
        let left = match epoch == was.epoch {
            true => None,
            false => branch::left_with(&tables.branches()?, &session, epoch)?,
        };
        let segments = left.as_ref().map_or(&was.segments, |(_, branch)| &branch.segments).clone();
        let calls = OpenCalls::of(session::backwards(&tables.entries, &session, epoch, &segments))?;
        // The end of the epoch, on whichever branch: positions are never used twice.
        let key = session.as_str();
        let newest = tables.entries.range((key, epoch, 0)..=(key, epoch, u64::MAX))?.next_back().transpose()?;
        let next = newest.map_or(1, |(position, _)| position.value().2 + 1);
        // Once its message is in the log, a run has nothing more to say for itself.
        let own = run.epoch.is_none().then(|| heard(run, end));
        let row = was.clone();
        let (entries, heard) = (Vec::new(), Vec::new());
        Ok(Draft { own, at, epoch, was, row, segments, left, calls, next, entries, heard, session })
    }

    /// The epoch that the entries go to.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The calls without an answer so far.
    pub fn calls(&self) -> &OpenCalls {
        &self.calls
    }

    /// Labels the conversation, if it is still the one that the run writes to.
    pub fn label(&mut self, labels: &Labels) {
        if self.epoch == self.row.epoch {
            self.row.labels.join(labels);
        }
    }

    /// Writes the run's own message if that is still to come.
    pub fn begin(&mut self, run: &RunId, tables: &Tables<'_>) -> Result<(), Failure> {
        match self.own.take() {
            None => Ok(()),
            Some(message) => {
                self.hear_deferred(tables)?;
                self.push(run, message)
            }
        }
    }

    /// Makes the message of `joined` part of `run`, unless it has been heard or has ended.
    pub fn join(&mut self, run: &RunId, joined: &RunId, tables: &Tables<'_>) -> Result<(), Failure> {
        let Some(mut row) = run::find(&tables.runs, joined)? else { return Ok(()) };
        if row.session != self.session || row.epoch.is_some() || row.end.is_some() {
            return Ok(());
        }
        self.push(joined, heard(&row, None))?;
        row.epoch = Some(self.epoch);
        row.running = true;
        row.ended_at = Some(self.at);
        row.end = Some(RunEnd::Joined { run: run.clone() }.into());
        self.heard.push(row);
        Ok(())
    }

    /// Appends one message, if it may follow what is there.
    pub fn push(&mut self, run: &RunId, message: Message) -> Result<(), Failure> {
        self.calls.take(run, &message).map_err(|reason| StoreError::Orphan {
            session: self.session.clone(),
            run: run.clone(),
            reason,
        })?;
        if self.epoch == self.row.epoch
            && let Message::User { text, .. } | Message::Assistant { text, .. } = &message
            && !text.is_empty()
        {
            self.row.preview = session::preview(text);
        }
        self.entries.push(Entry { seq: Seq(self.next), at: self.at, run: run.clone(), message });
        self.segments.push(self.next);
        self.next += 1;
        Ok(())
    }

    /// Answers each open call of `run`, so that the log stays one that a model accepts.
    pub fn answer_open_calls(
        &mut self,
        tables: &Tables<'_>,
        run: &RunId,
        steps: &[JournalStep],
    ) -> Result<(), Failure> {
        if self.calls.next_of(run).is_none() {
            return Ok(());
        }
        let mut journal = run::journal(&tables.journal, run)?;
        journal.extend_from_slice(steps);
        while let Some((call, tool)) = self.calls.next_of(run) {
            let outcome = unanswered(&journal, &call);
            self.push(run, Message::Tool { call, tool, outcome, outside: false })?;
        }
        Ok(())
    }

    /// Keeps the message of `run` for later: the log cannot take it now.
    pub fn defer(&mut self, run: &RunId) {
        self.row.deferred.push(run.clone());
    }

    /// Appends the messages that had to wait, unless they still have to.
    pub fn hear_deferred(&mut self, tables: &Tables<'_>) -> Result<(), Failure> {
        if !self.calls.is_empty() {
            return Ok(());
        }
        for id in std::mem::take(&mut self.row.deferred) {
            if let Some(mut row) = run::find(&tables.runs, &id)? {
                let end = row.end.clone().map(RunEnd::from);
                self.push(&id, heard(&row, end.as_ref()))?;
                row.epoch = Some(self.epoch);
                self.heard.push(row);
            }
        }
        Ok(())
    }

    /// The new entries, and all that has to be written for them.
    pub fn finish(mut self) -> (Vec<Entry>, Vec<Change>) {
        self.row.updated = self.row.updated.max(self.at);
        let Draft { session: key, epoch, was, mut row, segments, left, entries, heard, .. } = self;
        let entry = |entry: &Entry| Change::Entry { key: key.clone(), epoch, entry: entry.clone() };
        let mut changes: Vec<Change> = entries.iter().map(entry).collect();
        changes.extend(heard.into_iter().map(Change::Run));
        match left {
            Some((number, branch)) => {
                let row = StoredBranch { segments, ..branch };
                changes.push(Change::Branch { key: key.clone(), number, row: Some(row) });
            }
            None => row.segments = segments,
        }
        changes.push(Change::Session { key, was: Some(was), row });
        (entries, changes)
    }
}

/// How the message of a run gets into the log.
fn heard(run: &StoredRun, end: Option<&RunEnd>) -> Message {
    let (text, images) = (&run.text, run.images());
    match end {
        Some(RunEnd::Failed { kind, .. }) if kind == RunEnd::LEFT_OUT => {
            Message::Notice { text: format!("{HOST_MARK} not answered: {}", image::told(text, &images)) }
        }
        Some(RunEnd::Failed { kind, .. }) if kind == RunEnd::SUMMARISED => {
            let start = session::preview(&image::told(text, &images));
            Message::user(format!("{HOST_MARK} too many messages waited, and this one was left out: {start}"))
        }
        _ => Message::User { text: text.clone(), images },
    }
}

/// What a call without an answer gets: only one that cannot have taken effect counts as cancelled.
fn unanswered(journal: &[JournalStep], asked: &CallId) -> ToolOutcome {
    let harmful = journal.iter().any(|step| match step {
        JournalStep::CallStarted { call, repeatable, .. } => call == asked && *repeatable == Repeatable::No,
        JournalStep::EffectStarted { call, .. } => call == asked,
        JournalStep::EffectEnded { .. } | JournalStep::CallEnded { .. } => false,
    });
    if harmful {
        let message = "the run ended while this call was under way: it may or may not have taken effect, and was not \
                       repeated; check before you try again";
        ToolOutcome::failed(FailureKind::OutcomeUnknown, message)
    } else {
        ToolOutcome::failed(FailureKind::Cancelled, "the run ended before this call; it has changed nothing")
    }
}
