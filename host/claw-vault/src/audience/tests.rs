use super::*;

#[track_caller]
fn check(audience: &str, allowed: &[&str], refused: &[&str]) {
    let audience = Audience::parse(audience).unwrap();
    for origin in allowed {
        assert!(audience.covers(origin), "{audience} must cover {origin}");
    }
    for origin in refused {
        assert!(!audience.covers(origin), "{audience} must not cover {origin}");
    }
}

#[test]
fn a_server_is_matched_by_scheme_name_and_port_and_nothing_like_it() {
    // SE-06
    check(
        "https://API.example.com",
        &["https://api.example.com", "https://api.example.com:443", "https://API.EXAMPLE.com"],
        &[
            "http://api.example.com",
            "http://api.example.com:443",
            "https://api.example.com:8443",
            "https://api.example.com.evil.io",
            "https://evil.io/api.example.com",
            "https://api.example.com@evil.io",
            "https://api.example.com/",
            "https://api.example.com.",
            "https://xapi.example.com",
            "https://*.example.com",
            "wss://api.example.com",
            "api.example.com",
            "",
        ],
    );
    check("http://[::1]:8080", &["http://[::1]:8080", "http://[0:0::1]:8080"], &["http://[::1]", "http://[::2]:8080"]);
}

#[test]
fn a_wildcard_stands_for_exactly_one_label() {
    check(
        "https://*.example.com",
        &["https://a.example.com", "https://b.example.com:443"],
        &["https://example.com", "https://a.b.example.com", "https://.example.com", "https://*.example.com"],
    );
}

#[test]
fn what_is_no_server_is_refused_with_the_rule() {
    for text in [
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://*",
        "https://*.com",
        "https://a.*.com",
        "https://*.1.2.3.4",
        "https://a:0",
        "https://a:99999",
        "https://a:+1",
        "https://user@a",
        "https://a/path",
        "https://0x7f.1",
        "https://127.1",
        "https://ä.example",
        "https://[::1",
    ] {
        let err = Audience::parse(text).unwrap_err().to_string();
        assert!(err.contains("is not a server: "), "{text}: {err}");
    }
}

#[test]
fn it_is_shown_as_it_is_written() {
    for text in ["https://api.example.com", "http://127.0.0.1:8080", "https://[::1]:8443", "wss://*.example.com"] {
        assert_eq!(Audience::parse(text).unwrap().to_string(), text);
    }
    assert_eq!(Audience::parse("https://a.example:443").unwrap().to_string(), "https://a.example");
}

#[test]
fn only_what_leaves_this_machine_unencrypted_is_in_the_clear() {
    for (text, clear) in [
        ("http://10.0.0.7", true),
        ("ws://chat.example", true),
        ("https://chat.example", false),
        ("http://127.0.0.1:1", false),
        ("http://[::1]", false),
        ("http://localhost", false),
    ] {
        assert_eq!(Audience::parse(text).unwrap().is_in_clear(), clear, "{text}");
    }
}
