//! Which servers a component may talk to, and how.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use claw_core::effect::{AddressClass, HttpPlan, HttpTarget};

use super::{GrantError, excerpt};

/// Servers and methods: `https://api.example.com:8443 GET,POST`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpGrant {
    servers: Servers,
    methods: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Servers {
    /// `*`: wherever the request goes. Only declared scopes can mean that.
    Any,
    At {
        scheme: Scheme,
        host: HostPattern,
        port: u16,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum HostPattern {
    /// A lower-case name or an address literal (IPv6 without brackets), spelled as in [`HttpTarget::host`].
    Exactly(String),
    /// One label, any, in front of this name.
    OneLabelUnder(String),
}

const ASCII_ONLY: &str = "write an international name in its ASCII form (`xn--…`)";

impl HttpGrant {
    /// Makes a grant from a manifest's parts: `scheme://host[:port]` or `*`, and methods.
    ///
    /// # Errors
    /// [`GrantError::Http`] for a pattern that is malformed or wider than can be granted, and for an empty or
    /// malformed list of methods.
    pub fn new<'a>(pattern: &str, methods: impl IntoIterator<Item = &'a str>) -> Result<HttpGrant, GrantError> {
        let servers = if pattern == "*" { Servers::Any } else { Servers::parse(pattern)? };
        let methods = methods.into_iter().map(parse_method).collect::<Result<BTreeSet<_>, _>>()?;
        if methods.is_empty() {
            return Err(error(pattern, "name the methods after the server, e.g. `GET,POST`"));
        }
        Ok(HttpGrant { servers, methods })
    }

    pub(super) fn parse(text: &str) -> Result<HttpGrant, GrantError> {
        let (pattern, methods) = text.split_once(' ').unwrap_or((text, ""));
        HttpGrant::new(pattern, methods.trim_start().split(',').filter(|method| !method.is_empty()))
    }

    /// The grant for one request's method and server.
    pub(super) fn exactly(plan: &HttpPlan) -> Option<HttpGrant> {
        let HttpTarget { scheme, host, port, .. } = &plan.target;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        HttpGrant::new(&format!("{scheme}://{host}:{port}"), [plan.method.as_str()]).ok()
    }

    /// Whether the request lies within this grant.
    pub(super) fn covers(&self, plan: &HttpPlan) -> bool {
        self.methods.contains(&plan.method) && self.servers.cover(&plan.target)
    }

    /// Whether the request lies within this grant and the grant says so by name.
    pub(super) fn names(&self, plan: &HttpPlan) -> bool {
        self.covers(plan) && self.servers.name(plan.target.address)
    }
}

impl Servers {
    fn parse(pattern: &str) -> Result<Servers, GrantError> {
        let Some((scheme, authority)) = pattern.split_once("://") else {
            return Err(error(pattern, "write `http://host`, `https://host` or `*`"));
        };
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(error(pattern, "the scheme must be `http` or `https`")),
        };
        if authority.contains('@') {
            return Err(error(pattern, "user names and passwords do not belong here"));
        }
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(error(pattern, "it ends after the host and port, without path, query or fragment"));
        }
        let (host, port) = split_port(authority);
        let port = match port {
            None => scheme.default_port(),
            Some(port) => parse_port(port).ok_or_else(|| error(pattern, "the port must be 1 to 65535"))?,
        };
        Ok(Servers::At { scheme, host: HostPattern::parse(host)?, port })
    }

    fn cover(&self, target: &HttpTarget) -> bool {
        match self {
            Servers::Any => true,
            Servers::At { scheme, host, port } => {
                scheme.as_str() == target.scheme && *port == target.port && host.matches(&target.host)
            }
        }
    }

    /// Whether a request to an address of this class, which the pattern covers, was named by it.
    fn name(&self, address: AddressClass) -> bool {
        let Servers::At { host, .. } = self else { return false };
        match address {
            AddressClass::Name | AddressClass::Public => true,
            // A wildcard for a domain must not open the owner's own network.
            AddressClass::Loopback | AddressClass::Private => matches!(host, HostPattern::Exactly(_)),
            // A name can be granted in good faith; nobody writes the address of a metadata service by accident.
            AddressClass::Metadata => matches!(host, HostPattern::Exactly(host) if is_address(host)),
        }
    }
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

impl HostPattern {
    fn parse(text: &str) -> Result<HostPattern, GrantError> {
        if !text.is_ascii() {
            return Err(error(text, ASCII_ONLY));
        }
        if let Some(literal) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: Ipv6Addr = literal.parse().map_err(|_| error(text, "it is not an IPv6 address"))?;
            return Ok(HostPattern::Exactly(address.to_string()));
        }
        let host = text.to_ascii_lowercase();
        let Some(parent) = host.strip_prefix("*.") else {
            check_host(&host, text)?;
            return Ok(HostPattern::Exactly(host));
        };
        check_host(parent, text)?;
        if !parent.contains('.') || parent.parse::<Ipv4Addr>().is_ok() {
            return Err(error(text, "a wildcard needs a domain of at least two labels, e.g. `*.example.com`"));
        }
        Ok(HostPattern::OneLabelUnder(parent.to_owned()))
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            HostPattern::Exactly(granted) => granted == host,
            HostPattern::OneLabelUnder(parent) => {
                let label = host.strip_suffix(parent.as_str()).and_then(|rest| rest.strip_suffix('.'));
                label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
            }
        }
    }
}

impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.servers {
            Servers::Any => f.write_str("*")?,
            Servers::At { scheme, host, port } => {
                write!(f, "{}://{host}", scheme.as_str())?;
                if *port != scheme.default_port() {
                    write!(f, ":{port}")?;
                }
            }
        }
        for (position, method) in self.methods.iter().enumerate() {
            write!(f, "{}{method}", if position == 0 { ' ' } else { ',' })?;
        }
        Ok(())
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostPattern::Exactly(host) if host.contains(':') => write!(f, "[{host}]"),
            HostPattern::Exactly(host) => f.write_str(host),
            HostPattern::OneLabelUnder(parent) => write!(f, "*.{parent}"),
        }
    }
}

/// Checks a lower-case ASCII host without brackets; `text` is what an error quotes.
fn check_host(host: &str, text: &str) -> Result<(), GrantError> {
    if host.contains('*') {
        return Err(error(text, "`*` may only stand for the whole first label, as in `*.example.com`"));
    }
    let is_label = |label: &str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(allowed)
    };
    if host.len() > 253 || !host.split('.').all(is_label) {
        return Err(error(text, "it is not a host name or address"));
    }
    // URL parsers read a host whose last label is a number as IPv4 in one of many spellings; only the usual one counts.
    let last = host.rsplit('.').next().unwrap_or(host);
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    if numeric && host.parse::<Ipv4Addr>().is_err() {
        return Err(error(text, "write an IPv4 address as four decimal numbers"));
    }
    Ok(())
}

fn is_address(host: &str) -> bool {
    host.parse::<Ipv4Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok()
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // Inside brackets a colon belongs to the address.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let decimal = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    decimal.then(|| text.parse().ok()).flatten()
}

fn parse_method(text: &str) -> Result<String, GrantError> {
    let valid = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    if valid { Ok(text.to_owned()) } else { Err(error(text, "methods are upper-case words joined by `,`")) }
}

fn error(text: &str, rule: &'static str) -> GrantError {
    GrantError::Http { text: excerpt(text), rule }
}
