//! The body of an answer, in bounded pieces.

use bytes::Bytes;
use claw_core::effect::EffectError;
use reqwest::Response;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::dial;
use crate::limit::{self, Slot};
use crate::mask::{Mask, MaskStream};

/// Bytes of one piece.
const MAX_CHUNK_BYTES: usize = 64 * 1024;

/// How much of a body there may be, and until when.
pub(super) struct BodyLimits {
    pub max_bytes: u64,
    pub deadline: Instant,
}

/// The rest of an answer. Dropping it closes the connection.
#[derive(Debug)]
pub struct HttpBody {
    /// None once it ended or failed.
    response: Option<Response>,
    /// What arrived in a piece that was too long.
    rest: Bytes,
    /// Hides the secrets that were sent; nothing if none were.
    mask: Option<MaskStream>,
    /// Bytes that may still arrive.
    left: u64,
    deadline: Instant,
    cancel: CancellationToken,
    _held: Held,
}

/// What is given back with the body: the slot, and what may still be sent of the request.
#[derive(Debug)]
pub(super) struct Held {
    pub _slot: Slot,
    pub _upload: DropGuard,
}

impl HttpBody {
    pub(super) fn new(
        response: Response,
        limits: BodyLimits,
        mask: &Mask,
        cancel: CancellationToken,
        held: Held,
    ) -> Self {
        let BodyLimits { max_bytes, deadline } = limits;
        let mask = (!mask.is_empty()).then(|| mask.stream());
        HttpBody { response: Some(response), rest: Bytes::new(), mask, left: max_bytes, deadline, cancel, _held: held }
    }

    /// The next piece, 1 byte to 64 KiB; nothing at the end.
    ///
    /// Cancel-safe: no byte is lost if the future is dropped.
    /// # Errors
    /// [`EffectError::Limit`] when the answer is too long or takes too long, [`EffectError::Cancelled`],
    /// [`EffectError::Unavailable`] if the connection breaks. After an error the body has ended.
    pub async fn next(&mut self) -> Result<Option<Bytes>, EffectError> {
        if self.rest.is_empty() {
            match self.receive().await {
                Ok(piece) => self.rest = piece,
                Err(err) => {
                    self.response = None;
                    return Err(err);
                }
            }
        }
        let length = self.rest.len().min(MAX_CHUNK_BYTES);
        Ok((length > 0).then(|| self.rest.split_to(length)))
    }

    /// What arrives next and can be passed on; empty at the end.
    async fn receive(&mut self) -> Result<Bytes, EffectError> {
        while let Some(response) = &mut self.response {
            let piece = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(EffectError::Cancelled),
                () = tokio::time::sleep_until(self.deadline) => {
                    return Err(limit::reached("the answer took too long to arrive"));
                }
                piece = response.chunk() => piece,
            };
            let piece =
                piece.map_err(|err| EffectError::Unanswered(format!("the answer broke off: {}", dial::chain(&err))))?;
            let passed = match piece {
                None => {
                    self.response = None;
                    self.mask.take().map_or_else(Bytes::new, |mut mask| mask.finish().into())
                }
                Some(piece) => {
                    self.left = self
                        .left
                        .checked_sub(piece.len() as u64)
                        .ok_or_else(|| limit::reached("the answer's body is too long"))?;
                    self.mask.as_mut().map_or_else(|| piece.clone(), |mask| mask.push(&piece).into())
                }
            };
            // An empty piece would look like the end.
            if !passed.is_empty() {
                return Ok(passed);
            }
        }
        Ok(Bytes::new())
    }
}
