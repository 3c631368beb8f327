//! The skill `calendar`: what is planned, from CalDAV and iCalendar, and new events by CalDAV. All but this file is pure.
//!
//! Settings (`components.calendar.config`): `caldav`, the address of a calendar on a CalDAV server; `ics`, addresses of
//! calendars in iCalendar and files of the workspace, with spaces between them; `timezone`, e.g. `Europe/Berlin`.

mod dav;
mod event;
mod series;
mod when;

use std::time::{SystemTime, UNIX_EPOCH};

use calcard::common::timezone::Tz;
use chrono::{DateTime, Days, Utc};
use openclaw_sdk::http::Response;
use openclaw_sdk::{JsonSchema, Tool, ToolError, config, scope, secrets, workspace};
use serde::Deserialize;

use crate::series::{Found, Window};
use crate::when::Written;

openclaw_sdk::export_component! {
    name: "calendar",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Reads calendars and puts events into one.",
    tools: [Agenda, EventAdd],
    scopes: [
        scope::http("*", &["GET", "REPORT"]),
        scope::http("*", &["PUT"]),
        scope::workspace(scope::Access::Read),
        scope::secret(SECRET),
    ],
}

/// The whole value of the header field `authorization`.
const SECRET: &str = "calendar";
const MAX_DAYS: u16 = 92;
/// Occurrences that a model reads.
const MAX_SHOWN: usize = 200;
/// A larger calendar is asked for by CalDAV.
const MAX_FILE_BYTES: u64 = 4 << 20;

struct Agenda;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AgendaArgs {
    /// First day, e.g. `2026-11-21`. Default: today.
    from: Option<String>,
    /// Number of days: 1 to 92. Default: 7.
    days: Option<u16>,
    /// Address of a calendar in iCalendar (`.ics`), or its path in the workspace. Default: the owner's calendars.
    source: Option<String>,
}

impl Tool for Agenda {
    type Args = AgendaArgs;
    const NAME: &'static str = "agenda";
    const DESCRIPTION: &'static str = "Tells what is planned in the owner's calendars, day by day, with times, titles and \
        places; repeated events too.";
    const UNTRUSTED_OUTPUT: bool = true;

    fn call(args: AgendaArgs) -> Result<String, ToolError> {
        let window = window(args.from.as_deref(), args.days.unwrap_or(7))?;
        let mut found = Found::default();
        match args.source {
            Some(source) => found.read(&ics(source.trim())?, window),
            None => read_settings(&mut found, window)?,
        }
        let day = |instant: DateTime<Utc>| instant.with_timezone(&window.zone).date_naive();
        let last = day(window.to - chrono::TimeDelta::seconds(1));
        let zone = window.zone.name().unwrap_or_default();
        let head = format!("{} to {last}, times in {zone}\n", day(window.from));
        Ok(head + &series::show(&mut found, window, MAX_SHOWN))
    }
}

struct EventAdd;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EventArgs {
    /// What it is called.
    title: String,
    /// `2026-11-21` for a whole day, `2026-11-21T14:00` for a local time, or a time with its offset.
    start: String,
    /// As `start`; a last day belongs to the event. Default: an hour later, or the same day.
    end: Option<String>,
    /// Where it is.
    place: Option<String>,
    /// Anything else.
    notes: Option<String>,
}

impl Tool for EventAdd {
    type Args = EventArgs;
    const NAME: &'static str = "event_add";
    const DESCRIPTION: &'static str = "Puts an event into the owner's calendar.";

    fn call(args: EventArgs) -> Result<String, ToolError> {
        let zone = zone()?;
        let event = event::NewEvent {
            title: &args.title,
            start: when::written("start", &args.start, zone)?,
            end: args.end.as_deref().map(|end| when::written("end", end, zone)).transpose()?,
            place: args.place.as_deref(),
            notes: args.notes.as_deref(),
        };
        let base = caldav()?.ok_or_else(|| ToolError::Unavailable(unset("caldav")))?;
        let uid = event.uid(&base);
        let url = format!("{base}{}.ics", uid.split('@').next().unwrap_or_default());
        let file = event.file(&uid, now())?.into_bytes();
        let headers = [("content-type", "text/calendar; charset=utf-8"), ("if-none-match", "*")];
        let shown = format!("`{}` on {}", args.title.trim(), event.show_start(zone));
        match with_login("PUT", &url, &headers, file, &[200, 201, 204, 412])?.status {
            412 => Ok(format!("{shown} is in the calendar already")),
            _ => Ok(format!("{shown} is in the calendar")),
        }
    }
}

/// The span that was asked for, which begins with a day of the owner's.
fn window(from: Option<&str>, days: u16) -> Result<Window, ToolError> {
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(ToolError::invalid(format!("`days` is {days}; it can be 1 to {MAX_DAYS}")));
    }
    let zone = zone()?;
    let day = match from.map(|from| when::written("from", from, zone)).transpose()? {
        Some(Written::Day(day)) => day,
        Some(Written::Time(time)) => time.with_timezone(&zone).date_naive(),
        None => now().with_timezone(&zone).date_naive(),
    };
    let end = day.checked_add_days(Days::new(days.into()));
    let span = when::midnight(day, zone).zip(end.and_then(|end| when::midnight(end, zone)));
    let (from, to) = span.ok_or_else(|| ToolError::invalid("`from` is beyond the calendar"))?;
    Ok(Window { from, to, zone })
}

/// Reads the calendars that the owner has set.
fn read_settings(found: &mut Found, window: Window) -> Result<(), ToolError> {
    let (server, files) = (caldav()?, config::get("ics")?.unwrap_or_default());
    if server.is_none() && files.trim().is_empty() {
        return Err(ToolError::Unavailable(unset("caldav")));
    }
    if let Some(url) = server {
        let headers = [("content-type", "application/xml; charset=utf-8"), ("depth", "1")];
        let query = dav::query(window.from, window.to).into_bytes();
        for calendar in dav::calendars(&with_login("REPORT", &url, &headers, query, &[207])?.body)? {
            found.read(&calendar, window);
        }
    }
    files.split_whitespace().try_for_each(|source| {
        found.read(&ics(source)?, window);
        Ok(())
    })
}

fn unset(key: &str) -> String {
    format!("set `components.calendar.config.{key}` to the address of a calendar, e.g. `https://dav.example/ada/home/`")
}

/// A calendar from an address or a file of the workspace.
fn ics(source: &str) -> Result<String, ToolError> {
    let bytes = if source.contains("://") {
        fetch::get(&fetch::url(source, &[])?, &[("accept", "text/calendar, */*;q=0.5")])?
    } else {
        let slice = workspace::read_range(source, 0, MAX_FILE_BYTES)?;
        if slice.size > MAX_FILE_BYTES {
            return Err(ToolError::Limit(format!("`{source}` has more than {MAX_FILE_BYTES} bytes")));
        }
        slice.bytes
    };
    String::from_utf8(bytes).map_err(|_| ToolError::Unavailable(format!("`{source}` is not text in UTF-8")))
}

/// The address of the calendar on the server, which ends with `/`.
fn caldav() -> Result<Option<String>, ToolError> {
    let url = config::get("caldav")?.map(|url| fetch::url(url.trim(), &[])).transpose()?;
    Ok(url.map(|url| if url.ends_with('/') { url } else { url + "/" }))
}

/// Sends a request with the secret, if there is one: a server that wants none gets none, and one that does says so.
fn with_login(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
    wanted: &[u16],
) -> Result<Response, ToolError> {
    let login = secrets::get(SECRET).map(|secret| secret.placeholder()).ok();
    let login = login.as_deref().map(|login| ("authorization", login));
    let headers: Vec<_> = headers.iter().copied().chain(login).collect();
    fetch::send(method, url, &headers, body, wanted)
}

fn zone() -> Result<Tz, ToolError> {
    when::zone(config::get("timezone")?.as_deref().unwrap_or("UTC"))
}

#[expect(clippy::disallowed_methods, reason = "the one place where the skill learns the time")]
fn now() -> DateTime<Utc> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    DateTime::from_timestamp(since.as_secs() as i64, 0).unwrap_or_default()
}
