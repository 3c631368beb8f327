//! Requests: `wasi:http`.

use serde::{Deserialize, Serialize};

use super::Target;

/// One HTTP request in the guest's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// In order; repeated names are allowed.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Vec<u8>,
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
    /// The whole body.
    pub body: Vec<u8>,
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
