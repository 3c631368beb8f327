//! What of a conversation a model gets to see: all of it while it fits, then less.
//!
//! ```text
//!   log ──► since the last summary ──► all but the newest images left out ──► long results cut
//!       ──► old images left out ──► old results cut ──► outside content fenced ──► prompt
//! ```
//! Only [`cut_before`] decides what a summary stands in for; all else is a projection of the log, which stays as it is.
//! Nothing here ever parts a call from its outcome.

use crate::id::{CallId, Seq};
use crate::image::{self, MAX_IMAGES_BYTES};
use crate::message::{Entry, Message};
use crate::outcome::ToolOutcome;

mod fence;
mod identifiers;
mod tokens;

pub use fence::{fenced, unfenced};
pub use identifiers::identifiers;
use tokens::PER_IMAGE;
pub use tokens::{of_message, of_text, of_tool};

/// How much of a model's window the conversation may take, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// All that the model reads and writes in one call.
    pub window: u64,
    /// Kept free for the reply.
    pub reserve: u64,
    /// Taken by what stands beside the conversation: instructions and tools.
    pub taken: u64,
    /// Images that the model may be sent; none to one that cannot look at any.
    pub images: usize,
}

/// Images in one prompt, over all messages. Anthropic wants smaller ones where there are more.
pub const PROMPT_IMAGES: usize = 20;
/// Images take at most this part of the room.
const IMAGES_PERCENT: u64 = 50;
/// Old images are left out, and then old results cut, once the conversation takes this part of its room.
const PRUNE_AT_PERCENT: u64 = 60;
/// A single result is cut to this part of the room.
const RESULT_PERCENT: u64 = 30;
/// Results since this many messages of people stay whole: what is at work.
const RECENT_TURNS: usize = 3;
/// What is kept of an old result, in characters.
const OLD_HEAD: usize = 1_000;
const OLD_TAIL: usize = 500;
/// No result is cut to less than this, in characters.
const RESULT_FLOOR: usize = 2_000;
/// Characters of plain text that make a token, for cutting.
const CHARS_PER_TOKEN: usize = 4;

impl Room {
    /// What the conversation may take.
    pub fn free(&self) -> u64 {
        self.window.saturating_sub(self.reserve).saturating_sub(self.taken)
    }
}

/// The entries that a model sees, in order: the last summary, and all from where it ends. Notices are for people only.
pub fn seen(log: &[Entry]) -> Vec<&Entry> {
    let summary = log.iter().rev().find_map(|entry| match &entry.message {
        Message::Summary { kept_from, .. } => Some((entry, *kept_from)),
        _ => None,
    });
    let kept_from = summary.map_or(Seq(0), |(_, kept_from)| kept_from);
    let rest = log.iter().filter(|entry| entry.seq >= kept_from);
    let rest = rest.filter(|entry| !matches!(entry.message, Message::Notice { .. } | Message::Summary { .. }));
    summary.map(|(entry, _)| entry).into_iter().chain(rest).collect()
}

/// The conversation as it is sent: what comes from outside is fenced with what `mark` gives for its call, and results are
/// cut as far as the room demands.
pub fn messages(seen: &[&Entry], room: &Room, mark: impl Fn(&CallId) -> String) -> Vec<Message> {
    let mut messages: Vec<_> = seen.iter().map(|entry| entry.message.clone()).collect();
    keep_newest_images(&mut messages, room);
    let longest = usize::try_from(room.free() * RESULT_PERCENT / 100).unwrap_or(usize::MAX);
    let longest = longest.saturating_mul(CHARS_PER_TOKEN).max(RESULT_FLOOR);
    for message in &mut messages {
        shorten(message, longest / 2, longest / 2, "the result is too long for the model; ask for a part of it");
    }
    let is_tight =
        |messages: &[Message]| messages.iter().map(of_message).sum::<u64>() > room.free() * PRUNE_AT_PERCENT / 100;
    if is_tight(&messages) {
        let turns = messages.iter().enumerate().filter(|(_, message)| matches!(message, Message::User { .. }));
        let turns: Vec<_> = turns.map(|(at, _)| at).collect();
        let old = turns.len().checked_sub(RECENT_TURNS).map_or(0, |at| turns[at]);
        messages[..old].iter_mut().for_each(|message| leave_out_images(message, 0, "it is old"));
        let still_tight = is_tight(&messages);
        for message in messages[..old].iter_mut().filter(|_| still_tight) {
            shorten(message, OLD_HEAD, OLD_TAIL, "the result is old; call the tool again if you need it");
        }
    }
    for message in &mut messages {
        if let Message::Tool { call, tool, outcome, outside: true } = message {
            let fence = |text: &mut String| *text = fenced(text, tool, &mark(call));
            match outcome {
                ToolOutcome::Done { text } => fence(text),
                ToolOutcome::Failed(failure) => fence(&mut failure.message),
            }
        }
    }
    messages
}

/// Where to cut so that about `keep` tokens stay as they are: the first entry to keep. `None` if nothing would be gained.
///
/// A cut never parts a call from its outcome, and always leaves out something that the last summary had kept.
pub fn cut_before(seen: &[&Entry], keep: u64) -> Option<Seq> {
    let entries = match seen {
        [Entry { message: Message::Summary { .. }, .. }, rest @ ..] => rest,
        all => all,
    };
    let mut kept = 0;
    let mut cut = None;
    for entry in entries.iter().skip(1).rev() {
        kept += of_message(&entry.message);
        if kept > keep && cut.is_some() {
            break;
        }
        if !matches!(entry.message, Message::Tool { .. }) {
            cut = Some(entry.seq);
        }
    }
    cut
}

/// Leaves out the older images: more than the model may be sent, or than there is room for.
fn keep_newest_images(messages: &mut [Message], room: &Room) {
    let fitting = room.free() * IMAGES_PERCENT / 100 / PER_IMAGE;
    let mut left = room.images.min(usize::try_from(fitting).unwrap_or(usize::MAX));
    let mut bytes_left = MAX_IMAGES_BYTES as u64;
    let why = if room.images == 0 { "it is not sent to this model" } else { "there is no room for more" };
    for message in messages.iter_mut().rev() {
        let mut kept = 0;
        for image in message.images().iter().rev() {
            if left == 0 || image.bytes > bytes_left {
                // None that is older than one without room: the newest ones stay.
                left = 0;
                break;
            }
            left -= 1;
            bytes_left -= image.bytes;
            kept += 1;
        }
        leave_out_images(message, kept, why);
    }
}

/// Puts lines in the place of all images of a message but the last so many.
fn leave_out_images(message: &mut Message, kept: usize, why: &str) {
    let Message::User { text, images } = message else { return };
    for image in images.drain(..images.len().saturating_sub(kept)) {
        image::leave_out(text, &image, why);
    }
}

/// Cuts a result in the middle if it is longer than what is kept of it by more than the words that say so.
fn shorten(message: &mut Message, head: usize, tail: usize, why: &str) {
    let Message::Tool { outcome: ToolOutcome::Done { text }, .. } = message else { return };
    // Bytes are at least characters.
    if text.len() <= head + tail {
        return;
    }
    let count = text.chars().count();
    let left_out = count.saturating_sub(head + tail);
    let note = format!("\n[… {left_out} characters left out: {why} …]\n");
    if left_out <= note.len() {
        return;
    }
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    *text = start + &note + &end;
}

#[cfg(test)]
mod tests;
