//! What people see of a text that is still being written.

use super::fence::is_like;
use super::lines::{MEDIA, may_be_tag};
use super::{ReplyTo, reply};
use crate::text::may_be_silent;

/// What stands at the end of a preview: more follows, or would have.
const MORE: &str = "…";

/// A message that shows the beginning of an unfinished text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Markdown of at most `limit` UTF-16 units, and two that say that more follows.
    pub text: String,
    /// Which message is answered.
    pub reply_to: Option<ReplyTo>,
}

/// As much of a text as fits into one message and is certainly meant for people, whatever follows; `None` if that is
/// nothing yet.
pub fn preview(text: &str, limit: usize) -> Option<Preview> {
    let reply = reply(&text[..certain(text)], limit);
    let mut text = reply.parts.into_iter().next().filter(|text| !may_be_silent(text))?;
    // Behind the mark that closes a block of code, that would be open again.
    if text.lines().last().is_some_and(is_like) {
        text.push('\n');
    }
    text.push_str(MORE);
    Some(Preview { text, reply_to: reply.asides.reply_to })
}

/// Where what may yet turn out to be a thought, a directive or a file begins: only in the last line, and rather too early.
pub(super) fn certain(text: &str) -> usize {
    let line = text.rfind('\n').map_or(0, |at| at + 1);
    let last = &text[line..];
    let behind_directives = last.rsplit("]]").next().unwrap_or(last).trim_start();
    if last.contains(MEDIA) || MEDIA.starts_with(behind_directives) {
        return line;
    }
    let directive = last.rfind("[[").filter(|at| !last[*at..].contains("]]"));
    let directive = directive.or(last.ends_with('[').then(|| last.len() - 1));
    let tag = last.match_indices('<').map(|(at, _)| at).find(|at| may_be_tag(&last[*at..]));
    line + directive.unwrap_or(last.len()).min(tag.unwrap_or(last.len()))
}
