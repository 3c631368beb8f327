//! The record as clients see it.

use claw_core::audit::AuditFrom;
use claw_store::{AuditPage, AuditRow, AuditVerified};
use serde_json::{Value, json};

/// A page, oldest entry first.
pub fn page(page: &AuditPage) -> Value {
    let entries: Vec<_> = page.rows.iter().map(row).collect();
    let mut value = json!({ "entries": entries });
    match page.next {
        Some(AuditFrom::Before(sequence)) => value["next"] = json!({ "before": sequence }),
        Some(AuditFrom::After(sequence)) => value["next"] = json!({ "after": sequence }),
        Some(AuditFrom::End) | None => {}
    }
    value
}

/// One entry. Its members keep their order, so that `entry` as compact JSON is the text that was hashed.
pub fn row(row: &AuditRow) -> Value {
    let entry: Value = serde_json::from_str(&row.text).unwrap_or_default();
    json!({ "sequence": row.sequence, "previous": row.previous, "hash": row.hash, "entry": entry })
}

/// What a walk along the chain found.
pub fn verified(verified: &AuditVerified) -> Value {
    let AuditVerified { entries, first, last, hash, broken } = verified;
    let broken = broken.map(|it| json!({ "sequence": it.sequence, "what": it.fault.as_str() }));
    json!({
        "ok": broken.is_none(), "entries": entries, "first": first, "last": last, "hash": hash, "broken": broken,
    })
}
