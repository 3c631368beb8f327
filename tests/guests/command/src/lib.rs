//! Says what the command of a skill hands over to its tool.

use openclaw_sdk::{JsonSchema, Tool, ToolError};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "command",
    version: "0.1.0",
    summary: "Says what a command of a skill hands over.",
    tools: [Command],
    scopes: [],
}

struct Command;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CommandArgs {
    command: String,
    command_name: String,
    skill_name: String,
}

impl Tool for Command {
    type Args = CommandArgs;
    const NAME: &'static str = "command";
    const DESCRIPTION: &'static str = "Says what a command of a skill hands over.";

    fn call(args: CommandArgs) -> Result<String, ToolError> {
        Ok(format!("{} by {}: `{}`", args.command_name, args.skill_name, args.command))
    }
}
