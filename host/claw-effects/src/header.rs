//! From a guest's header fields to the ones that would be sent.

use claw_core::effect::EffectError;
use claw_core::guard::Guard;
use reqwest::header::{HeaderName, HeaderValue};

use crate::{limit, secret};

/// Header fields of a request.
const MAX_HEADERS: usize = 100;
/// Bytes of a request's header fields together.
pub(crate) const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Fields of a request that the host writes itself: framing, the target, and what concerns only one connection. Guests'
/// libraries send them out of habit; they are left out. The host unpacks nothing, so it asks for nothing packed.
pub(crate) const HOST_HEADERS: [&str; 9] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
];

/// Fields that ask for something that is not given.
const REFUSED_HEADERS: [&str; 2] = ["http2-settings", "upgrade"];

/// What header fields belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An HTTP request.
    Request,
    /// The handshake of a WebSocket, in which every field of the host's own decides what is spoken: they are refused.
    Handshake,
}

/// Checks header fields. Names become lower case; placeholders of secrets stay what they are.
///
/// # Errors
/// [`EffectError::Denied`] with `E_NET_HEADER`; [`EffectError::Limit`] if they are too many or too large.
pub(crate) fn plan_headers(
    headers: &[(String, Vec<u8>)],
    purpose: Purpose,
) -> Result<Vec<(String, Vec<u8>)>, EffectError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        return Err(limit::reached(format_args!(
            "{} header fields with {bytes} bytes: at most {MAX_HEADERS} with {MAX_HEADER_BYTES} are possible",
            headers.len()
        )));
    }
    let mut planned = Vec::new();
    for (name, value) in headers {
        let field = plan_field(name, value, purpose).map_err(|reason| {
            let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
            EffectError::denied("E_NET_HEADER", format!("header field `{shown}` {reason}"))
        })?;
        planned.extend(field.map(|name| (name, value.clone())));
    }
    Ok(planned)
}

/// The field's name in lower case; nothing if the field is left out.
fn plan_field(name: &str, value: &[u8], purpose: Purpose) -> Result<Option<String>, &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "has a name that is not a token")?;
    let value = HeaderValue::from_bytes(value).map_err(|_| "has a value with a control character")?;
    if !secret::is_well_formed(value.as_bytes()) {
        return Err(secret::MALFORMED);
    }
    let name = name.as_str();
    let host_alone = Err("is for the host alone: leave it out");
    if Guard::NetHeader.is_up() && (REFUSED_HEADERS.contains(&name) || name.starts_with("proxy-")) {
        return host_alone;
    }
    let is_hosts = HOST_HEADERS.contains(&name);
    match purpose {
        Purpose::Request if is_hosts => Ok(None),
        Purpose::Request => Ok(Some(name.to_owned())),
        Purpose::Handshake if is_hosts || name.starts_with("sec-websocket-") => host_alone,
        Purpose::Handshake if value.to_str().is_err() => Err("has a value that is not ASCII"),
        Purpose::Handshake => Ok(Some(name.to_owned())),
    }
}

#[cfg(test)]
mod tests;
