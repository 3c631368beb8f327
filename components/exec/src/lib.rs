//! The component `exec`: runs programs of the host's machine. `line` and `report` are pure.

mod line;
mod process;
mod report;
mod run;

use openclaw_sdk::scope;

openclaw_sdk::export_component! {
    name: "exec",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Runs programs in the workspace.",
    tools: [run::Exec, process::ProcessTool],
    scopes: [scope::exec(&["**"])],
}
