//! Servers by scheme, name and port: what grants for requests and for connections share.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use claw_core::effect::{AddressClass, Target};

use super::example::{ANY_NAME, INSIDE};

/// Servers that are named by one pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Servers {
    /// `*`: wherever it goes. Only declared scopes can mean that.
    Any,
    At {
        scheme: Scheme,
        host: HostPattern,
        port: u16,
    },
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scheme {
    Http,
    Https,
    Ws,
    Wss,
    Tcp,
    Tls,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum HostPattern {
    /// A lower-case name or an address literal (IPv6 without brackets), spelled as in [`Target::host`].
    Exactly(String),
    /// One label, any, in front of this name.
    OneLabelUnder(String),
}

/// The part of a pattern that breaks a rule, and the rule.
pub(super) type Broken<'a> = (&'a str, &'static str);

const ASCII_ONLY: &str = "write an international name in its ASCII form (`xn--…`)";

impl Servers {
    /// Parses `SCHEME://HOST[:PORT]` or `*`; `rule` says which schemes there are.
    pub(super) fn parse<'a>(pattern: &'a str, schemes: &[Scheme], rule: &'static str) -> Result<Servers, Broken<'a>> {
        if pattern == "*" {
            return Ok(Servers::Any);
        }
        let Some((scheme, authority)) = pattern.split_once("://") else {
            return Err((pattern, rule));
        };
        let Some(scheme) = schemes.iter().copied().find(|known| known.as_str() == scheme) else {
            return Err((pattern, rule));
        };
        if authority.contains('@') {
            return Err((pattern, "user names and passwords do not belong here"));
        }
        if authority.contains(['/', '?', '#', '\\']) {
            return Err((pattern, "it ends after the host and port, without path, query or fragment"));
        }
        let (host, port) = split_port(authority);
        let port = match port {
            None => scheme.default_port().ok_or((pattern, "name the port, e.g. `tls://mail.example.com:993`"))?,
            Some(port) => parse_port(port).ok_or((pattern, "the port must be 1 to 65535"))?,
        };
        Ok(Servers::At { scheme, host: HostPattern::parse(host)?, port })
    }

    /// The pattern of exactly this server.
    pub(super) fn exactly(target: &Target) -> String {
        let Target { scheme, host, port, .. } = target;
        if host.contains(':') { format!("{scheme}://[{host}]:{port}") } else { format!("{scheme}://{host}:{port}") }
    }

    /// URLs without a path of a few servers; `scheme` is used where none is named.
    pub(super) fn examples(&self, scheme: &str) -> Vec<String> {
        match self {
            Servers::Any => [ANY_NAME, INSIDE].map(|server| format!("{scheme}://{server}")).to_vec(),
            Servers::At { host: HostPattern::OneLabelUnder(parent), scheme, port } => {
                let host = HostPattern::Exactly(format!("any.{parent}"));
                vec![Servers::At { scheme: *scheme, host, port: *port }.to_string()]
            }
            Servers::At { host: HostPattern::Exactly(_), .. } => vec![self.to_string()],
        }
    }

    pub(super) fn cover(&self, target: &Target) -> bool {
        match self {
            Servers::Any => true,
            Servers::At { scheme, host, port } => {
                scheme.as_str() == target.scheme && *port == target.port && host.matches(&target.host)
            }
        }
    }

    /// Whether a request to an address of this class, which the pattern covers, was named by it.
    pub(super) fn name(&self, address: AddressClass) -> bool {
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

/// Host, spelled as in [`Target::host`], and port of exactly one server; else the rule that the text breaks.
pub(crate) fn at_server(scheme: &str, authority: &str) -> Result<(String, u16), &'static str> {
    let text = format!("{scheme}://{authority}");
    match Servers::parse(&text, &Scheme::ALL, "this scheme is not known").map_err(|(_, rule)| rule)? {
        Servers::At { host: HostPattern::Exactly(host), port, .. } => Ok((host, port)),
        Servers::At { .. } | Servers::Any => Err("name one server, without `*`"),
    }
}

impl Scheme {
    const ALL: [Scheme; 6] = [Scheme::Http, Scheme::Https, Scheme::Ws, Scheme::Wss, Scheme::Tcp, Scheme::Tls];

    fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Ws => "ws",
            Scheme::Wss => "wss",
            Scheme::Tcp => "tcp",
            Scheme::Tls => "tls",
        }
    }

    fn default_port(self) -> Option<u16> {
        match self {
            Scheme::Http | Scheme::Ws => Some(80),
            Scheme::Https | Scheme::Wss => Some(443),
            Scheme::Tcp | Scheme::Tls => None,
        }
    }
}

impl HostPattern {
    fn parse(text: &str) -> Result<HostPattern, Broken<'_>> {
        if !text.is_ascii() {
            return Err((text, ASCII_ONLY));
        }
        if let Some(literal) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: Ipv6Addr = literal.parse().map_err(|_| (text, "it is not an IPv6 address"))?;
            return Ok(HostPattern::Exactly(address.to_string()));
        }
        let host = text.to_ascii_lowercase();
        let Some(parent) = host.strip_prefix("*.") else {
            check_host(&host, text)?;
            return Ok(HostPattern::Exactly(host));
        };
        check_host(parent, text)?;
        if !parent.contains('.') || parent.parse::<Ipv4Addr>().is_ok() {
            return Err((text, "a wildcard needs a domain of at least two labels, e.g. `*.example.com`"));
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

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Servers::Any => f.write_str("*"),
            Servers::At { scheme, host, port } => {
                write!(f, "{}://{host}", scheme.as_str())?;
                if scheme.default_port() == Some(*port) { Ok(()) } else { write!(f, ":{port}") }
            }
        }
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
fn check_host<'a>(host: &str, text: &'a str) -> Result<(), Broken<'a>> {
    if host.contains('*') {
        return Err((text, "`*` may only stand for the whole first label, as in `*.example.com`"));
    }
    let is_label = |label: &str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(allowed)
    };
    if host.len() > 253 || !host.split('.').all(is_label) {
        return Err((text, "it is not a host name or address"));
    }
    // URL parsers read a host whose last label is a number as IPv4 in one of many spellings; only the usual one counts.
    let last = host.rsplit('.').next().unwrap_or(host);
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    if numeric && host.parse::<Ipv4Addr>().is_err() {
        return Err((text, "write an IPv4 address as four decimal numbers"));
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
