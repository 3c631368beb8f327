//! `openclaw:exec`'s background processes.

use openclaw_sdk::JsonSchema;
use openclaw_sdk::exec::{Background, Command, End, Process, Terminal};
use openclaw_sdk::serde_json::{Value, json};
use serde::Deserialize;

use crate::outcome::Outcome;

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    Start {
        argv: Vec<String>,
        cwd: Option<String>,
        #[serde(default)]
        stdin: String,
        ttl_ms: u64,
        /// Columns and rows.
        terminal: Option<(u16, u16)>,
        #[serde(default)]
        then: Vec<OnProcess>,
    },
    Attach {
        id: String,
        #[serde(default)]
        then: Vec<OnProcess>,
    },
    All,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnProcess {
    Id,
    /// Waits this many milliseconds.
    Poll(u64),
    Write {
        text: String,
        end: bool,
    },
    Kill,
}

impl Op {
    pub fn run(self) -> Outcome {
        match self {
            Op::Start { argv, cwd, stdin, ttl_ms, terminal, then } => {
                let stdin = Some(stdin.into_bytes());
                let command = Command { argv, cwd, env: Vec::new(), stdin, timeout_ms: 0, max_output_bytes: 0 };
                let terminal = terminal.map(|(columns, rows)| Terminal { columns, rows });
                all(then, &Process::spawn(&command, Background { ttl_ms, terminal })?)
            }
            Op::Attach { id, then } => all(then, &Process::attach(&id)?),
            Op::All => {
                let line = |one: openclaw_sdk::exec::Summary| json!({ "id": one.id, "argv": one.argv, "age_ms": one.age_ms, "end": one.end.map(end) });
                Ok(json!(Process::all()?.into_iter().map(line).collect::<Vec<_>>()))
            }
        }
    }
}

fn all(then: Vec<OnProcess>, process: &Process) -> Outcome {
    then.into_iter().map(|what| what.run(process)).collect::<Result<Vec<_>, _>>().map(Value::from)
}

impl OnProcess {
    fn run(self, process: &Process) -> Outcome {
        match self {
            OnProcess::Id => Ok(json!(process.id())),
            OnProcess::Poll(wait_ms) => {
                let progress = process.poll(wait_ms)?;
                Ok(json!({
                    "stdout": String::from_utf8_lossy(&progress.stdout),
                    "stderr": String::from_utf8_lossy(&progress.stderr),
                    "dropped": progress.dropped,
                    "end": progress.end.map(end),
                }))
            }
            OnProcess::Write { text, end } => Ok(json!(process.write(text.as_bytes(), end)?)),
            OnProcess::Kill => Ok(json!(process.kill()?)),
        }
    }
}

fn end(end: End) -> Value {
    match end {
        End::Code(code) => json!({ "code": code }),
        End::Signal(signal) => json!({ "signal": signal }),
        End::TimedOut => json!("timed-out"),
        End::MemoryLimit => json!("memory-limit"),
    }
}
