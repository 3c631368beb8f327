//! From a guest's words to the one request that would be sent.

use std::time::Duration;

use claw_core::effect::{EffectError, HttpPlan, HttpRequest, MAX_REQUEST_BODY_BYTES};
use reqwest::Method;

use crate::header::{self, plan_headers};
use crate::limit;
use crate::target::{self, plan_target};

/// Bytes of a method.
const MAX_METHOD_BYTES: usize = 32;

/// The most that a guest can get, whatever it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Time to the first byte of the answer. A request is clamped to 1 ms up to this.
    pub max_first_byte: Duration,
    /// Time to the last byte of the answer.
    pub max_total: Duration,
    /// Bytes of a request's body.
    pub max_request_bytes: u64,
    /// Bytes of an answer's body.
    pub max_response_bytes: u64,
    /// Bytes of an answer's header fields.
    pub max_response_header_bytes: usize,
}

impl Default for HttpLimits {
    /// Enough for pages, feeds and model answers; not for disk images.
    fn default() -> Self {
        HttpLimits {
            max_first_byte: Duration::from_secs(120),
            max_total: Duration::from_secs(600),
            max_request_bytes: MAX_REQUEST_BODY_BYTES,
            max_response_bytes: 16 * 1024 * 1024,
            max_response_header_bytes: 64 * 1024,
        }
    }
}

/// Turns a guest's request into the canonical form that policy decides on: the URL normalised and its address class
/// known, the header fields checked, every number clamped. Looks nothing up.
///
/// # Errors
/// [`EffectError::Denied`] with `E_NET_URL` or `E_NET_HEADER`; [`EffectError::Limit`] if something is too large;
/// [`EffectError::Invalid`] for a method that is not one.
pub fn plan_http(request: &HttpRequest, limits: &HttpLimits) -> Result<HttpPlan, EffectError> {
    // A body of unknown length is counted while it is sent.
    let (bytes, most) = (request.body.length().unwrap_or(0), limits.max_request_bytes);
    if bytes > most {
        let text = format_args!("the request body has {bytes} bytes, at most {most} are possible");
        return Err(limit::reached(text));
    }
    let max_first_byte_ms = u64::try_from(limits.max_first_byte.as_millis()).unwrap_or(u64::MAX).max(1);
    Ok(HttpPlan {
        method: plan_method(&request.method)?,
        target: plan_target(&request.url, target::Purpose::Request)?,
        headers: plan_headers(&request.headers, header::Purpose::Request)?,
        body: request.body.clone(),
        first_byte_timeout_ms: request.first_byte_timeout_ms.clamp(1, max_first_byte_ms),
    })
}

fn plan_method(method: &str) -> Result<String, EffectError> {
    let refuse = |reason: &str| Err(EffectError::Invalid(format!("method `{}` {reason}", method.escape_debug())));
    if method.len() > MAX_METHOD_BYTES {
        return Err(EffectError::Invalid(format!("a method of {} bytes is too long", method.len())));
    }
    let upper = method.to_ascii_uppercase();
    if Method::from_bytes(upper.as_bytes()).is_err() {
        return refuse("is not a token");
    }
    // CONNECT makes a tunnel; TRACE reflects what the host adds.
    if upper == "CONNECT" || upper == "TRACE" {
        return refuse("is not possible");
    }
    Ok(upper)
}

#[cfg(test)]
mod tests;
