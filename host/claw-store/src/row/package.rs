//! Rows of packages.

use claw_core::id::{ComponentName, Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::Row;
use crate::package::{Description, Package, Receipt};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredPackage {
    name: ComponentName,
    versions: Vec<StoredReceipt>,
    current: Digest,
    is_pinned: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredReceipt {
    version: String,
    digest: Digest,
    key: Option<String>,
    source: String,
    manifest: Option<Digest>,
    described: StoredDescription,
    by: String,
    at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum StoredDescription {
    Text(String),
    Digest(Digest),
}

/// As it was while only the digest of a description was kept, and no manifest of a registry.
#[derive(Deserialize)]
struct PackageV1 {
    name: ComponentName,
    versions: Vec<ReceiptV1>,
    current: Digest,
    is_pinned: bool,
}

#[derive(Deserialize)]
struct ReceiptV1 {
    version: String,
    digest: Digest,
    key: Option<String>,
    source: String,
    described: Digest,
    by: String,
    at: Timestamp,
}

impl Row for StoredPackage {
    const KIND: &'static str = "package";
    const VERSION: u8 = 2;

    fn older(version: u8, bytes: &[u8]) -> Option<postcard::Result<Self>> {
        (version == 1).then(|| postcard::from_bytes::<PackageV1>(bytes).map(Into::into))
    }
}

impl From<PackageV1> for StoredPackage {
    fn from(PackageV1 { name, versions, current, is_pinned }: PackageV1) -> Self {
        let receipt = |ReceiptV1 { version, digest, key, source, described, by, at }| StoredReceipt {
            version,
            digest,
            key,
            source,
            manifest: None,
            described: StoredDescription::Digest(described),
            by,
            at,
        };
        StoredPackage { name, versions: versions.into_iter().map(receipt).collect(), current, is_pinned }
    }
}

impl From<Description> for StoredDescription {
    fn from(described: Description) -> Self {
        match described {
            Description::Text(text) => StoredDescription::Text(text),
            Description::Digest(digest) => StoredDescription::Digest(digest),
        }
    }
}

impl From<StoredDescription> for Description {
    fn from(described: StoredDescription) -> Self {
        match described {
            StoredDescription::Text(text) => Description::Text(text),
            StoredDescription::Digest(digest) => Description::Digest(digest),
        }
    }
}

impl From<Package> for StoredPackage {
    fn from(Package { name, versions, current, is_pinned }: Package) -> Self {
        let stored = |Receipt { version, digest, key, source, manifest, described, by, at }| StoredReceipt {
            version,
            digest,
            key,
            source,
            manifest,
            described: described.into(),
            by,
            at,
        };
        StoredPackage { name, versions: versions.into_iter().map(stored).collect(), current, is_pinned }
    }
}

impl From<StoredPackage> for Package {
    fn from(StoredPackage { name, versions, current, is_pinned }: StoredPackage) -> Self {
        let receipt = |StoredReceipt { version, digest, key, source, manifest, described, by, at }| Receipt {
            version,
            digest,
            key,
            source,
            manifest,
            described: Description::from(described),
            by,
            at,
        };
        Package { name, versions: versions.into_iter().map(receipt).collect(), current, is_pinned }
    }
}
