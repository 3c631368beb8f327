//! The component `telegram`: the chats of a Telegram bot, by the Bot API over HTTP. `answer`, `chat`, `html` and `update`
//! are pure.

mod answer;
mod bot;
mod chat;
mod html;
mod update;

use openclaw_sdk::channel::{Batch, Failure, Outgoing};
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
        // A Bot API server of the owner's own: only what its owner grants by name is reached without a question.
        scope::http_paths("*", &["POST"], &["/bot{{secret:telegram-token}}/"]),
    ],
}

struct Telegram;

impl Channel for Telegram {
    /// Of a text, after its entities have been parsed. Source: the Bot API's `sendMessage`.
    const TEXT_LIMIT: u32 = 4096;
    const EDITS: bool = true;

    fn receive(cursor: Option<String>) -> Result<Batch, Failure> {
        Bot::of_owner()?.receive(cursor)
    }

    fn send(message: Outgoing) -> Result<String, Failure> {
        Bot::of_owner()?.send(&message)
    }
}
