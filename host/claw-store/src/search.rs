//! Searching what was said: a scan from the newest conversation to the oldest, in pieces of bounded cost.
//!
//! There is no index of words: each append would pay for it, and what is deleted would have to be deleted from it, too.

use claw_core::id::{Seq, SessionKey, Timestamp};
use claw_core::message::{Entry, Message};

use crate::error::Failure;
use crate::error::StoreError;
use crate::listing::{self, SessionCursor, SessionQuery};
use crate::session::{self, MAX_PAGE};
use crate::store::Store;
use crate::tables::{self, Snapshot};

/// Entries that one call looks at.
const SCANNED: usize = 20_000;
/// Sessions that one call looks at, for those that hold little.
const SESSIONS: usize = 5_000;
/// Characters shown before and after what was found.
const AROUND: usize = 60;

/// A message in which the text was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its conversation.
    pub session: SessionKey,
    /// What its owner calls that.
    pub title: Option<String>,
    /// Its position.
    pub seq: Seq,
    /// When it was said.
    pub at: Timestamp,
    /// Who said it: `user`, `assistant`, `tool`, `notice` or `summary`.
    pub role: &'static str,
    /// The text that was found, with some before and behind, on one line.
    pub excerpt: String,
}

/// A piece of the search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage {
    /// The newest conversations first, the newest messages of each first.
    pub found: Vec<Found>,
    /// Messages that were looked at.
    pub scanned: usize,
    /// Where to go on; `None` if all was looked at.
    pub next: Option<SearchCursor>,
}

/// Where a search stopped: before an entry of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchCursor {
    session: SessionCursor,
    before: Seq,
}

impl std::fmt::Display for SearchCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.before.0, self.session)
    }
}

impl std::str::FromStr for SearchCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a cursor is what the piece before gave as the next one".to_owned();
        let (before, session) = text.split_once(':').ok_or_else(wrong)?;
        Ok(SearchCursor { before: Seq(before.parse().map_err(|_| wrong())?), session: session.parse()? })
    }
}

impl Store {
    /// Looks for `text`, in small or capital letters, on the branches that are spoken on. Ends after `limit` messages
    /// (1 to 1000, clamped), or after as many as can be looked at in some ten milliseconds: then it says where to go
    /// on.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn search(&self, text: &str, after: Option<&SearchCursor>, limit: usize) -> Result<SearchPage, StoreError> {
        let mut search =
            Search { text: text.to_lowercase(), wanted: limit.clamp(1, MAX_PAGE), found: Vec::new(), scanned: 0 };
        let next = self.read(|snapshot| search.from(snapshot, after))?;
        Ok(SearchPage { found: search.found, scanned: search.scanned, next })
    }
}

struct Search {
    text: String,
    wanted: usize,
    found: Vec<Found>,
    scanned: usize,
}

impl Search {
    fn from(&mut self, snapshot: &Snapshot, after: Option<&SearchCursor>) -> Result<Option<SearchCursor>, Failure> {
        if let Some(SearchCursor { session, before }) = after
            && let Some(stopped) = self.in_session(snapshot, session, *before)?
        {
            return Ok(Some(stopped));
        }
        let query = SessionQuery { after: after.map(|after| after.session.clone()), ..SessionQuery::default() };
        for (count, position) in listing::positions(snapshot, &query)?.enumerate() {
            let (updated, key) = position?;
            let session = SessionCursor::at(updated, key);
            if count == SESSIONS {
                return Ok(Some(SearchCursor { session, before: Seq(u64::MAX) }));
            }
            if let Some(stopped) = self.in_session(snapshot, &session, Seq(u64::MAX))? {
                return Ok(Some(stopped));
            }
        }
        Ok(None)
    }

    /// Looks through one session, from an entry back; gives the place where it stopped if it did.
    fn in_session(
        &mut self,
        snapshot: &Snapshot,
        place: &SessionCursor,
        before: Seq,
    ) -> Result<Option<SearchCursor>, Failure> {
        let key = place.key();
        let Some(row) = session::find(&snapshot.table(tables::SESSIONS)?, key)? else { return Ok(None) };
        let segments = row.segments.keep(row.segments.count_to(before.0.saturating_sub(1)));
        for entry in session::backwards(&snapshot.table(tables::ENTRIES)?, key, row.epoch, &segments) {
            let entry = entry?;
            if self.found.len() == self.wanted || self.scanned == SCANNED {
                // This entry is the first of the next piece.
                return Ok(Some(SearchCursor { session: place.clone(), before: Seq(entry.seq.0.saturating_add(1)) }));
            }
            self.scanned += 1;
            self.look_into(key, row.title.as_ref(), entry);
        }
        Ok(None)
    }

    fn look_into(&mut self, key: &SessionKey, title: Option<&String>, entry: Entry) {
        let Entry { seq, at, message, .. } = entry;
        let (role, text) = match message {
            Message::User { text, .. } => ("user", text),
            Message::Assistant { text, .. } => ("assistant", text),
            Message::Tool { outcome, .. } => ("tool", outcome.text()),
            Message::Notice { text } => ("notice", text),
            Message::Summary { text, .. } => ("summary", text),
            // Nobody said it.
            Message::Instruction { .. } => return,
        };
        if let Some(excerpt) = excerpt(&text, &self.text) {
            self.found.push(Found { session: key.clone(), title: title.cloned(), seq, at, role, excerpt });
        }
    }
}

/// The part of `text` around `wanted`, which is in small letters.
fn excerpt(text: &str, wanted: &str) -> Option<String> {
    let small = text.to_lowercase();
    let place = small.find(wanted)?;
    // Small letters are not always as many bytes as capital ones, but nearly always as many characters.
    let start = small[..place].chars().count();
    let shown = wanted.chars().count() + AROUND + start.min(AROUND);
    let part: String = text.chars().skip(start.saturating_sub(AROUND)).take(shown).collect();
    Some(part.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests;
