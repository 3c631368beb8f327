use super::*;

fn response(status: u16, location: Option<&str>) -> Response {
    let headers = location.map(|value| ("Location".to_owned(), value.as_bytes().to_vec()));
    Response { status, headers: headers.into_iter().collect(), body: Vec::new(), end: BodyEnd::Complete }
}

fn next(status: u16, location: Option<&str>) -> Result<Option<String>, ToolError> {
    let url = Url::parse("https://a.test/b/c?d").unwrap();
    Ok(redirect(&url, &response(status, location))?.map(String::from))
}

#[test]
fn redirects_are_resolved_against_the_page() {
    assert_eq!(next(302, Some("/x")).unwrap().unwrap(), "https://a.test/x");
    assert_eq!(next(301, Some("x")).unwrap().unwrap(), "https://a.test/b/x");
    assert_eq!(next(307, Some("//b.test")).unwrap().unwrap(), "https://b.test/");
    assert_eq!(next(308, Some("http://169.254.169.254/")).unwrap().unwrap(), "http://169.254.169.254/");
}

#[test]
fn other_answers_are_final() {
    for (status, location) in [(200, Some("/x")), (304, Some("/x")), (404, None), (302, None)] {
        assert_eq!(next(status, location).unwrap(), None, "{status}");
    }
}

#[test]
fn redirects_leave_the_web_no_more_than_calls_do() {
    for location in ["file:///etc/passwd", "ftp://a.test/", "javascript:1"] {
        assert!(matches!(next(302, Some(location)), Err(ToolError::InvalidArguments(_))), "{location}");
    }
    for url in ["file:///etc/passwd", "a.test", "", "data:text/html,x"] {
        assert!(matches!(parse(url), Err(ToolError::InvalidArguments(_))), "{url}");
    }
    assert_eq!(parse(" https://A.test ").unwrap().as_str(), "https://a.test/");
}
