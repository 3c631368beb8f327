//! Writes more than anybody reads: to stdout, stderr, progress reports and the result.

use std::io::Write;

use openclaw_sdk::{JsonSchema, Tool, ToolError, session};
use serde::Deserialize;

openclaw_sdk::export_component! {
    name: "flood_output",
    version: "0.1.0",
    summary: "Writes more than anybody reads.",
    tools: [FloodOutput],
    scopes: [],
}

struct FloodOutput;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FloodArgs {
    /// Where to write.
    to: Target,
    /// How many bytes, or for progress how many reports.
    amount: usize,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Target {
    Stdout,
    Stderr,
    Result,
    Error,
    Progress,
}

impl Tool for FloodOutput {
    type Args = FloodArgs;
    const NAME: &'static str = "flood_output";
    const DESCRIPTION: &'static str = "Writes more than anybody reads.";

    fn call(args: FloodArgs) -> Result<String, ToolError> {
        match args.to {
            Target::Stdout => Ok(flood(std::io::stdout().lock(), args.amount)),
            Target::Stderr => Ok(flood(std::io::stderr().lock(), args.amount)),
            Target::Result => Ok("x".repeat(args.amount)),
            Target::Error => Err(ToolError::failed("x".repeat(args.amount))),
            Target::Progress => {
                let note = "progress ".repeat(1024);
                (0..args.amount).for_each(|_| session::progress(Some(255), &note));
                Ok(format!("sent {} reports", args.amount))
            }
        }
    }
}

fn flood(mut stream: impl Write, amount: usize) -> String {
    let line = [b'x'; 4096];
    let mut written = 0;
    while written < amount {
        match stream.write(&line[..line.len().min(amount - written)]) {
            Ok(0) => return format!("wrote {written}, then nothing"),
            Ok(bytes) => written += bytes,
            Err(err) => return format!("wrote {written}, then failed: {err}"),
        }
    }
    format!("wrote {written}")
}
