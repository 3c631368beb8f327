//! Packages: components that their owner has installed, with what was accepted and the versions before.
//!
//! The bytes lie in files named by their digests; a row says which of them counts. So an install is there or not there,
//! whenever the host stops.

use claw_core::grant::GrantRow;
use claw_core::id::{ComponentName, Digest, Timestamp};
use redb::ReadableTable;

use crate::audit::{AuditEntry, AuditKind, FactKind};
use crate::change::{Change, Decided};
use crate::error::{Failure, StoreError};
use crate::label;
use crate::row::{StoredPackage, decode};
use crate::store::Store;
use crate::tables::{self, Bytes, Tables};

/// Versions that are kept to go back to, besides the one that counts.
const KEPT: usize = 3;

/// One version of a package, as its owner accepted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What the component calls its version.
    pub version: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Who signed it, if somebody did: a minisign key, `sigstore:NAME via ISSUER` or `sigstore-key:BASE64`.
    pub key: Option<String>,
    /// Where it came from.
    pub source: String,
    /// SHA-256 of its manifest there, if that is a registry: the name in `source` may lead to another one by now.
    pub manifest: Option<Digest>,
    /// What it said of itself: names, texts and scopes as they were shown.
    pub described: Description,
    /// Who accepted it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What a package said of itself when it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Description {
    /// The text, in a form that the sandbox reads.
    Text(String),
    /// SHA-256 of it, which is all that earlier releases kept.
    Digest(Digest),
}

/// A package that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name, which is the component's.
    pub name: ComponentName,
    /// Its versions, the last accepted last; the one that counts is among them.
    pub versions: Vec<Receipt>,
    /// The digest of the version that counts.
    pub current: Digest,
    /// Whether it stays at this version.
    pub is_pinned: bool,
}

impl Receipt {
    /// Who published it, in words.
    pub fn publisher(&self) -> String {
        match self.key.as_deref() {
            None => "unsigned".to_owned(),
            Some(identity) if identity.starts_with("sigstore") => identity.to_owned(),
            Some(key) => format!("minisign {key}"),
        }
    }
}

impl Package {
    /// The version that counts.
    pub fn receipt(&self) -> &Receipt {
        let current = self.versions.iter().find(|receipt| receipt.digest == self.current);
        current.expect("package: the version that counts is kept")
    }

    /// The version that counted before this one, if it is kept.
    pub fn previous(&self) -> Option<&Receipt> {
        let place = self.versions.iter().position(|receipt| receipt.digest == self.current)?;
        self.versions[..place].last()
    }
}

impl Store {
    /// All packages, by name.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn packages(&self) -> Result<Vec<Package>, StoreError> {
        self.read_file(|snapshot| {
            let Some(table) = snapshot.table_if_there(tables::PACKAGES)? else { return Ok(Vec::new()) };
            let mut packages = Vec::new();
            for item in table.iter()? {
                let (name, row) = item?;
                packages.push(decode::<StoredPackage>(name.value(), row.value())?.into());
            }
            Ok(packages)
        })
    }

    /// One package.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn package(&self, name: &ComponentName) -> Result<Option<Package>, StoreError> {
        self.read_file(|snapshot| match snapshot.table_if_there(tables::PACKAGES)? {
            Some(table) => find(&table, name),
            None => Ok(None),
        })
    }

    /// Installs a version: from now on it is the one that counts, with exactly these grants. The oldest versions go, so
    /// that three stay besides it.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written; nothing was changed then.
    pub async fn install(
        &self,
        name: &ComponentName,
        receipt: Receipt,
        grants: Vec<GrantRow>,
    ) -> Result<Package, StoreError> {
        let name = name.clone();
        self.write(move |tables| {
            let known = find(&tables.packages()?, &name)?;
            let mut package = known.unwrap_or_else(|| Package {
                name: name.clone(),
                versions: Vec::new(),
                current: receipt.digest,
                is_pinned: false,
            });
            package.versions.retain(|known| known.digest != receipt.digest);
            package.current = receipt.digest;
            let (by, at, build) = (receipt.by.clone(), receipt.at, receipt.digest);
            package.versions.push(receipt);
            let surplus = package.versions.len().saturating_sub(KEPT + 1);
            package.versions.drain(..surplus);
            let mut changes = came_to_count(&package, &by, at);
            changes.push(Change::Grants { component: name, build, rows: grants, by, at });
            Ok(Decided { answer: package, changes })
        })
        .await
    }

    /// Goes back to the version before the one that counts; `None` if there is none, or no such package.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn roll_back(
        &self,
        name: &ComponentName,
        by: &str,
        at: Timestamp,
    ) -> Result<Option<Package>, StoreError> {
        let (name, by) = (name.clone(), by.to_owned());
        self.write(move |tables| {
            let Some(mut package) = find(&tables.packages()?, &name)? else { return Ok(Decided::unchanged(None)) };
            let Some(previous) = package.previous() else { return Ok(Decided::unchanged(None)) };
            package.current = previous.digest;
            let changes = came_to_count(&package, &by, at);
            Ok(Decided { answer: Some(package), changes })
        })
        .await
    }

    /// Says whether a package stays at its version; `None` if there is no such package.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn pin(&self, name: &ComponentName, is_pinned: bool) -> Result<Option<Package>, StoreError> {
        let name = name.clone();
        self.write(move |tables| {
            let Some(mut package) = find(&tables.packages()?, &name)? else { return Ok(Decided::unchanged(None)) };
            package.is_pinned = is_pinned;
            let changes = vec![Change::Package { name, row: Some(package.clone()) }];
            Ok(Decided { answer: Some(package), changes })
        })
        .await
    }

    /// Keeps the text of what a version said of itself, where an earlier release has kept only its digest. Nothing is
    /// changed if there is no such version, or if its text is kept.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn keep_description(&self, name: &ComponentName, build: Digest, text: String) -> Result<(), StoreError> {
        let name = name.clone();
        self.write(move |tables| {
            let Some(mut package) = find(&tables.packages()?, &name)? else { return Ok(Decided::unchanged(())) };
            let is_it = |it: &&mut Receipt| it.digest == build && matches!(it.described, Description::Digest(_));
            let Some(receipt) = package.versions.iter_mut().find(is_it) else { return Ok(Decided::unchanged(())) };
            receipt.described = Description::Text(text);
            Ok(Decided { answer: (), changes: vec![Change::Package { name, row: Some(package) }] })
        })
        .await
    }

    /// Removes a package with all that it was given and all that it kept; returns what it was, if it was there.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be written.
    pub async fn uninstall(
        &self,
        name: &ComponentName,
        by: &str,
        at: Timestamp,
    ) -> Result<Option<Package>, StoreError> {
        let (name, by) = (name.clone(), by.to_owned());
        self.write(move |tables| {
            let Some(package) = find(&tables.packages()?, &name)? else { return Ok(Decided::unchanged(None)) };
            let grants = |receipt: &Receipt| {
                let (component, build, by) = (name.clone(), receipt.digest, by.clone());
                Change::Grants { component, build, rows: Vec::new(), by, at }
            };
            let mut changes: Vec<_> = package.versions.iter().map(grants).collect();
            changes.push(Change::ForgetComponent { component: name.clone() });
            changes.push(Change::Package { name: name.clone(), row: None });
            changes.push(fact(&name, None));
            let entry = AuditEntry::new(AuditKind::ComponentRemoved, by, at);
            let removed = AuditEntry { component: Some(name), digest: Some(package.current), ..entry };
            changes.push(Change::Audit(Box::new(removed)));
            Ok(Decided { answer: Some(package), changes })
        })
        .await
    }
}

/// The row of a package whose version has changed, and what goes on record of it.
fn came_to_count(package: &Package, by: &str, at: Timestamp) -> Vec<Change> {
    let Package { name, current, .. } = package;
    let receipt = package.receipt();
    let entry = AuditEntry {
        component: Some(name.clone()),
        digest: Some(*current),
        subject: Some(format!("version {} by {}", receipt.version, receipt.publisher())),
        outcome: Some(format!("from {}", receipt.source)),
        ..AuditEntry::new(AuditKind::ComponentInstalled, by, at)
    };
    vec![
        Change::Package { name: name.clone(), row: Some(package.clone()) },
        fact(name, Some(current.to_string())),
        Change::Audit(Box::new(entry)),
    ]
}

/// What the next start compares with: it does not find a second time what is on record already.
fn fact(name: &ComponentName, value: Option<String>) -> Change {
    Change::AuditFact { kind: FactKind::Component, name: name.to_string(), value }
}

/// Removes all that a component has kept, and what its owner thought of it.
pub(crate) fn forget(tables: &mut Tables<'_>, component: &ComponentName) -> Result<(), Failure> {
    let name = component.as_str();
    // Nothing comes between a name and this.
    let next = format!("{name}\0");
    tables.kv()?.retain_in((name, "", "")..(next.as_str(), "", ""), |_, _| false)?;
    tables.kv_used()?.remove(name)?;
    tables.labels()?.retain(|place, _| !label::is_of(place, component))?;
    tables.standing()?.remove(name)?;
    Ok(())
}

fn find(table: &impl ReadableTable<&'static str, Bytes>, name: &ComponentName) -> Result<Option<Package>, Failure> {
    let row = table.get(name.as_str())?;
    Ok(row.map(|row| decode::<StoredPackage>(name.as_str(), row.value())).transpose()?.map(Package::from))
}

#[cfg(test)]
mod tests;
