//! The component `telegram`: the chats of a Telegram bot, by the Bot API over HTTP. All but `bot` are
//! pure.

mod answer;
mod bot;
mod chat;
mod html;
mod multipart;
mod update;

use openclaw_sdk::channel::{Batch, Failure, Outgoing, OutgoingFile};
use openclaw_sdk::{Channel, scope};

use crate::bot::Bot;

openclaw_sdk::export_component! {
    name: "telegram",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Reads and writes the messages of a Telegram bot.",
    tools: [],
    channel: Telegram,
    scopes: [
        scope::secret("telegram-token"),
        scope::http_paths("https://api.telegram.org", &["POST"], &["/bot{{secret:telegram-token}}/"]),
        scope::http_paths("https://api.telegram.org", &["GET"], &["/file/bot{{secret:telegram-token}}/"]),
        // A Bot API server of the owner's own: only what its owner grants by name is reached without a question.
        scope::http_paths("*", &["POST"], &["/bot{{secret:telegram-token}}/"]),
        scope::http_paths("*", &["GET"], &["/file/bot{{secret:telegram-token}}/"]),
    ],
}

struct Telegram;

impl Channel for Telegram {
    /// Of a text, after its entities have been parsed. Source: the Bot API's `sendMessage`.
    const TEXT_LIMIT: u32 = 4096;
    const EDITS: bool = true;
    /// Telegram's own limit is higher than the host's.
    const FILE_LIMIT: u32 = 50_000_000;

    fn receive(cursor: Option<String>) -> Result<Batch, Failure> {
        Bot::of_owner()?.receive(cursor)
    }

    fn send(message: Outgoing) -> Result<String, Failure> {
        Bot::of_owner()?.send(&message)
    }

    fn send_file(file: OutgoingFile) -> Result<String, Failure> {
        Bot::of_owner()?.send_file(&file)
    }

    fn fetch(attachment: String) -> Result<Vec<u8>, Failure> {
        Bot::of_owner()?.fetch(&attachment)
    }
}
