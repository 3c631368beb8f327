//! Rows of packages.

use claw_core::id::{ComponentName, Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::Row;
use crate::package::{Package, Receipt};

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
    described: Digest,
    by: String,
    at: Timestamp,
}

impl Row for StoredPackage {
    const KIND: &'static str = "package";
    const VERSION: u8 = 1;
}

impl From<Package> for StoredPackage {
    fn from(Package { name, versions, current, is_pinned }: Package) -> Self {
        let stored = |Receipt { version, digest, key, source, described, by, at }| StoredReceipt {
            version,
            digest,
            key,
            source,
            described,
            by,
            at,
        };
        StoredPackage { name, versions: versions.into_iter().map(stored).collect(), current, is_pinned }
    }
}

impl From<StoredPackage> for Package {
    fn from(StoredPackage { name, versions, current, is_pinned }: StoredPackage) -> Self {
        let receipt = |StoredReceipt { version, digest, key, source, described, by, at }| Receipt {
            version,
            digest,
            key,
            source,
            described,
            by,
            at,
        };
        Package { name, versions: versions.into_iter().map(receipt).collect(), current, is_pinned }
    }
}
