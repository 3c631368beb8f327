//! Names become addresses here, and every address is checked before it can be dialled.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use claw_core::address;
use claw_core::effect::AddressClass;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Who answers lookups.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    /// The operating system.
    System,
    /// A test's script.
    #[cfg(test)]
    Scripted(std::sync::Arc<tests::Script>),
}

/// Whether a name may lead to this machine by one of its public addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnAddresses {
    Allowed,
    /// For requests to the port that the host's own gateway listens on.
    Refused,
}

/// The only resolver of the broker's clients.
#[derive(Clone, Debug)]
pub(crate) struct CheckedLookup {
    pub lookup: Lookup,
    pub own_addresses: OwnAddresses,
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    #[error("`{name}` leads to {address}, a {} address: only public addresses may be reached by name", .class.as_str())]
    NotPublic { name: String, address: IpAddr, class: AddressClass },
    #[error("`{name}` leads to the host's own gateway")]
    OwnGateway { name: String },
    #[error("`{name}` has no address")]
    NoAddress { name: String },
    #[error("`{name}` could not be looked up")]
    Failed {
        name: String,
        #[source]
        err: io::Error,
    },
}

impl Resolve for CheckedLookup {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let addresses = this.addresses(name.as_str()).await?;
            let sockets = this.lookup.sockets(addresses);
            Ok(Box::new(sockets.into_iter()) as Addrs)
        })
    }
}

impl CheckedLookup {
    /// All addresses of `name`; an error if one of them must not be dialled. What comes out is what is dialled, so a
    /// second lookup with another answer cannot slip in between.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        // Never asked of anybody: the plan has shown it as loopback.
        if address::is_localhost(name) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let owned = || name.to_owned();
        let found = self.lookup.ask(name).await.map_err(|err| LookupError::Failed { name: owned(), err })?;
        if found.is_empty() {
            return Err(LookupError::NoAddress { name: owned() });
        }
        for &address in &found {
            let class = address::classify(address);
            if class != AddressClass::Public {
                return Err(LookupError::NotPublic { name: owned(), address, class });
            }
            if self.own_addresses == OwnAddresses::Refused && is_of_this_machine(address) {
                return Err(LookupError::OwnGateway { name: owned() });
            }
        }
        Ok(found)
    }
}

impl Lookup {
    async fn ask(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Lookup::System => Ok(tokio::net::lookup_host((name, 0)).await?.map(|socket| socket.ip()).collect()),
            #[cfg(test)]
            Lookup::Scripted(script) => script.ask(name),
        }
    }

    /// Port 0 stands for the URL's port.
    pub(crate) fn sockets(&self, addresses: Vec<IpAddr>) -> Vec<SocketAddr> {
        match self {
            Lookup::System => addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect(),
            #[cfg(test)]
            Lookup::Scripted(script) => script.reach(&addresses),
        }
    }
}

/// Whether `address` is one of this machine's: only those can be bound.
pub(crate) fn is_of_this_machine(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified() || UdpSocket::bind((address.to_canonical(), 0)).is_ok()
}

#[cfg(test)]
pub(crate) mod tests;
