//! Links and images that lead nowhere: what a model says where both private data and content from outside have flowed in.
//!
//! A chat service fetches previews and a browser fetches images: an address alone can carry data out. What decides is the
//! text, not its structure, for each reader of Markdown and HTML sees another structure: an address of a server that is
//! not known loses its scheme wherever it stands, in code as well, and only its looks depend on where that is. Addresses
//! stay by a narrow rule of what is plainly written and known, and by no other.
//!
//! Lines come out whole, so that no piece of an address is shown before the rest of it is known.

use std::collections::BTreeSet;

use super::fence::Fence;

/// How far something that ends later is looked for, in bytes: a line of a million brackets takes no longer for it.
const REACH: usize = 2048;
/// Servers that are named to people.
const NAMED: usize = 5;
/// Names of characters that hide an address from who does not decode them.
const ENTITIES: [&str; 8] = ["colon;", "sol;", "bsol;", "tab;", "newline;", "period;", "lpar;", "lsqb;"];

/// Whether the server of an address is known: its name in small letters, and the whole address.
pub type IsKnown<'a> = Box<dyn Fn(&str, &str) -> bool + Send + Sync + 'a>;

/// The servers that somebody names in a text, by address or by name.
pub fn servers_in(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '/')));
    let names = words.flat_map(|word| {
        let (behind, is_address) = word.split_once("://").map_or((word, false), |(_, behind)| (behind, true));
        let name = behind.split(['/', ':']).next().unwrap_or_default().trim_matches('.');
        (is_address || name.contains('.')).then(|| name.to_lowercase())
    });
    names.filter(|name| !name.is_empty())
}

/// A text on its way to people, piece by piece.
pub struct Inert<'a> {
    is_known: IsKnown<'a>,
    /// The beginning of a line.
    begun: String,
    fence: Option<Fence>,
    /// The last character that is no space.
    last: char,
    /// The servers that something led to.
    servers: BTreeSet<String>,
}

impl<'a> Inert<'a> {
    /// Addresses of servers that are not known lead nowhere.
    pub fn new(is_known: IsKnown<'a>) -> Self {
        Inert { is_known, begun: String::new(), fence: None, last: ' ', servers: BTreeSet::new() }
    }

    /// Takes the next piece and gives the lines that are whole.
    pub fn push(&mut self, piece: &str) -> String {
        let mut shown = String::new();
        for piece in piece.split_inclusive('\n') {
            self.begun.push_str(piece);
            if piece.ends_with('\n') {
                let line = std::mem::take(&mut self.begun);
                shown.push_str(&self.line(&line));
            }
        }
        shown
    }

    /// The last line.
    pub fn finish(&mut self) -> String {
        let line = std::mem::take(&mut self.begun);
        self.line(&line)
    }

    /// All of a text.
    pub fn all(&mut self, text: &str) -> String {
        self.push(text) + &self.finish()
    }

    /// The servers that something would have led to, as they can be shown; the first few.
    pub fn servers(&self) -> Vec<String> {
        self.servers.iter().take(NAMED).cloned().collect()
    }

    fn line(&mut self, line: &str) -> String {
        let was = self.fence.take();
        self.fence = Fence::after(was.as_ref(), line);
        let is_code = was.is_some() || self.fence.is_some();
        let known = self.servers.len();
        let mut shown = Line::new(self, line, is_code).read();
        // What a word stands for elsewhere would hide where it leads.
        let text = line.trim_start_matches([' ', '\t', '>', '-', '*']);
        let is_changed = self.servers.len() > known || shown != line;
        if !is_code && is_changed && text.starts_with('[') && text.contains("]:") {
            shown = shown.replacen('[', "", 1).replacen("]:", ":", 1);
        }
        shown
    }

    /// Whether a server is known that is written so plainly that everybody reads the same. `run` begins with the scheme
    /// and goes on to the next space.
    fn stays(&self, run: &str) -> bool {
        let Some((scheme, rest)) = run.split_once("://") else { return false };
        if run.len() >= REACH || !(scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")) {
            return false;
        }
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))).unwrap_or(rest.len());
        let (host, behind) = rest.split_at(end);
        let port = behind.strip_prefix(':').map(|port| port.len() - port.trim_start_matches(char::is_numeric).len());
        let behind = &behind[port.map_or(0, |digits| 1 + digits)..];
        let goes_on = behind.starts_with(['/', '?', '#']);
        // Some take what follows for more of the name: `good.test).evil.test`.
        if !goes_on && !behind.chars().all(|c| c.is_ascii_punctuation() && !matches!(c, '@' | '%' | '\\' | '&')) {
            return false;
        }
        let host = if goes_on { host } else { host.trim_end_matches('.') };
        let address = if goes_on { trimmed(run) } else { &run[..run.len() - behind.len()] };
        !host.is_empty() && (self.is_known)(&host.to_ascii_lowercase(), address.trim_end_matches('.'))
    }
}

/// One line that is being read.
struct Line<'l, 'a> {
    inert: &'l mut Inert<'a>,
    line: &'l str,
    /// All of it stands in a block of code.
    is_code: bool,
    at: usize,
    shown: String,
    /// Where brackets begin in what is shown, and whether of an image.
    brackets: Vec<(usize, bool)>,
    /// Where the code between backticks ends.
    code_end: usize,
    /// Where a tag ends, and the place behind its `<` in what is shown.
    tag: Option<(usize, usize)>,
}

impl<'l, 'a> Line<'l, 'a> {
    fn new(inert: &'l mut Inert<'a>, line: &'l str, is_code: bool) -> Self {
        let (shown, brackets) = (String::with_capacity(line.len()), Vec::new());
        Line { inert, line, is_code, at: 0, shown, brackets, code_end: 0, tag: None }
    }

    fn read(mut self) -> String {
        while let Some(c) = self.line[self.at..].chars().next() {
            let before = self.at;
            match c {
                '`' => self.backticks(),
                '[' | '!' if !self.in_code() => self.bracket(),
                ']' if !self.in_code() => self.end_bracket(),
                '<' => self.begin_tag(),
                '&' if !self.in_code() => self.entity(),
                '/' | '\\' => self.slashes(),
                ':' => self.colon(),
                _ if c.is_ascii_alphanumeric() => self.word(),
                _ => {}
            }
            if self.at == before {
                self.keep(c.len_utf8());
            }
        }
        self.shown
    }

    /// What comes next, as far as is looked.
    fn rest(&self) -> &'l str {
        let rest = &self.line[self.at..];
        &rest[..rest.floor_char_boundary(REACH)]
    }

    fn in_code(&self) -> bool {
        self.is_code || self.at < self.code_end || self.tag.is_some_and(|(end, _)| self.at < end)
    }

    /// Shows the next bytes as they are.
    fn keep(&mut self, bytes: usize) {
        let kept = &self.line[self.at..self.at + bytes];
        self.note(kept);
        self.shown.push_str(kept);
        self.at += bytes;
    }

    fn note(&mut self, text: &str) {
        if let Some(last) = text.chars().rev().find(|c| !c.is_whitespace()) {
            self.inert.last = last;
        }
    }

    /// Shows the next bytes otherwise.
    fn replace(&mut self, bytes: usize, with: &str) {
        // A tag with such a thing in it is shown, too.
        if let Some((_, place)) = self.tag.take_if(|(end, _)| self.at < *end) {
            self.shown.insert(place, ' ');
            // It is none any more, but nothing in it is Markdown either.
            self.code_end = self.code_end.max(self.at + self.rest().find('>').unwrap_or(self.rest().len()));
        }
        self.note(&self.line[self.at..self.at + bytes]);
        self.shown.push_str(with);
        self.at += bytes;
    }

    fn backticks(&mut self) {
        let run = self.rest().len() - self.rest().trim_start_matches('`').len();
        if !self.in_code() {
            let marks = &self.rest()[..run];
            let mut from = run;
            while let Some(at) = self.rest()[from..].find(marks) {
                let begin = from + at;
                let length = self.rest()[begin..].len() - self.rest()[begin..].trim_start_matches('`').len();
                from = begin + length;
                if length == run {
                    self.code_end = self.at + begin;
                    break;
                }
            }
        }
        self.keep(run);
    }

    fn bracket(&mut self) {
        let is_image = self.rest().starts_with("![");
        if is_image || self.rest().starts_with('[') {
            self.brackets.push((self.shown.len(), is_image));
            self.keep(if is_image { 2 } else { 1 });
        }
    }

    /// The end of a link's text: what it leads to follows.
    fn end_bracket(&mut self) {
        let Some((place, is_image)) = self.brackets.pop() else { return };
        let Some(behind) = self.rest().strip_prefix("](") else { return };
        let Some((target, length)) = target(behind) else { return };
        let run = behind.trim_start();
        let run = &run[..run.find(ends_run).unwrap_or(run.len())];
        if is_within(target) || self.inert.stays(run) {
            return;
        }
        self.shown.replace_range(place..place + if is_image { 2 } else { 1 }, "");
        let server = self.server(target);
        let shown = if is_image { server } else { self.dead(target) };
        let gap = if self.shown.is_empty() || self.shown.ends_with(' ') { "" } else { " " };
        self.replace(2 + length, &format!("{gap}(`{shown}`)"));
    }

    /// A tag that is not whole, or that may lead somewhere, is none.
    fn begin_tag(&mut self) {
        let rest = self.rest();
        let name = rest[1..].len() - rest[1..].trim_start_matches(|c: char| c.is_ascii_alphanumeric()).len();
        if !rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()) || self.tag.is_some() {
            return;
        }
        let end = rest.find('>');
        let body = &rest[1 + name..end.unwrap_or(rest.len())];
        let has_more = body.is_empty() && end.is_none() || body.starts_with(|c: char| c.is_whitespace() || c == '/');
        if !has_more {
            return;
        }
        let hides = body.contains(['&', '\\']) || body.chars().any(|c| c.is_control() && c != '\n');
        if end.is_none() || (hides && body.contains('=')) {
            return self.replace(1, "< ");
        }
        self.keep(1);
        self.tag = end.map(|end| (self.at - 1 + end, self.shown.len()));
    }

    fn entity(&mut self) {
        let name = &self.rest()[1..];
        let hides = |it: &&str| name.get(..it.len()).is_some_and(|name| name.eq_ignore_ascii_case(it));
        if name.starts_with('#') || ENTITIES.iter().any(hides) {
            self.replace(1, "& ");
        }
    }

    /// `//host`, where it may be an address.
    fn slashes(&mut self) {
        let behind = self.rest().trim_start_matches(['/', '\\']);
        let slashes = self.rest().len() - behind.len();
        let is_adjacent = self.shown.ends_with(':');
        let may_be =
            matches!(self.inert.last, '(' | '"' | '\'' | '=' | '<' | ',') || self.inert.last == ':' && !is_adjacent;
        let host = &behind[..behind.find(['/', '?', '#', '"', '\'', ')', '>']).unwrap_or(behind.len())];
        let host = host.split_whitespace().next().unwrap_or_default();
        let is_host = host.contains(['.', '[', '%', '&', '@', '\u{3002}'])
            || !host.is_ascii()
            || host.starts_with(|c: char| c.is_ascii_digit());
        if slashes < 2 || !may_be || !is_host || behind.starts_with(char::is_whitespace) {
            return self.keep(slashes);
        }
        let run = &behind[..behind.find(ends_run).unwrap_or(behind.len())];
        if slashes == 2 && self.rest().starts_with("//") && self.inert.stays(&format!("https://{run}")) {
            return self.keep(slashes);
        }
        let _ = self.server(run);
        self.replace(slashes, "hxxps://");
    }

    /// The scheme of something else than the web, in prose.
    fn colon(&mut self) {
        let behind = &self.rest()[1..];
        let slashes = behind.len() - behind.trim_start_matches(['/', '\\']).len();
        let has_scheme = self.shown.ends_with(|c: char| c.is_ascii_alphanumeric()) && !self.shown.ends_with("hxxp");
        if slashes >= 2 && has_scheme && !self.in_code() && !self.shown.ends_with("hxxps") {
            let _ = self.server(&behind[slashes..]);
            self.replace(1 + slashes, "[:]//");
        }
    }

    fn word(&mut self) {
        let rest = self.rest();
        if rest.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("http")) {
            return self.web();
        }
        // The rest of the word comes one by one, for it may hold what the web's schemes are called.
        let begins = !self.line[..self.at].ends_with(|c: char| c.is_alphanumeric() || "._-/\\@:%+&".contains(c));
        if begins && !self.in_code() {
            self.bare();
        }
    }

    /// An address of the web.
    fn web(&mut self) {
        let rest = self.rest();
        let secure = rest[4..].starts_with(['s', 'S']);
        let scheme = if secure { 5 } else { 4 };
        let colon = rest[scheme..].trim_start_matches('\\');
        let Some(behind) = colon.strip_prefix(':') else { return self.keep(4) };
        if behind.is_empty() || behind.starts_with(|c: char| c.is_whitespace() || "`'\")]},;*_|>".contains(c)) {
            return self.keep(4);
        }
        let run = &rest[..rest.find(ends_run).unwrap_or(rest.len())];
        let is_embedded = self.line[..self.at].ends_with(|c: char| c.is_ascii_alphanumeric());
        if !is_embedded && self.inert.stays(run) {
            // What may be another address within this one is looked at as well.
            return self.keep(scheme + 3);
        }
        let head = rest.len() - behind.len();
        let slashes = behind.len() - behind.trim_start_matches(['/', '\\']).len();
        let _ = self.server(&behind[slashes..]);
        let dead = if secure { "hxxps://" } else { "hxxp://" };
        if self.in_code() || self.shown.ends_with('(') && self.shown[..self.shown.len() - 1].ends_with(']') {
            return self.replace(head + slashes, dead);
        }
        let address = &behind[slashes..slashes + extent(&behind[slashes..])];
        let shown = format!("`{dead}{}`", broken(address));
        let is_enclosed = self.shown.ends_with('<') && behind[slashes + address.len()..].starts_with('>');
        if is_enclosed {
            self.shown.pop();
        }
        self.replace(head + slashes + address.len() + usize::from(is_enclosed), &shown);
    }

    /// A name that chats take for an address, though no scheme stands before it: with a path, or with so many parts that
    /// the first ones can say something.
    fn bare(&mut self) {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))).unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches(['.', '-']);
        let labels: Vec<_> = name.split('.').collect();
        let top = labels.last().copied().unwrap_or_default();
        let is_number = |label: &&str| label.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = top.len() >= 2 && (top.bytes().all(|byte| byte.is_ascii_alphabetic()) || top.starts_with("xn--"));
        let is_address = labels.len() == 4 && labels.iter().all(is_number);
        let behind = &rest[name.len()..];
        let port = behind.strip_prefix(':').is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()));
        let goes_on = behind.starts_with(['/', '?', '#']) && behind[1..].starts_with(|c: char| !c.is_whitespace());
        let says_much = labels.len() >= 3 && top.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_one = labels.len() >= 2 && labels.iter().all(|label| !label.is_empty()) && (is_name || is_address);
        if !is_one || behind.starts_with('@') || !(goes_on || port || says_much) {
            return;
        }
        let run = &rest[..rest.find(ends_run).unwrap_or(rest.len())];
        if self.inert.stays(&format!("https://{run}")) {
            return self.keep(name.len());
        }
        let _ = self.server(run);
        let address = &rest[..name.len() + extent(behind)];
        let dot = name.rfind('.').unwrap_or_default();
        let shown = format!("`{}[.]{}`", &address[..dot], broken(&address[dot + 1..]));
        self.replace(address.len(), &shown);
    }

    /// The server of an address, as it can be shown; it is remembered.
    fn server(&mut self, address: &str) -> String {
        let address =
            address.split_once("://").map_or(address, |(_, behind)| behind).trim_start_matches(['/', '\\', '<']);
        let authority = address.split(|c: char| c.is_whitespace() || "/?#\\\"'<>()`".contains(c)).next().unwrap_or("");
        let name = authority.rsplit('@').next().unwrap_or("").split(':').next().unwrap_or("");
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
        let name: String = name.chars().filter(|c| is_plain(*c)).take(80).collect();
        let name = if name.contains('.') { name.trim_matches('.').to_lowercase() } else { "elsewhere".to_owned() };
        self.inert.servers.insert(name.clone());
        name
    }

    /// The target of a link, for people.
    fn dead(&mut self, target: &str) -> String {
        let target = target.trim_matches(['<', '>']);
        let lower = target.to_ascii_lowercase();
        let plain = ["http", "https"].into_iter().find_map(|scheme| {
            let behind = lower.strip_prefix(scheme)?.strip_prefix(':')?.trim_start_matches(['/', '\\']);
            Some((scheme, &target[target.len() - behind.len()..]))
        });
        let (scheme, rest) = match plain {
            Some(("http", rest)) => ("hxxp://", rest),
            Some((_, rest)) => ("hxxps://", rest),
            None if target.starts_with(['/', '\\']) => ("hxxps://", target.trim_start_matches(['/', '\\'])),
            None => ("", target),
        };
        format!("{scheme}{}", broken(rest))
    }
}

/// Where a text that nobody takes for part of an address begins.
fn ends_run(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '`')
}

/// An address without what ends the sentence around it.
fn trimmed(run: &str) -> &str {
    run.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_', '~', '|', ')', ']', '}'])
}

/// Bytes of an address, as people would say. What may begin another one is not in it.
fn extent(text: &str) -> usize {
    let mut depth = 0;
    let mut last = ' ';
    let end = text.char_indices().find(|(_, c)| {
        let is_path = matches!(c, '/' | '\\');
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        let begins = is_path && std::mem::replace(&mut last, *c) == '(';
        depth < 0 || begins || ends_run(*c) || matches!(c, '\'' | '[' | ']')
    });
    let address = &text[..end.map_or(text.len(), |(at, _)| at)];
    address.trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_', '~', '|', '}', '(']).len()
}

/// Whether a link leads within its page, or to a file beside it, and no chat would take it for anything else.
fn is_within(target: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '#');
    let first = target.split(['/', '#']).next().unwrap_or_default();
    let dots = first.trim_start_matches('.').matches('.').count();
    // A name of two parts alone can say nothing.
    let is_file = dots == 0 || dots == 1 && first == target;
    target.chars().all(is_plain) && !target.starts_with('/') && is_file
}

/// The target of a link that begins behind its bracket, and the bytes up to the end of the link.
fn target(text: &str) -> Option<(&str, usize)> {
    let begin = text.len() - text.trim_start().len();
    let (mut depth, mut quote, mut was_escape) = (0, None, false);
    let mut end = None;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < begin) {
        let is_escaped = was_escape;
        was_escape = c == '\\' && !is_escaped;
        match (quote, c) {
            _ if is_escaped => {}
            (Some(mark), c) => quote = quote.filter(|_| c != mark),
            (None, '"' | '\'') if end.is_some() => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return Some((&text[begin..end.unwrap_or(at)], at + 1)),
            (None, ')') => depth -= 1,
            (None, c) if c.is_whitespace() => end = end.or(Some(at)),
            (None, _) => {}
        }
    }
    None
}

/// The rest of an address, without what could be one by itself, or cannot stand in code.
fn broken(address: &str) -> String {
    let mut shown: String = address.chars().filter(|c| !matches!(c, '`' | '"' | '\'' | '<' | '>' | ';')).collect();
    let escapes = [("[", "%5B"), ("]", "%5D"), ("(/", "(%2F"), ("(\\", "(%5C"), ("&#", "%26#"), ("://", "%3A//")];
    for (plain, escaped) in escapes {
        shown = shown.replace(plain, escaped);
    }
    for (scheme, dead) in [("http:", "hxxp:"), ("https:", "hxxps:")] {
        while let Some(at) = shown.to_ascii_lowercase().find(scheme) {
            shown.replace_range(at..at + scheme.len(), dead);
        }
    }
    shown
}

#[cfg(test)]
mod tests;
