//! Components that their owner has paused: they may do nothing until they are let go on.

use claw_core::approval::{Approval, ApprovalState};
use claw_core::id::{ComponentName, Timestamp};
use redb::ReadableTable;

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::row::{StoredStanding, decode};
use crate::store::Store;
use crate::tables::{self, Bytes, Tables};

/// So many answers with no, without a yes between them, pause a component.
const DENIALS: u32 = 3;

/// That a component is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    /// By whom, e.g. `ws:owner`.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

impl Store {
    /// Whether, and by whom, a component is paused.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn paused(&self, component: &ComponentName) -> Result<Option<Paused>, StoreError> {
        let standing = self.read_file(|snapshot| find(&snapshot.table(tables::STANDING)?, component))?;
        Ok(standing.paused.map(|(by, at, why)| Paused { by, at, why }))
    }

    /// Pauses a component; one that is paused stays as it is.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn pause(&self, component: &ComponentName, by: &str, why: &str, at: Timestamp) -> Result<(), StoreError> {
        let (component, by) = (component.clone(), by.to_owned());
        let paused = (by.clone(), at, why.to_owned());
        self.write(move |tables| {
            let mut standing = find(&tables.standing()?, &component)?;
            if standing.paused.is_some() {
                return Ok(Decided::unchanged(()));
            }
            standing.paused = Some(paused);
            Ok(Decided { answer: (), changes: vec![Change::Standing { component, standing, by, at }] })
        })
        .await
    }

    /// Lets a component go on, and forgets how often it was told no. Returns whether it was paused.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn resume(&self, component: &ComponentName, by: &str, at: Timestamp) -> Result<bool, StoreError> {
        let (component, by) = (component.clone(), by.to_owned());
        self.write(move |tables| {
            let was = find(&tables.standing()?, &component)?;
            if was == StoredStanding::default() {
                return Ok(Decided::unchanged(false));
            }
            let standing = StoredStanding::default();
            Ok(Decided {
                answer: was.paused.is_some(),
                changes: vec![Change::Standing { component, standing, by, at }],
            })
        })
        .await
    }
}

/// What an answer does to the standing of the component that asked.
pub(crate) fn after_answer(
    tables: &Tables<'_>,
    approval: &Approval,
    by: &str,
    at: Timestamp,
) -> Result<Option<Change>, Failure> {
    let component = approval.component.clone();
    let was = find(&tables.standing()?, &component)?;
    let mut standing = was.clone();
    match &approval.state {
        ApprovalState::Approved { .. } => standing.denials = 0,
        ApprovalState::Denied { by, at, paused } => {
            standing.denials += 1;
            let why = match paused {
                true => Some("its owner answered an approval with `pause`".to_owned()),
                false if standing.denials >= DENIALS => Some(format!("{DENIALS} of its calls in a row were denied")),
                false => None,
            };
            if standing.paused.is_none() {
                standing.paused = why.map(|why| (by.clone(), *at, why));
            }
        }
        _ => {}
    }
    Ok((standing != was).then(|| Change::Standing { component, standing, by: by.to_owned(), at }))
}

pub(crate) fn find(
    table: &impl ReadableTable<&'static str, Bytes>,
    component: &ComponentName,
) -> Result<StoredStanding, Failure> {
    let row = table.get(component.as_str())?;
    let row = row.map(|row| decode(component.as_str(), row.value())).transpose()?;
    Ok(row.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use claw_core::approval::Answer;

    use crate::Store;
    use crate::fixture::*;

    async fn answer(store: &Store, id: u128, answer: Answer) {
        store.park(approval(id << 112, "r")).await.unwrap();
        store.resolve(&format!("{id:04x}"), answer, "ws:owner", at(10)).await.unwrap();
    }

    #[tokio::test]
    async fn three_denials_in_a_row_pause_a_component_until_it_is_let_go_on() {
        let (home, store) = store();
        store.accept(inbound("r"), at(1)).await.unwrap();
        for (id, given) in
            [Answer::Deny, Answer::Deny, Answer::Once, Answer::Deny, Answer::Deny].into_iter().enumerate()
        {
            answer(&store, id as u128 + 1, given).await;
            assert_eq!(store.paused(&component()).unwrap(), None);
        }
        answer(&store, 9, Answer::Deny).await;
        let store = reopen(&home, store);
        let paused = store.paused(&component()).unwrap().unwrap();
        assert_eq!((paused.by.as_str(), paused.at), ("ws:owner", at(10)));
        assert!(store.resume(&component(), "cli", at(11)).await.unwrap());
        assert!(!store.resume(&component(), "cli", at(11)).await.unwrap());
        answer(&store, 10, Answer::Deny).await;
        assert_eq!(store.paused(&component()).unwrap(), None, "it starts again");
    }

    #[tokio::test]
    async fn one_no_to_several_calls_is_one_no() {
        let (_home, store) = store();
        store.accept(inbound("r"), at(1)).await.unwrap();
        let ids: Vec<_> = (1..=4_u128).map(|id| format!("{id:04x}")).collect();
        for id in 1..=4_u128 {
            store.park(approval(id << 112, "r")).await.unwrap();
        }
        let twice: Vec<_> = ids.iter().chain(&ids[..1]).cloned().collect();
        let resolved = store.resolve_all(&twice, Answer::Deny, "ws:owner", at(10)).await.unwrap();
        assert!(resolved.len() == 4 && resolved.iter().all(Result::is_ok), "{resolved:?}");
        assert_eq!(store.paused(&component()).unwrap(), None);
        let again = store.resolve_all(&ids, Answer::Once, "ws:owner", at(11)).await.unwrap();
        assert!(again.iter().all(Result::is_err), "{again:?}");
        answer(&store, 5, Answer::Deny).await;
        answer(&store, 6, Answer::Deny).await;
        assert!(store.paused(&component()).unwrap().is_some());
    }

    #[tokio::test]
    async fn an_answer_can_pause_at_once() {
        let (_home, store) = store();
        store.accept(inbound("r"), at(1)).await.unwrap();
        answer(&store, 1, Answer::Pause).await;
        assert!(store.paused(&component()).unwrap().unwrap().why.contains("pause"));
        store.pause(&component(), "cli", "because", at(20)).await.unwrap();
        assert_eq!(store.paused(&component()).unwrap().unwrap().by, "ws:owner", "the first reason stays");
    }
}
