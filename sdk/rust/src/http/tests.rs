use super::*;

#[track_caller]
fn check_target(url: &str, scheme: &str, authority: &str, path_with_query: &str) {
    let target = Target::parse(url).unwrap();
    assert_eq!(
        (target.scheme, target.authority, target.path_with_query.as_str()),
        (scheme, authority, path_with_query)
    );
}

#[test]
fn a_url_is_cut_into_its_parts() {
    check_target("https://a.test", "https", "a.test", "/");
    check_target("http://a.test:8080/b/c?d=e#f", "http", "a.test:8080", "/b/c?d=e");
    check_target("https://a.test?q", "https", "a.test", "/?q");
    check_target("https://[::1]:9/x", "https", "[::1]:9", "/x");
    // The host refuses user names (NET-03); they must reach it rather than be dropped here.
    check_target("https://a.test@evil.test/", "https", "a.test@evil.test", "/");
}

#[test]
fn text_that_names_no_server_is_invalid() {
    for url in ["", "a.test/b", "https://", "://a.test", "https:///path", "mailto:a@b.test"] {
        assert!(matches!(Target::parse(url), Err(ToolError::InvalidArguments(_))), "{url}");
    }
}

#[test]
fn a_refusal_that_travels_in_an_internal_error_keeps_its_code() {
    let code = ErrorCode::InternalError(Some("E_NET_HOST: host `a.test` is not granted".into()));
    let ToolError::Denied(denial) = failure("a.test", Repeat::Harmless, code) else { panic!("not a refusal") };
    assert_eq!((denial.code.as_str(), denial.reason.as_str()), ("E_NET_HOST", "host `a.test` is not granted"));
}

#[test]
fn only_a_code_makes_an_internal_error_a_refusal() {
    for text in ["dns: no such host", "E_: x", "e_net: x", "E_NET", "EVIL: x"] {
        let code = ErrorCode::InternalError(Some(text.into()));
        assert!(matches!(failure("a.test", Repeat::Harmless, code), ToolError::Failed(_)), "{text}");
    }
}

#[test]
fn a_lost_answer_is_only_a_doubt_where_repeating_matters() {
    let lost = || ErrorCode::ConnectionTerminated;
    assert!(matches!(failure("a.test", Repeat::Harmless, lost()), ToolError::Unavailable(_)));
    assert!(matches!(failure("a.test", Repeat::MayDouble, lost()), ToolError::Failed(failure) if failure.sent));
}

#[test]
fn headers_are_found_in_any_case() {
    let headers = vec![("Content-Type".to_owned(), b"text/html".to_vec()), ("x-raw".to_owned(), vec![0xff])];
    let response = Response { status: 200, headers, body: Vec::new(), end: BodyEnd::Complete };
    assert_eq!(response.header("content-type"), Some("text/html"));
    assert_eq!(response.header("x-raw"), None);
    assert_eq!(response.header("location"), None);
}
