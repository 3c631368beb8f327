//! Request bodies that are too long to travel with their request: they follow in parts, as the host has room for them.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use claw_core::effect::EffectError;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::frame::{BodyPart, FromWorker};
use crate::limits::{INLINE_BODY_BYTES, REQUEST_PART_BYTES};
use crate::worker::door::{CallState, Door};

/// A request body on its way. Dropping it before its end tells the host that the body is not whole.
pub(super) struct Upload {
    pub(super) body: WasiBody,
    /// What has been read of it and is to be sent next.
    pub(super) start: BytesMut,
    /// One for each part that may be sent; closed once the host wants no more.
    pub(super) credit: mpsc::UnboundedReceiver<()>,
    pub(super) call: Arc<CallState>,
    pub(super) door: Arc<Door>,
    pub(super) effect: u32,
    /// Whether all of it has been sent.
    pub(super) is_sent: bool,
}

/// Reads a body until it ends, or is too long to travel with its request.
pub(super) async fn begin(body: &mut WasiBody, call: &CallState) -> Result<(BytesMut, bool), Error> {
    let mut start = BytesMut::new();
    while start.len() <= INLINE_BODY_BYTES {
        match next(body, call).await? {
            Some(bytes) => start.extend_from_slice(&bytes),
            None => return Ok((start, true)),
        }
    }
    Ok((start, false))
}

/// The next bytes of a body, at least one; nothing at its end.
async fn next(body: &mut WasiBody, call: &CallState) -> Result<Option<Bytes>, Error> {
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(bytes) if !bytes.is_empty() => return Ok(Some(bytes)),
            // Trailers are not sent, and writes of no bytes are no parts.
            _ => {}
        }
    }
    // A guest that trapped leaves its bodies as though they had ended.
    if call.has_ended() { Err(Error::ConnectionTerminated) } else { Ok(None) }
}

impl Upload {
    /// Sends the body, as long as the guest writes and the host wants it.
    pub(super) async fn run(mut self) {
        let mut is_read = false;
        loop {
            tokio::select! {
                biased;
                bytes = next(&mut self.body, &self.call), if !is_read && self.start.len() < REQUEST_PART_BYTES => {
                    match bytes {
                        Ok(Some(bytes)) => self.start.extend_from_slice(&bytes),
                        Ok(None) => is_read = true,
                        Err(_) => return,
                    }
                }
                credit = self.credit.recv(), if is_read || !self.start.is_empty() => {
                    let part = self.start.split_to(self.start.len().min(REQUEST_PART_BYTES));
                    self.is_sent = credit.is_some() && part.is_empty();
                    if credit.is_none() || self.is_sent || self.send(BodyPart::Chunk(part.to_vec())).is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn send(&self, part: BodyPart) -> io::Result<()> {
        self.door.send(&FromWorker::RequestPart { id: self.call.id, effect: self.effect, part })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.call.forget_credit(self.effect);
        let _ = self.send(if self.is_sent { BodyPart::End } else { BodyPart::Broken(EffectError::Cancelled) });
    }
}
