//! Server-sent events, from bytes that may be split anywhere.
//!
//! Follows the WHATWG definition of `text/event-stream`: LF, CRLF and CR end a line, comments and unknown fields are
//! skipped, `data` lines join with LF, an empty line ends an event, and an event that was not ended is dropped. Only the
//! data is given out: both wire formats repeat the event's name in it.

/// Longest accepted line and longest accepted `data` of one event. A provider's event holds a few tokens, but some give
/// a whole tool call in one, and the Responses format all of a reply at its end.
pub(crate) const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// Longest accepted stream. OpenAI spends about 250 bytes on a token, so this is some 250,000 tokens; it ends streams
/// that keep the connection alive for ever.
pub(crate) const MAX_STREAM_BYTES: usize = 64 * 1024 * 1024;

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SseError {
    EventTooLong,
    StreamTooLong,
}

/// The state between two pieces of a stream.
#[derive(Default)]
pub(crate) struct SseParser {
    line: Vec<u8>,
    /// The last byte was CR: an LF that follows belongs to it.
    after_cr: bool,
    /// A byte order mark is skipped only in the first line.
    past_first_line: bool,
    data: Option<String>,
    total_bytes: usize,
}

impl SseParser {
    /// Takes the next piece and returns the data of the events that it completes.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<String>, SseError> {
        self.total_bytes = self.total_bytes.saturating_add(bytes.len());
        if self.total_bytes > MAX_STREAM_BYTES {
            return Err(SseError::StreamTooLong);
        }
        let mut events = Vec::new();
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + part.len() > MAX_EVENT_BYTES {
                return Err(SseError::EventTooLong);
            }
            self.line.extend_from_slice(part);
            let Some(end) = end else { break };
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            events.extend(self.end_line()?);
        }
        Ok(events)
    }

    /// How much was taken so far.
    pub(crate) fn total_bytes(&self) -> usize {
        self.total_bytes
    }

    fn end_line(&mut self) -> Result<Option<String>, SseError> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let mut line = line.as_ref();
        if !std::mem::replace(&mut self.past_first_line, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.data.take());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        // `id` and `retry` serve reconnects, which model providers do not offer; an empty field is a comment.
        if field == "data" {
            self.add_data(value)?;
        }
        Ok(None)
    }

    fn add_data(&mut self, value: &str) -> Result<(), SseError> {
        match &mut self.data {
            None => self.data = Some(value.to_owned()),
            Some(data) if data.len() + value.len() >= MAX_EVENT_BYTES => return Err(SseError::EventTooLong),
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
