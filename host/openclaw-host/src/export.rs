//! A conversation as one file: for `sessions export` and `/export`.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use claw_core::id::Timestamp;
use claw_core::rfc3339;
use serde_json::Value;

use crate::legible;

/// How a conversation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Markdown
    Md,
    /// One message a line, as the gateway gives it
    Jsonl,
    /// One page without scripts that loads nothing
    Html,
}

impl Form {
    /// All of them.
    pub const ALL: [Form; 3] = [Form::Md, Form::Jsonl, Form::Html];

    /// Its name, which is also how a file's name ends.
    pub fn as_str(self) -> &'static str {
        match self {
            Form::Md => "md",
            Form::Jsonl => "jsonl",
            Form::Html => "html",
        }
    }
}

/// Makes the file of an export. Conversations are nobody else's business, in a file of their own either.
///
/// # Errors
/// Whatever the system says, also if there is something of this name, be it a link.
pub fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// The text of a message: a plain text, or the text parts among others, and a line for each image.
pub fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        parts => {
            let line = |part: &Value| match part["type"] == "image" {
                true => Some(image_line(part)),
                false => part["text"].as_str().map(str::to_owned),
            };
            parts.as_array().into_iter().flatten().filter_map(line).collect::<Vec<_>>().join("\n")
        }
    }
}

fn image_line(image: &Value) -> String {
    let word = |field: &str| image[field].as_str().unwrap_or_default();
    format!("[image: {}, {} bytes, sha256 {}]", word("mimeType"), image["sizeBytes"], word("sha256"))
}

/// Who said it: a role, the tool, or the host.
pub fn speaker(message: &Value) -> String {
    if message["__openclaw"]["kind"] == "notice" {
        return "host".to_owned();
    }
    let role = || message["role"].as_str().unwrap_or_default();
    message["toolName"].as_str().unwrap_or_else(role).to_owned()
}

/// A time in milliseconds, as people read it; nothing if there is none.
pub fn moment(at: &Value) -> String {
    at.as_u64().map(|at| rfc3339::format(Timestamp(at))).unwrap_or_default()
}

/// Writes a conversation; `session` and `messages` are as `sessions.describe` and `chat.history` give them.
///
/// # Errors
/// Whatever `out` fails with.
pub fn write(out: &mut impl Write, form: Form, session: &Value, messages: &[Value]) -> io::Result<()> {
    match form {
        Form::Md => markdown(out, session, messages)?,
        Form::Jsonl => messages.iter().try_for_each(|message| writeln!(out, "{message}"))?,
        Form::Html => html(out, session, messages)?,
    }
    out.flush()
}

/// What the conversation is called, or its key.
fn name(session: &Value) -> String {
    let name = session["label"].as_str().or(session["key"].as_str()).unwrap_or_default();
    legible::line(name).into_owned()
}

/// Calls of a message, one a line.
fn calls(message: &Value) -> Vec<String> {
    let parts = message["content"].as_array().into_iter().flatten().filter(|part| part["type"] == "toolCall");
    parts.map(|call| format!("{} {}", call["name"].as_str().unwrap_or_default(), call["arguments"])).collect()
}

fn is_tool(message: &Value) -> bool {
    message["role"] == "toolResult"
}

fn markdown(out: &mut impl Write, session: &Value, messages: &[Value]) -> io::Result<()> {
    writeln!(out, "# {}\n\n`{}`", name(session), session["key"].as_str().unwrap_or_default())?;
    for message in messages {
        writeln!(out, "\n## {}, {}\n", speaker(message), moment(&message["timestamp"]))?;
        let text = content_text(&message["content"]);
        let text = legible::block(text.trim_end());
        if is_tool(message) {
            fenced(out, &text)?;
        } else if !text.is_empty() {
            writeln!(out, "{text}")?;
        }
        for call in calls(message) {
            fenced(out, &legible::block(&call))?;
        }
    }
    Ok(())
}

/// A block of code with a fence that its text cannot end.
fn fenced(out: &mut impl Write, text: &str) -> io::Result<()> {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    writeln!(out, "{fence}text\n{text}\n{fence}")
}

/// The browser is told to load and run nothing, should anything ever get past the escapes.
const HEAD: &str = "<meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
    <meta name=\"referrer\" content=\"no-referrer\">\n\
    <style>body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}\
    pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;margin:0}\
    section{margin:1em 0;padding:.7em 1em;border-left:4px solid #bbb}\
    .user{border-color:#27c}.toolResult,.call{font-family:monospace;font-size:.9em;background:#f4f4f4}\
    h2{font-size:.8em;color:#666;margin:0 0 .3em}</style>";

fn html(out: &mut impl Write, session: &Value, messages: &[Value]) -> io::Result<()> {
    let name = escaped(&name(session));
    writeln!(out, "<!doctype html>\n<html lang=\"en\"><head>\n{HEAD}\n<title>{name}</title></head><body>")?;
    writeln!(out, "<h1>{name}</h1>\n<p>{}</p>", escaped(session["key"].as_str().unwrap_or_default()))?;
    for message in messages {
        let class = match message["role"].as_str() {
            Some("user") => "user",
            Some("toolResult") => "toolResult",
            _ => "assistant",
        };
        let head = format!("{}, {}", speaker(message), moment(&message["timestamp"]));
        writeln!(out, "<section class=\"{class}\"><h2>{}</h2>", escaped(&head))?;
        writeln!(out, "<pre>{}</pre>", escaped(&content_text(&message["content"])))?;
        for call in calls(message) {
            writeln!(out, "<pre class=\"call\">{}</pre>", escaped(&call))?;
        }
        writeln!(out, "</section>")?;
    }
    writeln!(out, "</body></html>")
}

/// Text that means itself in HTML, inside and outside of attributes; what would reorder or hide text is shown.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in legible::block(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(form: Form, text: &str) -> String {
        let session = json!({"key": "agent:main:main", "label": text});
        let calls = json!({"type": "toolCall", "name": "web", "arguments": {"q": text}});
        let messages = [
            json!({"role": "user", "content": [{"type": "text", "text": text}], "timestamp": 0}),
            json!({"role": "assistant", "content": [calls], "timestamp": 0}),
            json!({"role": "toolResult", "toolName": "web", "content": [{"type": "text", "text": text}], "timestamp": 0}),
        ];
        let mut out = Vec::new();
        write(&mut out, form, &session, &messages).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_page_has_no_mark_up_but_its_own_whatever_was_said() {
        let evil = "</pre><script>alert(1)</script><img src=x onerror='f()'> \" & \u{202e}";
        let page = written(Form::Html, evil);
        let own = written(Form::Html, "plain");
        assert_eq!(page.matches('<').count(), own.matches('<').count());
        assert_eq!(page.matches('"').count(), own.matches('"').count());
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;") && page.contains("\\u{202e}"), "{page}");
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn a_tool_s_text_cannot_end_its_block() {
        let page = written(Form::Md, "```\n# mine");
        assert!(page.contains("````text\n```\n# mine\n````"), "{page}");
        assert!(page.starts_with("# ```\\n# mine\n\n`agent:main:main`\n\n## user, 1970-01-01T00:00:00"), "{page}");
    }

    #[test]
    fn what_the_host_says_is_not_put_into_the_assistants_mouth() {
        let who = |kind: &str| speaker(&json!({"role": "assistant", "content": [], "__openclaw": {"kind": kind}}));
        assert_eq!([who("notice"), who("")], ["host", "assistant"]);
    }

    #[test]
    fn each_line_is_a_message() {
        let lines = written(Form::Jsonl, "a\nb");
        let messages: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(messages.len(), 3);
    }
}
