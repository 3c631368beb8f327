//! Writing into an open file, within the folder's quota.

use std::fs::File as SystemFile;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::ReadWriteFlags;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::refusal::{Failed, full_folder};
use crate::worker::door::CallState;
use crate::worker::meter::{End, Full, Meter};

/// Bytes that a guest may pass to one write of a stream.
const WRITE_BYTES: usize = 64 << 10;

/// Writes into one open file. As a stream it never has anything waiting: the call owns its thread and may block.
pub(super) struct FileWriter {
    pub(super) file: Arc<SystemFile>,
    pub(super) meter: Option<Arc<Meter>>,
    pub(super) call: Arc<CallState>,
    pub(super) position: Position,
}

/// Where the next bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    At(u64),
    End,
}

impl FileWriter {
    /// Cuts or extends the file.
    pub(super) fn set_size(&self, size: u64) -> Result<(), Failed> {
        Ok(self.metered(End::At(size), || self.file.set_len(size))?)
    }

    /// Writes some of the bytes, and moves on behind them.
    pub(super) fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len() as u64;
        match self.position {
            Position::At(offset) => {
                let end = offset.saturating_add(length);
                let written = self.metered(End::At(end), || self.file.write_at(bytes, offset))?;
                self.position = Position::At(offset + written as u64);
                Ok(written)
            }
            Position::End => self.metered(End::Appended(length), || {
                // At the end at the time of writing, whoever else appends.
                Ok(rustix::io::pwritev2(&*self.file, &[IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND)?)
            }),
        }
    }

    fn metered<T>(&self, end: End, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match &self.meter {
            Some(meter) => meter.grow(&self.file, end, act),
            None => act(),
        }
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_some(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(err),
            }
        }
        Ok(())
    }
}

impl OutputStream for FileWriter {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.write_all(&bytes).map_err(|err| {
            if let Some(full) = Full::in_error(&err) {
                // Its number is told when the guest asks the stream's error for it.
                full_folder(full).told(&self.call);
            }
            StreamError::LastOperationFailed(err.into())
        })
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for FileWriter {
    async fn ready(&mut self) {}
}
