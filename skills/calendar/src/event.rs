//! An event as a file for a calendar (RFC 5545). Pure.

use calcard::common::timezone::Tz;
use chrono::{DateTime, TimeDelta, Utc};
use openclaw_sdk::ToolError;

use crate::when::Written;

/// Texts that are longer belong elsewhere.
const MAX_TEXT_BYTES: usize = 8 << 10;
/// Bytes of a line before it is folded, as the standard has it.
const LINE_BYTES: usize = 75;

/// What is to be put into the calendar.
#[derive(Debug)]
pub struct NewEvent<'a> {
    pub title: &'a str,
    pub start: Written,
    pub end: Option<Written>,
    pub place: Option<&'a str>,
    pub notes: Option<&'a str>,
}

impl NewEvent<'_> {
    /// A name that the same event in the same calendar always has, so that a second try does not put it there twice.
    pub fn uid(&self, calendar: &str) -> String {
        let text = format!("{calendar}\n{self:?}");
        // FNV-1a of 128 bits: it has to tell events apart, not to withstand anybody.
        let hash = text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        });
        format!("{hash:032x}@openclaw-host")
    }

    /// The file. Without an end, it lasts an hour, or a day if it begins with one. The last day of a span belongs to it.
    ///
    /// # Errors
    /// [`ToolError::InvalidArguments`] if there is no title, a text is too long, or the end does not fit the start.
    pub fn file(&self, uid: &str, now: DateTime<Utc>) -> Result<String, ToolError> {
        let mut lines = vec!["BEGIN:VCALENDAR".to_owned(), "VERSION:2.0".to_owned()];
        lines.push("PRODID:-//openclaw-host//calendar//EN".to_owned());
        lines.extend(["BEGIN:VEVENT".to_owned(), format!("UID:{uid}"), format!("DTSTAMP:{}", utc(now))]);
        lines.extend(self.span()?);
        let texts = [("SUMMARY", Some(self.title)), ("LOCATION", self.place), ("DESCRIPTION", self.notes)];
        for (name, text) in texts {
            let Some(text) = text.map(str::trim) else { continue };
            if text.len() > MAX_TEXT_BYTES || name == "SUMMARY" && text.is_empty() {
                return Err(ToolError::invalid(format!(
                    "the title says something, and no text has over {MAX_TEXT_BYTES} bytes"
                )));
            }
            lines.push(format!("{name}:{}", escaped(text)));
        }
        lines.extend(["END:VEVENT".to_owned(), "END:VCALENDAR".to_owned()]);
        Ok(lines.iter().map(|line| folded(line)).collect())
    }

    fn span(&self) -> Result<[String; 2], ToolError> {
        let day = |day: chrono::NaiveDate| day.format("%Y%m%d").to_string();
        match (self.start, self.end.unwrap_or(self.default_end())) {
            (Written::Day(first), Written::Day(last)) if first <= last => {
                let after = last.succ_opt().unwrap_or(last);
                Ok([format!("DTSTART;VALUE=DATE:{}", day(first)), format!("DTEND;VALUE=DATE:{}", day(after))])
            }
            (Written::Time(start), Written::Time(end)) if start <= end => {
                Ok([format!("DTSTART:{}", utc(start)), format!("DTEND:{}", utc(end))])
            }
            (Written::Day(_), Written::Day(_)) | (Written::Time(_), Written::Time(_)) => {
                Err(ToolError::invalid("`end` is before `start`"))
            }
            _ => Err(ToolError::invalid("`start` and `end` are both days or both times")),
        }
    }

    fn default_end(&self) -> Written {
        match self.start {
            Written::Day(day) => Written::Day(day),
            Written::Time(start) => Written::Time(start + TimeDelta::hours(1)),
        }
    }

    /// When it begins, for people.
    pub fn show_start(&self, zone: Tz) -> String {
        match self.start {
            Written::Day(day) => crate::when::show_day(day),
            Written::Time(start) => {
                let local = start.with_timezone(&zone).naive_local();
                format!("{} {}", crate::when::show_day(local.date()), local.format("%H:%M"))
            }
        }
    }
}

fn utc(instant: DateTime<Utc>) -> String {
    instant.format("%Y%m%dT%H%M%SZ").to_string()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | ';' | ',' => escaped.extend(['\\', letter]),
            '\n' => escaped.push_str("\\n"),
            // Also `\r`: a line must not be able to end here.
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// The line with its end, in pieces that are short enough; letters stay whole.
fn folded(line: &str) -> String {
    let mut folded = String::new();
    let mut length = 0;
    for letter in line.chars() {
        if length + letter.len_utf8() > LINE_BYTES {
            folded.push_str("\r\n ");
            length = 1;
        }
        folded.push(letter);
        length += letter.len_utf8();
    }
    folded + "\r\n"
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::series::{Found, Window};
    use crate::when;

    fn time(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn tea() -> NewEvent<'static> {
        let start = Written::Time(time(1_795_269_600));
        NewEvent {
            title: "Tea, with Ada",
            start,
            end: None,
            place: Some("Café \\ 1"),
            notes: Some("line 1\r\nEND:VEVENT"),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let file = tea().file("u", time(0)).unwrap();
        assert!(file.contains("DTSTART:20261121T140000Z\r\nDTEND:20261121T150000Z\r\n"), "{file}");
        assert!(
            file.contains("SUMMARY:Tea\\, with Ada\r\n") && file.contains("DESCRIPTION:line 1\\nEND:VEVENT\r\n"),
            "{file}"
        );
        let window = Window { from: time(1_795_219_200), to: time(1_795_305_600), zone: when::zone("UTC").unwrap() };
        let mut found = Found::default();
        found.read(&file, window);
        assert!(found.problems.is_empty() && found.occurrences.len() == 1, "{found:?}");
        assert_eq!(found.occurrences[0].title, "Tea, with Ada");
        assert_eq!(found.occurrences[0].place.as_deref(), Some("Café \\ 1"));
        assert_eq!(found.occurrences[0].end - found.occurrences[0].start, TimeDelta::hours(1));
    }

    #[test]
    fn a_span_of_days_ends_after_its_last_one() {
        let day = |day| Written::Day(NaiveDate::from_ymd_opt(2026, 12, day).unwrap());
        let trip = NewEvent { start: day(30), end: Some(day(31)), ..tea() };
        assert!(
            trip.file("u", time(0)).unwrap().contains("DTSTART;VALUE=DATE:20261230\r\nDTEND;VALUE=DATE:20270101\r\n")
        );
        let one = NewEvent { end: None, ..trip };
        assert!(one.file("u", time(0)).unwrap().contains("DTEND;VALUE=DATE:20261231\r\n"));
        for (start, end) in
            [(day(31), day(30)), (day(30), Written::Time(time(0))), (Written::Time(time(1)), Written::Time(time(0)))]
        {
            assert!(NewEvent { start, end: Some(end), ..tea() }.file("u", time(0)).is_err(), "{start:?} {end:?}");
        }
        assert!(NewEvent { title: " ", ..tea() }.file("u", time(0)).is_err());
    }

    #[test]
    fn long_lines_are_folded_between_letters() {
        let title = "ü".repeat(100);
        let file = NewEvent { title: &title, ..tea() }.file("u", time(0)).unwrap();
        assert!(file.lines().all(|line| line.len() <= LINE_BYTES), "{file}");
        assert!(file.replace("\r\n ", "").contains(&title));
    }

    #[test]
    fn the_same_event_has_the_same_name() {
        assert_eq!(tea().uid("a"), tea().uid("a"));
        assert_ne!(tea().uid("a"), tea().uid("b"));
        assert_ne!(tea().uid("a"), NewEvent { title: "Tee", ..tea() }.uid("a"));
    }
}
