use super::*;

#[track_caller]
fn check(address: &str, expected: AddressClass) {
    assert_eq!(classify(address.parse().unwrap()), expected, "{address}");
}

#[test]
fn special_ranges_are_private_and_their_neighbours_are_public() {
    // NET-14: first, last, first-1, last+1
    let blocks = [
        ("10.0.0.0", "10.255.255.255", Some("9.255.255.255"), Some("11.0.0.0")),
        ("100.64.0.0", "100.127.255.255", Some("100.63.255.255"), Some("100.128.0.0")),
        ("169.254.0.0", "169.254.255.255", Some("169.253.255.255"), Some("169.255.0.0")),
        ("172.16.0.0", "172.31.255.255", Some("172.15.255.255"), Some("172.32.0.0")),
        ("192.0.0.0", "192.0.0.255", Some("191.255.255.255"), Some("192.0.1.0")),
        ("192.0.2.0", "192.0.2.255", Some("192.0.1.255"), Some("192.0.3.0")),
        ("192.88.99.0", "192.88.99.255", Some("192.88.98.255"), Some("192.88.100.0")),
        ("192.168.0.0", "192.168.255.255", Some("192.167.255.255"), Some("192.169.0.0")),
        ("198.18.0.0", "198.19.255.255", Some("198.17.255.255"), Some("198.20.0.0")),
        ("198.51.100.0", "198.51.100.255", Some("198.51.99.255"), Some("198.51.101.0")),
        ("203.0.113.0", "203.0.113.255", Some("203.0.112.255"), Some("203.0.114.0")),
        ("224.0.0.0", "239.255.255.255", Some("223.255.255.255"), None),
        ("240.0.0.0", "255.255.255.255", None, None),
        ("0.0.0.1", "0.255.255.255", None, Some("1.0.0.0")),
        ("64:ff9b::", "64:ff9b::ffff:fffe", Some("64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff"), Some("64:ff9b::1:0:0")),
        ("100::", "100::ffff:ffff:ffff:ffff", Some("ff:ffff::"), Some("100:0:0:1::")),
        ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", Some("2000:ffff::"), Some("2001:1::")),
        ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", Some("2001:1:ffff::"), Some("2001:2:1::")),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", Some("2001:db7:ffff::"), Some("2001:db9::")),
        ("2002:1::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("2001:ffff::"), Some("2003::")),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("fbff:ffff::"), Some("fe00::")),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("fe7f:ffff::"), None),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, None),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, None),
    ];
    for (first, last, before, after) in blocks {
        // 64:ff9b:: carries 0.0.0.0.
        let expected = if first == "64:ff9b::" { AddressClass::Loopback } else { AddressClass::Private };
        check(first, expected);
        check(last, AddressClass::Private);
        before.into_iter().chain(after).for_each(|neighbour| check(neighbour, AddressClass::Public));
    }
}

#[test]
fn this_machine_is_loopback_in_every_form() {
    // NET-12
    let forms = ["127.0.0.1", "127.255.255.255", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0"];
    for form in forms.into_iter().chain(["::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]) {
        check(form, AddressClass::Loopback);
    }
    check("126.255.255.255", AddressClass::Public);
    check("128.0.0.0", AddressClass::Public);
}

#[test]
fn metadata_services_are_known_in_every_form() {
    // NET-15
    let services = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"];
    for service in services {
        check(service, AddressClass::Metadata);
        check(&format!("::ffff:{service}"), AddressClass::Metadata);
        check(&format!("64:ff9b::{service}"), AddressClass::Metadata);
    }
    check("fd00:ec2::254", AddressClass::Metadata);
    check("fd20:ce::254", AddressClass::Metadata);
    assert_eq!(classify_name("metadata.google.internal"), AddressClass::Metadata);
}

#[test]
fn an_ipv6_form_of_a_public_ipv4_address_is_not_public() {
    check("::ffff:93.184.216.34", AddressClass::Private);
    check("64:ff9b::93.184.216.34", AddressClass::Private);
    check("2606:2800:220:1::1", AddressClass::Public);
}
