//! Gives a text back: what a call of a small guest costs.

use openclaw_sdk::{JsonSchema, Tool, ToolError};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "echo",
    version: "0.1.0",
    summary: "Gives a text back.",
    tools: [Echo],
    scopes: [],
}

struct Echo;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EchoArgs {
    text: String,
}

impl Tool for Echo {
    type Args = EchoArgs;
    const NAME: &'static str = "echo";
    const DESCRIPTION: &'static str = "Gives a text back.";

    fn call(args: EchoArgs) -> Result<String, ToolError> {
        Ok(args.text)
    }
}
