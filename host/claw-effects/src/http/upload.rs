//! The body of a request that is sent while the guest still writes it.

use bytes::Bytes;
use claw_core::effect::EffectError;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::limit;

/// The parts of a streamed body. An error, unlike an end, means that the body is not whole.
pub type RequestParts = BoxStream<'static, Result<Bytes, EffectError>>;

/// When an upload ends that its guest has not ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop {
    /// The server wants no more of it, but its answer is still to be read from the same connection.
    pub unwanted: CancellationToken,
    /// Nobody waits for the answer any more.
    pub over: CancellationToken,
}

/// What is sent of `parts`: at most `max_bytes`. Whatever stops it early is an error, at which the connection is torn
/// down: the server never takes a part of the body for the whole.
pub(super) fn bounded(
    parts: RequestParts,
    max_bytes: u64,
    stop: Stop,
) -> impl Stream<Item = Result<Bytes, EffectError>> + Send {
    stream::unfold(Some((parts, max_bytes)), move |open| {
        let Stop { unwanted, over } = stop.clone();
        async move {
            let (mut parts, left) = open?;
            let part = tokio::select! {
                biased;
                () = over.cancelled() => Err(EffectError::Cancelled),
                () = unwanted.cancelled() => {
                    // Its guest is told.
                    drop(parts);
                    over.cancelled().await;
                    return Some((Err(EffectError::Cancelled), None));
                }
                part = parts.next() => part?,
            };
            let left_then = part.as_ref().ok().and_then(|part| left.checked_sub(part.len() as u64));
            match (part, left_then) {
                (Ok(part), Some(left)) => Some((Ok(part), Some((parts, left)))),
                (Ok(_), None) => Some((Err(limit::reached("the request's body is too long")), None)),
                (Err(err), _) => Some((Err(err), None)),
            }
        }
    })
}

#[cfg(test)]
mod tests;
