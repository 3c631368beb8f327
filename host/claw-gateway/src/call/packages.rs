//! What is asked about packages and skills of ClawHub.

use claw_core::id::{ComponentName, Digest};

/// What is asked about skills of ClawHub.
#[derive(Clone, Debug)]
pub enum HubCall {
    /// Finds some.
    Search {
        /// What to look for.
        words: String,
        /// How many at most.
        limit: u32,
    },
    /// Gets one and says what it is.
    Prepare {
        /// Which, as `clawhub:[OWNER/]SLUG[@VERSION]`.
        skill: String,
    },
    /// Installs what was prepared.
    Accept {
        /// SHA-256 of its archive.
        archive: Digest,
        /// Whether ClawHub's suspicion is no reason against it.
        suspicious: bool,
        /// Whether it may overwrite files that were changed here.
        overwrite: bool,
        /// Whether it may come from another owner than the version before.
        other_owner: bool,
    },
    /// What is installed.
    List,
    /// Goes back to the version before.
    RollBack {
        /// Which.
        skill: String,
        /// Whether it may overwrite files that were changed here.
        overwrite: bool,
    },
    /// Keeps one at its version, or lets it change.
    Pin {
        /// Which.
        skill: String,
        /// Whether it stays.
        is_pinned: bool,
    },
    /// Removes one.
    Remove {
        /// Which.
        skill: String,
    },
    /// Reads the files of one again.
    Verify {
        /// Which.
        skill: String,
    },
}

/// What is asked about packages.
#[derive(Clone, Debug)]
pub enum PackageCall {
    /// What is installed.
    List,
    /// Fetches one and says what it would be able to do.
    Prepare {
        /// Where from.
        source: String,
        /// The publisher: a minisign key, `sigstore:NAME via ISSUER` or `sigstore-key:BASE64`.
        key: Option<String>,
        /// SHA-256 of the manifest to take there, whatever the source's tag names now.
        manifest: Option<Digest>,
    },
    /// Installs what was prepared.
    Accept {
        /// SHA-256 of its bytes.
        digest: Digest,
        /// What it is given.
        grants: Vec<String>,
        /// Whether it also keeps what the version before was given.
        keeps: bool,
        /// Whether it may come from another publisher than the version before.
        other_publisher: bool,
    },
    /// Goes back to the version before.
    RollBack {
        /// Which.
        name: ComponentName,
    },
    /// Keeps one at its version, or lets it change.
    Pin {
        /// Which.
        name: ComponentName,
        /// Whether it stays.
        is_pinned: bool,
    },
    /// Removes one with all that it was given and kept.
    Remove {
        /// Which.
        name: ComponentName,
    },
    /// Says what must not run.
    Revoke {
        /// A digest, a key, a skill of ClawHub, or the name of something installed.
        what: String,
        /// Why.
        reason: String,
    },
    /// Takes that back.
    Unrevoke {
        /// What.
        what: String,
    },
    /// What is revoked.
    Revocations {
        /// Whether the configured list is fetched first.
        fetch: bool,
    },
    /// Reads the files of one again.
    Verify {
        /// Which.
        name: ComponentName,
    },
}
