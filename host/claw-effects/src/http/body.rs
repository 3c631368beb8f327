//! The body of an answer, in bounded pieces.

use bytes::Bytes;
use claw_core::effect::EffectError;
use reqwest::Response;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Bytes of one piece.
const MAX_CHUNK_BYTES: usize = 64 * 1024;

/// The rest of an answer. Dropping it closes the connection.
#[derive(Debug)]
pub struct HttpBody {
    /// None once it ended or failed.
    response: Option<Response>,
    /// What arrived in a piece that was too long.
    rest: Bytes,
    /// Bytes that may still arrive.
    left: u64,
    deadline: Instant,
    cancel: CancellationToken,
}

impl HttpBody {
    pub(super) fn new(response: Response, cap: u64, deadline: Instant, cancel: CancellationToken) -> Self {
        HttpBody { response: Some(response), rest: Bytes::new(), left: cap, deadline, cancel }
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

    /// What arrives next; empty at the end.
    async fn receive(&mut self) -> Result<Bytes, EffectError> {
        while let Some(response) = &mut self.response {
            let piece = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(EffectError::Cancelled),
                () = tokio::time::sleep_until(self.deadline) => {
                    return Err(EffectError::Limit("the answer took too long to arrive".into()));
                }
                piece = response.chunk() => piece,
            };
            let piece = piece.map_err(|err| {
                EffectError::Unavailable(format!("the answer broke off: {}", super::broker::chain(&err)))
            })?;
            match piece {
                None => self.response = None,
                Some(piece) => {
                    self.left = self
                        .left
                        .checked_sub(piece.len() as u64)
                        .ok_or_else(|| EffectError::Limit("the answer's body is too long".into()))?;
                    // An empty piece would look like the end.
                    if !piece.is_empty() {
                        return Ok(piece);
                    }
                }
            }
        }
        Ok(Bytes::new())
    }
}
