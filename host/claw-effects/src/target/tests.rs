use claw_core::effect::AddressClass;

use super::*;

fn target(url: &str) -> Result<Target, EffectError> {
    plan_target(url, Purpose::Request)
}

fn connection(url: &str) -> Result<Target, EffectError> {
    plan_target(url, Purpose::Connection)
}

#[track_caller]
fn check_refused(result: Result<Target, EffectError>) {
    assert!(matches!(&result, Err(EffectError::Denied { code, .. }) if code == "E_NET_URL"), "{result:?}");
}

#[test]
fn a_url_becomes_its_normal_form() {
    let cases = [
        ("http://example.test", "http://example.test:80/"),
        ("HTTPS://EXAMPLE.TEST./a/./b?q=1", "https://example.test:443/a/b?q=1"),
        ("https://example.test:8443/x%20y?", "https://example.test:8443/x%20y?"),
        ("https://bücher.test/ä", "https://xn--bcher-kva.test:443/%C3%A4"),
        ("https://[2606:2800::0001]/", "https://[2606:2800::1]:443/"),
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
        check_refused(target(url));
    }
    check_refused(target(&format!("http://{}.test/", "a".repeat(64))));
    check_refused(target(&format!("http://a.test/{}", "a".repeat(MAX_URL_BYTES))));
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
fn a_path_that_somebody_could_read_as_a_step_up_is_refused() {
    // NET-31
    let paths = [
        "/v1/../admin",
        "/v1/..",
        "/..",
        "/v1/%2e%2e/admin",
        "/v1/.%2E/admin",
        "/v1/%252e%252e/admin",
        "/v1/%25252e%25252e/admin",
        "/v1/%2525252525252e/admin",
        "/v1/..%2fadmin",
        "/v1%2f..%2fadmin",
        "/v1/..%5cadmin",
        "/v1/%5c..%5cadmin",
        "/v1;a=/../admin",
        "/v1/..;/admin",
        "/v1/..;a=b/admin",
        "/v1/%2e%2e%3b/admin",
        "/v1/..%3f/admin",
        "/v1/..%00/admin",
        "/v1/%00../admin",
        "/v1/..%09/admin",
        "/v1/..%20/admin",
        "/v1/%c0%ae%c0%ae/admin",
        "/v1/..%c0%afadmin",
        "/v1/..%c1%9cadmin",
        "/v1\\..\\admin",
        "//v1/x",
        "//evil.test/v1/",
        "/.//evil.test/v1/",
    ];
    for path in paths {
        check_refused(target(&format!("https://example.test{path}")));
        check_refused(connection(&format!("wss://example.test{path}")));
    }
}

#[test]
fn ordinary_paths_are_kept_letter_for_letter() {
    // NET-31
    let paths = [
        "/",
        "/v1/a..b/..c/d..",
        "/v1/.../x",
        "/web/2020/https://example.com/",
        "/a%20b;c=d/%E4%B8%AD",
        "/a%2fb",
        "/100%25",
        "/100%",
        "/q?next=/../up&b=%2e%2e",
        "/V1/",
    ];
    for path in paths {
        let planned = target(&format!("https://example.test{path}")).unwrap();
        assert_eq!(planned.path_and_query, path);
        // What is sent is read from the plan again: it must not change once more.
        assert_eq!(&Url::parse(&planned.url()).unwrap()[url::Position::BeforePath..], path);
    }
}

#[test]
fn a_connection_has_its_own_schemes() {
    // NET-30
    let cases = [
        ("WSS://EXAMPLE.test/x?y", "wss://example.test:443/x?y"),
        ("ws://127.1:8080", "ws://127.0.0.1:8080/"),
        ("tcp://Example.TEST.:25", "tcp://example.test:25"),
        ("tls://[::0001]:993", "tls://[::1]:993"),
        ("tls://bücher.test:80", "tls://xn--bcher-kva.test:80"),
        ("tcp://0x7f000001:22", "tcp://127.0.0.1:22"),
    ];
    for (given, expected) in cases {
        assert_eq!(connection(given).unwrap().url(), expected, "{given}");
    }
    let refused = [
        "https://example.test/",
        "wss:example.test",
        "tcp://example.test",
        "tls://example.test/",
        "tls://example.test:993/",
        "tls://example.test:993?x",
        "tcp://example.test:0",
        "tcp://example.test:025",
        "tcp://user@example.test:25",
        "tcp://exa%6dple.test:25",
        "tcp://:25",
        "wss://example.test/#x",
    ];
    refused.into_iter().for_each(|url| check_refused(connection(url)));
    check_refused(target("wss://example.test/"));
    assert_eq!(connection("tcp://localhost:1").unwrap().address, AddressClass::Loopback);
    assert_eq!(connection("tls://169.254.169.254:1").unwrap().address, AddressClass::Metadata);
}
