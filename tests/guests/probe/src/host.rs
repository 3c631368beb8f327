//! The interfaces of openclaw-host.

use std::collections::BTreeMap;

use openclaw_sdk::exec::{Command, End};
use openclaw_sdk::http::{BodyEnd, Request};
use openclaw_sdk::serde_json::{Value, json};
use openclaw_sdk::workspace::{Change, Listing};
use openclaw_sdk::{JsonSchema, exec, session, workspace};
use serde::Deserialize;

use crate::outcome::Outcome;

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    Info,
    IsCancelled,
    Progress {
        percent: Option<u8>,
        note: String,
    },
    ReadRange {
        path: String,
        offset: u64,
        max_bytes: u64,
    },
    /// One transaction: puts all files of `put`, removes all of `remove`.
    Commit {
        #[serde(default)]
        put: BTreeMap<String, String>,
        #[serde(default)]
        remove: Vec<String>,
    },
    /// One transaction that puts a file of this size.
    CommitBytes {
        path: String,
        bytes: usize,
    },
    List {
        path: String,
        limit: u32,
    },
    Glob {
        pattern: String,
        limit: u32,
    },
    Grep {
        pattern: String,
        glob: Option<String>,
        limit: u32,
    },
    Exec(Exec),
    Http(Http),
}

#[derive(Deserialize, JsonSchema)]
pub struct Exec {
    argv: Vec<String>,
    cwd: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    stdin: Option<String>,
    /// Default 10,000.
    timeout_ms: Option<u64>,
    /// Default 65,536.
    max_output_bytes: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
pub struct Http {
    url: String,
    /// Default `GET`.
    method: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    /// Default 65,536.
    max_bytes: Option<usize>,
}

impl Op {
    pub fn run(self) -> Outcome {
        match self {
            Op::Info => {
                let info = session::get_info();
                Ok(json!({
                    "run_id": info.run_id, "session_key": info.session_key,
                    "agent_id": info.agent_id, "origin": info.origin,
                }))
            }
            Op::IsCancelled => Ok(json!(session::is_cancelled())),
            Op::Progress { percent, note } => Ok(json!(session::progress(percent, &note))),
            Op::ReadRange { path, offset, max_bytes } => {
                let slice = workspace::read_range(&path, offset, max_bytes)?;
                Ok(json!({
                    "text": String::from_utf8_lossy(&slice.bytes), "bytes": slice.bytes.len(), "size": slice.size,
                }))
            }
            Op::Commit { put, remove } => {
                let put = put.into_iter().map(|(path, text)| Change::Put((path, text.into_bytes())));
                let changes: Vec<_> = put.chain(remove.into_iter().map(Change::Remove)).collect();
                Ok(json!(workspace::commit(&changes)?))
            }
            Op::CommitBytes { path, bytes } => Ok(json!(workspace::commit(&[Change::Put((path, vec![b'x'; bytes]))])?)),
            Op::List { path, limit } => Ok(listing(&workspace::list_directory(&path, limit)?)),
            Op::Glob { pattern, limit } => Ok(listing(&workspace::glob(&pattern, limit)?)),
            Op::Grep { pattern, glob, limit } => {
                let hits = workspace::grep(&pattern, glob.as_deref(), limit)?;
                let lines: Vec<_> =
                    hits.hits.iter().map(|hit| format!("{}:{}:{}", hit.path, hit.line, hit.text)).collect();
                Ok(json!({ "hits": lines, "more": hits.more }))
            }
            Op::Exec(exec) => exec.run(),
            Op::Http(http) => http.run(),
        }
    }
}

fn listing(listing: &Listing) -> Value {
    let entry = |entry: &workspace::Entry| json!({ "path": entry.path, "kind": format!("{:?}", entry.kind), "size": entry.size });
    json!({ "entries": listing.entries.iter().map(entry).collect::<Vec<_>>(), "more": listing.more })
}

impl Exec {
    fn run(self) -> Outcome {
        let exit = exec::run(&Command {
            argv: self.argv,
            cwd: self.cwd,
            env: self.env.into_iter().collect(),
            stdin: self.stdin.map(String::into_bytes),
            timeout_ms: self.timeout_ms.unwrap_or(10_000),
            max_output_bytes: self.max_output_bytes.unwrap_or(64 * 1024),
        })?;
        let end = match exit.end {
            End::Code(code) => json!({ "code": code }),
            End::Signal(signal) => json!({ "signal": signal }),
            End::TimedOut => json!("timed-out"),
            End::MemoryLimit => json!("memory-limit"),
        };
        Ok(json!({
            "end": end,
            "stdout": String::from_utf8_lossy(&exit.stdout), "stdout_dropped": exit.stdout_dropped,
            "stderr": String::from_utf8_lossy(&exit.stderr), "stderr_dropped": exit.stderr_dropped,
        }))
    }
}

impl Http {
    fn run(self) -> Outcome {
        let request = Request::new(self.method.as_deref().unwrap_or("GET"), &self.url).body(self.body.into_bytes());
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let response = request.send(self.max_bytes.unwrap_or(64 * 1024))?;
        let headers: Vec<_> =
            response.headers.iter().map(|(name, value)| (name, String::from_utf8_lossy(value))).collect();
        Ok(json!({
            "status": response.status,
            "headers": headers,
            "body": String::from_utf8_lossy(&response.body),
            "cut": response.end == BodyEnd::Cut,
        }))
    }
}
