//! Frontmatter that is not YAML, line by line. Authors write `description: Use when: it rains`, and OpenClaw takes it.

use crate::node::{Fault, Node, Value};
use crate::yaml;

#[cfg(test)]
mod tests;

/// Names in one text.
const MAX_NAMES: usize = 256;

/// Reads `name: value` lines; indented lines belong to the name above them. A value in brackets, or all on indented
/// lines, is YAML of its own.
///
/// # Errors
/// The first fault.
pub fn read(text: &str, first_line: usize) -> Result<Node, Fault> {
    let mut members: Vec<(String, Node)> = Vec::new();
    let mut lines = text.lines().zip(first_line..).peekable();
    while let Some((line, number)) = lines.next() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, rest) = line.split_once(':').filter(|(name, _)| is_name(name)).ok_or_else(|| {
            let message = "expected `name: value`";
            Fault::new(number, message)
        })?;
        let mut value = rest.trim().to_owned();
        let in_line = !value.is_empty();
        while let Some((more, _)) = lines.next_if(|(next, _)| next.starts_with([' ', '\t']) || next.trim().is_empty()) {
            value.push('\n');
            value.push_str(more);
        }
        if members.len() == MAX_NAMES || members.iter().any(|(known, _)| known == name) {
            return Err(Fault::new(number, format!("`{name}` stands here twice, or is one of too many")));
        }
        let node = if value.starts_with(['{', '[']) || !in_line {
            yaml::read(&value, number)?
        } else {
            Node { line: number, value: Value::Text(unquoted(&value).to_owned()) }
        };
        members.push((name.to_owned(), node));
    }
    Ok(Node { line: first_line, value: Value::Map(members) })
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let within = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(text)
}
