//! An HTML page as Markdown or text.

use std::cell::RefCell;

use htmd::HtmlToMarkdown;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

#[cfg(test)]
mod tests;

/// Elements open at once above which a page is not converted to Markdown: the converter calls itself for each level,
/// and a hostile page must not reach the end of the stack.
const MAX_DEPTH: usize = 200;

/// Elements whose content is not for readers.
const SKIPPED: [&str; 9] = ["script", "style", "noscript", "template", "svg", "iframe", "head", "nav", "footer"];

/// What one pass over the tags tells of a page.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The title, on one line.
    pub title: String,
    /// The text without tags; blocks stand on lines of their own.
    pub text: String,
    /// The most elements that were open at once.
    depth: usize,
}

/// Goes through a page once, without recursion: safe for pages of any shape.
pub fn outline(html: &str) -> Outline {
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    // The tokenizer hands over at each `</script>`; no script runs here, so it goes on.
    while !input.is_empty() {
        let _script = tokenizer.feed(&input);
    }
    tokenizer.end();
    let scan = tokenizer.sink.scan.into_inner();
    Outline { title: one_line(&scan.title), text: tidy(&scan.text), depth: scan.depth }
}

/// The page as Markdown; none if it is nested too deeply.
pub fn markdown(html: &str, outline: &Outline) -> Option<String> {
    if outline.depth > MAX_DEPTH {
        return None;
    }
    let converter = HtmlToMarkdown::builder().skip_tags(SKIPPED.to_vec()).build();
    converter.convert(html).ok().map(|markdown| tidy(&markdown))
}

#[derive(Default)]
struct Sink {
    scan: RefCell<Scan>,
}

#[derive(Default)]
struct Scan {
    title: String,
    text: String,
    /// Open elements that need an end tag.
    open: usize,
    depth: usize,
    /// The skipped element that is open, and how many of the same name are open within it.
    skipping: Option<(String, usize)>,
    in_title: bool,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut scan = self.scan.borrow_mut();
        match token {
            Token::CharacterTokens(text) => scan.characters(&text),
            Token::TagToken(tag) => return scan.tag(&tag),
            Token::DoctypeToken(_)
            | Token::CommentToken(_)
            | Token::NullCharacterToken
            | Token::EOFToken
            | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

impl Scan {
    fn characters(&mut self, text: &str) {
        if self.in_title {
            self.title.push_str(text);
        } else if self.skipping.is_none() {
            self.text.push_str(text);
        }
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        self.count(name, tag.kind);
        self.skip(name, tag.kind);
        if name == "title" {
            // Icons have titles too; the page's own stands first.
            self.in_title = tag.kind == TagKind::StartTag && self.title.is_empty();
        }
        if self.skipping.is_none() && is_block(name) {
            self.text.push('\n');
        }
        match (tag.kind, name) {
            (TagKind::StartTag, "title" | "textarea") => TokenSinkResult::RawData(RawKind::Rcdata),
            (TagKind::StartTag, "script") => TokenSinkResult::RawData(RawKind::ScriptData),
            (TagKind::StartTag, "style" | "iframe" | "noscript" | "xmp" | "noembed" | "noframes") => {
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            _ => TokenSinkResult::Continue,
        }
    }

    fn count(&mut self, name: &str, kind: TagKind) {
        if ends_by_itself(name) {
            return;
        }
        match kind {
            TagKind::StartTag => self.open += 1,
            TagKind::EndTag => self.open = self.open.saturating_sub(1),
        }
        self.depth = self.depth.max(self.open);
    }

    fn skip(&mut self, name: &str, kind: TagKind) {
        match (&mut self.skipping, kind) {
            // The end tag of the head may be left out; the body ends it as well.
            (Some((skipped, _)), TagKind::StartTag) if skipped == "head" && name == "body" => self.skipping = None,
            (Some((skipped, nested)), TagKind::StartTag) if skipped == name => *nested += 1,
            (Some((skipped, 0)), TagKind::EndTag) if skipped == name => self.skipping = None,
            (Some((skipped, nested)), TagKind::EndTag) if skipped == name => *nested -= 1,
            (None, TagKind::StartTag) if SKIPPED.contains(&name) => self.skipping = Some((name.to_owned(), 0)),
            _ => {}
        }
    }
}

/// Elements that have no content or whose end tag may be left out, so that counting tags says nothing about depth.
fn ends_by_itself(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
            | "p"
            | "li"
            | "dt"
            | "dd"
            | "option"
            | "optgroup"
            | "tr"
            | "td"
            | "th"
            | "thead"
            | "tbody"
            | "tfoot"
            | "colgroup"
            | "html"
            | "head"
            | "body"
            | "path"
            | "rect"
            | "circle"
            | "line"
            | "polygon"
            | "use"
    )
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "br"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hr"
            | "li"
            | "main"
            | "ol"
            | "option"
            | "p"
            | "pre"
            | "section"
            | "table"
            | "tr"
            | "ul"
    )
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Removes space at line ends, and all but one of several empty lines.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty_lines = 0;
    for line in text.lines().map(str::trim_end) {
        if line.trim_start().is_empty() {
            empty_lines += 1;
            continue;
        }
        if !tidy.is_empty() {
            tidy.push_str(if empty_lines > 0 { "\n\n" } else { "\n" });
        }
        empty_lines = 0;
        tidy.push_str(line);
    }
    tidy
}
