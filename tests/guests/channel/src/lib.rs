//! Offers a channel, and no tool. Each of its calls ends as it is told to, by the cursor or by the text.

use openclaw_sdk::Channel;
use openclaw_sdk::channel::{Attachment, Batch, Failure, Outgoing, OutgoingFile, Person, Received};

openclaw_sdk::export_component! {
    name: "channel",
    version: "0.1.0",
    summary: "Offers a channel that ends as it is told to.",
    tools: [],
    channel: Script,
    scopes: [],
}

struct Script;

impl Channel for Script {
    const TEXT_LIMIT: u32 = 4096;
    const IDEMPOTENT: bool = true;
    const FILE_LIMIT: u32 = u32::MAX;

    fn receive(cursor: Option<String>) -> Result<Batch, Failure> {
        let Some(cursor) = cursor else {
            return Ok(Batch { messages: Vec::new(), cursor: "first".into(), wait_ms: 250 });
        };
        fail(&cursor)?;
        let message = Received {
            id: "m1".into(),
            chat: "c\"1".into(),
            direct: true,
            sender: Person { id: "p1".into(), name: "Ada".into() },
            text: format!("after {cursor}"),
            attachments: vec![Attachment {
                id: "a1".into(),
                name: "a\nb.png".into(),
                media_type: "image/png".into(),
                size: 7,
            }],
            sent_ms: 1_700_000_000_123,
        };
        Ok(Batch { messages: vec![message], cursor: "next".into(), wait_ms: 0 })
    }

    fn send(message: Outgoing) -> Result<String, Failure> {
        fail(&message.text)?;
        let (reply_to, replaces) = (message.reply_to.unwrap_or_default(), message.replaces.unwrap_or_default());
        Ok(format!("{}/{}/{reply_to}/{replaces}", message.chat, message.key))
    }

    fn send_file(file: OutgoingFile) -> Result<String, Failure> {
        fail(&file.name)?;
        let OutgoingFile { chat, name, media_type, bytes, caption, .. } = file;
        let ends = [bytes.first(), bytes.last()].map(|byte| byte.copied().unwrap_or_default());
        Ok(format!("{chat}/{name}/{media_type}/{}/{ends:?}/{}", bytes.len(), caption.unwrap_or_default()))
    }

    /// As many bytes as it is named after.
    fn fetch(attachment: String) -> Result<Vec<u8>, Failure> {
        fail(&attachment)?;
        Ok(vec![7; attachment.parse().unwrap_or_default()])
    }
}

fn fail(how: &str) -> Result<(), Failure> {
    match how {
        "rejected" => Err(Failure::Rejected("no such chat".into())),
        "limited" => Err(Failure::Limited(1500)),
        "unavailable" => Err(Failure::Unavailable("down".into())),
        "unknown" => Err(Failure::Unknown("timed out".into())),
        "trap" => panic!("as told"),
        _ => Ok(()),
    }
}
