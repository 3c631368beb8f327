//! One of many: the benchmark of many components writes another number into each copy's bytes.

use openclaw_sdk::{NoArgs, Tool, ToolError};

openclaw_sdk::export_component! {
    name: "numbered-000",
    version: "0.1.0",
    summary: "One of many components.",
    tools: [Numbered],
    scopes: [],
}

struct Numbered;

impl Tool for Numbered {
    type Args = NoArgs;
    const NAME: &'static str = "numbered_000";
    const DESCRIPTION: &'static str = "Says that it is there.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        Ok("here".to_owned())
    }
}
