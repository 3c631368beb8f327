//! Where a secret may be sent: `https://api.example.com`, `https://*.example.com:8443`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A server, or all servers one label below a name. Shown without the scheme's default port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    scheme: Scheme,
    /// Lower-case, IPv6 without brackets; begins with `*.` for a wildcard.
    host: String,
    port: u16,
}

/// Why a text names no audience. Quotes the text: it is an address, not a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a server: {rule}")]
pub struct AudienceError {
    text: String,
    rule: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
    Ws,
    Wss,
}

impl Audience {
    /// Parses `SCHEME://HOST[:PORT]`; the host's first label may be `*`.
    ///
    /// # Errors
    /// [`AudienceError`] names the rule.
    pub fn parse(text: &str) -> Result<Audience, AudienceError> {
        parse(text).map_err(|rule| AudienceError { text: text.escape_debug().take(100).collect(), rule })
    }

    /// Whether a secret for this audience may be sent to `origin`, `scheme://host[:port]`. What is no origin is
    /// never covered.
    pub fn covers(&self, origin: &str) -> bool {
        let Ok(target) = parse(origin) else { return false };
        let same_host = match self.host.strip_prefix("*.") {
            // Exactly one label: `a.b.example.com` may belong to somebody else.
            Some(parent) => target.host.split_once('.').is_some_and(|(label, rest)| label != "*" && rest == parent),
            None => target.host == self.host,
        };
        same_host && target.scheme == self.scheme && target.port == self.port
    }

    /// Whether what is sent there can be read on the way: neither encrypted nor on this machine.
    pub fn is_in_clear(&self) -> bool {
        let loopback = self.host == "localhost"
            || self.host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            || self.host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
        matches!(self.scheme, Scheme::Http | Scheme::Ws) && !loopback
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Audience { scheme, host, port } = self;
        match host.contains(':') {
            true => write!(f, "{}://[{host}]", scheme.as_str())?,
            false => write!(f, "{}://{host}", scheme.as_str())?,
        }
        if *port == scheme.default_port() { Ok(()) } else { write!(f, ":{port}") }
    }
}

impl Scheme {
    const ALL: [Scheme; 4] = [Scheme::Http, Scheme::Https, Scheme::Ws, Scheme::Wss];

    fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Ws => "ws",
            Scheme::Wss => "wss",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Scheme::Http | Scheme::Ws => 80,
            Scheme::Https | Scheme::Wss => 443,
        }
    }
}

fn parse(text: &str) -> Result<Audience, &'static str> {
    const FORM: &str = "write `https://HOST` or `https://HOST:PORT`; also `http`, `ws` and `wss`";
    let (scheme, authority) = text.split_once("://").ok_or(FORM)?;
    let scheme = Scheme::ALL.into_iter().find(|known| known.as_str() == scheme).ok_or(FORM)?;
    if authority.contains(['/', '?', '#', '\\', '@']) {
        return Err("it ends after the host and port, without user name, path, query or fragment");
    }
    let (host, port) = match authority.rsplit_once(':') {
        // Inside brackets a colon belongs to the address.
        Some((host, port)) if !port.contains(']') => (host, parse_port(port)?),
        _ => (authority, scheme.default_port()),
    };
    Ok(Audience { scheme, host: parse_host(host)?, port })
}

fn parse_port(text: &str) -> Result<u16, &'static str> {
    let decimal = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    decimal.then(|| text.parse().ok()).flatten().ok_or("the port must be 1 to 65535")
}

fn parse_host(text: &str) -> Result<String, &'static str> {
    if !text.is_ascii() {
        return Err("write an international name in its ASCII form (`xn--…`)");
    }
    if let Some(literal) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return literal.parse::<Ipv6Addr>().map(|address| address.to_string()).map_err(|_| "it is not an IPv6 address");
    }
    let host = text.to_ascii_lowercase();
    let name = host.strip_prefix("*.").unwrap_or(&host);
    let is_label = |label: &str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(allowed)
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err("it is not a host name or address; `*` may only stand for the whole first label");
    }
    // URL parsers read a host whose last label is a number as IPv4 in one of many spellings; only the usual one counts.
    let last = name.rsplit('.').next().unwrap_or(name);
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    if numeric && name.parse::<Ipv4Addr>().is_err() {
        return Err("write an IPv4 address as four decimal numbers");
    }
    if name.len() != host.len() && (numeric || !name.contains('.')) {
        return Err("a wildcard needs a domain of at least two labels, e.g. `*.example.com`");
    }
    Ok(host)
}

#[cfg(test)]
mod tests;
