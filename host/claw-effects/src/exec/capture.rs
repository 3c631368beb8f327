//! Keeps a part of an output that may be endless: its beginning and its end, or its end alone.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

/// What is kept of a stream; memory is bounded by the cap.
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
    /// Keeps the last `cap` bytes.
    pub(super) fn of_end(cap: usize) -> Self {
        Capture { head: Vec::new(), tail: VecDeque::new(), head_cap: 0, tail_cap: cap, dropped: 0 }
    }

    /// Keeps the first and last halves of at most `cap` bytes.
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

    /// Gives what was kept and begins anew.
    pub(super) fn take(&mut self) -> Kept {
        let Capture { head_cap, tail_cap, .. } = *self;
        let empty = Capture { head: Vec::new(), tail: VecDeque::new(), head_cap, tail_cap, dropped: 0 };
        std::mem::replace(self, empty).finish()
    }

    /// Whether there is nothing to take.
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty() && self.dropped == 0
    }

    /// Takes in a piece of the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) {
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
