//! The component `files`: tools that read, write, edit and search files of the agent's workspace.
//!
//! `text`, `window`, `replace` and `patch` are pure; the tools put them between two calls of the host.

mod patch;
mod replace;
mod text;
mod window;

mod apply_patch;
mod edit;
mod read;
mod search;
mod show;
mod store;
mod write;

use openclaw_sdk::scope;

openclaw_sdk::export_component! {
    name: "files",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Reads, writes, edits and searches files of the workspace.",
    tools: [
        read::Read,
        write::Write,
        edit::Edit,
        apply_patch::ApplyPatch,
        search::List,
        search::Glob,
        search::Grep,
    ],
    scopes: [scope::workspace(scope::Access::ReadWrite)],
}
