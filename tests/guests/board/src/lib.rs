//! A bulletin board as a chat service: `GET /after/N` gives lines of `id TAB chat TAB person TAB direct TAB text`,
//! `POST /CHAT` takes one, with its key, or
//! changes the one that `x-replaces` names.

use openclaw_sdk::Channel;
use openclaw_sdk::channel::{Batch, Failure, Outgoing, Person, Received};
use openclaw_sdk::http::Request;
use openclaw_sdk::{config, scope};

openclaw_sdk::export_component! {
    name: "board",
    version: "0.1.0",
    summary: "Reads and writes the lines of a bulletin board.",
    tools: [],
    channel: Board,
    scopes: [scope::http("*", &["GET", "POST"]), scope::messages()],
}

struct Board;

impl Channel for Board {
    const TEXT_LIMIT: u32 = 2000;
    const EDITS: bool = true;

    fn receive(cursor: Option<String>) -> Result<Batch, Failure> {
        let after = cursor.unwrap_or_else(|| "0".into());
        let answer = Request::new("GET", &url(&format!("after/{after}"))).send(64 << 10)?;
        if answer.status != 200 {
            return Err(Failure::Unavailable(format!("the board answers with {}", answer.status)));
        }
        let text = String::from_utf8_lossy(&answer.body);
        // The interface has at most so many in one batch.
        let messages: Vec<_> = text.lines().take(100).filter_map(message).collect();
        let cursor = messages.last().map_or(after, |last| last.id.clone());
        Ok(Batch { messages, cursor, wait_ms: 0 })
    }

    fn send(message: Outgoing) -> Result<String, Failure> {
        if message.text == "speak elsewhere" {
            let said = openclaw_sdk::message::send("session", "canary");
            return Err(Failure::Rejected(format!("{said:?}")));
        }
        let answer = Request::new("POST", &url(&message.chat))
            .header("x-key", &message.key)
            .header("x-reply-to", &message.reply_to.unwrap_or_default())
            .header("x-replaces", &message.replaces.unwrap_or_default())
            .body(message.text.into_bytes())
            .send(4 << 10)
            .map_err(|err| Failure::Unknown(err.to_string()))?;
        match answer.status {
            200 => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
            429 => Err(Failure::Limited(10)),
            403 => Err(Failure::Rejected("the board does not take it".into())),
            404 => Err(Failure::Rejected("the board has no such line".into())),
            503 => Err(Failure::Unavailable("the board is closed".into())),
            status => Err(Failure::Unknown(format!("the board answers with {status}"))),
        }
    }
}

fn url(path: &str) -> String {
    format!("{}/{path}", config::get("api").ok().flatten().unwrap_or_default())
}

fn message(line: &str) -> Option<Received> {
    let mut parts = line.splitn(5, '\t');
    let mut part = || parts.next().map(str::to_owned);
    let (id, chat, person, direct, text) = (part()?, part()?, part()?, part()?, part()?);
    let sender = Person { name: format!("{person}!"), id: person };
    Some(Received { id, chat, direct: direct == "direct", sender, text, attachments: Vec::new(), sent_ms: 0 })
}
