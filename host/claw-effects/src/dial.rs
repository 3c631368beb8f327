//! From a target to a connection: names are looked up, addresses checked, and what was checked is what is dialled.
//!
//! A name may only lead to public addresses. A literal address of any other kind is dialled only because the permit
//! shows that somebody named it. Requests and connections share all of it: there is one lookup, one check and one set
//! of roots that certificates are checked against.

mod lookup;
mod tls;

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use claw_core::address;
use claw_core::effect::{AddressClass, EffectError, Target};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{self, ClientConfig};

use lookup::{Lookup, LookupError, OwnAddresses};
use tls::Trusted;

pub(crate) use lookup::CheckedLookup;
pub use tls::{TrustError, TrustRoots};

/// Time to connect, name lookup and TLS included.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);
/// Addresses of one name that are tried.
const MAX_TRIES: usize = 4;

/// Looks names up, checks addresses and trusts roots. Dials for the brokers only.
#[derive(Clone, Debug)]
pub struct Dialer {
    own_port: Option<u16>,
    lookup: Lookup,
    trusted: Trusted,
}

impl Dialer {
    /// `own_port` is the port of the host's own gateway, which no guest may dial.
    ///
    /// # Errors
    /// [`TrustError`] for a root that is not a certificate.
    pub fn new(own_port: Option<u16>, roots: &TrustRoots) -> Result<Self, TrustError> {
        Ok(Dialer { own_port, lookup: Lookup::System, trusted: Trusted::new(roots)? })
    }

    /// The last look before dialling, at what the plan says and at what it does not: the port of the gateway.
    pub(crate) fn check(&self, target: &Target) -> Result<(), EffectError> {
        let Target { host, port, .. } = target;
        let refuse = |reason: &str| Err(EffectError::denied("E_NET_ADDR", format!("`{host}` {reason}")));
        if address::classify_host(host) != target.address {
            return refuse("is not of the kind that was decided on: ask again");
        }
        let literal: Option<IpAddr> = host.parse().ok();
        if target.address == AddressClass::Metadata && literal.is_none() {
            return refuse("is a cloud metadata service: it can only be granted by its address");
        }
        let is_own_address =
            || target.address == AddressClass::Loopback || literal.is_some_and(lookup::is_of_this_machine);
        if self.own_port == Some(*port) && is_own_address() {
            return refuse("with this port is the host's own gateway, which no component may reach");
        }
        Ok(())
    }

    /// Whether connections to this port have to be checked one by one.
    pub(crate) fn is_own_port(&self, port: u16) -> bool {
        self.own_port == Some(port)
    }

    /// Looks names up for connections to `port`.
    pub(crate) fn lookup_for(&self, port: u16) -> CheckedLookup {
        let own_addresses = if self.is_own_port(port) { OwnAddresses::Refused } else { OwnAddresses::Allowed };
        CheckedLookup { lookup: self.lookup.clone(), own_addresses }
    }

    /// What a TLS client offers and trusts. Each configuration remembers its own sessions.
    pub(crate) fn tls(&self, application_protocols: &[&str]) -> ClientConfig {
        self.trusted.client_config(application_protocols)
    }

    /// Dials a checked address of the target. The caller bounds the time.
    ///
    /// # Errors
    /// [`EffectError::Denied`] with `E_NET_ADDR`, [`EffectError::Unavailable`].
    pub(crate) async fn dial(&self, target: &Target) -> Result<TcpStream, EffectError> {
        self.check(target)?;
        let Target { host, port, .. } = target;
        let addresses = match host.parse::<IpAddr>() {
            Ok(literal) => vec![literal],
            Err(_) => self.lookup_for(*port).addresses(host).await.map_err(|err| explain(host, &err))?,
        };
        let tries = addresses.len().clamp(1, MAX_TRIES);
        let each = CONNECT / u32::try_from(tries).expect("dial: tries are few");
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for mut socket in self.lookup.sockets(addresses).into_iter().take(tries) {
            if socket.port() == 0 {
                socket.set_port(*port);
            }
            match timeout(each, TcpStream::connect(socket)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(err)) => last = err,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(explain(host, &last))
    }

    /// Speaks TLS with the target's host, whose certificate must be valid for its name or address.
    ///
    /// # Errors
    /// [`EffectError::Unavailable`] with `E_NET_TLS`.
    pub(crate) async fn secure(
        &self,
        target: &Target,
        application_protocols: &[&str],
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, EffectError> {
        tls::connect(self.tls(application_protocols), &target.host, stream)
            .await
            .map_err(|err| explain(&target.host, &err))
    }
}

/// What the guest is told. The cause may lie deep: clients wrap what the lookup or TLS said several times.
pub(crate) fn explain(host: &str, err: &(dyn Error + 'static)) -> EffectError {
    if let Some(refusal) = causes(err).find_map(|err| err.downcast_ref::<LookupError>()) {
        return match refusal {
            LookupError::NotPublic { .. } | LookupError::OwnGateway { .. } => {
                EffectError::denied("E_NET_ADDR", refusal.to_string())
            }
            LookupError::NoAddress { .. } | LookupError::Failed { .. } => EffectError::Unavailable(chain(refusal)),
        };
    }
    if let Some(err) = causes(err).find_map(|err| err.downcast_ref::<rustls::Error>()) {
        return EffectError::Unavailable(match err {
            rustls::Error::InvalidCertificate(_) => {
                format!("E_NET_TLS: `{host}` could not prove who it is: {err}")
            }
            err => format!("E_NET_TLS: no TLS with `{host}`: {err}"),
        });
    }
    EffectError::Unavailable(format!("`{host}` could not be reached: {}", chain(err)))
}

/// An error and its causes in one line. Without the URL, whose query may hold secrets.
pub(crate) fn chain(err: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = causes(err)
        .map(|cause| match cause.downcast_ref::<reqwest::Error>() {
            Some(_) => "the request failed".to_owned(),
            None => cause.to_string(),
        })
        .collect();
    // An `io::Error` says what the error in it says.
    texts.dedup();
    texts.join(": ")
}

/// An error and what caused it, the errors in an [`io::Error`] too.
pub(crate) fn causes<'a>(err: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(err), |&err| match err.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner as &(dyn Error + 'static)),
        None => err.source(),
    })
}

#[cfg(test)]
pub(crate) mod tests;
