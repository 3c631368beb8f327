use hyper::header::{HeaderName, HeaderValue};

use super::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let mut map = HeaderMap::new();
    for (name, value) in pairs.iter().map(pair) {
        map.append(name, value);
    }
    map
}

// GW-07
#[test]
fn only_addresses_and_localhost_are_hosts() {
    for host in ["127.0.0.1:1", "localhost", "LOCALHOST:18789", "[::1]:80", "192.168.1.5:1", "10.0.0.1"] {
        assert_eq!(check(&headers(&[("host", host)])), Ok(()), "{host}");
    }
    let evil = ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test:80", "localhost.", "127.1", "[::1", "", ":80"];
    for host in evil {
        assert_eq!(check(&headers(&[("host", host)])), Err(Suspicion::Host), "{host}");
    }
    assert_eq!(check(&headers(&[])), Err(Suspicion::Host));
    assert_eq!(check(&headers(&[("host", "127.0.0.1"), ("host", "evil.test")])), Err(Suspicion::Host));
}

// GW-35
#[test]
fn a_forwarded_request_is_never_taken_for_a_direct_one() {
    for name in ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"] {
        let map = headers(&[("host", "127.0.0.1"), (name, "127.0.0.1")]);
        assert_eq!(check(&map), Err(Suspicion::Forwarded), "{name}");
    }
}

// GW-05
#[test]
fn only_a_loopback_page_of_the_same_host_and_port_is_our_own() {
    let judge = |host: &str, value: &str| origin(&headers(&[("host", host), ("origin", value)]));
    assert_eq!(judge("127.0.0.1:9", "http://127.0.0.1:9"), BrowserOrigin::Own);
    assert_eq!(judge("localhost:9", "http://localhost:9"), BrowserOrigin::Own);
    let foreign = [
        ("127.0.0.1:9", "https://evil.test"),
        ("127.0.0.1:9", "http://127.0.0.1:10"),
        ("127.0.0.1:9", "http://127.0.0.1"),
        ("127.0.0.1:9", "http://localhost:9"),
        ("127.0.0.1:9", "null"),
        ("127.0.0.1:9", "file://"),
        ("192.168.1.5:9", "http://192.168.1.5:9"),
    ];
    for (host, value) in foreign {
        assert_eq!(judge(host, value), BrowserOrigin::Foreign, "{host} {value}");
    }
    assert_eq!(origin(&headers(&[("host", "127.0.0.1:9")])), BrowserOrigin::Absent);
}

#[test]
fn a_loopback_peer_is_local_in_either_notation() {
    assert!(is_local("127.0.0.1:5".parse().unwrap()));
    assert!(is_local("[::1]:5".parse().unwrap()));
    assert!(is_local("[::ffff:127.0.0.1]:5".parse().unwrap()));
    assert!(!is_local("192.168.1.5:5".parse().unwrap()));
}
