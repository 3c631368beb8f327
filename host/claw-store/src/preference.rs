//! What the owner prefers in one conversation, or for one message: names that the store keeps and does not know.

use claw_core::id::{RunId, SessionKey};
use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::row::{Row, decode};
use crate::store::Store;
use crate::tables::{self, Bytes, Snapshot};

/// What is preferred to the host's own settings; the default prefers nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    /// The model: `provider/model` or `provider/model@key`.
    pub model: Option<String>,
    /// How much it thinks.
    pub thinking: Option<String>,
    /// What becomes of messages that arrive while a run works.
    pub queue: Option<String>,
    /// Whether the assistant acts, or only suggests.
    pub mode: Option<String>,
}

/// What is to change; a field without a value stays as it is, and `Some(None)` takes the preference away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreferenceChange {
    /// See [`Preferences::model`].
    pub model: Option<Option<String>>,
    /// See [`Preferences::thinking`].
    pub thinking: Option<Option<String>>,
    /// See [`Preferences::queue`].
    pub queue: Option<Option<String>>,
    /// See [`Preferences::mode`].
    pub mode: Option<Option<String>>,
}

/// Whose preferences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreferencesOf {
    /// Of a conversation. They outlast its resets, and it need not have begun.
    Session(SessionKey),
    /// Of one run, in place of its conversation's.
    Run(RunId),
}

impl PreferencesOf {
    pub(crate) fn place(&self) -> String {
        match self {
            PreferencesOf::Session(session) => format!("session/{session}"),
            PreferencesOf::Run(run) => format!("run/{run}"),
        }
    }
}

impl Preferences {
    /// Whether nothing is preferred.
    pub fn is_empty(&self) -> bool {
        *self == Preferences::default()
    }

    /// These and, where they say nothing, those.
    #[must_use]
    pub fn or(self, others: Preferences) -> Preferences {
        Preferences {
            model: self.model.or(others.model),
            thinking: self.thinking.or(others.thinking),
            queue: self.queue.or(others.queue),
            mode: self.mode.or(others.mode),
        }
    }

    fn change(&mut self, change: PreferenceChange) {
        let PreferenceChange { model, thinking, queue, mode } = change;
        let fields = [
            (&mut self.model, model),
            (&mut self.thinking, thinking),
            (&mut self.queue, queue),
            (&mut self.mode, mode),
        ];
        for (field, change) in fields {
            if let Some(change) = change {
                *field = change;
            }
        }
    }
}

/// What sets all that these say, and nothing else.
impl From<Preferences> for PreferenceChange {
    fn from(own: Preferences) -> Self {
        let Preferences { model, thinking, queue, mode } = own;
        let (model, thinking) = (model.map(Some), thinking.map(Some));
        PreferenceChange { model, thinking, queue: queue.map(Some), mode: mode.map(Some) }
    }
}

impl Row for Preferences {
    const KIND: &'static str = "preferences";
    const VERSION: u8 = 2;

    fn older(version: u8, bytes: &[u8]) -> Option<postcard::Result<Self>> {
        type V1 = (Option<String>, Option<String>, Option<String>);
        let row = |(model, thinking, queue): V1| Preferences { model, thinking, queue, mode: None };
        (version == 1).then(|| postcard::from_bytes(bytes).map(row))
    }
}

impl Store {
    /// What is preferred there.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn preferences(&self, of: &PreferencesOf) -> Result<Preferences, StoreError> {
        self.read(|snapshot| seen(snapshot, of))
    }

    /// Changes what is preferred in a conversation; durable when it returns what is preferred now.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn prefer(&self, session: &SessionKey, change: PreferenceChange) -> Result<Preferences, StoreError> {
        let of = PreferencesOf::Session(session.clone());
        self.write(move |tables| {
            let was = find(&tables.preferences()?, &of)?;
            let mut row = was.clone();
            row.change(change);
            let changes = if row == was { Vec::new() } else { vec![set(&of, &row)] };
            Ok(Decided { answer: row, changes })
        })
        .await
    }
}

/// What sets them; nothing stays where nothing is preferred.
pub(crate) fn set(of: &PreferencesOf, row: &Preferences) -> Change {
    Change::Preferences { place: of.place(), row: Some(row.clone()).filter(|row| !row.is_empty()) }
}

pub(crate) fn find(
    table: &impl ReadableTable<&'static str, Bytes>,
    of: &PreferencesOf,
) -> Result<Preferences, Failure> {
    let place = of.place();
    let row = table.get(place.as_str())?;
    Ok(row.map(|row| decode(&place, row.value())).transpose()?.unwrap_or_default())
}

/// As a reader sees them, also in a file that is older than they are.
pub(crate) fn seen(snapshot: &Snapshot, of: &PreferencesOf) -> Result<Preferences, Failure> {
    snapshot.table_if_there(tables::PREFERENCES)?.map_or(Ok(Preferences::default()), |table| find(&table, of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Point;
    use crate::fixture::*;

    fn model(name: Option<&str>) -> PreferenceChange {
        PreferenceChange { model: Some(name.map(str::to_owned)), ..PreferenceChange::default() }
    }

    #[tokio::test]
    async fn preferences_outlast_restarts_and_resets_and_go_with_their_conversation() {
        let (home, store) = store();
        let of = |name: &str| PreferencesOf::Session(key(name));
        let own = |thinking: Option<&str>| Preferences {
            model: Some("a/b".to_owned()),
            thinking: thinking.map(str::to_owned),
            ..Preferences::default()
        };
        assert_eq!(store.preferences(&of("main")).unwrap(), Preferences::default(), "no file is too old");
        // A conversation that has not begun yet can have some.
        store.prefer(&key("main"), model(Some("a/b"))).await.unwrap();
        let low = PreferenceChange { thinking: Some(Some("low".to_owned())), ..PreferenceChange::default() };
        assert_eq!(store.prefer(&key("main"), low).await.unwrap(), own(Some("low")));
        store.accept(inbound("a"), at(1)).await.unwrap();
        store.record(&run("a"), crate::Record { end: done(), ..entries([said("one")]) }, at(1)).await.unwrap();
        let store = reopen(&home, store);
        store.reset_session(&key("main"), "later".to_owned(), at(2)).await.unwrap();
        let none = PreferenceChange { thinking: Some(None), ..PreferenceChange::default() };
        assert_eq!(store.prefer(&key("main"), none).await.unwrap(), own(None));
        store.fork(&key("main"), Point::End, &key("other"), "f".to_owned(), at(3)).await.unwrap();
        store.delete_session(&key("main"), "test", at(4)).await.unwrap();
        assert_eq!(store.preferences(&of("main")).unwrap(), Preferences::default());
        let row = store.session(&key("other")).unwrap().unwrap();
        assert_eq!(row.preferences, own(None), "a fork goes on as it was");
        assert_eq!(store.sessions(&crate::SessionQuery::default()).unwrap().rows, [row]);
        // Without a conversation, too, deleting leaves nothing.
        store.prefer(&key("idle"), model(Some("c/d"))).await.unwrap();
        assert!(!store.delete_session(&key("idle"), "test", at(5)).await.unwrap());
        assert_eq!(store.preferences(&of("idle")).unwrap(), Preferences::default());
    }

    #[tokio::test]
    async fn a_message_has_preferences_of_its_own_from_its_acceptance_to_its_deletion() {
        let (home, store) = store();
        let own = Preferences { thinking: Some("high".to_owned()), ..Preferences::default() };
        store.accept_with(inbound("a"), own.clone(), at(1)).await.unwrap();
        let store = reopen(&home, store);
        let of = PreferencesOf::Run(run("a"));
        assert_eq!(store.preferences(&of).unwrap(), own);
        assert_eq!(store.session(&key("main")).unwrap().unwrap().preferences, Preferences::default());
        store.record(&run("a"), crate::Record { end: done(), ..entries([said("one")]) }, at(1)).await.unwrap();
        store.delete_session(&key("main"), "test", at(2)).await.unwrap();
        assert_eq!(store.preferences(&of).unwrap(), Preferences::default());
        assert_eq!(store.check().unwrap().faults, Vec::<String>::new());
    }
    #[test]
    fn a_row_of_the_first_version_is_read() {
        let first = postcard::to_extend(&(Some("a/b"), None::<&str>, Some("collect")), vec![1]).unwrap();
        let read: Preferences = crate::row::decode_unsealed("session/main", &first).unwrap();
        let (model, queue) = (Some("a/b".to_owned()), Some("collect".to_owned()));
        assert_eq!(read, Preferences { model, queue, ..Preferences::default() });
    }
}
