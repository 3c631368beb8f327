//! Grants: what the owner allows one build of a component. Another build has another digest, and starts with nothing.

use claw_core::id::{ComponentName, Digest, Timestamp};

use crate::change::{Change, Decided};
use crate::error::StoreError;
use crate::row::{StoredGrants, decode};
use crate::store::Store;
use crate::tables;

impl Store {
    /// The grants of exactly this build of a component, in the text form of the policy; empty if it has none.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn grants(&self, component: &ComponentName, digest: &Digest) -> Result<Vec<String>, StoreError> {
        self.read(|snapshot| {
            let grants = snapshot.table(tables::GRANTS)?;
            let row = grants.get((component.as_str(), digest.0))?;
            let row = row.map(|row| decode::<StoredGrants>(component.as_str(), row.value())).transpose()?;
            Ok(row.map_or(Vec::new(), |row| row.grants))
        })
    }

    /// Replaces the grants of exactly this build of a component; `by` goes on record.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn put_grants(
        &self,
        component: &ComponentName,
        digest: &Digest,
        grants: Vec<String>,
        by: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (component, digest) = (component.clone(), *digest);
        let change = Change::Grants { component, digest, row: StoredGrants { grants, at }, by: by.to_owned() };
        self.write(move |_| Ok(Decided { answer: (), changes: vec![change] })).await
    }
}

#[cfg(test)]
mod tests;
