use super::*;

#[track_caller]
fn check(now: &str, zone: Option<&str>, expected: &str) {
    assert_eq!(tell(now.parse().unwrap(), zone).unwrap(), expected);
}

#[test]
fn utc_comes_with_the_weekday() {
    check("2026-03-29T00:59:59.5Z", None, "2026-03-29T00:59:59Z (Sunday)");
    check("2026-03-29T00:59:59Z", Some(" "), "2026-03-29T00:59:59Z (Sunday)");
}

#[test]
fn a_named_zone_knows_summer_time() {
    check(
        "2026-03-29T00:59:59Z",
        Some("Europe/Berlin"),
        "2026-03-29T00:59:59Z (Sunday)\nEurope/Berlin: 2026-03-29T01:59:59+01:00 (Sunday)",
    );
    check(
        "2026-03-29T01:00:00Z",
        Some("Europe/Berlin"),
        "2026-03-29T01:00:00Z (Sunday)\nEurope/Berlin: 2026-03-29T03:00:00+02:00 (Sunday)",
    );
}

#[test]
fn an_offset_may_be_spelled_in_three_ways() {
    for zone in ["+0530", "+05:30"] {
        let local = format!("2026-01-01T23:00:00Z (Thursday)\n{zone}: 2026-01-02T04:30:00+05:30 (Friday)");
        check("2026-01-01T23:00:00Z", Some(zone), &local);
    }
    check(
        "2026-01-01T01:00:00Z",
        Some("-03"),
        "2026-01-01T01:00:00Z (Thursday)\n-03: 2025-12-31T22:00:00-03:00 (Wednesday)",
    );
    check(
        "2026-01-01T01:00:00Z",
        Some("Z"),
        "2026-01-01T01:00:00Z (Thursday)\nZ: 2026-01-01T01:00:00+00:00 (Thursday)",
    );
}

#[test]
fn text_that_is_no_zone_is_refused() {
    for zone in ["Mars/Olympus", "+", "+1", "+2:00", "+14:01", "+99", "+02:60", "+é1", "+0a", "é", "../../etc/passwd"]
    {
        let outcome = tell(Timestamp::UNIX_EPOCH, Some(zone));
        assert!(matches!(&outcome, Err(ToolError::InvalidArguments(why)) if why.contains(zone)), "{zone}: {outcome:?}");
    }
}
