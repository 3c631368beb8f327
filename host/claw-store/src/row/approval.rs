//! Rows of approvals.

use claw_core::approval::{Approval, ApprovalState, Card, Choice};
use claw_core::id::{ApprovalId, CallId, ComponentName, Digest, RunId, SessionKey, Timestamp};
use serde::{Deserialize, Serialize};

use super::Row;
use super::grant::StoredTerms;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredApproval {
    id: ApprovalId,
    session: SessionKey,
    run: RunId,
    call: CallId,
    component: ComponentName,
    build: Digest,
    digest: Digest,
    action: String,
    title: String,
    lines: Vec<(String, String)>,
    argv: Vec<String>,
    cwd: Option<String>,
    choices: Vec<(String, String, StoredTerms)>,
    created: Timestamp,
    expires: Timestamp,
    state: StoredState,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum StoredState {
    Pending,
    Approved { by: String, at: Timestamp, always: Option<String> },
    Denied { by: String, at: Timestamp, paused: bool },
    Expired,
    Used { at: Timestamp },
    Withdrawn,
}

/// As of version 1: without choices, and with the two answers of then.
#[derive(Deserialize)]
struct ApprovalV1 {
    id: ApprovalId,
    session: SessionKey,
    run: RunId,
    call: CallId,
    component: ComponentName,
    digest: Digest,
    action: String,
    title: String,
    lines: Vec<(String, String)>,
    argv: Vec<String>,
    cwd: Option<String>,
    created: Timestamp,
    expires: Timestamp,
    state: StateV1,
}

#[derive(Deserialize)]
enum StateV1 {
    Pending,
    Approved { by: String, at: Timestamp },
    Denied { by: String, at: Timestamp },
    Expired,
    Used { at: Timestamp },
    Withdrawn,
}

impl Row for StoredApproval {
    const KIND: &'static str = "approval";
    const VERSION: u8 = 2;

    fn older(version: u8, bytes: &[u8]) -> Option<postcard::Result<Self>> {
        (version == 1).then(|| postcard::from_bytes::<ApprovalV1>(bytes).map(StoredApproval::from))
    }
}

impl From<ApprovalV1> for StoredApproval {
    fn from(row: ApprovalV1) -> Self {
        let state = match row.state {
            StateV1::Pending => StoredState::Pending,
            StateV1::Approved { by, at } => StoredState::Approved { by, at, always: None },
            StateV1::Denied { by, at } => StoredState::Denied { by, at, paused: false },
            StateV1::Expired => StoredState::Expired,
            StateV1::Used { at } => StoredState::Used { at },
            StateV1::Withdrawn => StoredState::Withdrawn,
        };
        StoredApproval {
            id: row.id,
            session: row.session,
            run: row.run,
            call: row.call,
            component: row.component,
            build: Digest([0; 32]),
            digest: row.digest,
            action: row.action,
            title: row.title,
            lines: row.lines,
            argv: row.argv,
            cwd: row.cwd,
            choices: Vec::new(),
            created: row.created,
            expires: row.expires,
            state,
        }
    }
}

impl From<Approval> for StoredApproval {
    fn from(approval: Approval) -> Self {
        let Card { action, title, lines } = approval.card;
        let state = match approval.state {
            ApprovalState::Pending => StoredState::Pending,
            ApprovalState::Approved { by, at, always } => StoredState::Approved { by, at, always },
            ApprovalState::Denied { by, at, paused } => StoredState::Denied { by, at, paused },
            ApprovalState::Expired => StoredState::Expired,
            ApprovalState::Used { at } => StoredState::Used { at },
            ApprovalState::Withdrawn => StoredState::Withdrawn,
        };
        let choice = |Choice { label, grant, terms }| (label, grant, StoredTerms::from(terms));
        StoredApproval {
            id: approval.id,
            session: approval.session,
            run: approval.run,
            call: approval.call,
            component: approval.component,
            build: approval.build,
            digest: approval.digest,
            action,
            title,
            lines,
            argv: approval.argv,
            cwd: approval.cwd,
            choices: approval.choices.into_iter().map(choice).collect(),
            created: approval.created,
            expires: approval.expires,
            state,
        }
    }
}

impl From<StoredApproval> for Approval {
    fn from(row: StoredApproval) -> Self {
        let state = match row.state {
            StoredState::Pending => ApprovalState::Pending,
            StoredState::Approved { by, at, always } => ApprovalState::Approved { by, at, always },
            StoredState::Denied { by, at, paused } => ApprovalState::Denied { by, at, paused },
            StoredState::Expired => ApprovalState::Expired,
            StoredState::Used { at } => ApprovalState::Used { at },
            StoredState::Withdrawn => ApprovalState::Withdrawn,
        };
        let choice = |(label, grant, terms): (_, _, StoredTerms)| Choice { label, grant, terms: terms.into() };
        Approval {
            id: row.id,
            session: row.session,
            run: row.run,
            call: row.call,
            component: row.component,
            build: row.build,
            digest: row.digest,
            card: Card { action: row.action, title: row.title, lines: row.lines },
            argv: row.argv,
            cwd: row.cwd,
            choices: row.choices.into_iter().map(choice).collect(),
            created: row.created,
            expires: row.expires,
            state,
        }
    }
}
