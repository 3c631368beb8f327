//! Tries each step that a test names and reports what it gave, so that a test can try to get out. A refused step does
//! not end the call: the steps after it run as well.

mod connect;
mod families;
mod files;
mod host;
mod net;
mod outcome;
mod process;
mod raw;
mod sessions;
mod wasi;
mod world;

use openclaw_sdk::scope::{self, Access};
use openclaw_sdk::{JsonSchema, Tool, ToolError, json};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "probe",
    version: "0.1.0",
    summary: "Tries each step that a test names.",
    tools: [Probe],
    scopes: [
        scope::workspace(Access::ReadWrite),
        scope::folder("scratch", Access::ReadWrite),
        scope::folder("notes", Access::ReadWrite),
        scope::exec(&["**"]),
        scope::http("*", &["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
        scope::net("*"),
        scope::revealed_secret("canary"),
        scope::store("cache"),
        scope::model("default"),
        scope::messages(),
        scope::sessions(Access::ReadWrite),
    ],
}

struct Probe;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProbeArgs {
    /// What to try, in this order.
    steps: Vec<Step>,
}

/// One step, as `{"files": {"op": "read", "path": "a"}}`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// Files through std, by absolute guest paths such as `/workspace/a`.
    Files(files::Op),
    /// Files through WASI itself, relative to the first preopened directory.
    Raw(raw::Op),
    /// Sockets and names.
    Net(net::Op),
    /// Environment, clocks, random numbers and processes.
    World(world::Op),
    /// The interfaces of openclaw-host.
    Host(host::Op),
    /// The families of openclaw-host beyond files, programs and HTTP.
    Families(families::Op),
    /// Other conversations.
    Sessions(sessions::Op),
    /// Connections that the host holds.
    Connect(connect::Op),
    /// Programs in the background.
    Process(process::Op),
    /// The interfaces of WASI that std does not lead to.
    Wasi(wasi::Op),
}

impl Tool for Probe {
    type Args = ProbeArgs;
    const NAME: &'static str = "probe";
    const DESCRIPTION: &'static str = "Tries each step and answers with a JSON list: for each step `{\"ok\": …}` or \
        `{\"error\": {\"kind\", \"code\", \"text\"}}`.";

    fn call(args: ProbeArgs) -> Result<String, ToolError> {
        let fails = args.steps.iter().any(|step| matches!(step, Step::World(world::Op::Fail)));
        let outcomes: Vec<_> = args
            .steps
            .into_iter()
            .map(|step| match step {
                Step::Files(op) => op.run(),
                Step::Raw(op) => op.run(),
                Step::Net(op) => op.run(),
                Step::World(op) => op.run(),
                Step::Host(op) => op.run(),
                Step::Families(op) => op.run(),
                Step::Sessions(op) => op.run(),
                Step::Connect(op) => op.run(),
                Step::Process(op) => op.run(),
                Step::Wasi(op) => op.run(),
            })
            .map(outcome::report)
            .collect();
        if fails {
            return Err(ToolError::failed("the test wants this call to fail"));
        }
        json(&outcomes)
    }
}
