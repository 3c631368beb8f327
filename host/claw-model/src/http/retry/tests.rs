use reqwest::header::HeaderValue;

use super::*;

#[track_caller]
fn check(header: &str, expected: Option<u64>) {
    let date = HeaderValue::from_static("Wed, 21 Oct 2015 07:28:00 GMT");
    let headers = HeaderMap::from_iter([(DATE, date), (RETRY_AFTER, HeaderValue::from_str(header).unwrap())]);
    assert_eq!(retry_after(&headers), expected.map(Duration::from_secs));
}

#[test]
fn retry_after_is_read_as_seconds_and_as_a_date() {
    check("7", Some(7));
    check(" 0 ", Some(0));
    check("Wed, 21 Oct 2015 07:28:30 GMT", Some(30));
    check("Wed, 21 Oct 2015 07:00:00 GMT", Some(0));
    check("soon", None);
    check("-3", None);
    check("NaN", None);
    check("1e300", None);
    check("99999999999", Some(24 * 60 * 60));
}

#[test]
fn a_retry_date_without_the_date_of_the_answer_says_nothing() {
    let header = HeaderValue::from_static("Wed, 21 Oct 2015 07:28:30 GMT");
    assert_eq!(retry_after(&HeaderMap::from_iter([(RETRY_AFTER, header)])), None);
}

fn overloaded(retry_after: Option<u64>) -> ModelError {
    let retry_after = retry_after.map(Duration::from_secs);
    ModelError::Overloaded { provider: "p".to_owned(), retry_after, message: String::new() }
}

#[test]
fn the_wish_of_the_provider_is_followed_up_to_a_minute() {
    assert_eq!(pause(0, &overloaded(Some(7)), 0.5), Duration::from_secs(7));
    assert_eq!(pause(0, &overloaded(Some(3600)), 0.5), Duration::from_secs(60));
}

#[test]
fn without_a_wish_the_wait_doubles_up_to_its_bound() {
    let waits: Vec<u128> = (0..7).map(|attempt| pause(attempt, &overloaded(None), 1.0).as_millis()).collect();
    assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
    assert_eq!(pause(0, &overloaded(None), 0.0), Duration::from_millis(250));
    assert_eq!(pause(u32::MAX, &overloaded(None), 9.0), MAX_BACKOFF);
}

#[test]
fn jitter_stays_between_zero_and_one() {
    assert!((0..1000).all(|_| (0.0..=1.0).contains(&jitter())));
}
