//! Parameters of `audit.*`.

use claw_core::audit::{AuditFrom, AuditQuery};
use claw_core::id::{ComponentName, RunId, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::{Request, host, page, parse, session};
use crate::call::Call;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AuditListParams {
    before: Option<u64>,
    after: Option<u64>,
    limit: Option<u64>,
    since: Option<Timestamp>,
    kind: Option<String>,
    component: Option<ComponentName>,
    run_id: Option<RunId>,
    session_key: Option<String>,
}

pub(super) fn list(params: Value) -> Result<Request, String> {
    let params: AuditListParams = parse(params)?;
    let from = match (params.before, params.after) {
        (Some(_), Some(_)) => return Err("`before` and `after` exclude each other".to_owned()),
        (Some(before), None) => AuditFrom::Before(before),
        (None, Some(after)) => AuditFrom::After(after),
        (None, None) => AuditFrom::End,
    };
    host(Call::AuditList(AuditQuery {
        from,
        limit: page(params.limit),
        since: params.since,
        kind: params.kind,
        component: params.component,
        run: params.run_id,
        session: params.session_key.map(|key| session(Some(&key), None)).transpose()?,
    }))
}

#[derive(Deserialize)]
struct SequenceParams {
    sequence: u64,
}

pub(super) fn show(params: Value) -> Result<Request, String> {
    let SequenceParams { sequence } = parse(params)?;
    host(Call::AuditShow { sequence })
}
