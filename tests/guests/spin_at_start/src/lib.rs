//! Behaves while it is described, and spins before the first of its own code runs in each call: in a static constructor.

use std::hint::black_box;

use openclaw_sdk::{NoArgs, Tool, ToolError, session};

openclaw_sdk::export_component! {
    name: "spin_at_start",
    version: "0.1.0",
    summary: "Spins in a static constructor.",
    tools: [SpinAtStart],
    scopes: [],
}

struct SpinAtStart;

impl Tool for SpinAtStart {
    type Args = NoArgs;
    const NAME: &'static str = "spin_at_start";
    const DESCRIPTION: &'static str = "Never gets as far as its tool.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        Ok("the constructor has not run".to_owned())
    }
}

// A component that is described serves no run.
extern "C" fn construct() {
    while !black_box(session::get_info().run_id).is_empty() {}
}

#[cfg(target_family = "wasm")]
#[used]
// SAFETY: the linker takes functions without arguments and results from this section.
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = construct;

#[cfg(not(target_family = "wasm"))]
const _: extern "C" fn() = construct;
