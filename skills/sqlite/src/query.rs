//! One question to a database.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use openclaw_sdk::ToolError;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, params_from_iter};

use crate::Param;
use crate::reading;
use crate::table::{Cell, Table};

/// Rows of an answer.
const MAX_ROWS: u16 = 1000;
/// Text of an answer.
const MAX_TEXT_BYTES: usize = 100 << 10;
/// Text of a value: longer ones are cut.
const MAX_VALUE_BYTES: usize = 4 << 10;
/// Tables in CSV are in memory, as text and in SQLite, and a call has 64 MiB.
const MAX_CSV_BYTES: u64 = 16 << 20;
/// One text or blob inside of SQLite. What all of them may take is the call's memory.
const MAX_LENGTH_BYTES: i32 = 10 << 20;
/// How long a question may take.
const MAX_TIME: Duration = Duration::from_secs(10);
/// How often it is looked at the clock: some milliseconds.
const STEPS_BETWEEN_LOOKS: i32 = 100_000;
/// What every database begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// What the journal of a change begins with that was not finished.
const JOURNAL_MAGIC: &[u8] = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";

/// Answers with the first rows.
///
/// # Errors
/// SQLite's own words, if it does not take the question or cannot read the database.
pub fn answer(files: &[PathBuf], sql: &str, params: &[Param], limit: Option<u16>) -> Result<String, ToolError> {
    let limit = limit.unwrap_or(50);
    if !(1..=MAX_ROWS).contains(&limit) {
        return Err(ToolError::invalid(format!("`limit` is {limit}; it can be 1 to {MAX_ROWS}")));
    }
    let connection = open(files)?;
    connection.pragma_update(None, "query_only", true).map_err(|err| refused(&err))?;
    let mut statement = connection.prepare(sql).map_err(|err| refused(&err))?;
    if !statement.readonly() {
        return Err(ToolError::invalid("this would change the database; only what reads is run"));
    }
    show(&mut statement, params, usize::from(limit)).map_err(|err| refused(&err))
}

fn open(files: &[PathBuf]) -> Result<Connection, ToolError> {
    let head = head(&files[0], MAGIC.len()).map_err(|err| ToolError::failed(format!("cannot read the file: {err}")))?;
    match (head == MAGIC, files) {
        (true, [file]) => open_database(file),
        (true, _) => Err(ToolError::invalid("`also` is for CSV files; a database is asked alone")),
        (false, _) => load(files),
    }
}

/// The first bytes of a file.
fn head(file: &Path, bytes: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(file)?.take(bytes as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Opens a database of the workspace.
fn open_database(file: &Path) -> Result<Connection, ToolError> {
    let beside = |end: &str| PathBuf::from(format!("{}{end}", file.display()));
    if head(&beside("-journal"), JOURNAL_MAGIC.len()).is_ok_and(|head| head == JOURNAL_MAGIC) {
        return Err(ToolError::failed(
            "another program has not finished a change of this database; open it with that program, or with `sqlite3`",
        ));
    }
    let has_log = fs::metadata(beside("-wal")).is_ok_and(|log| log.len() > 0);
    let reading = reading::name().ok_or_else(|| ToolError::failed("SQLite cannot open files here"))?;
    let opened = if has_log { with_log(file, reading) } else { alone(file, reading) };
    guarded(opened.map_err(|err| refused(&err))?)
}

/// Opens the file alone.
fn alone(file: &Path, reading: &CStr) -> rusqlite::Result<Connection> {
    let path = file.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags_and_vfs(format!("file:{path}?immutable=1"), flags, reading)
}

/// Opens the file with what its write-ahead log adds. The log's index is in memory, so that no file is needed for it.
fn with_log(file: &Path, reading: &CStr) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags_and_vfs(file, OpenFlags::SQLITE_OPEN_READ_ONLY, reading)?;
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

/// Makes a database in memory of files in CSV.
fn load(files: &[PathBuf]) -> Result<Connection, ToolError> {
    let sizes: u64 = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|found| found.len()).sum();
    if sizes > MAX_CSV_BYTES {
        let most = MAX_CSV_BYTES >> 20;
        return Err(ToolError::Limit(format!("the tables have {} MiB; at most {most} are read", sizes >> 20)));
    }
    let mut connection = guarded(Connection::open_in_memory().map_err(|err| refused(&err))?)?;
    for file in files {
        let bytes = fs::read(file).map_err(|err| ToolError::failed(format!("cannot read the file: {err}")))?;
        let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("table");
        insert(&mut connection, name, &Table::read(&bytes)?)?;
    }
    Ok(connection)
}

fn insert(connection: &mut Connection, name: &str, table: &Table<'_>) -> Result<(), ToolError> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let columns: Vec<_> = table.columns.iter().map(|column| quoted(column)).collect();
    let create = format!("CREATE TABLE {} ({})", quoted(name), columns.join(", "));
    let insert = format!("INSERT INTO {} VALUES ({})", quoted(name), vec!["?"; columns.len()].join(", "));
    let transaction = connection.transaction().map_err(|err| refused(&err))?;
    transaction.execute(&create, []).map_err(|err| refused(&err))?;
    let mut statement = transaction.prepare(&insert).map_err(|err| refused(&err))?;
    for row in table.rows() {
        let values = row?.into_iter().map(|cell| match cell {
            Cell::Empty => Value::Null,
            Cell::Integer(number) => Value::Integer(number),
            Cell::Real(number) => Value::Real(number),
            Cell::Text(text) => Value::Text(text),
        });
        statement.execute(params_from_iter(values)).map_err(|err| refused(&err))?;
    }
    drop(statement);
    transaction.commit().map_err(|err| refused(&err))
}

/// Takes away what a question does not need, whoever made the database.
fn guarded(mut connection: Connection) -> Result<Connection, ToolError> {
    #[expect(clippy::disallowed_methods, reason = "a component has no other clock")]
    let started = Instant::now();
    let mut set = || {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_LENGTH_BYTES)?;
        // There is no place for temporary files.
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || started.elapsed() > MAX_TIME))
    };
    set().map_err(|err| refused(&err))?;
    Ok(connection)
}

fn show(statement: &mut Statement<'_>, params: &[Param], limit: usize) -> rusqlite::Result<String> {
    let names: Vec<_> = statement.column_names().collect();
    let mut text = format!("{}\n", names.join(" | "));
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(params.iter().map(|param| match param {
        Param::Null => Value::Null,
        Param::Bool(is_true) => Value::Integer((*is_true).into()),
        Param::Integer(number) => Value::Integer(*number),
        Param::Real(number) => Value::Real(*number),
        Param::Text(text) => Value::Text(text.clone()),
    })))?;
    let mut shown = 0;
    while let Some(row) = rows.next()? {
        if shown == limit || text.len() > MAX_TEXT_BYTES {
            text.push_str(&format!("... and more rows than these {shown}\n"));
            return Ok(text);
        }
        let values = (0..columns).map(|at| row.get_ref(at).map(value)).collect::<Result<Vec<_>, _>>()?;
        text.push_str(&values.join(" | "));
        text.push('\n');
        shown += 1;
    }
    text.push_str(&format!("({shown} rows)\n"));
    Ok(text)
}

/// A value on one line.
fn value(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Blob(bytes) => format!("({} bytes)", bytes.len()),
        ValueRef::Text(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let end = text.floor_char_boundary(MAX_VALUE_BYTES);
            let cut = if end < text.len() { "…" } else { "" };
            let line: String =
                text[..end].chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
            format!("{line}{cut}")
        }
    }
}

/// SQLite's words, and ours where its own do not help.
fn refused(err: &rusqlite::Error) -> ToolError {
    match err.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => {
            ToolError::Limit(format!("the question took longer than {} s: ask for less", MAX_TIME.as_secs()))
        }
        Some(ErrorCode::OutOfMemory) => ToolError::Limit(
            "the question needs more memory than there is: ask for less; the owner can give more with \
             `components.sqlite.limits.memoryMiB`"
                .into(),
        ),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => ToolError::failed(err.to_string()),
        _ => ToolError::invalid(err.to_string()),
    }
}

#[cfg(test)]
mod tests;
