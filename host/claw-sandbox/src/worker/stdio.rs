//! What a guest prints: the first and the last bytes are kept, the rest is counted and dropped.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::limits::STDIO_BYTES;

/// Both of a call's output streams end here. Never fails and never blocks: a guest that floods it only wastes its own
/// CPU time.
#[derive(Clone, Default)]
pub(super) struct Printed {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
}

impl Printed {
    fn add(&self, bytes: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = STDIO_BYTES - kept.head.len();
        let (head, rest) = bytes.split_at(bytes.len().min(room));
        kept.head.extend_from_slice(head);
        // Only the last bytes of a large write can stay.
        let (passed, rest) = rest.split_at(rest.len().saturating_sub(STDIO_BYTES));
        let overflow = (kept.tail.len() + rest.len()).saturating_sub(STDIO_BYTES);
        kept.tail.drain(..overflow);
        kept.tail.extend(rest);
        kept.dropped += (passed.len() + overflow) as u64;
    }

    /// The kept text, control characters shown as escapes.
    pub(super) fn text(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = printable(&kept.head);
        if kept.dropped > 0 {
            text.push_str(&format!("\n[{} bytes dropped]\n", kept.dropped));
        }
        let tail: Vec<u8> = kept.tail.iter().copied().collect();
        text.push_str(&printable(&tail));
        text
    }
}

fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for c in String::from_utf8_lossy(bytes).chars() {
        if c.is_control() && c != '\n' && c != '\t' {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    text
}

/// A guest's text as one line of at most `max` bytes: no control characters, no line or paragraph separators, nothing
/// that turns the direction of writing.
pub(super) fn one_line(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if hidden {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
        if line.len() > max {
            line.truncate(line.floor_char_boundary(max));
            line.push('…');
            break;
        }
    }
    line
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Printed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.add(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.add(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_text_is_one_line_whatever_stands_in_it() {
        // RS-22
        let line = one_line("a\nb\r\u{1b}[31m\u{2028}\u{202e}\"c\"", 1000);
        assert_eq!(line, "a\\nb\\r\\u{1b}[31m\\u{2028}\\u{202e}\"c\"");
        let cut = one_line(&"ä".repeat(1000), 11);
        assert!(cut.len() <= 11 + '…'.len_utf8() && cut.ends_with('…'), "{cut}");
    }

    #[test]
    fn a_flood_keeps_its_first_and_last_bytes_and_counts_the_rest() {
        let printed = Printed::default();
        printed.add(b"first");
        for _ in 0..10_000 {
            printed.add(&[b'x'; 100]);
        }
        printed.add(b"\x1b[31mlast");
        let text = printed.text();
        assert!(text.starts_with("first") && text.ends_with("\\u{1b}[31mlast"), "{text}");
        assert!(text.contains("bytes dropped") && text.len() < 3 * STDIO_BYTES);
    }
}
