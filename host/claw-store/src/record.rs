//! Recording what a run does: log entries, journal steps and its end, in one transaction.

use std::collections::BTreeSet;

use claw_core::event::RunEnd;
use claw_core::id::{ApprovalId, CallId, ComponentName, Digest, RunId, Timestamp, ToolName};
use claw_core::inbound::Inbound;
use claw_core::label::Labels;
use claw_core::message::{Entry, Message};
use serde::{Deserialize, Serialize};

use crate::approval;
use crate::audit::{self, AuditEntry};
use crate::change::{Change, Decided};
use crate::cost::{self, Cost};
use crate::error::{Failure, StoreError};
use crate::grants::{self, Spent};
use crate::inbox;
use crate::outbox::{self, Outgoing};
use crate::run;
use crate::session;
use crate::store::Store;
use crate::tables::Tables;

mod draft;

use draft::Draft;

/// What one call of [`Store::record`] appends, in this order: entries, steps, end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// For the session's log.
    pub entries: Vec<Message>,
    /// For the run's journal.
    pub steps: Vec<JournalStep>,
    /// What a replay of a call needs, in the words of whoever replays it.
    pub recordings: Vec<(CallId, Vec<u8>)>,
    /// For the record of what was decided and done.
    pub audit: Vec<AuditEntry>,
    /// The run is over.
    pub end: Option<RunEnd>,
    /// Uses of grants that hold only for so many; each that is not there any more refuses the whole record.
    pub spends: Vec<Spent>,
    /// What the model has used for it.
    pub cost: Cost,
    /// Runs of the session that have not begun: behind the entries their messages become part of this run, and they
    /// end. One that has ended meanwhile is left out.
    pub joins: Vec<RunId>,
    /// With an end: what another conversation is told of it, if that is still there. What has flowed into the run flows
    /// on with it.
    pub announce: Option<Inbound>,
    /// What is to be sent for the run, in order.
    pub outbox: Vec<Outgoing>,
    /// What has flowed into the run; it has flowed into its conversation with what is appended.
    pub labels: Labels,
}

/// One step in the journal of a run: what was begun and what is known to have ended.
///
/// Also its form on disk: append variants at the end, and count the row's version up when one changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JournalStep {
    /// A tool call is about to run.
    CallStarted {
        /// The call.
        call: CallId,
        /// The tool as the model named it.
        tool: ToolName,
        /// The component that runs it.
        component: ComponentName,
        /// What a restart may do with it.
        repeatable: Repeatable,
    },
    /// An effect of a call is about to happen. With an approval, that is used up in the same transaction.
    EffectStarted {
        /// The call.
        call: CallId,
        /// Its position among the effects of the call, from 0.
        index: u32,
        /// The digest of exactly the plan that runs.
        digest: Digest,
        /// The approval that allows it, if it needed one.
        approval: Option<ApprovalId>,
    },
    /// An effect is over.
    EffectEnded {
        /// The call.
        call: CallId,
        /// Its position among the effects of the call.
        index: u32,
        /// One line for people.
        summary: String,
    },
    /// A tool call is over.
    CallEnded {
        /// The call.
        call: CallId,
    },
}

/// Whether a call may run again if nobody knows how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Repeatable {
    /// It changes nothing outside.
    Yes,
    /// It may have taken effect.
    No,
}

impl Store {
    /// Appends in the name of `run`: everything or nothing, durable when it returns. Returns the new log entries, those
    /// included that the store added itself:
    /// - the run's own message, before anything else that it writes, so that the log is in the order of the runs;
    /// - with an end, an answer for each call that has none: `cancelled` if it cannot have taken effect, otherwise
    ///   `outcome-unknown`.
    ///
    /// A run that ends without having said anything (but notices), while another one's calls are open, is heard after
    /// those: its message gets into the log with the other run's end.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`]; [`StoreError::Superseded`] if the run has ended; [`StoreError::Orphan`] if the log
    /// would no longer be one that a model accepts; [`StoreError::NotApproved`] if a step names an approval that does
    /// not allow exactly it, now.
    pub async fn record(&self, run: &RunId, record: Record, at: Timestamp) -> Result<Vec<Entry>, StoreError> {
        let run = run.clone();
        self.write(move |tables| decide(tables, &run, record, at)).await
    }
}

fn decide(tables: &Tables<'_>, run: &RunId, record: Record, at: Timestamp) -> Result<Decided<Vec<Entry>>, Failure> {
    let mut row = run::live(&tables.runs, run)?;
    let Record { entries, steps, recordings, audit, end, spends, cost, joins, announce, outbox, labels } = record;
    let session = row.session.clone();
    let before = (row.running, row.epoch);
    let mut step_changes = journal_changes(tables, run, &steps, at)?;
    for spend in spends {
        let missing = || StoreError::NotGranted { grant: spend.grant.clone() };
        step_changes.push(grants::spent(tables, &spend, at)?.ok_or_else(missing)?);
    }
    let mut draft = Draft::open(tables, &row, end.as_ref(), at)?;
    draft.label(&labels);
    let unheard = row.epoch.is_none() && !draft.calls().is_empty();
    let silent = steps.is_empty() && entries.iter().all(|message| matches!(message, Message::Notice { .. }));
    if unheard && silent && end.is_some() {
        draft.defer(run);
        entries.into_iter().try_for_each(|notice| draft.push(run, notice))?;
    } else {
        row.epoch = Some(draft.epoch());
        append(tables, run, &mut draft, entries, &steps, end.as_ref())?;
        joins.iter().try_for_each(|joined| draft.join(run, joined, tables))?;
    }
    row.running = true;
    row.ended_at = end.as_ref().map(|_| at);
    row.end = end.map(Into::into);
    let (entries, mut changes) = draft.finish();
    let noted = audit::of_steps(&row, &steps, at).into_iter().chain(audit);
    let noted: Vec<_> = noted.map(|entry| Change::Audit(Box::new(entry))).collect();
    if row.end.is_some() || (row.running, row.epoch) != before {
        changes.push(Change::Run(row));
    }
    changes.extend(step_changes);
    changes.extend(noted);
    changes.extend(cost::of(tables, &session, Some(run), cost, at)?);
    if let Some(inbound) = announce
        && session::find(&tables.sessions, &inbound.session)?.is_some()
        && run::find(&tables.runs, &inbound.run)?.is_none()
    {
        changes.extend(inbox::accept(tables, inbound, &labels, at)?.changes);
    }
    let post = |message| Change::Post(Box::new(outbox::first(message, Some(&session), Some(run), at)));
    changes.extend(outbox.into_iter().map(post));
    changes.extend(recordings.into_iter().map(|(call, bytes)| Change::Recording { run: run.clone(), call, bytes }));
    Ok(Decided { answer: entries, changes })
}

/// Appends the entries of a record and, with an end, the answers that are missing.
fn append(
    tables: &Tables<'_>,
    run: &RunId,
    draft: &mut Draft,
    entries: Vec<Message>,
    steps: &[JournalStep],
    end: Option<&RunEnd>,
) -> Result<(), Failure> {
    draft.begin(run, tables)?;
    for message in entries {
        // The last words of a run that was cut off come after its calls.
        if end.is_some() && draft.calls().blocks(&message) {
            draft.answer_open_calls(tables, run, steps)?;
        }
        draft.push(run, message)?;
    }
    if end.is_some() {
        draft.answer_open_calls(tables, run, steps)?;
        draft.hear_deferred(tables)?;
    }
    Ok(())
}

/// The journal rows, and the approvals that the steps use up.
fn journal_changes(
    tables: &Tables<'_>,
    run: &RunId,
    steps: &[JournalStep],
    at: Timestamp,
) -> Result<Vec<Change>, Failure> {
    let mut used = BTreeSet::new();
    let mut changes = Vec::new();
    if steps.is_empty() {
        return Ok(changes);
    }
    let first = (run.as_str(), 0);
    let last =
        redb::ReadableTable::range(&tables.journal, first..=(run.as_str(), u32::MAX))?.next_back().transpose()?;
    let next = last.map_or(0, |(position, _)| position.value().1 + 1);
    for (index, step) in (next..).zip(steps) {
        if let JournalStep::EffectStarted { call, digest, approval: Some(id), .. } = step {
            if !used.insert(id.clone()) {
                let refusal = crate::error::Refusal::AlreadyUsed;
                return Err(StoreError::NotApproved { approval: id.clone(), refusal }.into());
            }
            let row = approval::used(&tables.approvals()?, id, run, call, digest, at)?;
            changes.push(Change::Approval { row, at });
        }
        changes.push(Change::Step { run: run.clone(), index, step: step.clone() });
    }
    Ok(changes)
}

#[cfg(test)]
mod tests;
