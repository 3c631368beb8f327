//! A request body, written piece by piece while it is sent.

use openclaw_sdk::JsonSchema;
use openclaw_sdk::serde_json::json;
use serde::Deserialize;
use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::poll::poll;
use wasip2::io::streams::{OutputStream, StreamError};

use super::http;
use crate::outcome::{Failure, Outcome};

/// A `POST` to `http://AUTHORITY/`. Byte `n` of its body is `n ^ n >> 8 ^ n >> 16`.
#[derive(Deserialize, JsonSchema)]
pub struct Upload {
    authority: String,
    bytes: u64,
    /// The `content-length` field, if any.
    length: Option<u64>,
    /// Writes of no bytes before all others.
    #[serde(default)]
    empty: u64,
    #[serde(default)]
    end: End,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum End {
    #[default]
    Finish,
    /// The body is dropped unfinished.
    Drop,
    Trap,
}

/// What the guest takes for a stream that is not read.
const STALLED_NS: u64 = 200_000_000;
/// Bytes of one write.
const PIECE_BYTES: u64 = 16 * 1024;

impl Upload {
    pub fn run(self) -> Outcome {
        let fields = Fields::new();
        if let Some(length) = self.length {
            let length = length.to_string().into_bytes();
            fields
                .append("content-length", &length)
                .map_err(|err| Failure::of_interface("field", format!("{err:?}")))?;
        }
        let request = OutgoingRequest::new(fields);
        let refused = |()| Failure::of_probe("the request is malformed");
        request.set_method(&Method::Post).map_err(refused)?;
        request.set_scheme(Some(&Scheme::Http)).map_err(refused)?;
        request.set_authority(Some(&self.authority)).map_err(refused)?;
        request.set_path_with_query(Some("/")).map_err(refused)?;
        let body = request.body().map_err(refused)?;
        let answer = outgoing_handler::handle(request, None).map_err(|code| http(&code))?;
        let stream = body.write().map_err(refused)?;
        let written = self.write(&stream);
        if matches!(self.end, End::Trap) {
            panic!("the test wants this call to trap");
        }
        drop(stream);
        match self.end {
            End::Finish => {
                // What the server answers counts more.
                let _ = OutgoingBody::finish(body, None);
            }
            _ => drop(body),
        }
        answer.subscribe().block();
        match answer.get() {
            Some(Ok(Ok(response))) => Ok(json!({ "status": response.status(), "written": written })),
            Some(Ok(Err(code))) => Err(http(&code)),
            Some(Err(())) | None => Err(Failure::of_probe("the answer is not there")),
        }
    }

    /// Writes until the host takes no more; gives the bytes that it took. At the first stall their number is written
    /// to `/workspace/stalled`.
    fn write(&self, stream: &OutputStream) -> u64 {
        let mut written = 0;
        let mut has_stalled = false;
        let mut write = |bytes: &[u8], written: u64| {
            while stream.check_write()? == 0 {
                let patience = monotonic_clock::subscribe_duration(STALLED_NS);
                let ready = poll(&[&stream.subscribe(), &patience]);
                if !ready.contains(&0) && !has_stalled {
                    has_stalled = true;
                    std::fs::write("/workspace/stalled", written.to_string()).expect("the workspace is granted");
                }
            }
            stream.write(bytes)
        };
        for _ in 0..self.empty {
            if write(&[], 0).is_err() {
                return written;
            }
        }
        while written < self.bytes {
            let piece: Vec<u8> = (written..self.bytes.min(written + PIECE_BYTES)).map(byte).collect();
            if let Err(StreamError::Closed | StreamError::LastOperationFailed(_)) = write(&piece, written) {
                break;
            }
            written += piece.len() as u64;
        }
        written
    }
}

fn byte(n: u64) -> u8 {
    (n ^ n >> 8 ^ n >> 16) as u8
}
