//! `wasi:http/outgoing-handler`: each request goes through the door; the worker has no socket of its own.

mod upload;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use claw_core::effect::{EffectError, EffectReply, EffectRequest, HttpRequest, RequestBody};
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use wasmtime_wasi::runtime;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::upload::Upload;
use crate::frame::{BodyPart, FromWorker};
use crate::limits::BODY_CREDIT_BYTES;
use crate::worker::door::{CallState, Door};

/// Sends the requests of one call.
pub(in crate::worker) struct HttpDoor {
    pub(in crate::worker) call: Arc<CallState>,
    pub(in crate::worker) door: Arc<Door>,
}

type Sent = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for HttpDoor {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (call, door) = (Arc::clone(&self.call), Arc::clone(&self.door));
        Box::new(async move { send(call, door, request, options).await })
    }
}

async fn send(
    call: Arc<CallState>,
    door: Arc<Door>,
    request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Sent {
    let (head, mut body) = request.into_parts();
    let (start, is_whole) = upload::begin(&mut body, &call).await?;
    let first_byte = options.and_then(|options| options.first_byte_timeout).unwrap_or(Duration::from_secs(60));
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let length = || head.headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    let request = HttpRequest {
        method: head.method.as_str().to_owned(),
        url: head.uri.to_string(),
        headers: headers.collect(),
        body: if is_whole { RequestBody::Whole(start.to_vec()) } else { RequestBody::Streamed { length: length() } },
        first_byte_timeout_ms: u64::try_from(first_byte.as_millis()).unwrap_or(u64::MAX),
    };
    let (sender, credit) = mpsc::unbounded_channel();
    let sender = (!is_whole).then_some(sender);
    let mut asked = call.ask_with_body(&door, EffectRequest::Http(request), sender).map_err(to_wasi)?;
    let effect = asked.effect;
    // Beside the wait for the answer and the reading of it; it ends with either.
    let upload = (!is_whole).then(|| {
        let (call, door) = (Arc::clone(&call), Arc::clone(&door));
        runtime::spawn(Upload { body, start, credit, call, door, effect, is_sent: false }.run())
    });
    let EffectReply::Http(head) = call.answer(&mut asked).await.map_err(to_wasi)? else {
        return Err(Error::InternalError(Some("the host answered another question".to_owned())));
    };
    let mut response = http::Response::builder().status(head.status);
    for (name, value) in head.headers {
        response = response.header(name, value);
    }
    let body = Body { parts: asked.body, call, door, effect, read: 0, ended: false };
    let response = response
        .body(BodyExt::boxed_unsync(body))
        .map_err(|err| Error::InternalError(Some(format!("the host sent a head that is none: {err}"))))?;
    let uploaded = async move {
        if let Some(upload) = upload {
            upload.await;
        }
        Ok(())
    };
    Ok((response, Box::new(uploaded)))
}

/// The guest's error enum is closed and carries no reason; the reason reaches the model through the call's outcome.
fn to_wasi(err: EffectError) -> Error {
    match err {
        EffectError::Denied { code, .. } if code == "E_NET_ADDR" => Error::DestinationIpProhibited,
        EffectError::Denied { .. } => Error::HttpRequestDenied,
        EffectError::Invalid(_) => Error::HttpRequestUriInvalid,
        EffectError::Limit(_) => Error::ConnectionLimitReached,
        EffectError::Cancelled => Error::ConnectionTerminated,
        EffectError::Unanswered(_) => Error::HttpResponseIncomplete,
        EffectError::Unavailable(text) | EffectError::NotFound(text) | EffectError::Other(text) => {
            Error::InternalError(Some(text))
        }
    }
}

/// A response body. Reading it gives the host credit for more.
struct Body {
    parts: mpsc::UnboundedReceiver<BodyPart>,
    call: Arc<CallState>,
    door: Arc<Door>,
    effect: u32,
    /// Bytes that have been read since the host was last told: telling it of each piece would wake it for each.
    read: u32,
    ended: bool,
}

impl Body {
    fn give_credit(&mut self) -> io::Result<()> {
        if self.read < BODY_CREDIT_BYTES / 2 {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.read);
        self.door.send(&FromWorker::BodyCredit { id: self.call.id, effect: self.effect, bytes })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let part = std::task::ready!(self.parts.poll_recv(ctx));
        Poll::Ready(match part {
            Some(BodyPart::Chunk(chunk)) => {
                self.read += u32::try_from(chunk.len()).unwrap_or(u32::MAX);
                match self.give_credit() {
                    Ok(()) => Some(Ok(http_body::Frame::data(chunk.into()))),
                    Err(_) => Some(Err(Error::ConnectionTerminated)),
                }
            }
            Some(BodyPart::End) => {
                self.ended = true;
                None
            }
            Some(BodyPart::Broken(err)) => {
                self.ended = true;
                Some(Err(to_wasi(err)))
            }
            None => {
                self.ended = true;
                Some(Err(Error::ConnectionTerminated))
            }
        })
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.door.send(&FromWorker::BodyDropped { id: self.call.id, effect: self.effect });
        }
    }
}
