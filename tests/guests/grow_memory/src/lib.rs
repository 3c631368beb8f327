//! Takes memory and touches each page of it, until the host says no.

use std::hint::black_box;

use openclaw_sdk::{NoArgs, Tool, ToolError};

openclaw_sdk::export_component! {
    name: "grow_memory",
    version: "0.1.0",
    summary: "Takes all memory it can get.",
    tools: [GrowMemory, GrowMemoryPolitely],
    scopes: [],
}

const STEP_BYTES: usize = 16 * 1024 * 1024;

/// Aborts where memory ends.
struct GrowMemory;

impl Tool for GrowMemory {
    type Args = NoArgs;
    const NAME: &'static str = "grow_memory";
    const DESCRIPTION: &'static str = "Takes all memory it can get and then crashes.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        let mut kept = Vec::new();
        loop {
            kept.push(black_box(vec![1_u8; STEP_BYTES]));
        }
    }
}

/// Reports how much it got.
struct GrowMemoryPolitely;

impl Tool for GrowMemoryPolitely {
    type Args = NoArgs;
    const NAME: &'static str = "grow_memory_politely";
    const DESCRIPTION: &'static str = "Takes all memory it can get and tells how many bytes that was.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        let mut kept: Vec<Vec<u8>> = Vec::with_capacity(4096);
        while kept.len() < kept.capacity() {
            let mut bytes = Vec::new();
            if bytes.try_reserve_exact(STEP_BYTES).is_err() {
                break;
            }
            bytes.resize(STEP_BYTES, 1);
            kept.push(black_box(bytes));
        }
        Ok(format!("{}", kept.len() * STEP_BYTES))
    }
}
