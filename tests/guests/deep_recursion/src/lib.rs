//! Calls itself until a stack ends: the guest's own in memory, or the engine's.

use std::hint::black_box;

use openclaw_sdk::{NoArgs, Tool, ToolError};

openclaw_sdk::export_component! {
    name: "deep_recursion",
    version: "0.1.0",
    summary: "Calls itself until the stack ends.",
    tools: [DeepRecursion, WideRecursion],
    scopes: [],
}

/// Uses no memory for its frames, so that the engine's stack ends first.
struct DeepRecursion;

impl Tool for DeepRecursion {
    type Args = NoArgs;
    const NAME: &'static str = "deep_recursion";
    const DESCRIPTION: &'static str = "Calls itself with small frames until the stack ends.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        Ok(deeper(black_box(1)).to_string())
    }
}

/// Uses memory for its frames, so that the guest's stack ends first.
struct WideRecursion;

impl Tool for WideRecursion {
    type Args = NoArgs;
    const NAME: &'static str = "wide_recursion";
    const DESCRIPTION: &'static str = "Calls itself with large frames until the stack ends.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        Ok(wider(black_box(1)).to_string())
    }
}

#[inline(never)]
fn deeper(depth: u64) -> u64 {
    if black_box(depth) == 0 {
        return 0;
    }
    deeper(depth + 1).wrapping_add(black_box(depth))
}

#[inline(never)]
fn wider(depth: u64) -> u64 {
    if black_box(depth) == 0 {
        return 0;
    }
    let frame = black_box([depth; 512]);
    wider(depth + 1).wrapping_add(frame[511])
}
