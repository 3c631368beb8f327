//! What the author of a channel writes.

pub use crate::channel_bindings::exports::openclaw::channel::guest::{
    Attachment, Batch, Failure, Outgoing, OutgoingFile, Person, Received,
};

use crate::ToolError;
use crate::private::Abilities;

#[cfg(test)]
mod tests;

/// A chat service: the host asks it for messages and has it send some. Like a tool, it runs in a fresh instance each
/// time, reaches its service with [`crate::http`] and gets its token as the placeholder of a [`crate::secrets::Secret`].
///
/// ```
/// # #[cfg(feature = "http")] mod board {
/// use openclaw_sdk::channel::{Batch, Failure, Outgoing};
/// use openclaw_sdk::{Channel, http::Request, scope, secrets};
///
/// /// A bulletin board whose messages are lines.
/// struct Board;
///
/// impl Channel for Board {
///     const TEXT_LIMIT: u32 = 500;
///
///     fn receive(cursor: Option<String>) -> Result<Batch, Failure> {
///         let since = cursor.unwrap_or_default();
///         let _page = Request::new("GET", &format!("https://board.example.com/lines?since={since}")).send(64 << 10)?;
///         Ok(Batch { messages: vec![], cursor: since, wait_ms: 5_000 })
///     }
///
///     fn send(message: Outgoing) -> Result<String, Failure> {
///         let token = secrets::get("board-token")?.placeholder();
///         let answer = Request::new("POST", "https://board.example.com/lines")
///             .header("authorization", &format!("Bearer {token}"))
///             .body(message.text.into_bytes())
///             .send(4 << 10)?;
///         match answer.status {
///             200 => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
///             429 => Err(Failure::Limited(1_000)),
///             400..500 => Err(Failure::Rejected(format!("the board refuses the line with {}", answer.status))),
///             status => Err(Failure::Unknown(format!("the board answers with {status}"))),
///         }
///     }
/// }
///
/// openclaw_sdk::export_component! {
///     name: "board",
///     version: "0.1.0",
///     summary: "Reads and writes the lines of a bulletin board.",
///     tools: [],
///     channel: Board,
///     scopes: [scope::http("https://board.example.com", &["GET", "POST"]), scope::secret("board-token")],
/// }
/// # }
/// # fn main() {}
/// ```
pub trait Channel {
    /// Length of the longest message that the service takes, in UTF-16 units; 1 to 65,536. The host cuts what is longer.
    const TEXT_LIMIT: u32;

    /// Whether the service shows two messages with the same [`Outgoing::key`] only once.
    const IDEMPOTENT: bool = false;

    /// Whether the service can change what a message says: only then a message has [`Outgoing::replaces`], the service's id
    /// of the one to be changed.
    const EDITS: bool = false;

    /// Bytes of the largest file that the service takes; 0 if it takes none. More than 8 MiB count as that.
    const FILE_LIMIT: u32 = 0;

    /// Gives the messages after a cursor; without one, those that the service has kept. May wait for some, up to 30
    /// seconds. The same cursor gives the same messages again, so the service is not told that they have been read
    /// before the host asks with the next one.
    ///
    /// # Errors
    /// The closest [`Failure`]. A [`ToolError`] converts with `?`.
    fn receive(cursor: Option<String>) -> Result<Batch, Failure>;

    /// Sends one message, or changes one, and gives the service's id of it. Whatever sends it comes last: if the host
    /// refuses one of the call's requests, the message counts as not sent.
    ///
    /// # Errors
    /// The closest [`Failure`]. A [`ToolError`] converts with `?`.
    fn send(message: Outgoing) -> Result<String, Failure>;

    /// Sends one file as a message of its own; as [`Channel::send`] otherwise. Only called where [`Channel::FILE_LIMIT`] is
    /// not 0.
    ///
    /// # Errors
    /// The closest [`Failure`].
    fn send_file(_: OutgoingFile) -> Result<String, Failure> {
        Err(Failure::Rejected("this channel sends no files".into()))
    }

    /// Gives the bytes of an [`Attachment`] of a message, at most 4 MiB. Only called where messages have some.
    ///
    /// # Errors
    /// The closest [`Failure`]: [`Failure::Rejected`] if it is larger.
    fn fetch(_attachment: String) -> Result<Vec<u8>, Failure> {
        Err(Failure::Rejected("this channel fetches no attachments".into()))
    }
}

/// What a channel can do.
#[doc(hidden)]
pub fn get_abilities<C: Channel>() -> Abilities {
    Abilities { text_limit: C::TEXT_LIMIT, idempotent: C::IDEMPOTENT, edits: C::EDITS, file_limit: C::FILE_LIMIT }
}

impl From<ToolError> for Failure {
    /// Whatever leaves open whether something was sent becomes [`Failure::Unknown`].
    fn from(error: ToolError) -> Self {
        match error {
            ToolError::InvalidArguments(text) | ToolError::NotFound(text) => Failure::Rejected(text),
            ToolError::Denied(denial) => Failure::Unavailable(format!("{}: {}", denial.code, denial.reason)),
            ToolError::Unavailable(text) => Failure::Unavailable(text),
            ToolError::Failed(failure) if !failure.sent => Failure::Unavailable(failure.message),
            ToolError::Failed(failure) => Failure::Unknown(failure.message),
            // It may be the answer that reached one.
            ToolError::Limit(text) => Failure::Unknown(text),
            ToolError::Cancelled => Failure::Unknown("the call was stopped".to_owned()),
        }
    }
}

impl From<crate::HostError> for Failure {
    fn from(error: crate::HostError) -> Self {
        ToolError::from(error).into()
    }
}
