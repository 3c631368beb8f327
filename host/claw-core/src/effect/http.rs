//! Requests: `wasi:http`.

use serde::{Deserialize, Serialize};

use super::Target;

/// Bytes of a request's body, streamed or not.
pub const MAX_REQUEST_BODY_BYTES: u64 = 64 << 20;

/// The body of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestBody {
    /// All of it.
    Whole(Vec<u8>),
    /// It comes in parts while the request is sent.
    Streamed {
        /// Bytes of all parts, if the guest has said so.
        length: Option<u64>,
    },
}

impl RequestBody {
    /// Bytes of all of it, if that is known before it is sent.
    pub fn length(&self) -> Option<u64> {
        match self {
            RequestBody::Whole(bytes) => Some(bytes.len() as u64),
            RequestBody::Streamed { length } => *length,
        }
    }
}

/// One HTTP request in the guest's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// In order; repeated names are allowed.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: RequestBody,
    /// Time to the first byte of the answer, in milliseconds; the host clamps it.
    pub first_byte_timeout_ms: u64,
}

/// The canonical form of an [`HttpRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpPlan {
    /// Upper-case token.
    pub method: String,
    /// Where it goes.
    pub target: Target,
    /// The headers that will be sent, lower-case names; what the host sets itself is not among them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: RequestBody,
    /// Clamped time to the first byte of the answer, in milliseconds.
    pub first_byte_timeout_ms: u64,
}

/// The head of an HTTP answer; the body follows in chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpHead {
    /// 100 to 599.
    pub status: u16,
    /// In order.
    pub headers: Vec<(String, Vec<u8>)>,
}
