//! From Markdown to the few tags of HTML that Telegram takes.
//!
//! Source: <https://core.telegram.org/bots/api#html-style>. There are no paragraphs, headings and lists: they are made of
//! line breaks, bold type and bullets.

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

#[cfg(test)]
mod tests;

/// The HTML of a text; nothing if nothing of it would be seen.
pub fn of_markdown(markdown: &str) -> Option<String> {
    let mut page = Page::default();
    Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH).for_each(|event| page.take(event));
    (page.shows_something).then_some(page.html)
}

#[derive(Default)]
struct Page {
    html: String,
    shows_something: bool,
    /// The lists that are open, each with the number of its next item, if it has numbers.
    lists: Vec<Option<u64>>,
    /// Telegram takes no quote in a quote.
    quotes: usize,
    /// What ends each open link; one that leads nowhere has no tag.
    links: Vec<&'static str>,
}

impl Page {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(text) => {
                self.html.push_str("<code>");
                self.text(&text);
                self.html.push_str("</code>");
            }
            Event::SoftBreak | Event::HardBreak => self.html.push('\n'),
            Event::Rule => {
                self.block();
                self.text("———");
            }
            // Not among the options.
            Event::FootnoteReference(_) | Event::TaskListMarker(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.block(),
            Tag::Heading { .. } => {
                self.block();
                self.html.push_str("<b>");
            }
            Tag::BlockQuote(_) => {
                self.block();
                self.quotes += 1;
                if self.quotes == 1 {
                    self.html.push_str("<blockquote>");
                }
            }
            Tag::CodeBlock(kind) => {
                self.block();
                let language = match &kind {
                    CodeBlockKind::Fenced(info) => info.split_whitespace().next().unwrap_or_default(),
                    CodeBlockKind::Indented => "",
                };
                self.html.push_str("<pre><code");
                if !language.is_empty() {
                    self.html.push_str(&format!(" class=\"language-{}\"", escaped(language)));
                }
                self.html.push('>');
            }
            Tag::List(first) => {
                if self.lists.is_empty() {
                    self.block();
                }
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Emphasis => self.html.push_str("<i>"),
            Tag::Strong => self.html.push_str("<b>"),
            Tag::Strikethrough => self.html.push_str("<s>"),
            Tag::Link { link_type, dest_url, .. } => {
                let url = match link_type {
                    LinkType::Email => format!("mailto:{dest_url}"),
                    _ => dest_url.into_string(),
                };
                self.link(&url);
            }
            // A picture is a link to it: nothing is fetched.
            Tag::Image { dest_url, .. } => self.link(&dest_url),
            // Not among the options.
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::Strong => self.html.push_str("</b>"),
            TagEnd::BlockQuote(_) => {
                self.quotes -= 1;
                if self.quotes == 0 {
                    self.html.push_str("</blockquote>");
                }
            }
            TagEnd::CodeBlock => {
                let end = self.html.trim_end_matches('\n').len();
                self.html.truncate(end);
                self.html.push_str("</code></pre>");
            }
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::Emphasis => self.html.push_str("</i>"),
            TagEnd::Strikethrough => self.html.push_str("</s>"),
            TagEnd::Link | TagEnd::Image => self.html.push_str(self.links.pop().unwrap_or_default()),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        self.shows_something |= !text.trim().is_empty();
        self.html.push_str(&escaped(text));
    }

    /// Begins a block: an empty line after what stands there, and within a list a new line, but not after a bullet.
    fn block(&mut self) {
        let end = self.html.trim_end_matches('\n').len();
        self.html.truncate(end);
        let is_after = |what: &str| self.html.ends_with(what);
        if self.html.is_empty() || is_after("<blockquote>") || is_after("• ") || is_after(". ") && self.is_new_item()
        {
            return;
        }
        self.html.push_str(if self.lists.is_empty() { "\n\n" } else { "\n" });
    }

    /// Whether the last line is the number of an item and nothing else.
    fn is_new_item(&self) -> bool {
        let line = self.html.rsplit('\n').next().unwrap_or_default();
        !self.lists.is_empty() && line.trim().trim_end_matches('.').bytes().all(|byte| byte.is_ascii_digit())
    }

    fn item(&mut self) {
        if !(self.html.is_empty() || self.html.ends_with('\n') || self.html.ends_with("<blockquote>")) {
            self.html.push('\n');
        }
        self.html.push_str(&"  ".repeat(self.lists.len().saturating_sub(1)));
        let bullet = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            Some(None) | None => "• ".to_owned(),
        };
        self.html.push_str(&bullet);
    }

    fn link(&mut self, url: &str) {
        let leads_somewhere = ["http://", "https://", "mailto:", "tg://"].iter().any(|scheme| url.starts_with(scheme));
        if leads_somewhere && self.links.is_empty() {
            self.html.push_str(&format!("<a href=\"{}\">", escaped(url)));
            self.links.push("</a>");
        } else {
            self.links.push("");
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
