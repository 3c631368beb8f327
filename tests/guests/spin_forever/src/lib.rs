//! Never returns and never calls the host: only the host's clock can end it.

use std::hint::black_box;

use openclaw_sdk::{NoArgs, Tool, ToolError};

openclaw_sdk::export_component! {
    name: "spin_forever",
    version: "0.1.0",
    summary: "Never returns.",
    tools: [SpinForever],
    scopes: [],
}

struct SpinForever;

impl Tool for SpinForever {
    type Args = NoArgs;
    const NAME: &'static str = "spin_forever";
    const DESCRIPTION: &'static str = "Never returns.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        let mut count = 0_u64;
        loop {
            count = black_box(count.wrapping_add(1));
        }
    }
}
