//! Where a provider's name leads. Its owner has named it, so this machine and the home network are fine; the service
//! that hands out the machine's own credentials never is, whoever answers for the name.

use std::net::IpAddr;

use claw_core::address;
use claw_core::effect::AddressClass;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The resolver of a provider's client.
#[derive(Debug)]
pub(super) struct ProviderLookup;

/// A name that must not be dialled.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` leads to {address}, the service that hands out this machine's credentials")]
pub(super) struct LeadsToMetadata {
    name: String,
    address: IpAddr,
}

impl Resolve for ProviderLookup {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let found: Vec<_> = checked(name.as_str(), found, |socket| socket.ip())?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// All addresses of a name, if they may all be dialled.
fn checked<A>(name: &str, found: Vec<A>, ip: impl Fn(&A) -> IpAddr) -> Result<Vec<A>, LeadsToMetadata> {
    match found.iter().map(ip).find(|address| address::classify(*address) == AddressClass::Metadata) {
        Some(address) => Err(LeadsToMetadata { name: name.to_owned(), address }),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(addresses: &[&str], refused: Option<&str>) {
        let found: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let error = refused.map(|it| LeadsToMetadata { name: "m".to_owned(), address: it.parse().unwrap() });
        assert_eq!(checked("m", found.clone(), |address| *address), error.map_or(Ok(found), Err));
    }

    // NET-39
    #[test]
    fn a_name_may_lead_anywhere_but_to_the_machines_credentials() {
        check(&["127.0.0.1", "192.168.1.5", "2606:4700::1"], None);
        check(&["93.184.215.14", "169.254.169.254"], Some("169.254.169.254"));
        check(&["::ffff:169.254.169.254"], Some("::ffff:169.254.169.254"));
        check(&["fd00:ec2::254"], Some("fd00:ec2::254"));
    }
}
