//! Labels of what components keep: what flowed into a run can lie in a store of theirs until another run reads it.

use claw_core::id::ComponentName;
use claw_core::label::Labels;
use redb::ReadableTable;

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::row::{StoredLabels, decode};
use crate::store::Store;
use crate::tables::{self, Bytes};

/// Where a component keeps what it has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelledPlace {
    /// A key-value store of the component's own, by name.
    Kv(ComponentName, String),
    /// The component's own folder.
    Scratch(ComponentName),
}

impl LabelledPlace {
    fn key(&self) -> String {
        match self {
            LabelledPlace::Kv(component, store) => format!("kv/{component}/{store}"),
            LabelledPlace::Scratch(component) => format!("scratch/{component}"),
        }
    }
}

/// Whether what lies in a place is a component's.
pub(crate) fn is_of(place: &str, component: &ComponentName) -> bool {
    let own = |rest: &str| rest == component.as_str();
    place.strip_prefix("scratch/").is_some_and(own)
        || place.strip_prefix("kv/").and_then(|rest| rest.split_once('/')).is_some_and(|(owner, _)| own(owner))
}

impl Store {
    /// The labels of what lies in a place.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn labels(&self, place: &LabelledPlace) -> Result<Labels, StoreError> {
        self.read_file(|snapshot| find(&snapshot.table(tables::LABELS)?, &place.key()))
    }

    /// Adds labels to a place; durable when it returns. Costs nothing if they are there already.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn add_labels(&self, place: &LabelledPlace, labels: &Labels) -> Result<(), StoreError> {
        if !self.labels(place)?.join(labels) {
            return Ok(());
        }
        let (place, labels) = (place.key(), labels.clone());
        self.write(move |tables| {
            let mut known = find(&tables.labels()?, &place)?;
            let changes = if known.join(&labels) { vec![Change::Labels { place, labels: known }] } else { Vec::new() };
            Ok(Decided { answer: (), changes })
        })
        .await
    }
}

fn find(table: &impl ReadableTable<&'static str, Bytes>, place: &str) -> Result<Labels, Failure> {
    let row = table.get(place)?;
    let row = row.map(|row| decode::<StoredLabels>(place, row.value())).transpose()?;
    Ok(row.map(Labels::from).unwrap_or_default())
}
