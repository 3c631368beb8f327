//! The skill `csv`: answers about tables in the workspace. `table` is pure.

mod table;

use openclaw_sdk::{JsonSchema, Tool, ToolError, files, scope};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "csv",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Answers questions about tables in CSV files.",
    tools: [Query],
    scopes: [scope::workspace(scope::Access::Read)],
}

struct Query;

/// What is asked of a table.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct QueryArgs {
    /// Path of the file in the workspace. Its first line names the columns.
    path: String,
    /// What separates the columns; found out if it is not given.
    separator: Option<char>,
    /// Only rows for which all of these hold.
    #[serde(default)]
    filter: Vec<Filter>,
    /// Columns of the answer; all of them if there are none.
    #[serde(default)]
    columns: Vec<String>,
    /// Column to group the rows by, for `sums` and a count of each group.
    group_by: Option<String>,
    /// Columns to add up.
    #[serde(default)]
    sums: Vec<String>,
    /// Column to sort by, the largest first with a `-` in front.
    sort: Option<String>,
    /// Rows of the answer: 1 to 1000. Default: 50.
    limit: Option<u16>,
}

/// One condition.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// The column.
    column: String,
    /// How it is compared; `contains` ignores case.
    is: Comparison,
    /// With what; numbers are compared as numbers.
    value: String,
}

/// How a value is compared.
#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    More,
    Contains,
}

impl Tool for Query {
    type Args = QueryArgs;
    const NAME: &'static str = "csv_query";
    const DESCRIPTION: &'static str = "Looks into a table in CSV: filters, sorts, groups and adds up its rows. Use it instead \
        of reading a large table.";

    fn call(args: QueryArgs) -> Result<String, ToolError> {
        table::answer(&files::read(&args.path)?, &args)
    }
}
