//! The tool `skill_card`, which only the host calls.

use openclaw_sdk::{JsonSchema, Tool, ToolError, json};
use serde::{Deserialize, Serialize};

use crate::card::{self, Card};

pub struct Parse;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParseArgs {
    /// All of a SKILL.md.
    text: String,
}

/// What came of it. A fault is a result too: the same text has it again.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Parsed {
    Card(Box<Card>),
    Fault { line: usize, message: String },
}

impl Tool for Parse {
    type Args = ParseArgs;
    const NAME: &'static str = "skill_card";
    const DESCRIPTION: &'static str = "Makes a card of the text of a SKILL.md. For the host.";

    fn call(args: ParseArgs) -> Result<String, ToolError> {
        json(&match card::read(&args.text) {
            Ok(card) => Parsed::Card(Box::new(card)),
            Err(fault) => Parsed::Fault { line: fault.line, message: fault.message },
        })
    }
}
