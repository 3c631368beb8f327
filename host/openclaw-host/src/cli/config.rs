//! `config`: what can be set, and what is.

use std::path::Path;

use serde_json::{Value, json};

use super::output::{table, word};
use super::{Exit, Failure, Output};
use crate::settings::{self, Flags, Issue, Resolved};

/// The schema is JSON for everybody.
pub(super) fn print_schema(output: &Output) -> Result<Exit, Failure> {
    output.raw(format!("{:#}\n", settings::schema()).as_bytes())?;
    Ok(Exit::Ok)
}

pub(super) fn check(home: &Path, output: &Output) -> Result<Exit, Failure> {
    let resolved = settings::read(home, &Flags::default())?;
    for issue in &resolved.warnings {
        eprintln!("warning: {issue}");
    }
    output.data(&to_json(&resolved), |_| to_text(&resolved))?;
    Ok(Exit::Ok)
}

pub(super) fn to_text(resolved: &Resolved) -> String {
    let row = |effective: &settings::Effective| {
        [effective.path.clone(), word(&effective.value), effective.origin.to_string()]
    };
    table(["SETTING", "VALUE", "FROM"], &resolved.effective.iter().map(row).collect::<Vec<_>>())
}

fn to_json(resolved: &Resolved) -> Value {
    let effective = resolved.effective.iter();
    let settings = effective.map(
        |effective| json!({ "path": effective.path, "value": effective.value, "origin": effective.origin.to_string() }),
    );
    let issue = |issue: &Issue| {
        let position = issue.position.map(|at| json!({ "line": at.line, "column": at.column }));
        json!({ "place": issue.place, "message": issue.message, "position": position })
    };
    json!({
        "ok": true,
        "settings": settings.collect::<Vec<_>>(),
        "warnings": resolved.warnings.iter().map(issue).collect::<Vec<_>>(),
    })
}
