//! Points in time: from what calendars and people write to instants, and back. Pure.

use calcard::common::DateTimeResult;
use calcard::common::timezone::Tz;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use openclaw_sdk::ToolError;

/// Longer than any gap that a change of the clocks makes.
const BEFORE_GAP: TimeDelta = TimeDelta::hours(26);

/// A time zone by its name, e.g. `Europe/Berlin`; Outlook's names are known too.
///
/// # Errors
/// [`ToolError::Unavailable`] if there is none: it stands in the settings.
pub fn zone(name: &str) -> Result<Tz, ToolError> {
    let unknown = || format!("`components.calendar.config.timezone` is `{name}`; it can be e.g. `Europe/Berlin`");
    name.parse().map_err(|()| ToolError::Unavailable(unknown()))
}

/// The instant of a local time: the first of two if the clocks are set back then. A time that is skipped when they are set
/// forward is counted on from before, as RFC 5545, 3.3.5 says. `None` at the ends of the calendar.
pub fn instant(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    if let Some(found) = zone.from_local_datetime(&local).earliest() {
        return Some(found.to_utc());
    }
    let before = zone.from_local_datetime(&local.checked_sub_signed(BEFORE_GAP)?).earliest()?;
    before.to_utc().checked_add_signed(BEFORE_GAP)
}

/// The instant of what a calendar says, which may bring its own offset.
pub fn instant_of(said: &DateTimeResult, zone: Tz) -> Option<DateTime<Utc>> {
    match said.offset {
        Some(offset) => Some(offset.from_local_datetime(&said.date_time).earliest()?.to_utc()),
        None => instant(said.date_time, zone),
    }
}

/// What people write: a whole day, or a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Written {
    Day(NaiveDate),
    Time(DateTime<Utc>),
}

/// Reads `2026-11-21`, `2026-11-21T14:00` (local) or `2026-11-21T14:00:00+01:00`.
///
/// # Errors
/// [`ToolError::InvalidArguments`] for anything else; `name` is the argument's.
pub fn written(name: &str, text: &str, zone: Tz) -> Result<Written, ToolError> {
    let text = text.trim();
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(Written::Day(day));
    }
    let local = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"];
    let local = local.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let found = match local {
        Some(local) => instant(local, zone),
        None => DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()),
    };
    let odd = || ToolError::invalid(format!("`{name}` is `{text}`; write `2026-11-21` or `2026-11-21T14:00`"));
    found.map(Written::Time).ok_or_else(odd)
}

/// The first instant of a day.
pub fn midnight(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    instant(day.and_time(NaiveTime::MIN), zone)
}

/// `Sat 2026-11-21`.
pub fn show_day(day: NaiveDate) -> String {
    format!("{} {}", day.weekday(), day.format("%Y-%m-%d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Tz {
        zone("Europe/Berlin").unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        match written("x", text, berlin()).unwrap() {
            Written::Time(time) => time,
            Written::Day(day) => panic!("{day}"),
        }
    }

    #[test]
    fn zones_have_names_of_iana_and_of_outlook() {
        assert_eq!(zone("W. Europe Standard Time").unwrap(), berlin());
        assert!(zone("Middle/Earth").is_err());
    }

    #[test]
    fn a_local_time_is_one_instant_even_when_the_clocks_change() {
        for (local, utc) in [
            ("2026-11-21T14:00", "2026-11-21T13:00:00Z"),
            ("2026-07-21 14:00", "2026-07-21T12:00:00Z"),
            // Twice: the first one counts.
            ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),
            // Never: half past two, counted on from before, is half past three.
            ("2026-03-29T02:30", "2026-03-29T01:30:00Z"),
        ] {
            assert_eq!(at(local), at(utc), "{local}");
        }
    }

    #[test]
    fn a_day_or_a_time_is_read_and_nothing_else() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        assert_eq!(written("x", " 2026-11-21 ", berlin()).unwrap(), Written::Day(day));
        assert_eq!(at("2026-11-21T14:00:00+01:00"), at("2026-11-21T14:00:00"));
        for odd in ["tomorrow", "2026-13-01", "2026-11-21T25:00", ""] {
            let refused = written("from", odd, berlin()).unwrap_err();
            assert!(matches!(refused, ToolError::InvalidArguments(text) if text.contains("`from`")), "{odd}");
        }
    }
}
