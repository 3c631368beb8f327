//! `outbox`: what is to be sent over channels.

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{table, word};
use super::{Exit, Failure, Output};
use crate::client::Client;
use crate::host::now;

/// Messages that are asked for at a time.
const PAGE: u64 = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum OutboxCommand {
    /// List them, in the order in which they were put there
    List {
        /// Only those that stand so: waiting, sending or dead
        #[arg(long, value_name = "WORD")]
        state: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
        limit: u64,
    },
    /// Try dead ones again, behind what waits for their chats
    Retry(Which),
    /// Send them no more; what is being sent right now cannot be dropped
    Drop(Which),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// Their numbers
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Vec<u64>,
    /// All that are dead
    #[arg(long)]
    all: bool,
}

pub(super) async fn outbox(command: OutboxCommand, home: &Path, output: &Output) -> Result<Exit, Failure> {
    match command {
        OutboxCommand::List { state, limit } => list(home, state, limit, output).await,
        OutboxCommand::Retry(which) => change(home, "outbox.retry", "to be tried again", which, output).await,
        OutboxCommand::Drop(which) => change(home, "outbox.drop", "dropped", which, output).await,
    }
}

async fn list(home: &Path, state: Option<String>, limit: u64, output: &Output) -> Result<Exit, Failure> {
    let (mut client, mut messages, mut cursor) = (Client::connect(home).await?, Vec::new(), json!(null));
    loop {
        let params = json!({"state": state, "limit": PAGE.min(limit - messages.len() as u64), "cursor": cursor});
        let mut page = client.call("outbox.list", params).await?;
        messages.extend(page["messages"].as_array_mut().into_iter().flat_map(std::mem::take));
        cursor = page["nextCursor"].take();
        if cursor.is_null() || messages.len() as u64 >= limit {
            break;
        }
    }
    let list = json!({"messages": messages, "nextCursor": cursor});
    output.data(&list, |list| {
        let rows: Vec<_> = list["messages"].as_array().into_iter().flatten().map(row).collect();
        let more = if list["nextCursor"].is_null() { "" } else { "there are more; see them with a greater --limit\n" };
        match rows.as_slice() {
            [] => "nothing is to be sent".to_owned(),
            rows => table(["ID", "STATE", "CHAT", "AGE", "TRIES", "TEXT", "WHY"], rows) + more,
        }
    })?;
    Ok(Exit::Ok)
}

async fn change(home: &Path, method: &str, done: &str, which: Which, output: &Output) -> Result<Exit, Failure> {
    let (mut client, mut count, mut left) = (Client::connect(home).await?, 0, Vec::new());
    let asked = match which.all {
        true => vec![json!({"all": true})],
        false => which.id.chunks(PAGE as usize).map(|ids| json!({"ids": ids})).collect(),
    };
    for params in asked {
        let mut answer = client.call(method, params).await?;
        count += answer["done"].as_u64().unwrap_or(0);
        left.extend(answer["left"].as_array_mut().into_iter().flat_map(std::mem::take));
    }
    let is_all = left.is_empty();
    output.data(&json!({"done": count, "left": left}), |told| {
        let mut text = format!("{done}: {count}\n");
        for message in told["left"].as_array().into_iter().flatten() {
            text.push_str(&format!("not {done}: {}, {}\n", word(&message["id"]), word(&message["reason"])));
        }
        text
    })?;
    Ok(if is_all { Exit::Ok } else { Exit::Failed })
}

fn row(message: &Value) -> [String; 7] {
    let chat = format!("{}/{}/{}", word(&message["channel"]), word(&message["account"]), word(&message["chat"]));
    let may_have_come = if message["mayHaveCome"] == json!(true) { "(may have come) " } else { "" };
    let why = format!("{may_have_come}{}", word(&message["error"]));
    let age = age(now().0.saturating_sub(message["createdAt"].as_u64().unwrap_or(0)) / 1000);
    let [id, state, tries, mut text] = ["id", "state", "attempts", "text"].map(|name| word(&message[name]));
    if let Some(bytes) = message["file"]["bytes"].as_u64() {
        text = format!("[file {text}, {} KiB]", bytes.div_ceil(1024));
    }
    [id, state, chat, age, tries, text, why]
}

/// A time in its largest unit.
fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_where_it_goes_how_old_it_is_and_why_it_is_still_there() {
        let created = now().0 - 3 * 3_600_000;
        let message = json!({
            "id": 7, "state": "dead", "channel": "telegram", "account": "default", "chat": "-100X",
            "createdAt": created, "attempts": 3, "text": "hello \u{1b}[31m", "error": "blocked", "mayHaveCome": true,
        });
        let [id, state, chat, age, tries, text, why] = row(&message);
        assert_eq!([id.as_str(), &state, &chat, &age, &tries], ["7", "dead", "telegram/default/-100X", "3h", "3"]);
        assert_eq!((why.as_str(), text.contains('\u{1b}')), ("(may have come) blocked", false));
    }

    #[test]
    fn a_file_is_shown_by_its_name_and_size() {
        let file = json!({"name": "a\u{1b}.pdf", "mediaType": "application/pdf", "bytes": 1025});
        let [.., text, _] = row(&json!({"id": 7, "text": "a\u{1b}.pdf", "file": file}));
        assert!(text.starts_with("[file a") && text.ends_with(".pdf, 2 KiB]") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_time_is_told_in_its_largest_unit() {
        assert_eq!([0, 119, 120, 7199, 7200, 172_800].map(age), ["0s", "119s", "2m", "119m", "2h", "2d"]);
    }
}
