//! What kind of address an address is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::effect::AddressClass;
use crate::guard::Guard;

/// Services that hand out a machine's credentials to whoever can reach them: AWS, Azure, Alibaba, Oracle, Google.
const METADATA: [IpAddr; 8] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Names of the same services, refused whatever they resolve to.
const METADATA_NAMES: [&str; 3] = ["metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"];

/// Blocks of IPv4 that are not public, as (first address, prefix length). Source: IANA special-purpose registry.
const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Blocks of IPv6 that are not public. `::/96`, `::ffff:0:0/96`, `64:ff9b::/96` and `2002::/16` carry an IPv4 address.
const SPECIAL_V6: [(Ipv6Addr, u32); 14] = [
    (Ipv6Addr::UNSPECIFIED, 96),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// The class of a literal address. An IPv6 form of an IPv4 address is never public, whatever it carries.
pub fn classify(address: IpAddr) -> AddressClass {
    let carried = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => carried_v4(v6),
    };
    // Connecting to the unspecified address reaches this machine.
    let is_loopback = |address: IpAddr| address.is_loopback() || address.is_unspecified();
    let all = || [Some(address), carried.map(IpAddr::V4)].into_iter().flatten();
    if !Guard::NetAddress.is_up() {
        AddressClass::Public
    } else if all().any(|address| METADATA.contains(&address)) {
        AddressClass::Metadata
    } else if all().any(is_loopback) {
        AddressClass::Loopback
    } else if is_special(address) {
        AddressClass::Private
    } else {
        AddressClass::Public
    }
}

/// The class of a name, before it is looked up.
pub fn classify_name(name: &str) -> AddressClass {
    if is_localhost(name) {
        AddressClass::Loopback
    } else if METADATA_NAMES.contains(&name) {
        AddressClass::Metadata
    } else {
        AddressClass::Name
    }
}

/// The class of a plan's host, which is an address or a name in canonical form.
pub fn classify_host(host: &str) -> AddressClass {
    host.parse().map_or_else(|_| classify_name(host), classify)
}

/// Whether this is one of the names that always mean this machine (RFC 6761).
pub fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

fn carried_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let from = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match segments {
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => from(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => from(high, low),
        [0x2002, high, low, ..] => from(high, low),
        _ => None,
    }
}

fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => SPECIAL_V4.iter().any(|&(block, length)| {
            let shift = 32 - length;
            v4.to_bits() >> shift == block.to_bits() >> shift
        }),
        IpAddr::V6(v6) => SPECIAL_V6.iter().any(|&(block, length)| {
            let shift = 128 - length;
            v6.to_bits() >> shift == block.to_bits() >> shift
        }),
    }
}

#[cfg(test)]
mod tests;
