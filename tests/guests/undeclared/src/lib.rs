//! Runs a program, and asks for none in its manifest.

use openclaw_sdk::exec::{self, Command};
use openclaw_sdk::{NoArgs, Tool, ToolError};

openclaw_sdk::export_component! {
    name: "undeclared",
    version: "0.1.0",
    summary: "Runs what it has not asked for.",
    tools: [Start],
    scopes: [],
}

struct Start;

impl Tool for Start {
    type Args = NoArgs;
    const NAME: &'static str = "start";
    const DESCRIPTION: &'static str = "Runs a program without having asked for one.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        exec::run(&Command {
            argv: vec!["echo".into(), "tea".into()],
            cwd: None,
            env: Vec::new(),
            stdin: None,
            timeout_ms: 1000,
            max_output_bytes: 100,
        })?;
        Ok("it ran".to_owned())
    }
}
