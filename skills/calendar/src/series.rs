//! From the text of a calendar to what happens in a span of time: repetitions followed, exceptions left out, changed
//! occurrences in the place of the planned ones. Pure.

use std::collections::{BTreeMap, BTreeSet};

use calcard::common::timezone::Tz;
use calcard::common::{DateTimeResult, PartialDateTime};
use calcard::icalendar::timezone::TzResolver;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarPeriod, ICalendarProperty,
    ICalendarRecurrenceRule, ICalendarStatus, ICalendarValue,
};
use calcard::{Entry, Parser};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};

use crate::when;

#[cfg(test)]
mod tests;

/// Repetitions of one event that are followed, from its first day on: 50 years of a daily one.
const MAX_REPETITIONS: usize = 20_000;

/// A span of time, its end excluded, and the zone in which days begin.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub zone: Tz,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// Whether it is about days rather than times.
    pub is_whole_days: bool,
    pub title: String,
    pub place: Option<String>,
}

/// What was found in calendars, and what could not be understood.
#[derive(Debug, Default)]
pub struct Found {
    pub occurrences: Vec<Occurrence>,
    pub problems: BTreeSet<String>,
}

impl Found {
    /// Adds what a calendar, or several one after the other, say of a span of time.
    pub fn read(&mut self, text: &str, window: Window) {
        let mut parser = Parser::new(text);
        let mut calendars = 0;
        loop {
            match parser.entry() {
                Entry::ICalendar(calendar) => {
                    calendars += 1;
                    self.read_calendar(&calendar, window);
                }
                Entry::Eof => break,
                _ => {}
            }
        }
        if calendars == 0 {
            self.problems.insert("what came is no calendar: it has no `BEGIN:VCALENDAR`".to_owned());
        }
    }

    fn read_calendar(&mut self, calendar: &ICalendar, window: Window) {
        let zones = calendar.build_tz_resolver();
        // Those without a UID are events of their own.
        let mut series: BTreeMap<String, Vec<&ICalendarComponent>> = BTreeMap::new();
        for (at, component) in calendar.components.iter().enumerate() {
            if component.component_type == ICalendarComponentType::VEvent {
                let uid = component.uid().map_or_else(|| format!("\n{at}"), str::to_owned);
                series.entry(uid).or_default().push(component);
            }
        }
        for components in series.values() {
            self.read_series(components, &zones, window);
        }
    }

    /// One event with all its repetitions and changes.
    fn read_series(&mut self, components: &[&ICalendarComponent], zones: &TzResolver<&str>, window: Window) {
        let events: Vec<Event> = components.iter().filter_map(|it| self.read_event(it, zones, window)).collect();
        let changed: BTreeSet<_> = events.iter().filter_map(|event| event.instead_of).collect();
        for event in &events {
            let mut starts = vec![event.start];
            if event.instead_of.is_none() {
                starts = self.repetitions(event, window);
                starts.extend(&event.more);
                starts.retain(|start| !changed.contains(start) && !event.is_excepted(*start));
                starts.sort();
                starts.dedup();
            }
            if !event.is_cancelled {
                self.occurrences.extend(starts.into_iter().filter_map(|start| event.at(start, window)));
            }
        }
    }

    fn read_event<'a>(
        &mut self,
        component: &'a ICalendarComponent,
        zones: &TzResolver<&str>,
        window: Window,
    ) -> Option<Event<'a>> {
        let mut zone_of = |entry: &ICalendarEntry| match entry.tz_id() {
            Some(name) => zones.resolve(name).unwrap_or_else(|| {
                self.problems.insert(format!("the time zone `{name}` is not known; its times are taken as local ones"));
                window.zone
            }),
            None => window.zone,
        };
        let event = Event::read(component, &mut zone_of);
        if event.is_none() {
            let title = text_of(component, &ICalendarProperty::Summary).unwrap_or_else(|| "an event".to_owned());
            self.problems.insert(format!("`{title}` has no start that can be read"));
        }
        event
    }

    /// The planned starts of an event up to the end of the window.
    fn repetitions(&mut self, event: &Event, window: Window) -> Vec<DateTime<Utc>> {
        let Some(rule) = event.rule else { return vec![event.start] };
        let expanded = single(event.local, event.bounded(rule, window)).expand_dates(Tz::Floating, MAX_REPETITIONS);
        if let Some(odd) = expanded.errors.first() {
            self.problems.insert(format!("the repetition of `{}` is not understood: {:?}", event.title, odd.error));
            return vec![event.start];
        }
        if expanded.events.len() >= MAX_REPETITIONS {
            self.problems.insert(format!("`{}` repeats too often to be followed to its end", event.title));
        }
        expanded.events.iter().filter_map(|it| when::instant(it.start.naive_local(), event.zone)).collect()
    }
}

/// One component `VEVENT`, understood.
struct Event<'a> {
    title: String,
    place: Option<String>,
    is_cancelled: bool,
    is_whole_days: bool,
    /// The start on the clocks of its zone, and as an instant.
    local: NaiveDateTime,
    zone: Tz,
    start: DateTime<Utc>,
    length: TimeDelta,
    rule: Option<&'a ICalendarRecurrenceRule>,
    /// Further starts.
    more: Vec<DateTime<Utc>>,
    /// Starts that do not take place, and days of which none does.
    excepted: Vec<DateTime<Utc>>,
    excepted_days: Vec<NaiveDate>,
    /// The planned start that this one takes the place of.
    instead_of: Option<DateTime<Utc>>,
}

impl<'a> Event<'a> {
    fn read(component: &'a ICalendarComponent, zone_of: &mut dyn FnMut(&ICalendarEntry) -> Tz) -> Option<Event<'a>> {
        let start = component.property(&ICalendarProperty::Dtstart)?;
        let (said, is_whole_days) = date(start)?;
        // An instant with `Z` repeats by the clocks of UTC.
        let zone = said.tz().unwrap_or_else(|| zone_of(start));
        let mut event = Event {
            title: text_of(component, &ICalendarProperty::Summary).unwrap_or_else(|| "(no title)".to_owned()),
            place: text_of(component, &ICalendarProperty::Location),
            is_cancelled: component.status() == Some(&ICalendarStatus::Cancelled),
            is_whole_days,
            local: said.date_time,
            zone,
            start: when::instant(said.date_time, zone)?,
            length: if is_whole_days { TimeDelta::days(1) } else { TimeDelta::zero() },
            rule: None,
            more: Vec::new(),
            excepted: Vec::new(),
            excepted_days: Vec::new(),
            instead_of: None,
        };
        component.entries.iter().for_each(|entry| event.take(entry, zone_of));
        (event.length >= TimeDelta::zero()).then_some(event)
    }

    fn take(&mut self, entry: &'a ICalendarEntry, zone_of: &mut dyn FnMut(&ICalendarEntry) -> Tz) {
        match &entry.name {
            ICalendarProperty::Dtend => {
                let Some((said, _)) = date(entry) else { return };
                if self.is_whole_days {
                    self.length = said.date_time - self.local;
                } else if let Some(end) = when::instant_of(&said, zone_of(entry)) {
                    self.length = end - self.start;
                }
            }
            ICalendarProperty::Duration => {
                if let Some(ICalendarValue::Duration(length)) = entry.values.first() {
                    self.length = length.to_time_delta().unwrap_or_default();
                }
            }
            ICalendarProperty::Rrule => {
                if let Some(ICalendarValue::RecurrenceRule(rule)) = entry.values.first() {
                    self.rule = Some(rule);
                }
            }
            ICalendarProperty::Rdate => {
                let zone = zone_of(entry);
                self.more.extend(dates(entry).filter_map(|(said, _)| when::instant_of(&said, zone)));
            }
            ICalendarProperty::Exdate => {
                let zone = zone_of(entry);
                for (said, is_day) in dates(entry) {
                    if is_day {
                        self.excepted_days.push(said.date_time.date());
                    } else {
                        self.excepted.extend(when::instant_of(&said, zone));
                    }
                }
            }
            ICalendarProperty::RecurrenceId => {
                let zone = if self.is_whole_days { self.zone } else { zone_of(entry) };
                self.instead_of = date(entry).and_then(|(said, _)| when::instant_of(&said, zone));
            }
            _ => {}
        }
    }

    fn is_excepted(&self, start: DateTime<Utc>) -> bool {
        let day = start.with_timezone(&self.zone).date_naive();
        self.excepted.contains(&start) || self.excepted_days.contains(&day)
    }

    /// The rule with an end: what comes after the window is not asked for. An end in UTC is told on the clocks by which the
    /// event repeats, and one that is only a day takes in that day.
    fn bounded(&self, rule: &ICalendarRecurrenceRule, window: Window) -> ICalendarRecurrenceRule {
        let on_its_clocks = |instant: DateTime<Utc>| instant.with_timezone(&self.zone).naive_local();
        let said = rule.until.as_ref().and_then(|until| {
            let parsed = until.to_date_time()?;
            match when::instant_of(&parsed, self.zone) {
                _ if !until.has_time() => parsed.date_time.date().and_hms_opt(23, 59, 59),
                Some(instant) if parsed.offset.is_some() => Some(on_its_clocks(instant)),
                _ => Some(parsed.date_time),
            }
        });
        let last = on_its_clocks(window.to);
        let until = said.map_or(last, |said| said.min(last));
        // A rule has either; the count ends it by itself.
        let until = if rule.count.is_some() { said } else { Some(until.max(self.local)) };
        ICalendarRecurrenceRule { until: until.map(floating), ..rule.clone() }
    }

    /// What happens at one of its starts, if that is in the window.
    fn at(&self, start: DateTime<Utc>, window: Window) -> Option<Occurrence> {
        let local_end = || (start.with_timezone(&self.zone).naive_local()).checked_add_signed(self.length);
        // Days are as long as they are, however often the clocks change.
        let end = if self.is_whole_days {
            when::instant(local_end()?, self.zone)?
        } else {
            start.checked_add_signed(self.length)?
        };
        let is_inside = start < window.to && (end > window.from || start >= window.from);
        let (title, place) = (self.title.clone(), self.place.clone());
        is_inside.then_some(Occurrence { start, end, is_whole_days: self.is_whole_days, title, place })
    }
}

/// A calendar of one event that begins then and repeats so, on clocks that never change.
fn single(start: NaiveDateTime, rule: ICalendarRecurrenceRule) -> ICalendar {
    let mut event = ICalendarComponent::new(ICalendarComponentType::VEvent);
    event.add_property(ICalendarProperty::Dtstart, ICalendarValue::PartialDateTime(Box::new(floating(start))));
    event.add_property(ICalendarProperty::Rrule, ICalendarValue::RecurrenceRule(Box::new(rule)));
    let mut calendar = ICalendarComponent::new(ICalendarComponentType::VCalendar);
    calendar.component_ids.push(1);
    ICalendar { components: vec![calendar, event] }
}

fn floating(local: NaiveDateTime) -> PartialDateTime {
    PartialDateTime {
        year: u16::try_from(local.year()).ok(),
        month: Some(local.month() as u8),
        day: Some(local.day() as u8),
        hour: Some(local.hour() as u8),
        minute: Some(local.minute() as u8),
        second: Some(local.second() as u8),
        ..PartialDateTime::default()
    }
}

/// The first date of an entry, and whether it is only a day.
fn date(entry: &ICalendarEntry) -> Option<(DateTimeResult, bool)> {
    dates(entry).next()
}

fn dates(entry: &ICalendarEntry) -> impl Iterator<Item = (DateTimeResult, bool)> {
    entry.values.iter().filter_map(|value| {
        let partial = match value {
            ICalendarValue::PartialDateTime(partial) => partial,
            ICalendarValue::Period(ICalendarPeriod::Range { start, .. } | ICalendarPeriod::Duration { start, .. }) => {
                start
            }
            _ => return None,
        };
        Some((partial.to_date_time()?, !partial.has_time()))
    })
}

/// The text of a property on one line, if it says something.
fn text_of(component: &ICalendarComponent, name: &ICalendarProperty) -> Option<String> {
    let text = component.property(name)?.values.first()?.as_text()?;
    let words: Vec<_> = text.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// What happens, day by day.
pub fn show(found: &mut Found, window: Window, max: usize) -> String {
    found.occurrences.sort_by(|a, b| (a.start, !a.is_whole_days, &a.title).cmp(&(b.start, !b.is_whole_days, &b.title)));
    let mut text = String::new();
    let mut day = None;
    for occurrence in found.occurrences.iter().take(max) {
        let local = |instant: DateTime<Utc>| instant.with_timezone(&window.zone).naive_local();
        let (start, end) = (local(occurrence.start), local(occurrence.end));
        let shown = start.max(local(window.from)).date();
        if day.replace(shown) != Some(shown) {
            text.push_str(&format!("\n{}\n", when::show_day(shown)));
        }
        let place = occurrence.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        let times = times(start, end, occurrence.is_whole_days);
        text.push_str(&format!("  {times} {}{place}\n", occurrence.title));
    }
    if found.occurrences.is_empty() {
        text.push_str("\nnothing\n");
    }
    if let Some(more) = found.occurrences.len().checked_sub(max).filter(|more| *more > 0) {
        text.push_str(&format!("\n{more} more are not shown; ask for fewer days\n"));
    }
    found.problems.iter().for_each(|problem| text.push_str(&format!("\nnote: {problem}\n")));
    text
}

fn times(start: NaiveDateTime, end: NaiveDateTime, is_whole_days: bool) -> String {
    let time = |at: NaiveDateTime| at.format("%H:%M");
    let on = |at: NaiveDateTime| at.format("%Y-%m-%d");
    if is_whole_days {
        let last = end - TimeDelta::days(1);
        return if last <= start { "all day".to_owned() } else { format!("all day, {} to {}", on(start), on(last)) };
    }
    let ends_that_day =
        end.date() == start.date() || (end.time() == NaiveTime::MIN && end - start <= TimeDelta::days(1));
    match (start == end, ends_that_day) {
        (true, _) => time(start).to_string(),
        (false, true) => format!("{}–{}", time(start), time(end)),
        (false, false) => format!("{} {} to {} {}", on(start), time(start), on(end), time(end)),
    }
}
