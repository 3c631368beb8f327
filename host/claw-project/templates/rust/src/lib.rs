//! The component `{{name}}`: what it is called, what it asks for, and its tools.

use openclaw_sdk::{JsonSchema, Tool, ToolError, files, scope};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "{{name}}",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Greets people.",
    tools: [Greet],
    scopes: [scope::workspace(scope::Access::Read)],
}

struct Greet;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GreetArgs {
    /// File with the name of whoever is greeted; a path relative to the workspace.
    path: String,
}

impl Tool for Greet {
    type Args = GreetArgs;
    const NAME: &'static str = "{{tool}}";
    const DESCRIPTION: &'static str = "Greets whoever a file of the workspace names.";

    fn call(args: GreetArgs) -> Result<String, ToolError> {
        greeting(&files::read_text(&args.path)?)
    }
}

fn greeting(name: &str) -> Result<String, ToolError> {
    match name.trim() {
        "" => Err(ToolError::invalid("the file names nobody")),
        name => Ok(format!("Hello, {name}!")),
    }
}

#[cfg(test)]
mod tests {
    use super::greeting;

    #[test]
    fn whoever_is_named_is_greeted() {
        assert_eq!(greeting("Ada\n").unwrap(), "Hello, Ada!");
        assert!(greeting(" \n").is_err());
    }
}
