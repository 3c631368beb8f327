//! The tool `process`: programs that `exec` left in the background.

use openclaw_sdk::exec::{End, Process};
use openclaw_sdk::{JsonSchema, Tool, ToolError};
use serde::Deserialize;

use crate::report::push_output;

/// Seconds that `poll` waits at most: a minute, as the host does.
const MAX_WAIT_SECONDS: u64 = 60;

pub struct ProcessTool;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessArgs {
    action: Action,
    /// The id that `exec` gave; not for `list`.
    id: Option<String>,
    /// For `write`: text for its standard input.
    #[serde(default)]
    text: String,
    /// For `write`: close its standard input afterwards.
    #[serde(default)]
    end: bool,
    /// For `poll`: seconds to wait for something, 0 to 60. Default 0.
    #[serde(default)]
    wait: u64,
}

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Action {
    /// All background programs of this conversation.
    List,
    /// What it has written since the last look, and whether it has ended.
    Poll,
    /// Write to its standard input.
    Write,
    /// End it and all that it started.
    Kill,
}

impl Tool for ProcessTool {
    type Args = ProcessArgs;
    const NAME: &'static str = "process";
    const DESCRIPTION: &'static str = "Looks after programs that `exec` started with `background`: lists them, reads \
        what they wrote since the last look, writes to their standard input, ends them.";

    fn call(args: ProcessArgs) -> Result<String, ToolError> {
        if args.action == Action::List {
            return list();
        }
        let id = args.id.ok_or_else(|| ToolError::invalid("give the `id` of the process"))?;
        let process = Process::attach(&id)?;
        match args.action {
            Action::Poll => poll(&process, args.wait.min(MAX_WAIT_SECONDS)),
            Action::Write => {
                process.write(args.text.as_bytes(), args.end)?;
                Ok(format!("wrote {} bytes to `{id}`", args.text.len()))
            }
            Action::Kill => {
                process.kill()?;
                Ok(format!("ended `{id}`"))
            }
            Action::List => list(),
        }
    }
}

fn list() -> Result<String, ToolError> {
    let line = |process: &openclaw_sdk::exec::Summary| {
        let state = process.end.as_ref().map_or("runs".to_owned(), ended);
        format!("{} {state}, {} s old: {}", process.id, process.age_ms / 1_000, process.argv.join(" "))
    };
    let lines: Vec<String> = Process::all()?.iter().map(line).collect();
    Ok(if lines.is_empty() { "no background programs".to_owned() } else { lines.join("\n") })
}

fn poll(process: &Process, wait: u64) -> Result<String, ToolError> {
    let progress = process.poll(wait * 1_000)?;
    let mut text = progress.end.as_ref().map_or("runs\n".to_owned(), |end| format!("{}\n", ended(end)));
    push_output(&mut text, "stdout", &progress.stdout, 0);
    push_output(&mut text, "stderr", &progress.stderr, 0);
    if progress.dropped > 0 {
        text.push_str(&format!("[{} bytes were lost before this look]\n", progress.dropped));
    }
    Ok(text)
}

fn ended(end: &End) -> String {
    match end {
        End::Code(code) => format!("ended with exit code {code}"),
        End::Signal(signal) => format!("was ended by signal {signal}"),
        End::TimedOut => "reached its time and was ended".to_owned(),
        End::MemoryLimit => "reached the limit of its memory and was ended".to_owned(),
    }
}
