//! Entries that follow from what the store writes anyway, so that no caller can forget them.

use claw_core::approval::{Approval, ApprovalState};
use claw_core::id::{ComponentName, Digest, Timestamp};

use super::entry::{AuditEntry, AuditKind};
use crate::record::{JournalStep, Repeatable};
use crate::row::{StoredGrants, StoredRun};

/// What an approval has become.
pub(crate) fn of_approval(approval: &Approval, at: Timestamp) -> AuditEntry {
    let asker = || format!("component:{}", approval.component);
    let (kind, actor, outcome) = match &approval.state {
        ApprovalState::Pending => (AuditKind::ApprovalAsked, asker(), None),
        ApprovalState::Approved { by, .. } | ApprovalState::Denied { by, .. } => {
            (AuditKind::ApprovalAnswered, by.clone(), Some(approval.state.as_str().to_owned()))
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
    digest: &Digest,
    before: &[String],
    row: &StoredGrants,
    by: &str,
) -> Vec<AuditEntry> {
    let entry = |kind, grant: &String| AuditEntry {
        component: Some(component.clone()),
        digest: Some(*digest),
        subject: Some(grant.clone()),
        ..AuditEntry::new(kind, by, row.at)
    };
    let given = row.grants.iter().filter(|grant| !before.contains(grant));
    let removed = before.iter().filter(|grant| !row.grants.contains(grant));
    given
        .map(|grant| entry(AuditKind::GrantGiven, grant))
        .chain(removed.map(|grant| entry(AuditKind::GrantRemoved, grant)))
        .collect()
}
