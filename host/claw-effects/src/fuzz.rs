//! Fuzz target: the URL that is decided on, the server that is dialled and the path on the wire are the same.

use std::net::{IpAddr, Ipv6Addr};

use claw_core::effect::{AddressClass, ConnectRequest, EffectError, HttpRequest, RequestBody, Target};
use claw_fuzz::Draw;
use hyper::Uri;
use reqwest::Url;

use crate::{HttpLimits, plan_connect, plan_http, secret};

/// What URLs are made of, and what has led parsers apart.
const PIECES: [&str; 58] = [
    "http://",
    "https://",
    "ws://",
    "wss://",
    "tcp://",
    "tls://",
    "HTTP://",
    "http:",
    "//",
    "example.test",
    "EXAMPLE",
    ".test",
    "evil.test",
    "127.0.0.1",
    "127.1",
    "0x7f",
    "2130706433",
    "0177.0.0.1",
    "[::1]",
    "[::ffff:10.0.0.1]",
    "[fe80::1%25eth0]",
    "localhost",
    "bücher",
    "xn--bcher-kva",
    "%6c",
    "%00",
    "%2e",
    "%2E%2e",
    "%252e",
    "%2f",
    "%5c",
    "%c0%ae",
    "..",
    ".",
    "/",
    "\\",
    "?",
    "#",
    "@",
    ":",
    ":80",
    ":443",
    ":0",
    ":65536",
    ":0443",
    "user:pw@",
    "{{secret:a}}",
    "%7B%7bsecret%3a",
    ";",
    "a",
    "=",
    "&",
    " ",
    "\t",
    "\u{3002}",
    "\u{ad}",
    "\u{ff0e}",
    "é",
];
const MOST_PIECES: usize = 12;

/// A URL as a guest writes it, for a request and for a connection.
pub fn url(data: &[u8]) {
    let mut draw = Draw::new(data);
    // Half of them well-formed in the beginning, so that what follows is read at all.
    let begin =
        draw.pick(&["", "http://", "https://example.test", "http://example.test/", "wss://example.test/", "tls://"]);
    let text = match draw.below(4) {
        0 => format!("{begin}{}", draw.text()),
        _ => format!("{begin}{}", draw.joined(&PIECES, MOST_PIECES)),
    };
    check(&text, target_of_request);
    check(&text, target_of_connection);
}

fn target_of_request(url: &str) -> Result<Target, EffectError> {
    let request = HttpRequest {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: RequestBody::Whole(Vec::new()),
        first_byte_timeout_ms: 1000,
    };
    plan_http(&request, &HttpLimits::default()).map(|plan| plan.target)
}

fn target_of_connection(url: &str) -> Result<Target, EffectError> {
    let request = ConnectRequest { url: url.to_owned(), headers: Vec::new(), protocols: Vec::new() };
    plan_connect(&request).map(|plan| plan.target)
}

fn check(text: &str, plan: impl Fn(&str) -> Result<Target, EffectError>) {
    let target = match plan(text) {
        Ok(target) => target,
        Err(err) => {
            let is_refusal = matches!(&err, EffectError::Denied { code, .. } if code == "E_NET_URL");
            let said = err.to_string();
            assert!(is_refusal && said.len() < 4000 && !said.contains(char::is_control), "{text:?}: {said:?}");
            return;
        }
    };
    let shown = target.url();
    let context = format!("{text:?} became `{shown}`");
    assert_eq!(plan(&shown).as_ref(), Ok(&target), "{context}: read again, it is another");
    assert!(
        shown.is_ascii() && !shown.contains([' ', '\\', '#', '@']) || target.path_and_query.contains('@'),
        "{context}"
    );
    check_what_is_dialled(&target, &shown, &context);
    check_host(text, &target, &context);
    check_path(&target.path_and_query, &context);
}

/// The URL parser, and the one of the HTTP client, must see the server that was decided on.
fn check_what_is_dialled(target: &Target, shown: &str, context: &str) {
    // An IPv6 address has several spellings, of which each parser has its own.
    let is_same = |seen: Option<&str>| {
        let seen = seen.unwrap_or_default().trim_matches(['[', ']']);
        let address = |text: &str| text.parse::<IpAddr>().ok();
        seen == target.host || (address(seen).is_some() && address(seen) == address(&target.host))
    };
    let uri: Uri = shown.parse().unwrap_or_else(|err| panic!("{context}: the HTTP client cannot read it: {err}"));
    assert!(is_same(uri.host()), "{context}: the HTTP client dials {:?}", uri.host());
    assert_eq!(uri.port_u16(), Some(target.port), "{context}");
    let is_plain = matches!(target.scheme.as_str(), "tcp" | "tls");
    if !is_plain {
        assert_eq!(uri.path_and_query().map(|path| path.as_str()), Some(&*target.path_and_query), "{context}");
        let url = Url::parse(shown).unwrap_or_else(|err| panic!("{context}: it cannot be read again: {err}"));
        assert!(is_same(url.host_str()), "{context}: read again, the host is {:?}", url.host_str());
        assert_eq!(url.port_or_known_default(), Some(target.port), "{context}");
        let sent = &url[url::Position::BeforePath..];
        assert_eq!(secret::plan_path(sent).as_deref(), Ok(&*target.path_and_query), "{context}");
    }
}

/// The host is what stands between `://` and the path, and is classified as what the resolver will take it for.
fn check_host(text: &str, target: &Target, context: &str) {
    let is_address = target.host.parse::<IpAddr>().is_ok();
    match target.address {
        AddressClass::Name => assert!(!is_address, "{context}"),
        AddressClass::Public | AddressClass::Private => assert!(is_address, "{context}"),
        AddressClass::Loopback | AddressClass::Metadata => {}
    }
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let written = rest.split(['/', '?']).next().unwrap_or_default();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let name = written.split(':').next().unwrap_or_default();
    // What is written plainly is meant as it is written, but for IPv4 addresses in their many spellings.
    if !is_address && name.bytes().all(is_name) && !name.is_empty() {
        assert_eq!(name.trim_end_matches('.').to_ascii_lowercase(), target.host, "{context}");
    }
    let bracketed = written.strip_prefix('[').and_then(|rest| rest.split(']').next());
    if let Some(address) = bracketed.and_then(|inner| inner.parse::<Ipv6Addr>().ok()) {
        assert_eq!(target.host.parse(), Ok(address), "{context}");
    }
}

/// However often somebody on the way decodes the path, it never steps up.
fn check_path(path_and_query: &str, context: &str) {
    let path = path_and_query.split('?').next().unwrap_or_default();
    assert!(path.is_empty() || (path.starts_with('/') && !path.starts_with("//")), "{context}");
    let mut path = path.to_ascii_lowercase();
    for _ in 0..8 {
        let steps_up = path.split(['/', '\\']).any(|segment| segment == ".." || segment.starts_with("..;"));
        assert!(!steps_up, "{context}");
        for (code, meant) in [("%2e", "."), ("%2f", "/"), ("%5c", "\\"), ("%3b", ";"), ("%25", "%")] {
            path = path.replace(code, meant);
        }
    }
}

#[cfg(test)]
mod tests;
