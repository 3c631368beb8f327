//! Where the frontmatter of a SKILL.md ends and its instructions begin.

#[cfg(test)]
mod tests;

/// A SKILL.md in its two parts.
#[derive(Debug, PartialEq)]
pub struct Parts<'a> {
    /// Between the two lines of dashes. It begins with line 2 of the file.
    pub frontmatter: &'a str,
    /// Everything behind them.
    pub body: &'a str,
}

/// Takes a file apart; `None` if it does not begin with frontmatter that ends.
pub fn split(text: &str) -> Option<Parts<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (first, rest) = line(text);
    if first.trim_end() != "---" {
        return None;
    }
    let mut at = 0;
    while at < rest.len() {
        let (this, after) = line(&rest[at..]);
        if this.trim_end() == "---" {
            return Some(Parts { frontmatter: &rest[..at], body: after.trim_start_matches(['\r', '\n']) });
        }
        at = rest.len() - after.len();
    }
    None
}

/// The first line without its end, and what follows it.
fn line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}
