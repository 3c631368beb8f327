//! `tasks`: work that conversations have handed to others.

use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{table, word};
use super::runs::parse_id;
use super::{Exit, Failure, Output};
use crate::client::Client;
use crate::export::moment;

#[derive(Debug, Subcommand)]
pub(super) enum TasksCommand {
    /// List them, the newest first
    List {
        /// Only those of this conversation, which does them or wants them done
        #[arg(long, value_name = "KEY")]
        session: Option<String>,
        /// Only those that stand so: queued, running, done, failed, cancelled or lost
        #[arg(long, value_name = "WORD")]
        status: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u64,
    },
    /// Show one, with what it may use and what it said
    Show {
        /// Its id
        task: String,
    },
    /// Stop one, and those that it has handed over; who wanted it done is told
    Cancel {
        /// Its id
        task: String,
    },
}

pub(super) async fn tasks(command: TasksCommand, home: &Path, output: &Output) -> Result<Exit, Failure> {
    match command {
        TasksCommand::List { session, status, limit } => {
            let mut params = json!({"sessionKey": session, "status": status});
            let (mut client, mut tasks) = (Client::connect(home).await?, Vec::new());
            // A page may be empty and not the last one: a call looks at so many tasks only.
            let cursor = loop {
                params["limit"] = json!(limit - tasks.len() as u64);
                let mut page = client.call("tasks.list", params.clone()).await?;
                tasks.extend(page["tasks"].as_array_mut().into_iter().flat_map(std::mem::take));
                let cursor = page["nextCursor"].take();
                if cursor.is_null() || tasks.len() as u64 >= limit {
                    break cursor;
                }
                params["cursor"] = cursor;
            };
            let list = json!({"tasks": tasks, "nextCursor": cursor});
            output.data(&list, |list| {
                let rows: Vec<_> = list["tasks"].as_array().into_iter().flatten().map(row).collect();
                match rows.as_slice() {
                    [] => "no tasks".to_owned(),
                    rows => table(["TASK", "STATE", "CREATED", "FOR", "TITLE"], rows),
                }
            })?;
            Ok(Exit::Ok)
        }
        TasksCommand::Show { task } => {
            let params = json!({"taskId": parse_id(&task)?});
            let shown = Client::connect(home).await?.call("tasks.get", params).await?;
            output.data(&shown["task"], in_full)?;
            Ok(Exit::Ok)
        }
        TasksCommand::Cancel { task } => {
            let params = json!({"taskId": parse_id(&task)?});
            let done = Client::connect(home).await?.call("tasks.cancel", params).await?;
            let is_cancelled = done["cancelled"] == json!(true);
            output.data(&done, |done| match is_cancelled {
                true => format!("cancelled: `{task}`"),
                false => format!("not cancelled: {}", word(&done["reason"])),
            })?;
            Ok(if is_cancelled { Exit::Ok } else { Exit::Failed })
        }
    }
}

fn row(task: &Value) -> [String; 5] {
    let created = moment(&task["createdAt"]);
    [word(&task["id"]), word(&task["state"]), created, word(&task["sessionKey"]), word(&task["title"])]
}

fn in_full(task: &Value) -> String {
    let tools = match &task["tools"] {
        Value::Array(tools) => tools.iter().map(word).collect::<Vec<_>>().join(", "),
        _ => "all of its parent's".to_owned(),
    };
    let mut text = format!(
        "{}: {}\n{}\nby {}, for {} (run {})\ntools: {tools}\ntime: {} s at most, since {}",
        word(&task["id"]),
        word(&task["state"]),
        word(&task["title"]),
        word(&task["childSessionKey"]),
        word(&task["sessionKey"]),
        word(&task["parentRunId"]),
        word(&task["timeoutSeconds"]),
        moment(&task["createdAt"]),
    );
    for key in ["result", "error"] {
        if let Some(said) = task[key].as_str().filter(|said| !said.is_empty()) {
            text.push_str(&format!("\n\n{key}: {said}"));
        }
    }
    text
}
