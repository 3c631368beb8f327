//! `audit`: the record of what was decided and done. Asks the running host; without one it reads the home's store.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use claw_core::audit::{AuditFrom, AuditQuery};
use claw_core::id::{ComponentName, RunId, SessionKey, Timestamp};
use claw_core::{rfc3339, span};
use claw_store::{AuditKind, Store};
use serde_json::{Value, json};

use super::output::{outline, table, word};
use super::{Exit, Failure, Output, sessions};
use crate::app;
use crate::audit::view;
use crate::client::{Client, ClientError};
use crate::host::now;

/// Entries that an export asks for at a time.
const PAGE: usize = 1000;
/// Characters of a subject in a list; `show` has the rest.
const WIDTH: usize = 80;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List the newest entries, the newest last
    List {
        /// Only those since then: `2026-11-21`, `2026-11-21T08:00Z`, or how long ago: `90s`, `15m`, `2h`, `7d`, `4w`
        #[arg(long, value_name = "TIME", value_parser = parse_since)]
        since: Option<Timestamp>,
        /// Only those of this kind, e.g. `decision.deny`, or of this group, e.g. `approval`
        #[arg(long, value_parser = parse_kind)]
        kind: Option<String>,
        /// Only those of this component
        #[arg(long, value_name = "NAME", value_parser = ComponentName::parse)]
        component: Option<ComponentName>,
        /// Only those of this run
        #[arg(long, value_parser = RunId::parse)]
        run: Option<RunId>,
        /// Only those of this conversation
        #[arg(long, value_name = "KEY", value_parser = parse_session)]
        session: Option<SessionKey>,
        /// Entries at most
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Show one entry; refusals name its number
    Show {
        /// Its number
        sequence: u64,
    },
    /// Check that nothing was changed, removed or added, and say where if something was
    Verify,
    /// Write all entries as JSON lines, with what others need in order to check them
    Export {
        /// File that is made; standard output if none is named
        file: Option<PathBuf>,
    },
}

pub(super) async fn audit(command: AuditCommand, home: &Path, output: &Output) -> Result<Exit, Failure> {
    let mut record = Record::open(home).await?;
    match command {
        AuditCommand::List { since, kind, component, run, session, limit } => {
            let limit = usize::from(limit);
            let query = AuditQuery { from: AuditFrom::End, limit, since, kind, component, run, session };
            list(&mut record, query, output).await
        }
        AuditCommand::Show { sequence } => {
            output.data(&record.show(sequence).await?, whole)?;
            Ok(Exit::Ok)
        }
        AuditCommand::Verify => {
            let verified = record.verify().await?;
            output.data(&verified, |verified| match &verified["broken"] {
                Value::Null => sound(verified),
                broken => format!("broken at entry {}: {}", word(&broken["sequence"]), word(&broken["what"])),
            })?;
            Ok(if verified["ok"] == json!(true) { Exit::Ok } else { Exit::Failed })
        }
        AuditCommand::Export { file } => match file {
            Some(path) => {
                let file = File::create_new(&path).map_err(|err| {
                    let context = format!("cannot create `{}`", path.display());
                    Failure::new(Exit::Failed, anyhow::Error::new(err).context(context))
                })?;
                export(&mut record, &mut BufWriter::new(file)).await
            }
            None => export(&mut record, &mut io::stdout().lock()).await,
        },
    }
}

/// One entry, wherever the record can be read.
pub(super) async fn entry(home: &Path, sequence: u64) -> Result<Value, Failure> {
    Record::open(home).await?.show(sequence).await
}

// === Where it is read ===

/// The record, wherever it can be read.
enum Record {
    /// The running host has it.
    Host(Box<Client>),
    /// No host runs.
    Store(Store),
}

impl Record {
    async fn open(home: &Path) -> Result<Record, Failure> {
        match Client::connect(home).await {
            Ok(client) => Ok(Record::Host(Box::new(client))),
            Err(ClientError::NotRunning { .. } | ClientError::Gone { .. }) if app::store_path(home).exists() => {
                Ok(Record::Store(app::open_store(home)?))
            }
            Err(err) => Err(err.into()),
        }
    }

    async fn page(&mut self, query: &AuditQuery) -> Result<Value, Failure> {
        match self {
            Record::Host(client) => Ok(client.call("audit.list", params(query)).await?),
            Record::Store(store) => Ok(view::page(&store.audit_page(query).map_err(unreadable)?)),
        }
    }

    async fn show(&mut self, sequence: u64) -> Result<Value, Failure> {
        match self {
            Record::Host(client) => Ok(client.call("audit.show", json!({ "sequence": sequence })).await?),
            Record::Store(store) => {
                let row = store.audit_entry(sequence).map_err(unreadable)?;
                let none = || Failure::message(Exit::Failed, format!("there is no entry {sequence} in the record"));
                Ok(view::row(&row.ok_or_else(none)?))
            }
        }
    }

    async fn verify(&mut self) -> Result<Value, Failure> {
        match self {
            Record::Host(client) => Ok(client.call("audit.verify", json!({})).await?),
            Record::Store(store) => Ok(view::verified(&store.verify_audit().map_err(unreadable)?)),
        }
    }
}

fn unreadable(err: claw_store::StoreError) -> Failure {
    Failure::new(Exit::Failed, err).hint("`openclaw-host audit verify` says where the record is broken")
}

fn params(query: &AuditQuery) -> Value {
    let AuditQuery { from, limit, since, kind, component, run, session } = query;
    let mut params = json!({
        "limit": limit, "since": since, "kind": kind, "component": component, "runId": run, "sessionKey": session,
    });
    match from {
        AuditFrom::End => {}
        AuditFrom::Before(sequence) => params["before"] = json!(sequence),
        AuditFrom::After(sequence) => params["after"] = json!(sequence),
    }
    params
}

// === What it says ===

async fn list(record: &mut Record, mut query: AuditQuery, output: &Output) -> Result<Exit, Failure> {
    let mut entries = Vec::new();
    let limit = query.limit;
    // A page may find few of what a filter wants, and still not be the last.
    loop {
        query.limit = limit - entries.len();
        let mut page = record.page(&query).await?;
        let older = page["entries"].as_array_mut().map(std::mem::take).unwrap_or_default();
        entries.splice(..0, older);
        match page["next"]["before"].as_u64() {
            Some(before) if entries.len() < limit => query.from = AuditFrom::Before(before),
            _ => break,
        }
    }
    output.data(&Value::Array(entries), |entries| {
        let rows: Vec<_> = entries.as_array().into_iter().flatten().map(row).collect();
        match rows.as_slice() {
            [] => "nothing of that kind is on record".to_owned(),
            rows => table(["ENTRY", "TIME", "KIND", "ACTOR", "WHAT"], rows),
        }
    })?;
    Ok(Exit::Ok)
}

fn row(row: &Value) -> [String; 5] {
    let entry = &row["entry"];
    // An actor that is a component has named it already.
    let component = if entry["actor"] == json!("host") { word(&entry["component"]) } else { String::new() };
    let what = ["action", "subject", "code", "outcome"].map(|name| word(&entry[name]));
    let what: Vec<_> = std::iter::once(component).chain(what).filter(|word| !word.is_empty()).collect();
    let mut what = what.join(" ");
    if what.chars().count() > WIDTH {
        what = what.chars().take(WIDTH - 3).chain("...".chars()).collect();
    }
    [word(&row["sequence"]), time(entry), word(&entry["kind"]), word(&entry["actor"]), what]
}

fn whole(row: &Value) -> String {
    let mut shown = json!({ "entry": row["sequence"], "time": time(&row["entry"]) });
    for (name, value) in row["entry"].as_object().into_iter().flatten().filter(|(name, _)| *name != "at") {
        shown[name] = value.clone();
    }
    shown["hash"] = row["hash"].clone();
    outline(&shown)
}

fn sound(verified: &Value) -> String {
    let number = |name: &str| word(&verified[name]);
    match &verified["first"] {
        Value::Null => "nothing is on record yet".to_owned(),
        _ => {
            format!("sound: entries {} to {}, the last with hash {}", number("first"), number("last"), number("hash"))
        }
    }
}

fn time(entry: &Value) -> String {
    entry["at"].as_u64().map(|at| rfc3339::format(Timestamp(at))).unwrap_or_default()
}

/// Writes all that is there, oldest first.
async fn export(record: &mut Record, to: &mut dyn Write) -> Result<Exit, Failure> {
    let all = AuditFrom::After(0);
    let mut query =
        AuditQuery { from: all, limit: PAGE, since: None, kind: None, component: None, run: None, session: None };
    loop {
        let page = record.page(&query).await?;
        for row in page["entries"].as_array().into_iter().flatten() {
            writeln!(to, "{row}")?;
        }
        match page["next"]["after"].as_u64() {
            Some(after) => query.from = AuditFrom::After(after),
            None => break,
        }
    }
    to.flush()?;
    Ok(Exit::Ok)
}

// === What is typed ===

fn parse_since(text: &str) -> Result<Timestamp, String> {
    match span::millis(text) {
        Some(ago) => Ok(Timestamp(now().0.saturating_sub(ago))),
        None => {
            rfc3339::parse(text).ok_or_else(|| "expected e.g. `2026-11-21`, `2026-11-21T08:00Z` or `2h`".to_owned())
        }
    }
}

fn parse_kind(text: &str) -> Result<String, String> {
    if AuditKind::is_known(text) {
        return Ok(text.to_owned());
    }
    let known: Vec<_> = AuditKind::ALL.iter().map(|kind| kind.as_str()).collect();
    Err(format!("there are: {}", known.join(", ")))
}

fn parse_session(text: &str) -> Result<SessionKey, String> {
    sessions::parse_key(text).map_err(|failure| failure.to_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_day_a_moment_or_how_long_ago() {
        assert_eq!(parse_since("2024-02-29"), Ok(Timestamp(1_709_164_800_000)));
        let day = 24 * 60 * 60 * 1000;
        let since = parse_since("7d").unwrap().0;
        assert!((now().0 - 7 * day - since) < day, "{since}");
        for text in ["", "d", "7", "7x", "-7d", "+7d", "7.5h", "yesterday", "é"] {
            assert!(parse_since(text).is_err(), "{text}");
        }
        assert_eq!(parse_since("99999w"), Ok(Timestamp(0)));
    }
}
