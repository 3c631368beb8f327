//! The tools `list`, `glob` and `grep`.

use openclaw_sdk::workspace::{self, Entry, Kind};
use openclaw_sdk::{JsonSchema, Tool, ToolError};
use serde::Deserialize;

use crate::{show, store};

#[cfg(test)]
mod tests;

/// Entries that `list` and `glob` show unless asked for more or fewer.
const DEFAULT_ENTRIES: u32 = 500;

/// Lines that `grep` shows unless asked for more or fewer.
const DEFAULT_HITS: u32 = 100;

pub struct List;

#[derive(Deserialize, JsonSchema)]
pub struct ListArgs {
    /// Directory relative to the workspace. Default: the workspace itself.
    path: Option<String>,
    /// Most entries to show. Default 500.
    #[schemars(range(min = 1))]
    limit: Option<u32>,
}

impl Tool for List {
    type Args = ListArgs;
    const NAME: &'static str = "list";
    const DESCRIPTION: &'static str = "Lists a directory of the workspace: one entry per line with its size, \
        directories with a final `/`. Does not go into directories; use glob for that.";

    fn call(args: ListArgs) -> Result<String, ToolError> {
        let path = args.path.unwrap_or_default();
        let listing = workspace::list_directory(store::relative(&path), args.limit.unwrap_or(DEFAULT_ENTRIES).max(1))?;
        let lines = listing.entries.iter().map(entry_line);
        Ok(show::lines(lines, listing.more, "give a larger `limit`, or use glob", "[the directory is empty]"))
    }
}

pub struct Glob;

#[derive(Deserialize, JsonSchema)]
pub struct GlobArgs {
    /// The pattern, e.g. `src/**/*.rs`. Knows `*`, `?`, `[…]`, `{a,b}` and `**`.
    pattern: String,
    /// Most entries to show. Default 500.
    #[schemars(range(min = 1))]
    limit: Option<u32>,
}

impl Tool for Glob {
    type Args = GlobArgs;
    const NAME: &'static str = "glob";
    const DESCRIPTION: &'static str = "Finds files and directories of the workspace by a pattern over their path.";

    fn call(args: GlobArgs) -> Result<String, ToolError> {
        let pattern = store::relative(&args.pattern);
        let listing = workspace::glob(pattern, args.limit.unwrap_or(DEFAULT_ENTRIES).max(1))?;
        let lines = listing.entries.iter().map(entry_line);
        Ok(show::lines(lines, listing.more, "give a narrower `pattern` or a larger `limit`", "[nothing matches]"))
    }
}

pub struct Grep;

#[derive(Deserialize, JsonSchema)]
pub struct GrepArgs {
    /// The regular expression (Rust syntax: no look-around, no back-references). `(?i)` in front ignores case.
    pattern: String,
    /// Only files whose path matches this pattern, e.g. `**/*.md`.
    glob: Option<String>,
    /// Most lines to show. Default 100.
    #[schemars(range(min = 1))]
    limit: Option<u32>,
}

impl Tool for Grep {
    type Args = GrepArgs;
    const NAME: &'static str = "grep";
    const DESCRIPTION: &'static str = "Finds lines in files of the workspace by a regular expression. Shows \
        `path:line: text`. Passes over binary files and files over 8 MiB.";

    fn call(args: GrepArgs) -> Result<String, ToolError> {
        let glob = args.glob.as_deref().map(store::relative);
        let found = workspace::grep(&args.pattern, glob, args.limit.unwrap_or(DEFAULT_HITS).max(1))?;
        let lines = found.hits.iter().map(|hit| format!("{}:{}: {}", hit.path, hit.line, hit.text));
        Ok(show::lines(
            lines,
            found.more,
            "give a narrower `pattern` or `glob`, or a larger `limit`",
            "[no line matches]",
        ))
    }
}

fn entry_line(entry: &Entry) -> String {
    let path = &entry.path;
    match entry.kind {
        Kind::File => format!("{path} ({} bytes)", entry.size),
        Kind::Directory => format!("{path}/"),
        Kind::Link => format!("{path} (link)"),
        Kind::Special => format!("{path} (special)"),
    }
}
