//! Data on standard output: as JSON for programs, or laid out for people.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::legible;
use crate::settings::{Env, env};

/// Whom the data is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// People.
    Text,
    /// Programs.
    Json,
}

/// Whether text may be dimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shade {
    /// On a terminal that was not asked to be plain.
    Dim,
    /// Anywhere else.
    Plain,
}

/// Standard output.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    format: Format,
    shade: Shade,
}

impl Output {
    /// Output in `format`.
    pub(super) fn new(format: Format, env: &Env) -> Self {
        let dim = io::stdout().is_terminal() && env.get(env::NO_COLOR).is_none();
        Output { format, shade: if dim { Shade::Dim } else { Shade::Plain } }
    }

    /// Whom the data is for.
    pub fn format(&self) -> Format {
        self.format
    }

    pub(super) fn shade(&self) -> Shade {
        self.shade
    }

    /// Prints `value`, for people as `text` lays it out.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn data(&self, value: &Value, text: impl FnOnce(&Value) -> String) -> io::Result<()> {
        match self.format {
            Format::Json => self.raw(format!("{value:#}\n").as_bytes()),
            Format::Text => {
                let text = text(value);
                let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                self.raw(format!("{}{end}", legible::block(&text)).as_bytes())
            }
        }
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn raw(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    }
}

/// Lays rows out in columns, with a head.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let head = head.map(str::to_owned);
    let rows: Vec<[String; N]> = std::iter::once(&head)
        .chain(rows)
        .map(|row| row.each_ref().map(|cell| legible::line(cell).into_owned()))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Lays a JSON value out as an indented list of names and values.
pub(super) fn outline(value: &Value) -> String {
    let mut text = String::new();
    push_outline(&mut text, value, 0);
    text
}

fn push_outline(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter().filter(|(_, member)| !member.is_null()) {
                text.push_str(&format!("{indent}{}:", legible::line(name)));
                push_member(text, member, depth);
            }
        }
        Value::Array(items) => {
            for item in items {
                text.push_str(&format!("{indent}-"));
                push_member(text, item, depth);
            }
        }
        scalar => text.push_str(&format!("{indent}{}\n", word(scalar))),
    }
}

fn push_member(text: &mut String, member: &Value, depth: usize) {
    match member {
        Value::Object(members) if !members.is_empty() => {
            text.push('\n');
            push_outline(text, member, depth + 1);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            push_outline(text, member, depth + 1);
        }
        Value::Object(_) | Value::Array(_) => text.push_str(" (none)\n"),
        scalar => text.push_str(&format!(" {}\n", word(scalar))),
    }
}

/// One value in one line; a text without its quotes.
pub(super) fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => legible::line(text).into_owned(),
        other => other.to_string(),
    }
}
