//! Time zones by name or offset.

use jiff::tz::{Offset, TimeZone};

/// Hours that a zone may lie from UTC: the widest in use are -12 and +14.
const MAX_HOURS: i32 = 14;

/// Reads `Z`, `UTC`, `±hh:mm`, `±hhmm`, `±hh` or an IANA name. The zones come with the component: it sees no files.
pub fn parse(text: &str) -> Option<TimeZone> {
    if text == "Z" {
        return Some(TimeZone::UTC);
    }
    match text.split_at_checked(1)? {
        ("+", rest) => offset(rest).map(fixed),
        ("-", rest) => offset(rest).map(|seconds| fixed(-seconds)),
        _ => TimeZone::get(text).ok(),
    }
}

fn fixed(seconds: i32) -> TimeZone {
    TimeZone::fixed(Offset::from_seconds(seconds).expect("zone: 14 hours are a valid offset"))
}

fn offset(text: &str) -> Option<i32> {
    let digits = text.replacen(':', "", 1);
    let has_form = match text.len() {
        2 | 4 => digits.len() == text.len(),
        5 => text.as_bytes()[2] == b':',
        _ => false,
    };
    if !has_form || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = if digits.len() == 4 { digits[2..].parse().ok()? } else { 0 };
    let minutes = (minutes < 60).then_some(hours * 60 + minutes)?;
    (minutes <= MAX_HOURS * 60).then_some(minutes * 60)
}
