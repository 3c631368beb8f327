//! Entries that follow from what the store writes anyway, so that no caller can forget them.

use claw_core::approval::{Approval, ApprovalState};
use claw_core::grant::{GrantRow, Terms};
use claw_core::id::{ComponentName, Digest, Timestamp};

use super::entry::{AuditEntry, AuditKind};
use crate::record::{JournalStep, Repeatable};
use crate::row::{StoredRun, StoredStanding};

/// What an approval has become.
pub(crate) fn of_approval(approval: &Approval, at: Timestamp) -> AuditEntry {
    let asker = || format!("component:{}", approval.component);
    let (kind, actor, outcome) = match &approval.state {
        ApprovalState::Pending => (AuditKind::ApprovalAsked, asker(), None),
        ApprovalState::Approved { by, .. } | ApprovalState::Denied { by, .. } => {
            (AuditKind::ApprovalAnswered, by.clone(), Some(answer(&approval.state)))
        }
        ApprovalState::Expired => (AuditKind::ApprovalExpired, "host".to_owned(), None),
        ApprovalState::Withdrawn => (AuditKind::ApprovalWithdrawn, "host".to_owned(), None),
        ApprovalState::Used { .. } => (AuditKind::ApprovalUsed, asker(), None),
    };
    AuditEntry {
        session: Some(approval.session.clone()),
        run: Some(approval.run.clone()),
        call: Some(approval.call.clone()),
        component: Some(approval.component.clone()),
        action: Some(approval.card.action.clone()),
        subject: Some(subject(approval)),
        digest: Some(approval.digest),
        approval: Some(approval.id.clone()),
        outcome,
        ..AuditEntry::new(kind, actor, at)
    }
}

fn answer(state: &ApprovalState) -> String {
    match state {
        ApprovalState::Approved { always: Some(grant), .. } => format!("approved, and from now on `{grant}`"),
        ApprovalState::Denied { paused: true, .. } => "denied and paused".to_owned(),
        state => state.as_str().to_owned(),
    }
}

/// The question in one line: the command, or what its card says first of the action.
fn subject(approval: &Approval) -> String {
    if !approval.argv.is_empty() {
        return approval.argv.join(" ");
    }
    // Cards begin with who asks, who started it and the action's name.
    let own = approval.card.lines.iter().skip(3).take(2).map(|(_, value)| value.as_str());
    own.collect::<Vec<_>>().join(" ")
}

/// The calls among the steps that can change files without asking for an effect: they are on record before they begin.
pub(crate) fn of_steps(run: &StoredRun, steps: &[JournalStep], at: Timestamp) -> Vec<AuditEntry> {
    let steps = steps.iter().filter_map(|step| match step {
        JournalStep::CallStarted { call, tool, component, repeatable: Repeatable::No } => Some(AuditEntry {
            session: Some(run.session.clone()),
            run: Some(run.run.clone()),
            call: Some(call.clone()),
            component: Some(component.clone()),
            action: Some("tool.call".to_owned()),
            subject: Some(tool.to_string()),
            ..AuditEntry::new(AuditKind::CallRequested, format!("component:{component}"), at)
        }),
        JournalStep::CallStarted { repeatable: Repeatable::Yes, .. }
        | JournalStep::EffectStarted { .. }
        | JournalStep::EffectEnded { .. }
        | JournalStep::CallEnded { .. } => None,
    });
    steps.collect()
}

/// What one build of a component was given and what it lost.
pub(crate) fn of_grants(
    component: &ComponentName,
    build: &Digest,
    before: &[GrantRow],
    after: &[GrantRow],
    by: &str,
    at: Timestamp,
) -> Vec<AuditEntry> {
    // How often a grant may still be used is no change of it: what used it is on record.
    let is_in = |rows: &[GrantRow], row: &GrantRow| rows.iter().any(|other| other.is_same(&row.grant, &row.terms));
    let entry = |kind, row: &GrantRow| AuditEntry {
        component: Some(component.clone()),
        digest: Some(*build),
        subject: Some(row.grant.clone()),
        outcome: (row.terms != Terms::default()).then(|| terms(&row.terms)),
        ..AuditEntry::new(kind, by, at)
    };
    let given = after.iter().filter(|row| !is_in(before, row)).map(|row| entry(AuditKind::GrantGiven, row));
    let removed = before.iter().filter(|row| !is_in(after, row)).map(|row| entry(AuditKind::GrantRemoved, row));
    given.chain(removed).collect()
}

fn terms(terms: &Terms) -> String {
    serde_json::to_string(terms).unwrap_or_default()
}

/// That a component was paused or let go on, if it was.
pub(crate) fn of_standing(
    component: &ComponentName,
    before: &StoredStanding,
    after: &StoredStanding,
    by: &str,
    at: Timestamp,
) -> Option<AuditEntry> {
    let (kind, outcome) = match (&before.paused, &after.paused) {
        (None, Some((_, _, why))) => (AuditKind::ComponentPaused, Some(why.clone())),
        (Some(_), None) => (AuditKind::ComponentResumed, None),
        _ => return None,
    };
    Some(AuditEntry { component: Some(component.clone()), outcome, ..AuditEntry::new(kind, by, at) })
}
