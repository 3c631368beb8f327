//! Who speaks through whom: the `Host`, `Origin` and forwarding headers of a request.
//!
//! A web page in the owner's browser reaches loopback too. It cannot choose the `Host` and `Origin` that its browser
//! sends, so these tell it apart from the owner's own programs.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HOST, HeaderMap, ORIGIN};

/// Why a request's headers rule it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspicion {
    /// `Host` is missing or a name: a page may have pointed its own name at this address (DNS rebinding).
    Host,
    /// Something forwards for somebody else, so the peer's address says nothing.
    Forwarded,
}

/// What the `Origin` header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BrowserOrigin {
    /// Not sent: no browser.
    Absent,
    /// A page that this gateway's own loopback address served.
    Own,
    /// Any other page.
    Foreign,
}

/// Checks the headers that no honest direct client sends.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Suspicion> {
    const FORWARDING: [&str; 5] =
        ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];
    if FORWARDING.iter().any(|name| headers.contains_key(*name)) {
        return Err(Suspicion::Forwarded);
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) {
        (Some(host), None) if is_literal(host_name(host)) => Ok(()),
        _ => Err(Suspicion::Host),
    }
}

/// Judges the `Origin` header: only a loopback page from exactly this host and port is our own.
pub(crate) fn origin(headers: &HeaderMap) -> BrowserOrigin {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return BrowserOrigin::Absent };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return BrowserOrigin::Foreign };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match origin.strip_prefix("http://") {
        Some(authority) if is_loopback(host_name(authority)) && authority.eq_ignore_ascii_case(host) => {
            BrowserOrigin::Own
        }
        _ => BrowserOrigin::Foreign,
    }
}

/// Whether the peer is a program on this machine that connected directly.
pub(crate) fn is_local(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

/// The host of `host[:port]`, without the brackets of an IPv6 address.
fn host_name(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(host, _)| host),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

/// Names can be pointed anywhere by whoever owns them; addresses and `localhost` cannot.
fn is_literal(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok() || host.eq_ignore_ascii_case("localhost")
}

fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests;
