use claw_core::effect::AddressClass;

use super::*;

fn request(url: &str) -> HttpRequest {
    HttpRequest {
        method: "get".into(),
        url: url.into(),
        headers: Vec::new(),
        body: Vec::new(),
        first_byte_timeout_ms: 1000,
    }
}

fn target(url: &str) -> Result<Target, EffectError> {
    plan_http(&request(url), &HttpLimits::default()).map(|plan| plan.target)
}

#[track_caller]
fn check_refused<T: std::fmt::Debug>(result: Result<T, EffectError>, expected: &str) {
    match result {
        Err(EffectError::Denied { code, .. }) => assert_eq!(code, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_url_becomes_its_normal_form() {
    let cases = [
        ("http://example.test", "http://example.test:80/"),
        ("HTTPS://EXAMPLE.TEST./a/../b?q=1", "https://example.test:443/b?q=1"),
        ("https://example.test:8443/x%20y?", "https://example.test:8443/x%20y?"),
        ("https://bücher.test/ä", "https://xn--bcher-kva.test:443/%C3%A4"),
        ("https://[2606:2800::0001]/", "https://[2606:2800::1]:443/"),
        ("http://example.test/%2e%2e/admin", "http://example.test:80/admin"),
        ("http://example.test?x=a@b", "http://example.test:80/?x=a@b"),
    ];
    for (given, expected) in cases {
        assert_eq!(target(given).unwrap().url(), expected, "{given}");
    }
}

#[test]
fn a_url_that_looks_like_another_is_refused() {
    // NET-03, NET-17, NET-19
    let urls = [
        "http://example.test@evil.test/",
        "http://user:pw@example.test/",
        "http://@example.test/",
        "http://evil.test#example.test",
        "ftp://example.test/",
        "ws://example.test/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "example.test",
        "",
        "http:/example.test/",
        "http:example.test",
        "http:///example.test/",
        "//example.test/",
        " http://example.test/",
        "http://exa\tmple.test/",
        "http://example.test/\n",
        "http://example.test/a b",
        "http://example.test\\@evil.test/",
        "http://exa%6dple.test/",
        "http://example.test:/",
        "http://example.test:0/",
        "http://example.test:0443/",
        "http://example.test:65536/",
        "http://example.test:443junk/",
        "http://example.test:-1/",
        "http://example.test../",
        "http://.example.test/",
        "http://exa..mple.test/",
        "http://[::1",
        "http://[::1]junk/",
        "http://[::1]:0/",
        "http://1.2.3.4.5/",
        "http://256.0.0.1/",
        "http://exa,mple.test/",
        "http://\u{200b}/",
        "http://example.test/\u{0}",
        "http://[fe80::1%25eth0]/",
        "http://[::ffff:127.0.0.1]:/",
    ];
    for url in urls {
        check_refused(target(url), "E_NET_URL");
    }
    check_refused(target(&format!("http://{}.test/", "a".repeat(64))), "E_NET_URL");
    check_refused(target(&format!("http://a.test/{}", "a".repeat(MAX_URL_BYTES))), "E_NET_URL");
}

#[test]
fn what_only_contains_a_known_name_is_another_host() {
    // NET-03
    let hosts = [
        ("http://example.test.evil.test/", "example.test.evil.test"),
        ("http://evil.test/example.test", "evil.test"),
        ("http://evil.test?x=example.test", "evil.test"),
    ];
    for (url, host) in hosts {
        assert_eq!(target(url).unwrap().host, host);
    }
    assert_ne!(target("http://exаmple.test/").unwrap().host, "example.test"); // NET-20: Cyrillic
}

#[test]
fn the_class_of_a_literal_shows_through_every_spelling() {
    // NET-12, NET-15
    let cases = [
        (
            AddressClass::Loopback,
            "127.0.0.1 127.1 2130706433 0x7f000001 0177.0.0.1 0 0.0.0.0 [::1] [::] localhost LOCALHOST. foo.localhost [::ffff:127.0.0.1] 127.0.0.1.",
        ),
        (
            AddressClass::Metadata,
            "169.254.169.254 2852039166 [::ffff:169.254.169.254] metadata.google.internal METADATA.google.internal. [fd00:ec2::254]",
        ),
        (
            AddressClass::Private,
            "10.0.0.1 192.168.1.1 172.16.0.1 100.64.0.1 [fe80::1] [fc00::1] 255.255.255.255 [::ffff:8.8.8.8]",
        ),
        (AddressClass::Public, "8.8.8.8 [2606:4700::1111]"),
        (AddressClass::Name, "example.test localhost.example.test 127.0.0.1.nip.test notlocalhost"),
    ];
    for (class, hosts) in cases {
        for host in hosts.split(' ') {
            assert_eq!(target(&format!("http://{host}/")).unwrap().address, class, "{host}");
        }
    }
    assert_eq!(target("http://2130706433:8080/").unwrap().url(), "http://127.0.0.1:8080/");
}

#[test]
fn the_hosts_class_can_be_told_again_from_a_plan() {
    for url in ["http://127.1/", "http://[::ffff:10.0.0.1]/", "http://a.localhost/", "http://example.test/"] {
        let target = target(url).unwrap();
        assert_eq!(address::classify_host(&target.host), target.address, "{url}");
    }
}

#[test]
fn header_fields_that_are_the_hosts_own_are_left_out_or_refused() {
    // NET-22
    let with = |name: &str| {
        let headers = vec![("X-Kept".into(), b"1".to_vec()), (name.into(), b"value".to_vec())];
        plan_http(&HttpRequest { headers, ..request("http://example.test/") }, &HttpLimits::default())
    };
    for name in HOST_HEADERS {
        assert_eq!(with(name).unwrap().headers, [("x-kept".into(), b"1".to_vec())]);
    }
    for name in ["Upgrade", "Proxy-Authorization", "proxy-connection", "HTTP2-Settings", ":authority", ":path"] {
        check_refused(with(name), "E_NET_HEADER");
    }
    assert_eq!(with("Authorization").unwrap().headers.len(), 2);
}

#[test]
fn bytes_that_could_end_a_header_field_are_refused() {
    // NET-25
    let with = |name: &str, value: &[u8]| {
        let headers = vec![(name.into(), value.to_vec())];
        plan_http(&HttpRequest { headers, ..request("http://example.test/") }, &HttpLimits::default())
    };
    for name in ["", "a b", "a:b", "a\r\nb", "a\0", "ä"] {
        check_refused(with(name, b"x"), "E_NET_HEADER");
    }
    for value in [&b"a\r\nb"[..], b"a\nb", b"a\rb", b"a\0b", b"\x7f"] {
        check_refused(with("a", value), "E_NET_HEADER");
    }
    assert!(with("a", "ünïcode\t".as_bytes()).is_ok());
    for method in ["", "GET /", "GET\r\n", "G\0", "CONNECT", "trace", &"A".repeat(33)] {
        let refused = HttpRequest { method: method.into(), ..request("http://example.test/") };
        assert!(matches!(plan_http(&refused, &HttpLimits::default()), Err(EffectError::Invalid(_))), "{method}");
    }
}

#[test]
fn sizes_and_times_of_the_guest_are_bounded() {
    let limits = HttpLimits { max_request_bytes: 10, ..HttpLimits::default() };
    let planned = |request: HttpRequest| plan_http(&request, &limits);
    let base = || request("http://example.test/");
    assert!(matches!(planned(HttpRequest { body: vec![0; 11], ..base() }), Err(EffectError::Limit(_))));
    let many = vec![("a".to_owned(), Vec::new()); 101];
    assert!(matches!(planned(HttpRequest { headers: many, ..base() }), Err(EffectError::Limit(_))));
    let long = vec![("a".to_owned(), vec![b'x'; MAX_HEADER_BYTES])];
    assert!(matches!(planned(HttpRequest { headers: long, ..base() }), Err(EffectError::Limit(_))));
    let time = |ms| planned(HttpRequest { first_byte_timeout_ms: ms, ..base() }).unwrap().first_byte_timeout_ms;
    assert_eq!((time(0), time(500), time(u64::MAX)), (1, 500, 120_000));
    assert_eq!(planned(base()).unwrap().method, "GET");
}
