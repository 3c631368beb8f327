//! Keeps the beginning and the end of an output that may be endless.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The first and last halves of a stream; memory is bounded by the cap.
#[derive(Debug)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_cap: usize,
    tail_cap: usize,
    dropped: u64,
}

/// What was kept of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The kept bytes.
    pub bytes: Vec<u8>,
    /// How many are missing in the middle.
    pub dropped: u64,
}

impl Capture {
    /// Keeps at most `cap` bytes.
    pub(super) fn new(cap: usize) -> Self {
        let head_cap = cap.div_ceil(2);
        Capture { head: Vec::new(), tail: VecDeque::new(), head_cap, tail_cap: cap - head_cap, dropped: 0 }
    }

    /// Takes in all of `stream` until it ends. A read error ends it too: the writer is gone then.
    ///
    /// Cancel-safe: what was read is kept.
    pub(super) async fn fill(&mut self, mut stream: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 32 * 1024];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            self.push(&buffer[..length]);
        }
    }

    /// The kept bytes in order.
    pub(super) fn finish(self) -> Kept {
        let mut bytes = self.head;
        bytes.extend(self.tail);
        Kept { bytes, dropped: self.dropped }
    }

    fn push(&mut self, bytes: &[u8]) {
        let to_head = bytes.len().min(self.head_cap - self.head.len());
        let (head, rest) = bytes.split_at(to_head);
        self.head.extend_from_slice(head);
        // Of a piece longer than the tail only its end can stay.
        let skipped = rest.len().saturating_sub(self.tail_cap);
        self.tail.extend(&rest[skipped..]);
        let surplus = self.tail.len().saturating_sub(self.tail_cap);
        self.tail.drain(..surplus);
        self.dropped += (skipped + surplus) as u64;
    }
}

#[cfg(test)]
mod tests;
