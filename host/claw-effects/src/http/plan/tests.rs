use claw_core::effect::RequestBody;

use super::*;

fn request(url: &str) -> HttpRequest {
    HttpRequest {
        method: "get".into(),
        url: url.into(),
        headers: Vec::new(),
        body: RequestBody::Whole(Vec::new()),
        first_byte_timeout_ms: 1000,
    }
}

#[test]
fn what_is_not_a_method_is_refused() {
    // NET-25
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
    assert!(matches!(
        planned(HttpRequest { body: RequestBody::Whole(vec![0; 11]), ..base() }),
        Err(EffectError::Limit(_))
    ));
    let many = vec![("a".to_owned(), Vec::new()); 101];
    assert!(matches!(planned(HttpRequest { headers: many, ..base() }), Err(EffectError::Limit(_))));
    let long = vec![("a".to_owned(), vec![b'x'; 40_000])];
    assert!(matches!(planned(HttpRequest { headers: long, ..base() }), Err(EffectError::Limit(_))));
    let time = |ms| planned(HttpRequest { first_byte_timeout_ms: ms, ..base() }).unwrap().first_byte_timeout_ms;
    assert_eq!((time(0), time(500), time(u64::MAX)), (1, 500, 120_000));
    assert_eq!(planned(base()).unwrap().method, "GET");
}
