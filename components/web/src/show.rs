//! A fetched body as text for the model.

use crate::body::{self, Kind};
use crate::page;

#[cfg(test)]
mod tests;

/// What the model wants of an HTML page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Markdown,
    Text,
}

/// The answer that a fetch ended with.
pub struct Fetched<'a> {
    /// The URL after all redirects.
    pub url: &'a str,
    pub status: u16,
    pub content_type: Option<&'a str>,
    pub body: &'a [u8],
    /// Whether the server had more than was read.
    pub is_cut: bool,
}

/// Says what was fetched, and shows at most `max_chars` characters of it.
pub fn show(fetched: &Fetched, mode: Mode, max_chars: usize) -> String {
    let (title, content) = content(fetched, mode);
    let mut text = format!("URL: {}\nStatus: {}\n", fetched.url, fetched.status);
    if let Some(content_type) = fetched.content_type {
        text.push_str(&format!("Content-Type: {}\n", content_type.chars().take(200).collect::<String>()));
    }
    if !title.is_empty() {
        text.push_str(&format!("Title: {}\n", title.chars().take(300).collect::<String>()));
    }
    text.push('\n');
    let end = content.char_indices().nth(max_chars).map_or(content.len(), |(end, _)| end);
    text.push_str(&content[..end]);
    if end < content.len() {
        let total = content.chars().count();
        text.push_str(&format!("\n\n[cut: {max_chars} of {total} characters shown]"));
    }
    if fetched.is_cut {
        text.push_str(&format!("\n\n[cut: only the first {} bytes were read]", fetched.body.len()));
    }
    text
}

/// The title, where there is one, and the text.
fn content(fetched: &Fetched, mode: Mode) -> (String, String) {
    match Kind::of(fetched.content_type, fetched.body) {
        Kind::Other => (String::new(), format!("[not text, {} bytes; not shown]", fetched.body.len())),
        Kind::Text => (String::new(), body::decode(fetched.content_type, fetched.body)),
        Kind::Html => {
            let html = body::decode(fetched.content_type, fetched.body);
            let outline = page::outline(&html);
            let markdown = match mode {
                Mode::Markdown => page::markdown(&html, &outline),
                Mode::Text => None,
            };
            (outline.title, markdown.unwrap_or(outline.text))
        }
    }
}
