//! From a guest's words to the one connection that would be opened.

use std::time::Duration;

use claw_core::effect::{ConnectPlan, ConnectRequest, EffectError};
use reqwest::header::HeaderName;

use crate::header::{self, plan_headers};
use crate::target::{self, plan_target};

/// Subprotocols that a guest may offer.
const MAX_PROTOCOLS: usize = 16;
/// Bytes of a subprotocol's name.
const MAX_PROTOCOL_BYTES: usize = 128;

/// The most that a guest can get of one connection, whatever it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetLimits {
    /// Bytes of a message in either direction, and of one read or write of a plain connection.
    pub max_message_bytes: usize,
    /// Bytes in both directions together, those of frames and of TLS's payload included.
    pub max_total_bytes: u64,
    /// Time that one call of a guest waits to receive, or for the server to take what is sent.
    pub max_wait: Duration,
}

impl Default for NetLimits {
    fn default() -> Self {
        NetLimits {
            max_message_bytes: 1024 * 1024,
            max_total_bytes: 256 * 1024 * 1024,
            max_wait: Duration::from_secs(60),
        }
    }
}

/// Turns a guest's request into the canonical form that policy decides on: the URL normalised and its address class
/// known, the handshake's header fields and subprotocols checked. Looks nothing up.
///
/// # Errors
/// [`EffectError::Denied`] with `E_NET_URL` or `E_NET_HEADER`; [`EffectError::Limit`] if something is too large;
/// [`EffectError::Invalid`] for subprotocols that are none, and for what only a WebSocket has on a plain connection.
pub fn plan_connect(request: &ConnectRequest) -> Result<ConnectPlan, EffectError> {
    let target = plan_target(&request.url, target::Purpose::Connection)?;
    let headers = plan_headers(&request.headers, header::Purpose::Handshake)?;
    let is_plain = matches!(target.scheme.as_str(), "tcp" | "tls");
    if is_plain && !(headers.is_empty() && request.protocols.is_empty()) {
        let text = format!("a `{}` connection has neither header fields nor subprotocols", target.scheme);
        return Err(EffectError::Invalid(text));
    }
    check_protocols(&request.protocols)?;
    Ok(ConnectPlan { target, headers, protocols: request.protocols.clone() })
}

fn check_protocols(protocols: &[String]) -> Result<(), EffectError> {
    if protocols.len() > MAX_PROTOCOLS {
        let count = protocols.len();
        return Err(EffectError::Invalid(format!("{count} subprotocols: at most {MAX_PROTOCOLS} are possible")));
    }
    for (position, name) in protocols.iter().enumerate() {
        // Header names and subprotocols are both tokens.
        let is_token = name.len() <= MAX_PROTOCOL_BYTES && HeaderName::from_bytes(name.as_bytes()).is_ok();
        if !is_token || protocols[..position].contains(name) {
            let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
            return Err(EffectError::Invalid(format!("subprotocol `{shown}` is not a token, or stands there twice")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
