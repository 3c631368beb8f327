//! Grants: what the owner allows one build of a component. Another build has another digest, and starts with nothing.

use claw_core::grant::{GrantRow, Terms};
use claw_core::id::{ComponentName, Digest, Timestamp};
use redb::ReadableTable;

use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::row::{StoredGrants, decode};
use crate::store::Store;
use crate::tables::{self, Bytes, Tables};

/// One use of a grant that holds only for so many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The component.
    pub component: ComponentName,
    /// The digest of its bytes.
    pub build: Digest,
    /// The grant's text form.
    pub grant: String,
    /// On what terms.
    pub terms: Terms,
}

impl Store {
    /// The grants of exactly this build of a component; empty if it has none.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn grants(&self, component: &ComponentName, build: &Digest) -> Result<Vec<GrantRow>, StoreError> {
        self.read_file(|snapshot| find(&snapshot.table(tables::GRANTS)?, component, build))
    }

    /// Takes grants from a build of a component and gives it others, in one step. One that it has on the same terms is
    /// replaced. Returns what it then has; `by` goes on record.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn change_grants(
        &self,
        component: &ComponentName,
        build: &Digest,
        add: Vec<GrantRow>,
        remove: Vec<GrantRow>,
        by: &str,
        at: Timestamp,
    ) -> Result<Vec<GrantRow>, StoreError> {
        let (component, build, by) = (component.clone(), *build, by.to_owned());
        self.write(move |tables| {
            let mut rows = find(&tables.grants()?, &component, &build)?;
            rows.retain(|row| !remove.iter().chain(&add).any(|other| row.is_same(&other.grant, &other.terms)));
            rows.extend(add);
            let changes = vec![Change::Grants { component, build, rows: rows.clone(), by, at }];
            Ok(Decided { answer: rows, changes })
        })
        .await
    }
}

/// The change that gives a grant.
pub(crate) fn given(
    tables: &Tables<'_>,
    component: &ComponentName,
    build: &Digest,
    row: GrantRow,
) -> Result<Change, Failure> {
    let mut rows = find(&tables.grants()?, component, build)?;
    rows.retain(|known| !known.is_same(&row.grant, &row.terms));
    let (by, at) = (row.by.clone(), row.at);
    rows.push(row);
    Ok(Change::Grants { component: component.clone(), build: *build, rows, by, at })
}

/// The change that takes one use from a grant; `None` if it has none left.
pub(crate) fn spent(tables: &Tables<'_>, spent: &Spent, at: Timestamp) -> Result<Option<Change>, Failure> {
    let mut rows = find(&tables.grants()?, &spent.component, &spent.build)?;
    let row = rows.iter_mut().find(|row| row.is_same(&spent.grant, &spent.terms));
    let Some(uses) = row.and_then(|row| row.terms.uses.as_mut()).filter(|uses| **uses > 0) else { return Ok(None) };
    *uses -= 1;
    let by = format!("component:{}", spent.component);
    Ok(Some(Change::Grants { component: spent.component.clone(), build: spent.build, rows, by, at }))
}

/// The grants of one build of a component.
pub(crate) fn find(
    table: &impl ReadableTable<(&'static str, [u8; 32]), Bytes>,
    component: &ComponentName,
    build: &Digest,
) -> Result<Vec<GrantRow>, Failure> {
    let row = table.get((component.as_str(), build.0))?;
    let row = row.map(|row| decode::<StoredGrants>(component.as_str(), row.value())).transpose()?;
    Ok(row.map_or(Vec::new(), StoredGrants::rows))
}

#[cfg(test)]
mod tests;
