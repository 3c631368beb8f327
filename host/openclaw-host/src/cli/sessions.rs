//! `sessions`: the conversations that the host keeps.

mod export;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use claw_core::id::{AgentId, SessionKey};
use claw_core::route;
use serde_json::{Map, Value, json};

use super::output::{table, word};
use super::{Exit, Failure, Output};
use crate::client::Client;
use crate::export::{Form, content_text, moment, speaker};
use crate::legible;

/// Characters of a message or a label in a list.
const WIDTH: usize = 60;

#[derive(Debug, Subcommand)]
pub(super) enum SessionsCommand {
    /// List conversations, the last changed first
    List {
        /// Only those of this agent
        #[arg(long, value_name = "AGENT")]
        agent: Option<String>,
        /// Only those with exactly this label
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        /// Only those with this text in their key or label
        #[arg(long, value_name = "TEXT", conflicts_with = "label")]
        search: Option<String>,
        /// Those that are incognito, and only these: they are nowhere else
        #[arg(long)]
        incognito: bool,
        /// Conversations at most
        #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// Go on where a list stopped
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// Print the newest messages of a conversation, each with its number
    Show {
        /// Its key
        key: String,
        /// Messages of a branch that was left, by its number
        #[arg(long, value_name = "N")]
        branch: Option<u64>,
        /// Only messages before this one
        #[arg(long, value_name = "NUMBER")]
        before: Option<u64>,
        /// Messages at most
        #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Find messages with a text, in small or capital letters
    Search {
        /// The text
        text: String,
        /// Messages at most
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// Go on where a search stopped
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// Call a conversation something; without a text, take its label away
    Label {
        /// Its key
        key: String,
        /// Up to 100 characters
        text: Option<String>,
    },
    /// Write a conversation to a file
    Export {
        /// Its key
        key: String,
        /// File that is made; standard output if none is named
        file: Option<PathBuf>,
        /// How it is written
        #[arg(long, value_enum, default_value_t = Form::Md)]
        format: Form,
        /// A branch that was left, by its number
        #[arg(long, value_name = "N")]
        branch: Option<u64>,
    },
    /// List the branches of a conversation: the one that is spoken on, and those that were left
    Branches {
        /// Its key
        key: String,
    },
    /// Take up a branch that was left; the one that is spoken on is left in its place
    Switch {
        /// The conversation's key
        key: String,
        /// The branch's number
        branch: u64,
    },
    /// Begin a new conversation with a copy of this one
    Fork {
        /// Its key
        key: String,
        /// The new one's key; made up if none is given
        new: Option<String>,
        #[command(flatten)]
        point: Point,
    },
    /// Go back to an earlier point; what was said since stays as a branch
    Rewind {
        /// Its key
        key: String,
        #[command(flatten)]
        point: Point,
    },
    /// Take the last turn back: your last message with all that followed it, and the files that it changed
    Undo {
        /// The conversation's key
        key: String,
    },
    /// Start a conversation afresh; what was said stays as a branch
    Reset {
        /// Its key
        key: String,
    },
    /// Delete a conversation with all of its branches, runs and approvals
    Delete {
        /// Its key
        key: String,
    },
    /// Delete conversations that are too old or too many: as configured, unless something is said here
    Prune {
        /// Those that did not change for so many days
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
        older_than: Option<u32>,
        /// All but the last so many
        #[arg(long, value_name = "N")]
        keep: Option<u64>,
        /// Only list them
        #[arg(long)]
        dry_run: bool,
    },
}

/// A point in a conversation.
#[derive(Args, Clone, Copy, Debug)]
#[group(multiple = false)]
pub(super) struct Point {
    /// After the message with this number; 0 is before all
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// Before the last so many messages of yours
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    turns: Option<u32>,
}

/// Parses what was typed; `main` means `agent:main:main`.
pub(super) fn parse_key(text: &str) -> Result<SessionKey, Failure> {
    parse_key_of(text, &route::main())
}

/// Parses what was typed of a conversation of this agent, unless it names another one itself.
pub(super) fn parse_key_of(text: &str, agent: &AgentId) -> Result<SessionKey, Failure> {
    SessionKey::parse(text, agent).map_err(|err| Failure::new(Exit::Usage, err))
}

pub(super) async fn sessions(command: SessionsCommand, home: &Path, output: &Output) -> Result<Exit, Failure> {
    // What can be wrong with the words themselves is found before the host is troubled.
    match command {
        SessionsCommand::List { agent, label, search, incognito, limit, cursor } => {
            let params = json!({
                "limit": limit, "agentId": agent, "label": label, "search": search, "cursor": cursor,
                "includeLastMessage": true, "incognito": incognito.then_some(true),
            });
            list(&mut Client::connect(home).await?, present(params), output).await
        }
        SessionsCommand::Show { key, branch, before, limit } => {
            let params = json!({"sessionKey": parse_key(&key)?, "branch": branch, "before": before, "limit": limit});
            show(&mut Client::connect(home).await?, present(params), output).await
        }
        SessionsCommand::Search { text, limit, cursor } => {
            search(&mut Client::connect(home).await?, &text, limit.into(), cursor, output).await
        }
        SessionsCommand::Label { key, text } => {
            let params = json!({"key": parse_key(&key)?, "label": text});
            tell(home, "sessions.patch", params, output, labelled).await
        }
        SessionsCommand::Export { key, file, format, branch } => {
            let key = parse_key(&key)?;
            export::export(&mut Client::connect(home).await?, &key, branch, format, file.as_deref()).await
        }
        SessionsCommand::Branches { key } => {
            tell(home, "sessions.branches.list", json!({"sessionKey": parse_key(&key)?}), output, branches).await
        }
        SessionsCommand::Switch { key, branch } => {
            let params = json!({"sessionKey": parse_key(&key)?, "branch": branch});
            tell(home, "sessions.branches.switch", params, output, switched).await
        }
        SessionsCommand::Fork { key, new, point } => {
            let mut params = point.params(&parse_key(&key)?);
            if let Some(new) = new {
                params["newKey"] = json!(parse_key(&new)?);
            }
            tell(home, "sessions.fork", params, output, |forked| format!("began `{}`", word(&forked["sessionKey"])))
                .await
        }
        SessionsCommand::Rewind { key, point } => {
            if point.after.is_none() && point.turns.is_none() {
                return Err(Failure::message(Exit::Usage, "say where to: `--turns N` or `--after NUMBER`"));
            }
            tell(home, "sessions.rewind", point.params(&parse_key(&key)?), output, rewound).await
        }
        SessionsCommand::Undo { key } => {
            let params = json!({"sessionKey": parse_key(&key)?});
            tell(home, "sessions.undo", params, output, |undone| {
                legible::block(undone["text"].as_str().unwrap_or_default()).into_owned()
            })
            .await
        }
        SessionsCommand::Reset { key } => {
            let params = json!({"key": parse_key(&key)?, "reason": "reset"});
            tell(home, "sessions.reset", params, output, |reset| format!("started afresh: `{}`", word(&reset["key"])))
                .await
        }
        SessionsCommand::Delete { key } => {
            tell(home, "sessions.delete", json!({"key": parse_key(&key)?}), output, deleted).await
        }
        SessionsCommand::Prune { older_than, keep, dry_run } => {
            let params = present(json!({"olderDays": older_than, "keep": keep, "enforce": !dry_run}));
            prune(&mut Client::connect(home).await?, params, output).await
        }
    }
}

impl Point {
    fn params(self, key: &SessionKey) -> Value {
        present(json!({"sessionKey": key, "after": self.after, "turns": self.turns}))
    }
}

/// Without what was not given.
fn present(params: Value) -> Value {
    let Value::Object(params) = params else { return params };
    Value::Object(params.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
}

/// Asks for something and tells what became of it.
async fn tell(
    home: &Path,
    method: &str,
    params: Value,
    output: &Output,
    text: impl FnOnce(&Value) -> String,
) -> Result<Exit, Failure> {
    let answer = Client::connect(home).await?.call(method, params).await?;
    output.data(&answer, text)?;
    Ok(Exit::Ok)
}

async fn list(client: &mut Client, params: Value, output: &Output) -> Result<Exit, Failure> {
    let list = client.call("sessions.list", params).await?;
    output.data(&list, |list| {
        let rows: Vec<_> = list["sessions"].as_array().into_iter().flatten().map(row).collect();
        let text = match (rows.as_slice(), &list["nextCursor"]) {
            ([], Value::Null) => "no conversations".to_owned(),
            ([], _) => "none yet; there are more to look at".to_owned(),
            (rows, _) => table(["SESSION", "LABEL", "UPDATED", "LAST MESSAGE"], rows),
        };
        more(text, &list["nextCursor"])
    })?;
    Ok(Exit::Ok)
}

fn row(session: &Value) -> [String; 4] {
    let updated = moment(&session["updatedAt"]);
    let label = match &session["spawnedBy"] {
        Value::String(parent) => format!("{} (sub-agent of {parent})", word(&session["label"])).trim().to_owned(),
        _ => short(&session["label"]),
    };
    [word(&session["key"]), label, updated, short(&session["lastMessagePreview"])]
}

fn short(text: &Value) -> String {
    word(text).chars().take(WIDTH).collect()
}

/// Says how to go on if there is more.
fn more(text: String, cursor: &Value) -> String {
    match cursor {
        Value::Null => text,
        cursor => format!("{}\n\nmore: --cursor {}", text.trim_end(), word(cursor)),
    }
}

async fn show(client: &mut Client, params: Value, output: &Output) -> Result<Exit, Failure> {
    let history = client.call("chat.history", params).await?;
    output.data(&history, |history| {
        let messages = history["messages"].as_array().into_iter().flatten();
        let text = messages.map(message_text).collect::<Vec<_>>().join("\n\n");
        let text = preferred(&history["sessionInfo"]) + &text;
        let first = &history["messages"][0]["__openclaw"]["seq"];
        match (text.is_empty(), &history["hasMore"]) {
            (true, _) => "nothing was said yet".to_owned(),
            (false, Value::Bool(true)) => format!("more: --before {}\n\n{text}", word(first)),
            _ => text,
        }
    })?;
    Ok(Exit::Ok)
}

/// What is preferred in the conversation, on a line of its own.
fn preferred(info: &Value) -> String {
    let fields = [("model", "modelOverride"), ("thinking", "thinkingLevel"), ("queue", "queueMode"), ("mode", "mode")];
    let said = fields.iter().filter(|(_, field)| !info[field].is_null());
    let said: Vec<_> = said.map(|(name, field)| format!("{name}: {}", word(&info[field]))).collect();
    if said.is_empty() { String::new() } else { format!("here, {}\n\n", said.join(", ")) }
}

fn message_text(message: &Value) -> String {
    let parts = message["content"].as_array().into_iter().flatten();
    let calls = parts.filter(|part| part["type"] == "toolCall");
    let calls = calls.map(|call| format!("· {} {}", word(&call["name"]), word(&call["arguments"])));
    let text = Some(content_text(&message["content"])).filter(|text| !text.is_empty());
    let lines: Vec<String> = text.into_iter().chain(calls).collect();
    format!("[{}] {}: {}", word(&message["__openclaw"]["seq"]), speaker(message), lines.join("\n"))
}

/// Asks until so many are found or all was looked at: the host looks at a bounded part at a time.
async fn search(
    client: &mut Client,
    text: &str,
    limit: usize,
    cursor: Option<String>,
    output: &Output,
) -> Result<Exit, Failure> {
    let (mut results, mut scanned, mut cursor) = (Vec::new(), 0, json!(cursor));
    loop {
        let params = json!({"query": text, "limit": limit - results.len(), "cursor": cursor});
        let page = client.call("sessions.search", present(params)).await?;
        results.extend(page["results"].as_array().into_iter().flatten().cloned());
        scanned += page["scanned"].as_u64().unwrap_or_default();
        cursor = page["nextCursor"].clone();
        if cursor.is_null() || results.len() >= limit {
            break;
        }
    }
    let found = json!({"results": results, "scanned": scanned, "nextCursor": cursor});
    output.data(&found, |found| {
        let rows: Vec<_> = found["results"].as_array().into_iter().flatten().map(result).collect();
        let text = match rows.as_slice() {
            [] => format!("not found in {scanned} messages"),
            rows => table(["SESSION", "NUMBER", "WHEN", "WHO", "TEXT"], rows),
        };
        more(text, &found["nextCursor"])
    })?;
    Ok(Exit::Ok)
}

fn result(found: &Value) -> [String; 5] {
    let at = moment(&found["timestamp"]);
    [word(&found["sessionKey"]), word(&found["seq"]), at, word(&found["role"]), word(&found["excerpt"])]
}

fn labelled(answer: &Value) -> String {
    match &answer["entry"]["label"] {
        Value::Null => format!("`{}` has no label any more", word(&answer["key"])),
        label => format!("`{}` is called `{}`", word(&answer["key"]), word(label)),
    }
}

fn branches(list: &Value) -> String {
    let row = |branch: &Value| {
        let number = if branch["active"] == json!(true) { "*".to_owned() } else { word(&branch["branch"]) };
        [number, word(&branch["messageCount"]), word(&branch["updatedAt"]), short(&branch["headline"])]
    };
    let rows: Vec<_> = list["branches"].as_array().into_iter().flatten().map(row).collect();
    match rows.as_slice() {
        [] => "no such conversation".to_owned(),
        rows => table(["BRANCH", "MESSAGES", "UPDATED", "LAST MESSAGE"], rows),
    }
}

fn switched(answer: &Value) -> String {
    format!("`{}` goes on from there; what was spoken on is branch {}", word(&answer["key"]), word(&answer["left"]))
}

fn rewound(answer: &Value) -> String {
    match &answer["branch"] {
        Value::Null => "nothing was said since".to_owned(),
        branch => format!(
            "`{}` goes on after {} messages; the {} since are branch {}",
            word(&answer["key"]),
            word(&answer["entries"]),
            word(&answer["dropped"]),
            word(branch)
        ),
    }
}

fn deleted(answer: &Value) -> String {
    match &answer["deleted"] {
        Value::Bool(true) => {
            format!("deleted `{}`; its bytes leave the file with `openclaw-host db compact`", word(&answer["key"]))
        }
        _ => format!("there was no conversation `{}`", word(&answer["key"])),
    }
}

/// Asks until all are deleted: the host deletes a bounded number at a time.
async fn prune(client: &mut Client, params: Value, output: &Output) -> Result<Exit, Failure> {
    let (mut rows, mut deleted) = (Vec::new(), 0);
    loop {
        let round = client.call("sessions.cleanup", params.clone()).await?;
        rows.extend(round["sessions"].as_array().into_iter().flatten().cloned());
        deleted += round["deleted"].as_u64().unwrap_or_default();
        if round["more"] != json!(true) {
            break;
        }
    }
    let is_dry = params["enforce"] != json!(true);
    let pruned = json!({"deleted": deleted, "sessions": rows});
    output.data(&pruned, |pruned| {
        let row = |row: &Value| [word(&row["key"]), moment(&row["updatedAt"]), word(&row["error"])];
        let rows: Vec<_> = pruned["sessions"].as_array().into_iter().flatten().map(row).collect();
        match (rows.as_slice(), is_dry) {
            ([], _) => "all conversations are kept".to_owned(),
            (rows, true) => format!("would be deleted:\n{}", table(["SESSION", "UPDATED", ""], rows)),
            (rows, false) => format!("{}deleted {deleted}", table(["SESSION", "UPDATED", "KEPT BECAUSE"], rows)),
        }
    })?;
    Ok(Exit::Ok)
}
