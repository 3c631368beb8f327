use super::*;

fn headers(values: &[&str]) -> Vec<(String, Vec<u8>)> {
    values.iter().map(|value| ("x-value".to_owned(), value.as_bytes().to_vec())).collect()
}

fn target(path: &str) -> Target {
    target::plan_target(&format!("https://example.test{path}"), target::Purpose::Request).unwrap()
}

fn filled(headers: Vec<(String, Vec<u8>)>) -> Result<Filled, EffectError> {
    fill("/", headers, &vault)
}

fn filled_path(path: &str) -> Result<String, EffectError> {
    fill(&target(path).path_and_query, Vec::new(), &vault).map(|filled| filled.path_and_query.to_string())
}

fn vault(name: &str) -> Option<Zeroizing<String>> {
    let value = match name {
        "api" => "s3cr3t-value",
        "other/key" => "an-other",
        "two-lines" => "a\r\nx-evil: 1",
        "nul" => "a\0b",
        "large" => return Some("x".repeat(20_000).into()),
        "bot" => "123:AA-b_c",
        "odd" => "a/../b?c#d%2e",
        "up" => "..",
        "dot" => ".",
        "echo" => "{{secret:api}}",
        _ => return None,
    };
    Some(value.to_owned().into())
}

#[test]
fn the_names_of_a_plan_are_listed_once_and_sorted() {
    let headers = headers(&["Bearer {{secret:other/key}}", "{{secret:api}}:{{secret:other/key}}", "{secret:x}"]);
    let target = target("/bot{{secret:bot}}/{{secret:api}}");
    assert_eq!(secrets_in(&headers, &target), ["api", "bot", "other/key"]);
}

#[test]
fn placeholders_are_filled_and_nothing_shows_them() {
    // SE-06
    let filled = filled(headers(&["Bearer {{secret:api}}!", "{{ secret:api }} {{secret}}"])).unwrap();
    let values: Vec<&HeaderValue> = filled.headers.get_all("x-value").iter().collect();
    assert_eq!(values[0], "Bearer s3cr3t-value!");
    assert_eq!(values[1], "{{ secret:api }} {{secret}}");
    assert!(values[0].is_sensitive() && !values[1].is_sensitive());
    let shown = format!("{:?} {:?}", filled.headers, filled.mask);
    assert!(!shown.contains("s3cr3t"), "{shown}");
    assert_eq!(filled.mask.text("echo s3cr3t-value"), "echo <secret api>");
}

#[test]
fn a_secret_is_not_read_for_further_placeholders() {
    let filled = filled(headers(&["{{secret:echo}}"])).unwrap();
    assert_eq!(filled.headers["x-value"], "{{secret:api}}");
    assert_eq!(filled_path("/{{secret:echo}}").unwrap(), "/%7B%7Bsecret:api%7D%7D");
}

#[test]
fn what_cannot_be_filled_is_refused_without_showing_it() {
    // NET-25, SE-06
    let code = |value: &str| match filled(headers(&[value])) {
        Err(EffectError::Denied { code, reason }) => {
            assert!(!reason.contains("x-evil") && !reason.contains('\0'), "{reason}");
            code
        }
        other => panic!("{:?}", other.map(|filled| filled.headers)),
    };
    assert_eq!(code("{{secret:missing}}"), "E_SECRET_SCOPE");
    assert_eq!(code("{{secret:two-lines}}"), "E_NET_HEADER");
    assert_eq!(code("{{secret:nul}}"), "E_NET_HEADER");
    let twice = filled(headers(&["{{secret:large}}", "{{secret:large}}"]));
    assert!(matches!(twice, Err(EffectError::Limit(_))));
    assert!(matches!(filled(headers(&["{{secret:"])), Err(EffectError::Invalid(_))));
}

#[test]
fn a_placeholder_in_a_path_has_one_form_whoever_escaped_it() {
    // SE-06
    let planned = "/bot{{secret:bot}}/send?x=1";
    for written in [
        "/bot{{secret:bot}}/send?x=1",
        "/bot%7B%7Bsecret:bot%7D%7D/send?x=1",
        "/bot%7b%7bSecret%3abot%7d%7d/send?x=1",
        "/./bot{{secret%3Abot}}/send?x=1",
    ] {
        assert_eq!(target(written).path_and_query, planned, "{written}");
    }
    // As in header fields, what is no placeholder is text.
    assert_eq!(target("/{{secret}}/{x}").path_and_query, "/%7B%7Bsecret%7D%7D/%7Bx%7D");
}

#[test]
fn a_secret_stays_within_its_segment_of_a_path() {
    // SE-06
    assert_eq!(filled_path("/bot{{secret:bot}}/send?x=1").unwrap(), "/bot123:AA-b_c/send?x=1");
    assert_eq!(filled_path("/x{{secret:api}}{{secret:bot}}").unwrap(), "/xs3cr3t-value123:AA-b_c");
    let code = |path: &str| match filled_path(path) {
        Err(EffectError::Denied { code, reason }) => {
            assert!(!reason.contains("..") && !reason.contains('\0'), "{reason}");
            code
        }
        other => panic!("{other:?}"),
    };
    for path in ["/v1/{{secret:up}}/x", "/v1/{{secret:dot}}{{secret:dot}}", "/v1/{{secret:odd}}", "/v1/.{{secret:dot}}"]
    {
        assert_eq!(code(path), "E_NET_URL", "{path}");
    }
    assert_eq!(code("/{{secret:missing}}"), "E_SECRET_SCOPE");
    assert_eq!(code("/{{secret:two-lines}}"), "E_NET_HEADER");
    assert!(matches!(filled_path("/{{secret:large}}"), Err(EffectError::Limit(_))));
}

#[test]
fn a_secret_is_named_nowhere_else_in_a_url() {
    // SE-06
    let refused = |url: &str, purpose| match target::plan_target(url, purpose) {
        Err(EffectError::Denied { code, reason }) if code == "E_NET_URL" => reason,
        other => panic!("{url}: {other:?}"),
    };
    let request = target::Purpose::Request;
    for url in [
        "https://{{secret:api}}/",
        "https://{{secret:api}}.example.test/",
        "https://example.test:{{secret:api}}/",
        "https://{{secret:api}}@example.test/",
    ] {
        assert!(refused(url, request).contains("names a secret as its server"), "{url}");
    }
    for url in ["https://example.test/?key={{secret:api}}", "https://example.test/?key=%7B%7bsecret%3Aapi%7D%7D"] {
        assert!(refused(url, request).contains("names a secret where none can stand"), "{url}");
    }
    for url in
        ["https://example.test/{{secret:api", "https://example.test/{{secret:A b}}", "https://example.test/{{secret:}}"]
    {
        let why = refused(url, request);
        assert!(why.contains("in another form than") || why.contains("contains a space"), "{url}: {why}");
    }
    assert!(refused("wss://example.test/{{secret:api}}", target::Purpose::Connection).contains("none can stand"));
}
