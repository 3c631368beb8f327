use super::*;

/// A calendar of these lines, as it comes from a server.
fn calendar(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("{}\r\n", line.trim())).collect();
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{lines}END:VCALENDAR\r\n")
}

fn window(from: &str, to: &str) -> Window {
    let zone = when::zone("Europe/Berlin").unwrap();
    let midnight = |day: &str| when::midnight(day.parse().unwrap(), zone).unwrap();
    Window { from: midnight(from), to: midnight(to), zone }
}

/// What is shown of a calendar from one day to another, without the empty lines.
#[track_caller]
fn check(lines: &str, from: &str, to: &str, expected: &str) {
    let mut found = Found::default();
    found.read(&calendar(lines), window(from, to));
    let shown = show(&mut found, window(from, to), 100);
    let shown: Vec<_> = shown.lines().filter(|line| !line.is_empty()).collect();
    let expected: Vec<_> = expected.lines().map(|line| line.trim_start_matches('|')).collect();
    assert_eq!(shown, expected, "{shown:#?}");
}

#[test]
fn a_weekly_event_keeps_its_local_time_when_the_clocks_change() {
    check(
        "BEGIN:VEVENT
        UID:1
        SUMMARY:Choir
        LOCATION:St. Mary
        DTSTART;TZID=Europe/Berlin:20261013T193000
        DTEND;TZID=Europe/Berlin:20261013T210000
        RRULE:FREQ=WEEKLY;BYDAY=TU
        END:VEVENT",
        "2026-10-20",
        "2026-11-01",
        "Tue 2026-10-20\n|  19:30–21:00 Choir (St. Mary)\nTue 2026-10-27\n|  19:30–21:00 Choir (St. Mary)",
    );
}

#[test]
fn the_zone_of_an_event_is_that_of_its_calendar_and_not_of_its_reader() {
    check(
        "BEGIN:VTIMEZONE
        TZID:Custom
        X-LIC-LOCATION:America/New_York
        END:VTIMEZONE
        BEGIN:VEVENT
        UID:1
        SUMMARY:Call
        DTSTART;TZID=Custom:20261102T090000
        DURATION:PT45M
        RRULE:FREQ=DAILY;COUNT=2
        END:VEVENT",
        "2026-11-01",
        "2026-11-08",
        "Mon 2026-11-02\n|  15:00–15:45 Call\nTue 2026-11-03\n|  15:00–15:45 Call",
    );
}

#[test]
fn exceptions_are_left_out_and_changes_stand_in_their_place() {
    // The change has another sequence number than the series, as servers write it.
    check(
        "BEGIN:VEVENT
        UID:1
        SEQUENCE:0
        SUMMARY:Stand-up
        DTSTART;TZID=Europe/Berlin:20261116T090000
        DTEND;TZID=Europe/Berlin:20261116T091500
        RRULE:FREQ=DAILY;UNTIL=20261120T080000Z
        EXDATE;TZID=Europe/Berlin:20261117T090000
        EXDATE:20261118T080000Z
        END:VEVENT
        BEGIN:VEVENT
        UID:1
        SEQUENCE:3
        SUMMARY:Stand-up\\, late
        RECURRENCE-ID;TZID=Europe/Berlin:20261119T090000
        DTSTART;TZID=Europe/Berlin:20261119T110000
        DTEND;TZID=Europe/Berlin:20261119T111500
        END:VEVENT
        BEGIN:VEVENT
        UID:2
        SUMMARY:Dentist
        DTSTART:20261119T080000Z
        DTEND:20261119T083000Z
        END:VEVENT",
        "2026-11-16",
        "2026-11-23",
        "Mon 2026-11-16\n|  09:00–09:15 Stand-up\nThu 2026-11-19\n|  09:00–09:30 Dentist\n|  11:00–11:15 Stand-up, late\n\
         Fri 2026-11-20\n|  09:00–09:15 Stand-up",
    );
}

#[test]
fn a_change_that_is_cancelled_cancels_only_that_one() {
    check(
        "BEGIN:VEVENT
        UID:1
        SUMMARY:Yoga
        DTSTART:20261116T170000Z
        DURATION:PT1H
        RRULE:FREQ=DAILY;COUNT=2
        END:VEVENT
        BEGIN:VEVENT
        UID:1
        SUMMARY:Yoga
        STATUS:CANCELLED
        RECURRENCE-ID:20261116T170000Z
        DTSTART:20261116T170000Z
        END:VEVENT",
        "2026-11-16",
        "2026-11-23",
        "Tue 2026-11-17\n|  18:00–19:00 Yoga",
    );
}

#[test]
fn whole_days_have_no_times_and_begin_where_the_reader_is() {
    check(
        "BEGIN:VEVENT
        UID:1
        SUMMARY:Ada's birthday
        DTSTART;VALUE=DATE:19901122
        RRULE:FREQ=YEARLY
        END:VEVENT
        BEGIN:VEVENT
        UID:2
        SUMMARY:Trip
        DTSTART;VALUE=DATE:20261120
        DTEND;VALUE=DATE:20261123
        END:VEVENT
        BEGIN:VEVENT
        UID:3
        SUMMARY:Over
        DTSTART;VALUE=DATE:20261120
        END:VEVENT",
        "2026-11-21",
        "2026-11-28",
        "Sat 2026-11-21\n|  all day, 2026-11-20 to 2026-11-22 Trip\nSun 2026-11-22\n|  all day Ada's birthday",
    );
}

#[test]
fn the_last_of_a_month_and_further_dates_are_found() {
    check(
        "BEGIN:VEVENT
        UID:1
        SUMMARY:Rent
        DTSTART;TZID=Europe/Berlin:20200131T080000
        RRULE:FREQ=MONTHLY;BYMONTHDAY=-1
        RDATE;TZID=Europe/Berlin:20261115T120000
        END:VEVENT
        BEGIN:VEVENT
        UID:2
        SUMMARY:Board
        DTSTART;TZID=Europe/Berlin:20200109T180000
        DTEND;TZID=Europe/Berlin:20200110T010000
        RRULE:FREQ=MONTHLY;BYDAY=2TH;UNTIL=20261112
        END:VEVENT",
        "2026-11-01",
        "2027-01-01",
        "Thu 2026-11-12\n|  2026-11-12 18:00 to 2026-11-13 01:00 Board\nSun 2026-11-15\n|  12:00 Rent\nMon 2026-11-30\n|  08:00 Rent\n\
         Thu 2026-12-31\n|  08:00 Rent",
    );
}

#[test]
fn what_has_begun_is_shown_on_the_first_day_and_what_has_ended_is_not() {
    let night = "BEGIN:VEVENT
        UID:1
        SUMMARY:Night train
        DTSTART;TZID=Europe/Berlin:20261120T220000
        DTEND;TZID=Europe/Berlin:20261121T060000
        END:VEVENT";
    let shown = "Sat 2026-11-21\n|  2026-11-20 22:00 to 2026-11-21 06:00 Night train";
    check(night, "2026-11-21", "2026-11-22", shown);
    check(night, "2026-11-22", "2026-11-23", "nothing");
    check(&night.replace("060000", "000000"), "2026-11-21", "2026-11-22", "nothing");
}

#[test]
fn what_is_not_understood_is_said() {
    check(
        "BEGIN:VEVENT
        UID:1
        SUMMARY:Odd
        END:VEVENT
        BEGIN:VEVENT
        UID:2
        SUMMARY:Far
        DTSTART;TZID=Mars/Olympus:20261121T120000
        END:VEVENT
        BEGIN:VEVENT
        UID:3
        SUMMARY:Flood
        DTSTART:20200101T000000Z
        RRULE:FREQ=SECONDLY
        END:VEVENT",
        "2026-11-21",
        "2026-11-22",
        "Sat 2026-11-21\n|  12:00 Far\nnote: `Flood` repeats too often to be followed to its end\n\
         note: `Odd` has no start that can be read\n\
         note: the time zone `Mars/Olympus` is not known; its times are taken as local ones",
    );
    let mut found = Found::default();
    found.read("<html>", window("2026-11-21", "2026-11-22"));
    assert!(found.problems.iter().any(|problem| problem.contains("no calendar")), "{found:?}");
}

#[test]
fn calendars_one_after_the_other_are_all_read() {
    let one = calendar("BEGIN:VEVENT\nSUMMARY:A\nDTSTART:20261121T100000Z\nEND:VEVENT");
    let other = calendar("BEGIN:VEVENT\nSUMMARY:B\nDTSTART:20261121T110000Z\nEND:VEVENT");
    let mut found = Found::default();
    found.read(&format!("{one}{other}"), window("2026-11-21", "2026-11-22"));
    let titles: Vec<_> = found.occurrences.iter().map(|it| it.title.as_str()).collect();
    assert_eq!(titles, ["A", "B"]);
}

#[test]
fn odd_rules_and_dates_of_strangers_are_survived() {
    let parts = "FREQ=;YEARLY;MONTHLY;DAILY;SECONDLY;BYDAY=99MO,-53TU;BYSETPOS=-1,0,400;BYMONTHDAY=31,-31,0;BYWEEKNO=53,-53;\
        BYYEARDAY=366;INTERVAL=65535;INTERVAL=0;COUNT=4294967295;COUNT=0;UNTIL=99991231T235959Z;UNTIL=00010101;BYMONTH=13,2;\
        BYHOUR=25;BYSECOND=60;RSCALE=CHINESE;SKIP=FORWARD";
    let parts: Vec<_> = parts.split(';').collect();
    let dates =
        ["99991231T235959Z", "00010101", "00000101T000000Z", "20261121T100000", "20260229", "20261121T100000+9999"];
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut pick = |most: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % most
    };
    for _ in 0..300 {
        let rule: Vec<_> = (0..4).map(|_| parts[pick(parts.len())]).collect();
        let mut date = || dates[pick(dates.len())];
        let lines = format!(
            "BEGIN:VEVENT\nUID:1\nDTSTART:{}\nDTEND:{}\nRRULE:FREQ=DAILY;{}\nEXDATE:{}\nRDATE:{}\nEND:VEVENT\n\
             BEGIN:VEVENT\nUID:1\nRECURRENCE-ID:{}\nDTSTART:{}\nDURATION:P99999999999W\nEND:VEVENT",
            date(),
            date(),
            rule.join(";"),
            date(),
            date(),
            date(),
            date()
        );
        let mut found = Found::default();
        found.read(&calendar(&lines), window("2026-11-21", "2026-11-28"));
        show(&mut found, window("2026-11-21", "2026-11-28"), 100);
    }
}
