//! Opens what it may and never closes it.

use std::mem::forget;

use openclaw_sdk::workspace::{self, Change};
use openclaw_sdk::{JsonSchema, Tool, ToolError, scope};
use serde::Deserialize;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::filesystem::preopens::get_directories;

openclaw_sdk::export_component! {
    name: "many_handles",
    version: "0.1.0",
    summary: "Opens what it may and never closes it.",
    tools: [ManyHandles],
    scopes: [scope::workspace(scope::Access::ReadWrite)],
}

struct ManyHandles;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HandleArgs {
    /// What to open.
    kind: Kind,
    /// How many times.
    count: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// The file `handles.txt`, made first, through std.
    Files,
    /// Timers.
    Pollables,
    /// The preopened directories.
    Directories,
}

impl Tool for ManyHandles {
    type Args = HandleArgs;
    const NAME: &'static str = "many_handles";
    const DESCRIPTION: &'static str = "Opens things and never closes them. Tells how many it got.";

    fn call(args: HandleArgs) -> Result<String, ToolError> {
        match args.kind {
            Kind::Files => files(args.count),
            Kind::Pollables => {
                (0..args.count).for_each(|_| forget(subscribe_duration(u64::MAX)));
                Ok(format!("opened {}", args.count))
            }
            Kind::Directories => {
                (0..args.count).for_each(|_| forget(get_directories()));
                Ok(format!("opened {}", args.count))
            }
        }
    }
}

fn files(count: u32) -> Result<String, ToolError> {
    workspace::commit(&[Change::Put(("handles.txt".into(), b"x".to_vec()))])?;
    for opened in 0..count {
        match std::fs::File::open("/workspace/handles.txt") {
            Ok(file) => forget(file),
            Err(err) => return Ok(format!("opened {opened}, then failed: {err}")),
        }
    }
    Ok(format!("opened {count}"))
}
