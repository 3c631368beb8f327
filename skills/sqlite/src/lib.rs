//! The skill `sqlite`: questions in SQL to databases and tables of the workspace. `table` is pure.

mod query;
mod reading;
mod table;

use std::path::{Path, PathBuf};

use openclaw_sdk::{JsonSchema, Tool, ToolError, scope, workspace};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "sqlite",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Asks SQLite databases and tables in CSV in SQL.",
    tools: [Query],
    scopes: [scope::workspace(scope::Access::Read)],
}

/// Where a component sees the workspace.
const WORKSPACE: &str = "/workspace";

struct Query;

/// What is asked.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct QueryArgs {
    /// Path of a SQLite database or a CSV file in the workspace. The table of a CSV file has its name without the ending.
    path: String,
    /// One SELECT, or a PRAGMA that reads; `SELECT sql FROM sqlite_schema` shows what there is.
    sql: String,
    /// Values for `?1`, `?2` and so on.
    #[serde(default)]
    params: Vec<Param>,
    /// More CSV files, if `path` is one.
    #[serde(default)]
    also: Vec<String>,
    /// Rows of the answer: 1 to 1000. Default: 50.
    limit: Option<u16>,
}

/// A value for a place in the SQL.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Param {
    Null,
    Bool(bool),
    Integer(i64),
    Real(f64),
    Text(String),
}

impl Tool for Query {
    type Args = QueryArgs;
    const NAME: &'static str = "sqlite_query";
    const DESCRIPTION: &'static str = "Asks a SQLite database or CSV files of the workspace in SQL. It only reads. Use it \
        instead of reading large tables.";

    fn call(args: QueryArgs) -> Result<String, ToolError> {
        let files =
            [&args.path].into_iter().chain(&args.also).map(|path| place(path)).collect::<Result<Vec<_>, _>>()?;
        query::answer(&files, &args.sql, &args.params, args.limit)
    }
}

/// Where a file is. The host says best why one cannot be read.
fn place(path: &str) -> Result<PathBuf, ToolError> {
    workspace::read_range(path, 0, 0)?;
    // Not `join`: an absolute path would replace the workspace.
    Ok(Path::new(&format!("{WORKSPACE}/{path}")).to_owned())
}
