//! Host time as text, in UTC.

use crate::id::Timestamp;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// E.g. `2026-11-21T08:00:00.000Z`.
pub fn format(at: Timestamp) -> String {
    let Timestamp(millis) = at;
    let seconds = millis / 1000;
    let (year, month, day) = civil(seconds / SECONDS_PER_DAY);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", millis % 1000)
}

/// Reads a day, or a moment of it, in UTC: `2026-11-21`, `2026-11-21T08:00Z`, `2026-11-21T08:00:00.000Z`.
pub fn parse(text: &str) -> Option<Timestamp> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, time.strip_suffix('Z')?),
        None => (text, "00:00"),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (time, millis) = time.split_once('.').unwrap_or((time, "0"));
    let time = if time.len() == 5 { format!("{time}:00") } else { time.to_owned() };
    let [hour, minute, second] = numbers(&time, ':', [2, 2, 2])?;
    let millis = if millis.len() <= 3 { format!("{millis:0<3}").parse::<u64>().ok()? } else { return None };
    let possible =
        (1970..=9999).contains(&year) && (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    // A month has at most 31 days, and the first of the month is the day after those of all months before.
    let first = possible.then(|| day_of(year, month))?;
    let of_month = (civil(first + day - 1) == (year, month, day)).then_some(first + day - 1)?;
    Some(Timestamp((of_month * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second) * 1000 + millis))
}

/// As many numbers of exactly these lengths.
fn numbers(text: &str, separator: char, lengths: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut found = [0; 3];
    for (number, length) in found.iter_mut().zip(lengths) {
        let part =
            parts.next().filter(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

/// The first day of a month, in days after 1 January 1970.
fn day_of(year: u64, month: u64) -> u64 {
    // The other way round than in `civil`.
    let year = year - u64::from(month <= 2);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5;
    let day_of_era = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + day_of_year;
    year / 400 * 146_097 + day_of_era - 719_468
}

/// The hour of the day, 0 to 23, and the day of the week, 1 (Monday) to 7.
pub fn hour_and_weekday(at: Timestamp) -> (i64, i64) {
    let seconds = at.0 / 1000;
    // 1 January 1970 was a Thursday.
    let (hour, weekday) = (seconds / 3600 % 24, (seconds / SECONDS_PER_DAY + 3) % 7 + 1);
    (hour.cast_signed(), weekday.cast_signed())
}

/// Year, month and day of the day that many days after 1 January 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years are counted from 1 March, so that a leap day is the last of its year; 719468 days lie between
    // 1 March of the year 0 and 1970, 146097 are in 400 years.
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_weekdays_are_those_of_the_calendar() {
        // Thursday, Friday a millisecond before and at midnight, Saturday 21 November 2026 at 17:12.
        for (seconds, expected) in [(0, (0, 4)), (86_399, (23, 4)), (86_400, (0, 5)), (1_795_281_120, (17, 6))] {
            assert_eq!(hour_and_weekday(Timestamp(seconds * 1000)), expected);
        }
    }

    #[test]
    fn days_around_leap_days_and_turns_of_years_are_right() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_399, "2000-02-28T23:59:59.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (951_868_800, "2000-03-01T00:00:00.007Z"),
            (1_709_164_800, "2024-02-29T00:00:00.007Z"),
            (1_740_787_200, "2025-03-01T00:00:00.007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z"),
            (253_402_300_799, "9999-12-31T23:59:59.007Z"),
        ] {
            assert_eq!(format(Timestamp(seconds * 1000 + 7)), text);
        }
        // The far end of a timestamp must not panic: an expiry is computed by saturating addition.
        assert!(format(Timestamp(u64::MAX)).ends_with('Z'));
    }

    #[test]
    fn what_was_written_is_read_and_what_is_no_time_is_not() {
        for millis in [0, 951_782_399_007, 951_782_400_000, 1_709_164_800_123, 253_402_300_799_999] {
            assert_eq!(parse(&format(Timestamp(millis))), Some(Timestamp(millis)));
        }
        assert_eq!(parse("2024-02-29"), Some(Timestamp(1_709_164_800_000)));
        assert_eq!(parse("2024-02-29T00:01Z"), Some(Timestamp(1_709_164_860_000)));
        for text in ["", "2024", "2023-02-29", "2024-00-01", "2024-01-00", "2024-01-32", "2024-01-01T24:00Z"] {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in ["2024-01-01T00:00", "2024-1-1", "2024-01-01-01", "2024-01-01T00:00:00.0000Z", "+024-01-01", "é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut previous = civil(0);
        for day in 1..60_000 {
            let current = civil(day);
            let (year, month, date) = previous;
            let next = [(year, month, date + 1), (year, month + 1, 1), (year + 1, 1, 1)];
            assert!(next.contains(&current), "{previous:?} then {current:?}");
            previous = current;
        }
    }
}
