use schemars::JsonSchema;
use serde::Deserialize;

use super::*;
use crate::private::{Call, Guest};
use crate::{NoArgs, scope};

struct Greet;

/// Arguments for greeting.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GreetArgs {
    /// Whom to greet.
    name: String,
    /// How.
    style: Option<Style>,
}

#[derive(Deserialize, JsonSchema)]
struct Style {
    /// Whether to shout.
    loud: bool,
}

impl Tool for Greet {
    type Args = GreetArgs;
    const NAME: &'static str = "greet";
    const DESCRIPTION: &'static str = "Greets somebody.";
    const UNTRUSTED_OUTPUT: bool = true;

    fn call(args: GreetArgs) -> Result<String, ToolError> {
        let mark = if args.style.is_some_and(|style| style.loud) { "!" } else { "." };
        Ok(format!("hello {}{mark}", args.name))
    }
}

struct Wave;

impl Tool for Wave {
    type Args = NoArgs;
    const NAME: &'static str = "wave";
    const DESCRIPTION: &'static str = "Waves.";

    fn call(_: NoArgs) -> Result<String, ToolError> {
        Ok("o/".into())
    }
}

crate::export_component! {
    name: "greeter",
    version: "1.2.3",
    summary: "Greets.",
    tools: [Greet, Wave],
    scopes: [scope::exec(&["wave", "*"])],
}

fn call(tool: &str, arguments: &str) -> Result<String, ToolError> {
    OpenclawComponent::invoke(Call { id: "1".into(), tool: tool.into(), arguments: arguments.into() })
}

#[test]
fn the_manifest_lists_tools_and_scopes() {
    let manifest = OpenclawComponent::describe();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("greeter", "1.2.3"));
    assert_eq!(manifest.summary, "Greets.");
    let tools: Vec<_> = manifest.tools.iter().map(|tool| (tool.name.as_str(), tool.untrusted_output)).collect();
    assert_eq!(tools, [("greet", true), ("wave", false)]);
    assert_eq!(manifest.scopes.len(), 1);
}

#[test]
fn the_schema_is_an_object_with_everything_in_place() {
    let schema: serde_json::Value = serde_json::from_str(&input_schema::<Greet>()).unwrap();
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["properties"]["name"]["description"], "Whom to greet.");
    assert_eq!(schema["required"], serde_json::json!(["name"]));
    assert_eq!(schema["additionalProperties"], false);
    let text = schema.to_string();
    assert!(text.contains("Whether to shout."), "{text}");
    for noise in ["$schema", "$ref", "$defs", "title", "Arguments for greeting"] {
        assert!(!text.contains(noise), "{noise} in {text}");
    }
}

#[test]
fn a_tool_without_arguments_still_has_an_object_schema() {
    let schema: serde_json::Value = serde_json::from_str(&input_schema::<Wave>()).unwrap();
    assert_eq!(schema["type"], "object");
}

#[test]
fn a_call_reaches_its_tool() {
    assert_eq!(call("greet", r#"{"name":"Ada","style":{"loud":true}}"#).unwrap(), "hello Ada!");
    assert_eq!(call("wave", "{}").unwrap(), "o/");
    assert_eq!(call("wave", "  ").unwrap(), "o/");
}

#[test]
fn a_call_of_another_tool_is_not_found() {
    assert!(matches!(call("Greet", "{}"), Err(ToolError::NotFound(why)) if why.contains("`Greet`")));
}

#[test]
fn malformed_or_unfit_arguments_are_an_error_and_not_a_trap() {
    for arguments in ["{", "[]", "null", "{}", r#"{"name":7}"#, r#"{"name":"a","nme":"b"}"#] {
        let outcome = call("greet", arguments);
        assert!(matches!(&outcome, Err(ToolError::InvalidArguments(why)) if why.contains("`greet`")), "{arguments}");
    }
}
