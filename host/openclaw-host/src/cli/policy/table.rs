//! `policy test`: whether the policies answer as a table says.

use std::path::{Path, PathBuf};

use anyhow::Context;
use claw_policy::{Policy, Row, Subject, Table, Who};
use serde_json::json;

use super::super::{Exit, Failure, Output};
use super::components::{self, Known};
use super::sources::{of_home, place};

pub(super) async fn test(home: &Path, file: &Path, more: &[PathBuf], output: &Output) -> Result<Exit, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{shown}`"));
    let text = text.map_err(|err| Failure::new(Exit::Failed, err))?;
    let table = Table::parse(&text).map_err(|err| {
        Failure::new(Exit::Usage, anyhow::Error::new(err).context(format!("cannot read the table `{shown}`")))
            .hint("docs/policies.md, \"Tables\", shows how one is written")
    })?;
    let policy = match table.preset {
        Some(preset) => Policy::load(preset, &[]).map_err(|err| super::sources::invalid(err.into()))?,
        None => of_home(home, more)?.1,
    };
    let needs_installed = table.rows.iter().any(|row| matches!(row.who, Who::Installed(_)));
    let installed = if needs_installed { components::all(home).await? } else { Vec::new() };
    let (mut data, mut lines, mut failed) = (Vec::new(), String::new(), 0);
    for row in &table.rows {
        let (found, expected) = row.check(&policy, subject(row, &installed)?);
        data.push(json!({
            "line": row.line, "text": row.text, "ok": expected.is_none(), "found": found.verdict.to_string(),
            "decidedBy": found.decided_by.iter().map(|it| &it.id).collect::<Vec<_>>(),
        }));
        if expected.is_some() {
            failed += 1;
            let by: Vec<_> = found.decided_by.iter().map(|it| format!("`{}`, {}", it.id, place(home, it))).collect();
            let by = if by.is_empty() { "no policy".to_owned() } else { by.join("; ") };
            lines.push_str(&format!("{shown}:{}: {}\n  but: {} by {by}\n", row.line, row.text, found.verdict));
        }
    }
    let passed = table.rows.len() - failed;
    output.data(&json!({ "ok": failed == 0, "passed": passed, "failed": failed, "rows": data }), |_| {
        format!("{lines}{passed} as expected, {failed} not\n")
    })?;
    Ok(if failed == 0 { Exit::Ok } else { Exit::Failed })
}

/// Who asks in a row.
pub(super) fn subject<'a>(row: &'a Row, installed: &'a [Known]) -> Result<&'a Subject, Failure> {
    match &row.who {
        Who::Invented(subject) => Ok(subject),
        Who::Installed(name) => {
            let found = installed.iter().map(|(subject, _)| subject).find(|subject| subject.component == *name);
            let names = || installed.iter().map(|(subject, _)| subject.component.to_string()).collect::<Vec<_>>();
            found.ok_or_else(|| components::missing(name, &names()))
        }
    }
}
