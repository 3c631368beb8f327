//! The skill `git`: reads repositories of the workspace, without a shell and without Git.

mod changes;
mod ignore;
mod index;
mod object;
mod pack;
mod refs;
mod show;
mod store;
#[cfg(test)]
mod tests;
mod untracked;

use std::path::Path;

use openclaw_sdk::{JsonSchema, Tool, ToolError, scope, workspace};
use serde::Deserialize;

use crate::refs::Repository;

openclaw_sdk::export_component! {
    name: "git",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Reads the history and changes of Git repositories.",
    tools: [Log, Show, Diff, Status, Branches],
    scopes: [scope::workspace(scope::Access::Read)],
}

/// Where a component sees the workspace.
const WORKSPACE: &str = "/workspace";
/// Commits of one answer.
const MAX_COMMITS: u16 = 200;

fn open(folder: Option<&str>) -> Result<Repository, ToolError> {
    let folder = folder.unwrap_or(".");
    // The host says best why a folder cannot be seen.
    workspace::list_directory(if folder == "." { "" } else { folder }, 1)?;
    Repository::open(Path::new(WORKSPACE), folder)
}

struct Log;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogArgs {
    /// Folder of the repository. Default: the workspace itself.
    repository: Option<String>,
    /// Where to begin: a branch, a tag, a commit, `HEAD~3`. Default: what is checked out.
    from: Option<String>,
    /// Only commits that changed this file or folder.
    path: Option<String>,
    /// How many commits: 1 to 200. Default: 20.
    limit: Option<u16>,
    /// How many to pass over first. Default: none.
    #[serde(default)]
    skip: u16,
}

impl Tool for Log {
    type Args = LogArgs;
    const NAME: &'static str = "git_log";
    const DESCRIPTION: &'static str = "Lists commits of a Git repository in the workspace, the newest first: digits, day, \
        author, first line.";
    const UNTRUSTED_OUTPUT: bool = true;

    fn call(args: LogArgs) -> Result<String, ToolError> {
        let limit = args.limit.unwrap_or(20);
        if !(1..=MAX_COMMITS).contains(&limit) {
            return Err(ToolError::invalid(format!("`limit` is {limit}; it can be 1 to {MAX_COMMITS}")));
        }
        let repository = open(args.repository.as_deref())?;
        let window = show::Window { skip: args.skip.into(), limit: limit.into() };
        show::log(&repository, args.from.as_deref().unwrap_or("HEAD"), args.path.as_deref(), window)
    }
}

struct Show;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShowArgs {
    /// Folder of the repository. Default: the workspace itself.
    repository: Option<String>,
    /// A branch, a tag, a commit, `HEAD~3`. Default: what is checked out.
    commit: Option<String>,
    /// Only the changes of this file or folder.
    path: Option<String>,
}

impl Tool for Show {
    type Args = ShowArgs;
    const NAME: &'static str = "git_show";
    const DESCRIPTION: &'static str = "Shows one commit of a Git repository in the workspace: who, when, the whole message \
        and what it changed.";
    const UNTRUSTED_OUTPUT: bool = true;

    fn call(args: ShowArgs) -> Result<String, ToolError> {
        let repository = open(args.repository.as_deref())?;
        show::commit(&repository, args.commit.as_deref().unwrap_or("HEAD"), args.path.as_deref())
    }
}

struct Diff;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DiffArgs {
    /// Folder of the repository. Default: the workspace itself.
    repository: Option<String>,
    /// The older side: a branch, a tag, a commit, `HEAD~3`. Default: what is checked out.
    from: Option<String>,
    /// The newer side, named likewise. Default: the files as they are.
    to: Option<String>,
    /// Only this file or folder.
    path: Option<String>,
}

impl Tool for Diff {
    type Args = DiffArgs;
    const NAME: &'static str = "git_diff";
    const DESCRIPTION: &'static str = "Shows what differs between two commits of a Git repository in the workspace, or \
        between one and the files as they are.";
    const UNTRUSTED_OUTPUT: bool = true;

    fn call(args: DiffArgs) -> Result<String, ToolError> {
        let repository = open(args.repository.as_deref())?;
        let from = args.from.as_deref().unwrap_or("HEAD");
        show::diff(&repository, from, args.to.as_deref(), args.path.as_deref())
    }
}

struct Status;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StatusArgs {
    /// Folder of the repository. Default: the workspace itself.
    repository: Option<String>,
}

impl Tool for Status {
    type Args = StatusArgs;
    const NAME: &'static str = "git_status";
    const DESCRIPTION: &'static str = "Tells the branch of a Git repository in the workspace, what would be committed, \
        which of its files have changed and which are new.";
    const UNTRUSTED_OUTPUT: bool = true;

    fn call(args: StatusArgs) -> Result<String, ToolError> {
        show::status(&open(args.repository.as_deref())?)
    }
}

struct Branches;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BranchesArgs {
    /// Folder of the repository. Default: the workspace itself.
    repository: Option<String>,
    /// Whether those that were fetched from other places are listed too.
    #[serde(default)]
    remote: bool,
}

impl Tool for Branches {
    type Args = BranchesArgs;
    const NAME: &'static str = "git_branches";
    const DESCRIPTION: &'static str =
        "Lists the branches of a Git repository in the workspace with their last commits.";
    const UNTRUSTED_OUTPUT: bool = true;

    fn call(args: BranchesArgs) -> Result<String, ToolError> {
        show::branches(&open(args.repository.as_deref())?, args.remote)
    }
}
