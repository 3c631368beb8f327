use super::*;

#[track_caller]
fn check_refused<T: std::fmt::Debug>(result: Result<T, EffectError>, expected: &str) {
    match result {
        Err(EffectError::Denied { code, .. }) => assert_eq!(code, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn header_fields_that_are_the_hosts_own_are_left_out_or_refused() {
    // NET-22
    let with = |name: &str| {
        let headers = vec![("X-Kept".into(), b"1".to_vec()), (name.into(), b"value".to_vec())];
        plan_headers(&headers, Purpose::Request)
    };
    for name in HOST_HEADERS {
        assert_eq!(with(name).unwrap(), [("x-kept".into(), b"1".to_vec())]);
    }
    for name in ["Upgrade", "Proxy-Authorization", "proxy-connection", "HTTP2-Settings", ":authority", ":path"] {
        check_refused(with(name), "E_NET_HEADER");
    }
    assert_eq!(with("Authorization").unwrap().len(), 2);
}

#[test]
fn bytes_that_could_end_a_header_field_are_refused() {
    // NET-25
    let with = |name: &str, value: &[u8]| {
        let headers = vec![(name.into(), value.to_vec())];
        plan_headers(&headers, Purpose::Request)
    };
    for name in ["", "a b", "a:b", "a\r\nb", "a\0", "ä"] {
        check_refused(with(name, b"x"), "E_NET_HEADER");
    }
    for value in [&b"a\r\nb"[..], b"a\nb", b"a\rb", b"a\0b", b"\x7f"] {
        check_refused(with("a", value), "E_NET_HEADER");
    }
    assert!(with("a", "ünïcode\t".as_bytes()).is_ok());
}

#[test]
fn a_handshake_is_written_by_the_host_alone() {
    // NET-22, NET-30
    let with =
        |name: &str, value: &str| plan_headers(&[(name.to_owned(), value.as_bytes().to_vec())], Purpose::Handshake);
    for name in HOST_HEADERS.into_iter().chain(["upgrade", "Sec-WebSocket-Key", "sec-websocket-protocol", "proxy-x"]) {
        check_refused(with(name, "value"), "E_NET_HEADER");
    }
    check_refused(with("x-name", "ü"), "E_NET_HEADER");
    assert_eq!(with("Origin", "https://example.test").unwrap()[0].0, "origin");
}

#[test]
fn a_damaged_placeholder_is_refused_before_anybody_decides() {
    // SE-06
    let with = |value: &str| plan_headers(&[("a".to_owned(), value.as_bytes().to_vec())], Purpose::Request);
    for value in ["{{secret:", "{{secret:}}", "x{{secret:a b}}", "{{secret:A}}", "{{secret:a}}{{secret:b}"] {
        check_refused(with(value), "E_NET_HEADER");
    }
    assert_eq!(with("{{secret:api}}").unwrap()[0].1, b"{{secret:api}}");
    check_refused(plan_headers(&[("{{secret:a}}".to_owned(), Vec::new())], Purpose::Request), "E_NET_HEADER");
}
