//! One log line: what happened, with its own fields and those of the spans around it.

use std::error::Error;
use std::fmt;
use std::time::SystemTime;

use claw_core::id::{SessionKey, Timestamp};
use claw_core::rfc3339;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::causes;
use crate::legible;

/// Bytes kept of one field. Names and messages are far shorter; what is longer came from outside.
const MAX_FIELD_BYTES: usize = 4096;

/// Fields that name something and never hold what was said; `message` is the line's own words.
const NAMES: &[&str] = &[
    "message",
    "run",
    "session",
    "call",
    "tool",
    "component",
    "approval",
    "by",
    "end",
    "state",
    "model",
    "next",
    "kind",
];

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// For people.
    Human(Colour),
    /// One JSON object a line.
    Json,
}

/// Whether lines for people have colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal.
    On,
    /// Anywhere else.
    Off,
}

/// Formats events in one style.
pub(super) struct Line {
    style: Style,
}

impl Line {
    pub(super) fn new(style: Style) -> Self {
        Line { style }
    }
}

impl<S> FormatEvent<S, JsonFields> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, JsonFields>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Map::new();
        for span in ctx.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let written = extensions.get::<FormattedFields<JsonFields>>();
            // Spans keep their fields as JSON text.
            if let Some(Ok(Value::Object(known))) = written.map(|text| serde_json::from_str(text)) {
                fields.extend(known);
            }
        }
        let around: Vec<String> = fields.keys().cloned().collect();
        event.record(&mut Collect(&mut fields));
        if is_incognito(&fields) {
            fields
                .iter_mut()
                .filter(|(name, _)| !around.contains(name))
                .for_each(|(name, value)| withhold(name, value));
        }
        fields.values_mut().for_each(tame);

        let message = match fields.remove("message") {
            Some(Value::String(message)) => message,
            _ => String::new(),
        };
        let at = rfc3339::format(now());
        match self.style {
            Style::Json => write_json(writer, &at, event, message, fields),
            Style::Human(colour) => write_human(writer, &at, event, &message, &fields, colour),
        }
    }
}

/// Whether the line is about an incognito conversation.
fn is_incognito(fields: &Map<String, Value>) -> bool {
    let session = fields.get("session").and_then(Value::as_str);
    let key = session.and_then(|session| SessionKey::try_from(session.to_owned()).ok());
    key.is_some_and(|key| key.is_incognito())
}

/// Takes a text out that may hold what was said; names and numbers stay.
fn withhold(name: &str, value: &mut Value) {
    if value.is_string() && !NAMES.contains(&name) {
        *value = "(incognito)".into();
    }
}

fn write_json(
    mut writer: Writer<'_>,
    at: &str,
    event: &Event<'_>,
    message: String,
    fields: Map<String, Value>,
) -> fmt::Result {
    let metadata = event.metadata();
    let mut line = Map::new();
    line.insert("at".to_owned(), at.into());
    line.insert("level".to_owned(), metadata.level().as_str().to_lowercase().into());
    line.insert("target".to_owned(), metadata.target().into());
    line.insert("message".to_owned(), message.into());
    // A field cannot take the place of what stands in every line.
    for (name, value) in fields {
        line.entry(name).or_insert(value);
    }
    writeln!(writer, "{}", Value::Object(line))
}

fn write_human(
    mut writer: Writer<'_>,
    at: &str,
    event: &Event<'_>,
    message: &str,
    fields: &Map<String, Value>,
    colour: Colour,
) -> fmt::Result {
    let level = *event.metadata().level();
    let (paint, dim, plain) = match colour {
        Colour::On => (ansi(level), "\u{1b}[2m", "\u{1b}[0m"),
        Colour::Off => ("", "", ""),
    };
    write!(writer, "{dim}{at}{plain} {paint}{level:>5}{plain} {message}")?;
    for (name, value) in fields {
        match value {
            Value::String(text) if !text.contains(char::is_whitespace) => write!(writer, " {dim}{name}={plain}{text}")?,
            other => write!(writer, " {dim}{name}={plain}{other}")?,
        }
    }
    writeln!(writer)
}

fn ansi(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        _ => "\u{1b}[2m",
    }
}

/// Makes a text one line of bounded length without anything that a terminal obeys.
fn tame(value: &mut Value) {
    let Value::String(text) = value else { return };
    if text.len() > MAX_FIELD_BYTES {
        let kept = text.floor_char_boundary(MAX_FIELD_BYTES);
        let cut = text.len() - kept;
        text.truncate(kept);
        text.push_str(&format!("… ({cut} bytes more)"));
    }
    if let std::borrow::Cow::Owned(escaped) = legible::line(text) {
        *text = escaped;
    }
}

#[expect(clippy::disallowed_methods, reason = "a log line says when it was written; no decision depends on it")]
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// Takes an event's own fields.
struct Collect<'a>(&'a mut Map<String, Value>);

impl Collect<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        // The log is where the whole chain belongs.
        self.put(field, causes::chain(value));
    }
}
