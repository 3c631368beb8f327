//! The list of sessions, by the page, and what their owner calls them.

use claw_core::id::{AgentId, SessionKey, Timestamp};
use redb::ReadableTable;

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::preference::{self, PreferencesOf};
use crate::session::{self, MAX_PAGE, SessionRow};
use crate::store::Store;
use crate::tables::{self, Bytes, Snapshot};

/// Sessions that one call looks at, so that a list with rare matches among many ends in milliseconds.
const SCANNED: usize = 10_000;
/// Characters of a title: it stands in one line of a list.
const TITLE_CHARS: usize = 100;

/// Which sessions to list. `SessionQuery::default()` lists the newest of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionQuery {
    /// At most so many rows; 1 to 1000, clamped.
    pub limit: usize,
    /// Go on from here.
    pub after: Option<SessionCursor>,
    /// Only those that changed at or after this moment.
    pub updated_since: Option<Timestamp>,
    /// Only those of this agent.
    pub agent: Option<AgentId>,
    /// Only those with exactly this title.
    pub title: Option<String>,
    /// Only those whose key or title has this text, in small or capital letters.
    pub text: Option<String>,
}

/// A page of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPage {
    /// The most recently changed first.
    pub rows: Vec<SessionRow>,
    /// Where the next page begins; `None` if this was the last.
    pub next: Option<SessionCursor>,
}

/// A place in the list: that of a session which was there when the page was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCursor {
    updated: Timestamp,
    key: SessionKey,
}

impl Default for SessionQuery {
    fn default() -> Self {
        SessionQuery { limit: 50, after: None, updated_since: None, agent: None, title: None, text: None }
    }
}

impl SessionCursor {
    /// The place of a session.
    pub(crate) fn at(updated: Timestamp, key: SessionKey) -> Self {
        SessionCursor { updated, key }
    }

    /// The session that is there.
    pub(crate) fn key(&self) -> &SessionKey {
        &self.key
    }
}

impl std::fmt::Display for SessionCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.updated.0, self.key)
    }
}

impl std::str::FromStr for SessionCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(updated, key)| {
            let key = SessionKey::try_from(key.to_owned()).ok()?;
            Some(SessionCursor { updated: Timestamp(updated.parse().ok()?), key })
        });
        parts.ok_or_else(|| "a cursor is what the page before gave as the next one".to_owned())
    }
}

impl Store {
    /// A page of the sessions, the most recently changed first. Costs as much as the page is long; with an agent or a
    /// text as much as is looked at for it, which is bounded: a page may hold fewer rows than asked for, or none, and
    /// say where to go on.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn sessions(&self, query: &SessionQuery) -> Result<SessionPage, StoreError> {
        self.read(|snapshot| Ok(list(snapshot, query)?.page))
    }

    /// Gives a session a title or, without one, takes it away. White space becomes single blanks. Returns the row, or
    /// `None` if there is no such session.
    ///
    /// # Errors
    /// [`StoreError::Title`] if it is too long; [`StoreError`] if the store cannot be written.
    pub async fn title_session(&self, key: &SessionKey, title: Option<&str>) -> Result<Option<SessionRow>, StoreError> {
        let title = tidy(title)?;
        let key = key.clone();
        self.write(move |tables| {
            let Some(was) = session::find(&tables.sessions, &key)? else {
                return Ok(Decided::unchanged(None));
            };
            let row = crate::row::StoredSession { title, ..was.clone() };
            let own = preference::find(&tables.preferences()?, &PreferencesOf::Session(key.clone()))?;
            let answer = Some(session::shown(key.clone(), row.clone(), own));
            Ok(Decided { answer, changes: vec![Change::Session { key, was: Some(was), row }] })
        })
        .await
    }
}

/// A title as it is kept; none if there is nothing in it.
pub(crate) fn tidy(title: Option<&str>) -> Result<Option<String>, StoreError> {
    let title = title.map(|title| title.split_whitespace().collect::<Vec<_>>().join(" "));
    let title = title.filter(|title| !title.is_empty());
    match title.as_ref().is_some_and(|title| title.chars().count() > TITLE_CHARS) {
        true => Err(StoreError::Title { most: TITLE_CHARS }),
        false => Ok(title),
    }
}

/// A listing and what it cost.
pub(crate) struct Listing {
    pub page: SessionPage,
    /// Index rows looked at; the proof that a listing costs as much as its page.
    pub scanned: usize,
}

fn list(snapshot: &Snapshot, query: &SessionQuery) -> Result<Listing, Failure> {
    match &query.title {
        Some(title) => titled(snapshot, query, title),
        None => recent(snapshot, query),
    }
}

fn recent(snapshot: &Snapshot, query: &SessionQuery) -> Result<Listing, Failure> {
    let sessions = snapshot.table(tables::SESSIONS)?;
    let mut listing = Listing { page: SessionPage { rows: Vec::new(), next: None }, scanned: 0 };
    let wanted = query.limit.clamp(1, MAX_PAGE);
    let mut positions = positions(snapshot, query)?;
    let mut last = None;
    while let Some((updated, key)) = positions.next().transpose()? {
        if listing.page.rows.len() == wanted || listing.scanned == SCANNED {
            listing.page.next = last;
            break;
        }
        listing.scanned += 1;
        let matching = query.agent.as_ref().is_none_or(|agent| *agent == key.agent());
        if matching && let Some(row) = find_matching(snapshot, &sessions, query, &key)? {
            listing.page.rows.push(row);
        }
        last = Some(SessionCursor { updated, key });
    }
    Ok(listing)
}

/// The sessions from the query's cursor on, newest first.
pub(crate) fn positions(
    snapshot: &Snapshot,
    query: &SessionQuery,
) -> Result<impl DoubleEndedIterator<Item = Result<(Timestamp, SessionKey), Failure>> + use<>, Failure> {
    let since = (query.updated_since.map_or(0, |at| at.0), "");
    let recent = snapshot.table(tables::RECENT)?;
    let range = match &query.after {
        Some(SessionCursor { updated, key }) => recent.range(since..(updated.0, key.as_str()).max(since))?,
        None => recent.range(since..)?,
    };
    Ok(range.rev().map(|item| {
        let position = item?.0;
        let (updated, key) = position.value();
        let parsed = SessionKey::try_from(key.to_owned());
        Ok((Timestamp(updated), parsed.map_err(|err| unreadable(key, err))?))
    }))
}

fn find_matching(
    snapshot: &Snapshot,
    sessions: &impl ReadableTable<&'static str, Bytes>,
    query: &SessionQuery,
    key: &SessionKey,
) -> Result<Option<SessionRow>, Failure> {
    let Some(row) = session::find(sessions, key)? else { return Ok(None) };
    if query.text.as_ref().is_some_and(|text| !has_text(key, row.title.as_deref(), text)) {
        return Ok(None);
    }
    let own = preference::seen(snapshot, &PreferencesOf::Session(key.clone()))?;
    Ok(Some(session::shown(key.clone(), row, own)))
}

fn has_text(key: &SessionKey, title: Option<&str>, text: &str) -> bool {
    let text = text.to_lowercase();
    key.as_str().to_lowercase().contains(&text) || title.is_some_and(|title| title.to_lowercase().contains(&text))
}

/// The sessions of one title, through the index. More than a page of the same title are cut off.
fn titled(snapshot: &Snapshot, query: &SessionQuery, title: &str) -> Result<Listing, Failure> {
    let sessions = snapshot.table(tables::SESSIONS)?;
    let mut rows = Vec::new();
    let mut scanned = 0;
    for item in snapshot.table(tables::TITLES)?.range((title, "")..)?.take(MAX_PAGE) {
        let position = item?.0;
        let (of, key) = position.value();
        if of != title {
            break;
        }
        scanned += 1;
        let key = SessionKey::try_from(key.to_owned()).map_err(|err| unreadable(key, err))?;
        if query.agent.as_ref().is_none_or(|agent| *agent == key.agent()) {
            rows.extend(find_matching(snapshot, &sessions, query, &key)?);
        }
    }
    rows.retain(|row| query.updated_since.is_none_or(|since| row.updated >= since));
    rows.sort_by_key(|row| std::cmp::Reverse(row.updated));
    rows.truncate(query.limit.clamp(1, MAX_PAGE));
    Ok(Listing { page: SessionPage { rows, next: None }, scanned })
}

fn unreadable(key: &str, err: claw_core::id::IdError) -> StoreError {
    StoreError::Row { kind: "session index", key: key.to_owned(), err: std::sync::Arc::new(err) }
}

#[cfg(test)]
mod tests;
