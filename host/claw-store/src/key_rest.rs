//! Keys of model providers that failed: until when others are asked before them. No key is here, only what tells that one
//! was replaced.

use claw_core::id::Timestamp;
use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::row::{Row, decode};
use crate::store::Store;
use crate::tables::{self, Bytes};

/// A key that rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRest {
    /// The provider.
    pub provider: String,
    /// Its owner's name for the key; `None` stands for a server without keys.
    pub key: Option<String>,
    /// Tells whether it is still the same key.
    pub mark: [u8; 16],
    /// Until when.
    pub until: Timestamp,
    /// Whether it was refused, or has no credit.
    pub is_disabled: bool,
    /// How often it failed in a row.
    pub failures: u32,
    /// What failed.
    pub reason: String,
}

impl KeyRest {
    fn place(&self) -> String {
        format!("{}/{}", self.provider, self.key.as_deref().unwrap_or_default())
    }
}

impl Row for KeyRest {
    const KIND: &'static str = "rest of a key";
    const VERSION: u8 = 1;
}

impl Store {
    /// The keys that rested when somebody looked last.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn key_rests(&self) -> Result<Vec<KeyRest>, StoreError> {
        self.read_file(|snapshot| {
            snapshot.table_if_there(tables::KEY_RESTS)?.map_or(Ok(Vec::new()), |table| all(&table))
        })
    }

    /// Keeps these and no others.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn keep_key_rests(&self, rests: Vec<KeyRest>) -> Result<(), StoreError> {
        self.write(move |tables| {
            let known = all(&tables.key_rests()?)?;
            let over = known.iter().filter(|old| rests.iter().all(|rest| rest.place() != old.place()));
            let over = over.map(|old| Change::KeyRest { place: old.place(), row: None });
            let new = rests.iter().filter(|rest| !known.contains(rest));
            let new = new.map(|rest| Change::KeyRest { place: rest.place(), row: Some(rest.clone()) });
            Ok(Decided { answer: (), changes: over.chain(new).collect() })
        })
        .await
    }
}

fn all(table: &impl ReadableTable<&'static str, Bytes>) -> Result<Vec<KeyRest>, Failure> {
    let mut rests = Vec::new();
    for row in table.iter()? {
        let (place, row) = row?;
        rests.push(decode(place.value(), row.value())?);
    }
    Ok(rests)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn what_is_kept_replaces_what_was_kept_and_outlasts_a_restart() {
        let rest = |key: Option<&str>, until| KeyRest {
            provider: "p".to_owned(),
            key: key.map(str::to_owned),
            mark: [1; 16],
            until: at(until),
            is_disabled: true,
            failures: 0,
            reason: "no credit".to_owned(),
        };
        let (home, store) = store();
        assert_eq!(store.key_rests().unwrap(), [], "no file is too old");
        store.keep_key_rests(vec![rest(None, 1), rest(Some("a"), 2), rest(Some("b"), 3)]).await.unwrap();
        store.keep_key_rests(vec![rest(Some("a"), 2), rest(Some("b"), 9)]).await.unwrap();
        let store = reopen(&home, store);
        assert_eq!(store.key_rests().unwrap(), [rest(Some("a"), 2), rest(Some("b"), 9)]);
        assert_eq!(store.check().unwrap().faults, Vec::<String>::new());
        store.keep_key_rests(Vec::new()).await.unwrap();
        assert_eq!(store.key_rests().unwrap(), []);
    }
}
