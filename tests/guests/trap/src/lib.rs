//! Crashes in several ways.

use std::hint::black_box;

use openclaw_sdk::{JsonSchema, Tool, ToolError};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "trap",
    version: "0.1.0",
    summary: "Crashes in several ways.",
    tools: [Trap],
    scopes: [],
}

struct Trap;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TrapArgs {
    /// How to crash.
    how: How,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// With the instruction `unreachable`.
    Unreachable,
    /// With a panic that prints a message.
    Panic,
    /// By reading memory that is not there.
    OutOfBounds,
    /// With `wasi:cli/exit`, as if all were well.
    ExitOk,
    /// With `wasi:cli/exit` and a failure.
    ExitError,
}

impl Tool for Trap {
    type Args = TrapArgs;
    const NAME: &'static str = "trap";
    const DESCRIPTION: &'static str = "Crashes in several ways.";

    #[expect(clippy::disallowed_methods, reason = "ending the process is the attack")]
    fn call(args: TrapArgs) -> Result<String, ToolError> {
        match args.how {
            How::Unreachable => abort(),
            How::Panic => panic!("trap: panicked as asked"),
            How::OutOfBounds => Ok(out_of_bounds().to_string()),
            How::ExitOk => std::process::exit(0),
            How::ExitError => std::process::exit(1),
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn abort() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
fn abort() -> ! {
    std::process::abort()
}

fn out_of_bounds() -> u8 {
    let end = black_box(usize::MAX - 15) as *const u8;
    // SAFETY: none, on purpose. On wasm32 the address lies past any memory, and the read must trap.
    unsafe { end.read_volatile() }
}
