//! From a guest's words to the one request that would be sent.

use std::time::Duration;

use claw_core::effect::{EffectError, HttpPlan, HttpRequest, Target};
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use url::{Host, Url};

use crate::http::address;

/// Bytes of a URL.
const MAX_URL_BYTES: usize = 16 * 1024;
/// Header fields of a request.
const MAX_HEADERS: usize = 100;
/// Bytes of a request's header fields together.
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// Bytes of a method.
const MAX_METHOD_BYTES: usize = 32;

/// Fields that the host writes itself: framing, the target, and what concerns only one connection. Guests' libraries
/// send them out of habit; they are left out.
const HOST_HEADERS: [&str; 8] =
    ["connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding"];

/// Fields that ask for something that is not given.
const REFUSED_HEADERS: [&str; 2] = ["http2-settings", "upgrade"];

/// The most that a guest can get, whatever it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Time to the first byte of the answer. A request is clamped to 1 ms up to this.
    pub max_first_byte: Duration,
    /// Time to the last byte of the answer.
    pub max_total: Duration,
    /// Bytes of a request's body.
    pub max_request_bytes: usize,
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
            max_request_bytes: 16 * 1024 * 1024,
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
    let (bytes, most) = (request.body.len(), limits.max_request_bytes);
    if bytes > most {
        return Err(EffectError::Limit(format!("the request body has {bytes} bytes, at most {most} are possible")));
    }
    let max_first_byte_ms = u64::try_from(limits.max_first_byte.as_millis()).unwrap_or(u64::MAX).max(1);
    Ok(HttpPlan {
        method: plan_method(&request.method)?,
        target: plan_target(&request.url)?,
        headers: plan_headers(&request.headers)?,
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

/// The parser repairs what it is given, as browsers must. What it would repair is refused first: a text must not look
/// like one target and mean another.
fn plan_target(text: &str) -> Result<Target, EffectError> {
    let refuse = |reason: &str| {
        let shown: String = text.chars().take(200).flat_map(char::escape_debug).collect();
        EffectError::denied("E_NET_URL", format!("URL `{shown}` {reason}"))
    };
    if text.len() > MAX_URL_BYTES {
        return Err(refuse("is too long"));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(refuse("contains a space, a control character or a backslash"));
    }
    if text.contains('#') {
        return Err(refuse("has a fragment, which is never sent: leave it out"));
    }
    let authority = raw_authority(text).ok_or_else(|| refuse("must begin with `http://` or `https://` and a host"))?;
    if authority.contains('@') {
        return Err(refuse("contains a user name or password: use a header"));
    }
    if authority.contains('%') {
        return Err(refuse("has an escaped host"));
    }
    if !has_plain_port(authority) {
        return Err(refuse("has a port that is not a plain number from 1 to 65535"));
    }
    let url = Url::parse(text).map_err(|err| refuse(&format!("cannot be read: {err}")))?;
    let (host, class) = match url.host() {
        Some(Host::Ipv4(v4)) => (v4.to_string(), address::classify(v4.into())),
        Some(Host::Ipv6(v6)) => (v6.to_string(), address::classify(v6.into())),
        Some(Host::Domain(name)) => {
            let name = plain_name(name).ok_or_else(|| refuse("has a host that is not a valid name"))?;
            (name.to_owned(), address::classify_name(name))
        }
        None => return Err(refuse("has no host")),
    };
    let port = url.port_or_known_default().ok_or_else(|| refuse("has no port"))?;
    let path_and_query = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    Ok(Target { scheme: url.scheme().to_owned(), host, port, path_and_query, address: class })
}

/// What stands between the scheme and the path, as written.
fn raw_authority(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let authority = rest.split(['/', '?']).next()?;
    (is_http && !authority.is_empty()).then_some(authority)
}

/// No port, or one without a leading zero, in range: other spellings only serve to hide it.
fn has_plain_port(authority: &str) -> bool {
    let after_host = match authority.rsplit_once(']') {
        Some((_, rest)) => rest,
        None => authority.find(':').map_or("", |colon| &authority[colon..]),
    };
    match after_host.strip_prefix(':') {
        None => after_host.is_empty(),
        Some(port) => {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            digits && !port.starts_with('0') && port.parse::<u16>().is_ok()
        }
    }
}

/// A lower-case name of plain labels, without the dot that may end it.
fn plain_name(name: &str) -> Option<&str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_plain_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    (name.len() <= 253 && name.split('.').all(is_plain_label)).then_some(name)
}

fn plan_headers(headers: &[(String, Vec<u8>)]) -> Result<Vec<(String, Vec<u8>)>, EffectError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        return Err(EffectError::Limit(format!(
            "{} header fields with {bytes} bytes: at most {MAX_HEADERS} with {MAX_HEADER_BYTES} are possible",
            headers.len()
        )));
    }
    let mut planned = Vec::new();
    for (name, value) in headers {
        let refuse = |reason: &str| {
            let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
            EffectError::denied("E_NET_HEADER", format!("header field `{shown}` {reason}"))
        };
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refuse("has a name that is not a token"))?;
        HeaderValue::from_bytes(value).map_err(|_| refuse("has a value with a control character"))?;
        let parsed = parsed.as_str();
        if REFUSED_HEADERS.contains(&parsed) || parsed.starts_with("proxy-") {
            return Err(refuse("is for the host alone: leave it out"));
        }
        if !HOST_HEADERS.contains(&parsed) {
            planned.push((parsed.to_owned(), value.clone()));
        }
    }
    Ok(planned)
}

#[cfg(test)]
mod tests;
