use super::*;

fn headers(values: &[&str]) -> Vec<(String, Vec<u8>)> {
    values.iter().map(|value| ("x-value".to_owned(), value.as_bytes().to_vec())).collect()
}

fn vault(name: &str) -> Option<Zeroizing<String>> {
    let value = match name {
        "api" => "s3cr3t-value",
        "other/key" => "an-other",
        "two-lines" => "a\r\nx-evil: 1",
        "nul" => "a\0b",
        "large" => return Some("x".repeat(20_000).into()),
        "echo" => "{{secret:api}}",
        _ => return None,
    };
    Some(value.to_owned().into())
}

#[test]
fn the_names_of_a_plan_are_listed_once_and_sorted() {
    let headers = headers(&["Bearer {{secret:other/key}}", "{{secret:api}}:{{secret:other/key}}", "{secret:x}"]);
    assert_eq!(secrets_in(&headers), ["api", "other/key"]);
}

#[test]
fn placeholders_are_filled_and_nothing_shows_them() {
    // SE-06
    let filled = fill(headers(&["Bearer {{secret:api}}!", "{{ secret:api }} {{secret}}"]), &vault).unwrap();
    let values: Vec<&HeaderValue> = filled.headers.get_all("x-value").iter().collect();
    assert_eq!(values[0], "Bearer s3cr3t-value!");
    assert_eq!(values[1], "{{ secret:api }} {{secret}}");
    assert!(values[0].is_sensitive() && !values[1].is_sensitive());
    assert!(!format!("{filled:?}").contains("s3cr3t"), "{filled:?}");
    assert_eq!(filled.mask.text("echo s3cr3t-value"), "echo <secret api>");
}

#[test]
fn a_secret_is_not_read_for_further_placeholders() {
    let filled = fill(headers(&["{{secret:echo}}"]), &vault).unwrap();
    assert_eq!(filled.headers["x-value"], "{{secret:api}}");
}

#[test]
fn what_cannot_be_filled_is_refused_without_showing_it() {
    // NET-25, SE-06
    let code = |value: &str| match fill(headers(&[value]), &vault) {
        Err(EffectError::Denied { code, reason }) => {
            assert!(!reason.contains("x-evil") && !reason.contains('\0'), "{reason}");
            code
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(code("{{secret:missing}}"), "E_SECRET_SCOPE");
    assert_eq!(code("{{secret:two-lines}}"), "E_NET_HEADER");
    assert_eq!(code("{{secret:nul}}"), "E_NET_HEADER");
    let twice = fill(headers(&["{{secret:large}}", "{{secret:large}}"]), &vault);
    assert!(matches!(twice, Err(EffectError::Limit(_))), "{twice:?}");
    assert!(matches!(fill(headers(&["{{secret:"]), &vault), Err(EffectError::Invalid(_))));
}
