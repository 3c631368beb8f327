//! The tool `exec`.

use std::collections::BTreeMap;

use openclaw_sdk::exec::{self, Background, Command, Process, Terminal};
use openclaw_sdk::{HostError, JsonSchema, Tool, ToolError};
use serde::Deserialize;

use crate::line::Line;
use crate::report::{MAX_OUTPUT_BYTES, report};

#[cfg(test)]
mod tests;

/// Seconds that a program may take unless asked otherwise, and at most: the default of OpenClaw's `exec` and the cap of
/// the host.
const MAX_TIMEOUT_SECONDS: u64 = 1_800;

pub struct Exec;

// Misspelled fields must not pass in silence (`timeoutMs`), but the schema stays open for the accepted aliases.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(!deny_unknown_fields)]
pub struct ExecArgs {
    /// Program and arguments, each as it is; no shell is involved. Preferred. Give either this or `command`.
    argv: Option<Vec<String>>,
    /// A command line. Runs in `sh` only if it uses shell syntax.
    command: Option<String>,
    /// Directory to run in, relative to the workspace. Default: the workspace itself.
    #[serde(alias = "cwd")]
    workdir: Option<String>,
    /// Variables to add to the environment. The host allows few names.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Seconds after which the program is ended, 1 to 1800. Default 1800.
    #[schemars(range(min = 1))]
    timeout: Option<u64>,
    /// Text for the program's standard input.
    stdin: Option<String>,
    /// Let the program go on in the background for at most this many seconds, 1 to 86400, and answer at once with the
    /// id that `process` takes. `timeout` is not used then.
    #[schemars(range(min = 1))]
    background: Option<u64>,
    /// Give a background program a terminal of 80 by 24.
    #[serde(default)]
    pty: bool,
}

impl Tool for Exec {
    type Args = ExecArgs;
    const NAME: &'static str = "exec";
    const DESCRIPTION: &'static str = "Runs a program in the workspace and waits for its end. Give `argv` (program and \
        arguments) or `command` (a command line); lines that need a shell are harder to get approved. Answers with the \
        exit code, stdout and stderr, each cut in the middle at 48 KiB. Nothing that the program starts outlives the \
        call, unless `background` asks for it; then `process` tells how it goes on. The owner may be asked first; a refusal is final for this call.";

    fn call(args: ExecArgs) -> Result<String, ToolError> {
        let background = args.background()?;
        let command = args.command()?;
        if let Some(background) = background {
            let process = Process::spawn(&command, background)?;
            return Ok(format!("runs in the background as `{}`; `process` reads what it writes", process.id()));
        }
        match exec::run(&command) {
            Ok(exit) => Ok(report(&exit)),
            // Where and why it broke is unknown, so the program may have started.
            Err(HostError::Other(text)) => Err(ToolError::failed_after_sending(text)),
            Err(err) => Err(err.into()),
        }
    }
}

impl ExecArgs {
    fn background(&self) -> Result<Option<Background>, ToolError> {
        let terminal = self.pty.then_some(Terminal { columns: 80, rows: 24 });
        match self.background {
            Some(seconds) => Ok(Some(Background { ttl_ms: seconds.saturating_mul(1_000), terminal })),
            None if self.pty => Err(ToolError::invalid("`pty` needs `background`")),
            None => Ok(None),
        }
    }

    fn command(self) -> Result<Command, ToolError> {
        let argv = match (self.argv, self.command) {
            (Some(argv), None) if !argv.is_empty() => argv,
            (Some(_), None) => return Err(ToolError::invalid("`argv` is empty; give a program")),
            (None, Some(line)) => {
                Line::argv(&line).ok_or_else(|| ToolError::invalid("`command` is empty; give a command line"))?
            }
            _ => return Err(ToolError::invalid("give exactly one of `argv` and `command`")),
        };
        Ok(Command {
            argv,
            cwd: self.workdir.filter(|directory| !matches!(directory.as_str(), "" | "." | "./")),
            env: self.env.into_iter().collect(),
            stdin: self.stdin.map(String::into_bytes),
            timeout_ms: self.timeout.unwrap_or(MAX_TIMEOUT_SECONDS).clamp(1, MAX_TIMEOUT_SECONDS) * 1_000,
            max_output_bytes: MAX_OUTPUT_BYTES,
        })
    }
}
