//! Approvals: each is answered once, and used once. How one follows from the other is [`Approval::after`]'s to say.

use claw_core::approval::{Answer, Approval, ApprovalState, Step};
use claw_core::grant::GrantRow;
use claw_core::id::{ApprovalId, CallId, Digest, RunId, Timestamp};
use redb::ReadableTable;

use crate::change::{Change, Decided};
use crate::error::{Failure, Refusal, ResolveError, StoreError};
use crate::grants;
use crate::row::{StoredApproval, decode};
use crate::store::Store;
use crate::tables::{self, Bytes, Tables};
use crate::{run, standing};

/// Fewest digits of an id that count as a prefix: one in 65536 hits by chance.
const MIN_PREFIX: usize = 4;
/// Digits of a whole id.
const ID_DIGITS: usize = 32;

/// Which approvals to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalFilter {
    /// Those that wait for an answer.
    Pending,
    /// All that there ever were.
    All,
}

impl Store {
    /// Stores a pending approval, so that it survives a restart.
    ///
    /// # Errors
    /// [`StoreError::NotParkable`] if it is not pending or its id exists; [`StoreError::UnknownRun`];
    /// [`StoreError::Superseded`] if its run has ended.
    pub async fn park(&self, approval: Approval) -> Result<(), StoreError> {
        self.write(move |tables| {
            run::live(&tables.runs, &approval.run)?;
            let not_parkable = |reason| StoreError::NotParkable { approval: approval.id.clone(), reason };
            if !approval.state.is_pending() {
                return Err(not_parkable("it is not pending").into());
            }
            if find(&tables.approvals()?, &approval.id)?.is_some() {
                return Err(not_parkable("its id is already used").into());
            }
            Ok(Decided { answer: (), changes: vec![Change::Approval { at: approval.created, row: approval }] })
        })
        .await
    }

    /// Stores the owner's answer. The first one counts, and only before `expires`.
    ///
    /// Takes the whole id, or at least 4 of its first digits if no other pending approval begins with them.
    ///
    /// # Errors
    /// [`ResolveError`]; after [`ResolveError::Expired`] the approval is stored as expired.
    pub async fn resolve(&self, id: &str, answer: Answer, by: &str, at: Timestamp) -> Result<Approval, ResolveError> {
        let mut resolved = self.resolve_all(&[id.to_owned()], answer, by, at).await.map_err(ResolveError::Store)?;
        resolved.pop().expect("approval: one id has one result")
    }

    /// Stores one answer to several approvals at once; each has a result of its own, in their order, and one that is
    /// named twice has one. However many a no is about, it is one no of the owner to the component. `Always` is for one
    /// only: its choices are those of one card.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written; no answer counts then.
    pub async fn resolve_all(
        &self,
        ids: &[String],
        answer: Answer,
        by: &str,
        at: Timestamp,
    ) -> Result<Vec<Result<Approval, ResolveError>>, StoreError> {
        debug_assert!(ids.len() == 1 || !matches!(answer, Answer::Always(_)), "one grant is given at a time");
        let (ids, by) = (ids.to_vec(), by.to_owned());
        self.write(move |tables| {
            let mut all = Decided::unchanged(Vec::<Resolved>::new());
            for id in &ids {
                let Decided { answer: resolved, changes } = resolve(tables, id, answer, &by, at)?;
                let is_same = |known: &Resolved| matches!((known, &resolved), (Ok(a), Ok(b)) if a.id == b.id);
                if all.answer.iter().any(is_same) {
                    continue;
                }
                all.answer.push(resolved);
                all.changes.extend(changes);
            }
            Ok(all)
        })
        .await
    }

    /// Ends the waiting of a pending approval. One that is not pending is returned as it is. The caller watches the
    /// clock: `at` only goes to the log.
    ///
    /// # Errors
    /// [`StoreError::UnknownApproval`].
    pub async fn expire(&self, id: &ApprovalId, at: Timestamp) -> Result<Approval, StoreError> {
        self.end(id, Step::Expire, at).await
    }

    /// Withdraws a pending approval: what it was decided by has changed. One that is not pending is returned as it is.
    ///
    /// # Errors
    /// [`StoreError::UnknownApproval`].
    pub async fn supersede(&self, id: &ApprovalId, at: Timestamp) -> Result<Approval, StoreError> {
        self.end(id, Step::Withdraw, at).await
    }

    async fn end(&self, id: &ApprovalId, step: Step<'static>, at: Timestamp) -> Result<Approval, StoreError> {
        let id = id.clone();
        self.write(move |tables| {
            let found = find(&tables.approvals()?, &id)?;
            let mut approval = found.ok_or_else(|| StoreError::UnknownApproval { approval: id.clone() })?;
            let Some(ended) = approval.after(&step, at) else {
                return Ok(Decided::unchanged(approval));
            };
            tracing::info!(approval = %id, at = at.0, state = ended.as_str(), "approval ended");
            approval.state = ended;
            Ok(Decided { answer: approval.clone(), changes: vec![Change::Approval { row: approval, at }] })
        })
        .await
    }

    /// Withdraws the pending approvals of a run that ended, and returns them. `at` only goes to the log.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn withdraw(&self, run: &RunId, at: Timestamp) -> Result<Vec<Approval>, StoreError> {
        // Most runs ask for nothing, and none of those waits for the writer. What a run has asked for was written before
        // its end was.
        let open = |approval: &Approval| approval.after(&Step::Withdraw, at).is_some();
        let asked =
            self.read(|snapshot| asked_by(&snapshot.table(tables::ASKED)?, &snapshot.table(tables::APPROVALS)?, run))?;
        if !asked.iter().any(open) {
            return Ok(Vec::new());
        }
        let run = run.clone();
        self.write(move |tables| {
            let asked = asked_by(&tables.asked()?, &tables.approvals()?, &run)?;
            let withdrawn = asked.into_iter().filter_map(|approval| {
                let state = approval.after(&Step::Withdraw, at)?;
                tracing::info!(approval = %approval.id, %run, at = at.0, "approval withdrawn");
                Some(Approval { state, ..approval })
            });
            let withdrawn: Vec<_> = withdrawn.collect();
            let changes = withdrawn.iter().cloned().map(|row| Change::Approval { row, at }).collect();
            Ok(Decided { answer: withdrawn, changes })
        })
        .await
    }

    /// Approvals in the order in which they were asked for.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn approvals(&self, which: ApprovalFilter) -> Result<Vec<Approval>, StoreError> {
        let mut approvals = self.read(|snapshot| {
            let approvals = snapshot.table(tables::APPROVALS)?;
            match which {
                ApprovalFilter::Pending => pending(&snapshot.table(tables::PENDING)?, &approvals, ""),
                ApprovalFilter::All => beginning_with(&approvals, ""),
            }
        })?;
        approvals.sort_by_key(|approval| approval.created);
        Ok(approvals)
    }

    /// One approval.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn approval(&self, id: &ApprovalId) -> Result<Option<Approval>, StoreError> {
        self.read(|snapshot| find(&snapshot.table(tables::APPROVALS)?, id))
    }

    /// The approval that was asked for exactly this plan by this call; the latest if there are several.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn find_approval(&self, run: &RunId, call: &CallId, digest: &Digest) -> Result<Option<Approval>, StoreError> {
        let asked =
            self.read(|snapshot| asked_by(&snapshot.table(tables::ASKED)?, &snapshot.table(tables::APPROVALS)?, run))?;
        let same = |approval: &Approval| approval.call == *call && approval.digest == *digest;
        Ok(asked.into_iter().filter(same).max_by_key(|approval| approval.created))
    }

    /// Whether a call has asked and may still go on by the answer: it waits for one, or has a yes that was not used.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn waits_or_may(&self, run: &RunId, call: &CallId) -> Result<bool, StoreError> {
        let asked =
            self.read(|snapshot| asked_by(&snapshot.table(tables::ASKED)?, &snapshot.table(tables::APPROVALS)?, run))?;
        let is_open = |state: &ApprovalState| matches!(state, ApprovalState::Pending | ApprovalState::Approved { .. });
        Ok(asked.iter().any(|approval| approval.call == *call && is_open(&approval.state)))
    }

    /// The no that a run has got for exactly this plan, whichever of its calls asked.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn find_denial(&self, run: &RunId, digest: &Digest) -> Result<Option<Approval>, StoreError> {
        let asked =
            self.read(|snapshot| asked_by(&snapshot.table(tables::ASKED)?, &snapshot.table(tables::APPROVALS)?, run))?;
        let denied = |approval: &Approval| matches!(approval.state, ApprovalState::Denied { .. });
        Ok(asked.into_iter().find(|approval| approval.digest == *digest && denied(approval)))
    }
}

/// The approval `id` in its used state, if it allows exactly this effect, now.
pub(crate) fn used(
    approvals: &impl ReadableTable<&'static str, Bytes>,
    id: &ApprovalId,
    run: &RunId,
    call: &CallId,
    digest: &Digest,
    at: Timestamp,
) -> Result<Approval, Failure> {
    let refused = |refusal| Failure::Refused(StoreError::NotApproved { approval: id.clone(), refusal });
    let mut approval = find(approvals, id)?.ok_or_else(|| refused(Refusal::Missing))?;
    if approval.run != *run || approval.call != *call {
        return Err(refused(Refusal::OtherCall));
    }
    if approval.digest != *digest {
        return Err(refused(Refusal::OtherDigest));
    }
    match approval.after(&Step::Use, at) {
        Some(used) => approval.state = used,
        None if matches!(approval.state, ApprovalState::Used { .. }) => return Err(refused(Refusal::AlreadyUsed)),
        None => return Err(refused(Refusal::NotGiven(approval.state))),
    }
    Ok(approval)
}

type Resolved = Result<Approval, ResolveError>;

fn resolve(
    tables: &Tables<'_>,
    id: &str,
    answer: Answer,
    by: &str,
    at: Timestamp,
) -> Result<Decided<Resolved>, Failure> {
    let prefix = id.trim().to_ascii_lowercase();
    if !(MIN_PREFIX..=ID_DIGITS).contains(&prefix.len()) || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let text = prefix.chars().take(ID_DIGITS).collect();
        return Ok(Decided::unchanged(Err(ResolveError::NotFound { text })));
    }
    let mut candidates = pending(&tables.pending()?, &tables.approvals()?, &prefix)?;
    if candidates.len() > 1 {
        return Ok(Decided::unchanged(Err(ResolveError::Ambiguous { text: prefix, candidates })));
    }
    let Some(mut approval) = candidates.pop() else {
        return Ok(Decided::unchanged(Err(too_late(tables, prefix)?)));
    };
    // Time is looked at here and not only by a timer: the answer may come first after a restart. AP-07
    let Some(state) = approval.after(&Step::Answer(answer, by), at) else {
        return Ok(Decided::unchanged(Err(ResolveError::NoChoice(Box::new(approval)))));
    };
    approval.state = state;
    let mut changes = vec![Change::Approval { row: approval.clone(), at }];
    if approval.state == ApprovalState::Expired {
        return Ok(Decided { answer: Err(ResolveError::Expired(Box::new(approval))), changes });
    }
    if let Some(choice) = approval.chosen(answer, at) {
        let row = GrantRow { grant: choice.grant, terms: choice.terms, by: by.to_owned(), at };
        changes.push(grants::given(tables, &approval.component, &approval.build, row)?);
    }
    changes.extend(standing::after_answer(tables, &approval, by, at)?);
    Ok(Decided { answer: Ok(approval), changes })
}

/// Why an answer to something that is not pending does not count.
fn too_late(tables: &Tables<'_>, prefix: String) -> Result<ResolveError, Failure> {
    let mut known = beginning_with(&tables.approvals()?, &prefix)?;
    Ok(match (known.pop(), known.is_empty()) {
        (Some(approval), true) if approval.state == ApprovalState::Expired => ResolveError::Expired(Box::new(approval)),
        (Some(approval), true) => ResolveError::Already(Box::new(approval)),
        _ => ResolveError::NotFound { text: prefix },
    })
}

fn find(approvals: &impl ReadableTable<&'static str, Bytes>, id: &ApprovalId) -> Result<Option<Approval>, Failure> {
    let row = approvals.get(id.as_str())?;
    Ok(row.map(|row| decode::<StoredApproval>(id.as_str(), row.value())).transpose()?.map(Approval::from))
}

fn pending(
    pending: &impl ReadableTable<&'static str, ()>,
    approvals: &impl ReadableTable<&'static str, Bytes>,
    prefix: &str,
) -> Result<Vec<Approval>, Failure> {
    let mut found = Vec::new();
    for item in pending.range(prefix..)? {
        let (id, _) = item?;
        let id = id.value();
        if !id.starts_with(prefix) {
            break;
        }
        if let Some(row) = approvals.get(id)? {
            found.push(decode::<StoredApproval>(id, row.value())?.into());
        }
    }
    Ok(found)
}

fn beginning_with(approvals: &impl ReadableTable<&'static str, Bytes>, prefix: &str) -> Result<Vec<Approval>, Failure> {
    let mut found = Vec::new();
    for item in approvals.range(prefix..)? {
        let (id, row) = item?;
        if !id.value().starts_with(prefix) {
            break;
        }
        found.push(decode::<StoredApproval>(id.value(), row.value())?.into());
    }
    Ok(found)
}

fn asked_by(
    asked: &impl ReadableTable<(&'static str, &'static str), ()>,
    approvals: &impl ReadableTable<&'static str, Bytes>,
    run: &RunId,
) -> Result<Vec<Approval>, Failure> {
    let mut found = Vec::new();
    for item in asked.range((run.as_str(), "")..)? {
        let (position, _) = item?;
        let (of, id) = position.value();
        if of != run.as_str() {
            break;
        }
        if let Some(row) = approvals.get(id)? {
            found.push(decode::<StoredApproval>(id, row.value())?.into());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
