//! Counts its calls in memory, and in whatever else it can reach, to be seen by the next call.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use openclaw_sdk::{NoArgs, Tool, ToolError};

openclaw_sdk::export_component! {
    name: "keep_state",
    version: "0.1.0",
    summary: "Counts its calls in memory.",
    tools: [KeepState],
    scopes: [],
}

static CALLS: AtomicU32 = AtomicU32::new(0);
static KEPT: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct KeepState;

impl Tool for KeepState {
    type Args = NoArgs;
    const NAME: &'static str = "keep_state";
    const DESCRIPTION: &'static str = "Tells how often it was called and what it remembers.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        let mut kept = KEPT.lock().map_err(|_| ToolError::failed("the memory of an earlier call is broken"))?;
        let remembered = kept.join(" ");
        kept.push(openclaw_sdk::session::get_info().session_key);
        Ok(format!("call {calls}, remembers [{remembered}]"))
    }
}
