//! `db`: the file of a host that does not run.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Subcommand;
use claw_store::{Store, StoreError};
use serde_json::{Value, json};

use super::output::{table, word};
use super::{Exit, Failure, Output};
use crate::app;

#[derive(Debug, Subcommand)]
pub(super) enum DbCommand {
    /// Verify each page and row, the indexes, the logs and the record; changes nothing
    Check,
    /// Make the file as small as what is in it; what was deleted is gone from it then
    Compact,
    /// Tell what is in the file, by table
    Stats,
}

pub(super) fn db(command: DbCommand, home: &Path, output: &Output) -> Result<Exit, Failure> {
    let path = app::store_path(home);
    if !path.exists() {
        return Err(Failure::message(Exit::Failed, format!("there is no store `{}` yet", path.display())));
    }
    match command {
        DbCommand::Check => check(&app::look_into_store(home)?, output),
        DbCommand::Compact => compact(&path, output),
        DbCommand::Stats => stats(&app::look_into_store(home)?, output),
    }
}

fn failed(err: StoreError) -> Failure {
    Failure::new(Exit::Failed, err)
}

fn check(store: &Store, output: &Output) -> Result<Exit, Failure> {
    let checked = store.check().map_err(failed)?;
    let value = json!({
        "ok": checked.faults.is_empty(), "sessions": checked.sessions, "entries": checked.entries,
        "faults": checked.faults,
    });
    output.data(&value, |value| {
        let faults: Vec<_> = value["faults"].as_array().into_iter().flatten().map(word).collect();
        match faults.as_slice() {
            [] => format!("sound: {} conversations, {} entries", checked.sessions, checked.entries),
            faults => format!("{}\nnot sound; restore the store from a backup", faults.join("\n")),
        }
    })?;
    Ok(if checked.faults.is_empty() { Exit::Ok } else { Exit::Failed })
}

fn compact(path: &Path, output: &Output) -> Result<Exit, Failure> {
    let compacted = claw_store::compact(path).map_err(app::store_failure)?;
    let kept: Vec<_> = compacted.kept.iter().map(|path| path.display().to_string()).collect();
    let value = json!({"before": compacted.before, "after": compacted.after, "kept": kept});
    output.data(&value, |_| {
        let mut text = format!("{} bytes before, {} now", compacted.before, compacted.after);
        for copy in &kept {
            text.push_str(&format!("\n`{copy}` is the store as an earlier release had it, with all that was in there"));
        }
        text
    })?;
    Ok(Exit::Ok)
}

fn stats(store: &Store, output: &Output) -> Result<Exit, Failure> {
    let stats = store.stats().map_err(failed)?;
    let tables = stats.tables.iter().map(
        |table| json!({"name": table.name, "rows": table.rows, "bytes": table.bytes, "pageBytes": table.page_bytes}),
    );
    let value = json!({
        "schema": stats.schema, "fileBytes": stats.file_bytes, "sessions": stats.sessions, "entries": stats.entries,
        "outbox": stats.outbox.iter().copied().collect::<BTreeMap<_, _>>(),
        "tables": tables.collect::<Vec<_>>(),
    });
    output.data(&value, |value| {
        let outbox: Vec<_> = stats.outbox.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let row = |table: &Value| ["name", "rows", "bytes", "pageBytes"].map(|name| word(&table[name]));
        let rows: Vec<_> = value["tables"].as_array().into_iter().flatten().map(row).collect();
        format!(
            "{}\nschema {}, {} bytes, {} conversations, {} entries; outbox: {}",
            table(["TABLE", "ROWS", "BYTES", "IN PAGES OF"], &rows),
            stats.schema,
            stats.file_bytes,
            stats.sessions,
            stats.entries,
            outbox.join(", "),
        )
    })?;
    Ok(Exit::Ok)
}
