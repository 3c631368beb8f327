//! The channel `{{name}}`: a bulletin board whose messages are lines of `number TAB person TAB text`. Put your service in
//! its place.

use openclaw_sdk::channel::{Batch, Failure, Outgoing, Person, Received};
use openclaw_sdk::http::{Request, Response};
use openclaw_sdk::{Channel, scope, secrets};

const BOARD: &str = "https://board.example.com";
const TOKEN: &str = "{{name}}-token";

openclaw_sdk::export_component! {
    name: "{{name}}",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Reads and writes the lines of a bulletin board.",
    tools: [],
    channel: Board,
    scopes: [scope::http(BOARD, &["GET", "POST"]), scope::secret(TOKEN)],
}

struct Board;

impl Channel for Board {
    /// Of one line. The host cuts what is longer.
    const TEXT_LIMIT: u32 = 500;

    fn receive(cursor: Option<String>) -> Result<Batch, Failure> {
        let after = cursor.unwrap_or_else(|| "0".to_owned());
        let answer = asked(Request::new("GET", &format!("{BOARD}/lines?after={after}")))?;
        if answer.status != 200 {
            return Err(Failure::Unavailable(format!("the board answers with {}", answer.status)));
        }
        let text = String::from_utf8_lossy(&answer.body);
        // The host takes so many at a time; the others come with the next cursor.
        let messages: Vec<_> = text.lines().take(100).filter_map(message).collect();
        let cursor = messages.last().map_or(after, |last| last.id.clone());
        Ok(Batch { messages, cursor, wait_ms: 2_000 })
    }

    fn send(message: Outgoing) -> Result<String, Failure> {
        let line = Request::new("POST", &format!("{BOARD}/lines")).body(message.text.into_bytes());
        let answer = asked(line)?;
        match answer.status {
            200 => Ok(String::from_utf8_lossy(&answer.body).trim().to_owned()),
            429 => Err(Failure::Limited(1_000)),
            400..500 => Err(Failure::Rejected(format!("the board refuses the line with {}", answer.status))),
            // It may stand there all the same.
            status => Err(Failure::Unknown(format!("the board answers with {status}"))),
        }
    }
}

/// What the board answers to whoever has the token, which never gets in here: the host puts it in.
fn asked(request: Request) -> Result<Response, Failure> {
    let token = secrets::get(TOKEN)?.placeholder();
    Ok(request.header("authorization", &format!("Bearer {token}")).send(64 << 10)?)
}

fn message(line: &str) -> Option<Received> {
    let mut parts = line.splitn(3, '\t');
    let (id, person, text) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Received {
        id: id.to_owned(),
        // Each person has a board of their own.
        chat: person.to_owned(),
        direct: true,
        sender: Person { id: person.to_owned(), name: person.to_owned() },
        text: text.to_owned(),
        attachments: Vec::new(),
        sent_ms: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn a_line_is_a_message_of_a_person() {
        let read = message("7\tada\thello\tworld").unwrap();
        assert_eq!((read.id.as_str(), read.sender.id.as_str(), read.text.as_str()), ("7", "ada", "hello\tworld"));
        assert!(message("no line").is_none());
    }
}
