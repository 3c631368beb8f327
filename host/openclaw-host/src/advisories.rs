//! Flaws that are known of what the program is built from, as the RustSec database lists them.
//!
//! `cargo xtask advisories` writes the file; `cargo xtask ci` reads it by this same module and takes no lock file with one of
//! them in it. `doctor` and the log name those of the engine that a program was built with.

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

/// What was known when the program was built.
const KNOWN: &str = include_str!("../../../advisories.json");

/// Known flaws, and those that are put up with for a time.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Advisories {
    /// What is put up with.
    pub waived: Vec<Waiver>,
    /// What is known.
    pub advisories: Vec<Advisory>,
}

/// A flaw of some versions of a crate.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Advisory {
    /// As RustSec numbers them.
    pub id: String,
    /// Whose flaw it is.
    #[serde(rename = "crate")]
    pub name: String,
    /// Versions without it.
    pub patched: Vec<VersionReq>,
    /// Versions that never had it.
    pub unaffected: Vec<VersionReq>,
}

/// A flaw that is put up with.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Which.
    pub id: String,
    /// The last day on which it is, as `2026-11-22`.
    pub until: String,
    /// Why it does no harm here.
    pub why: String,
}

impl Advisories {
    /// What was known when the program was built.
    pub fn known() -> Advisories {
        Advisories::read(KNOWN).expect("advisories: `cargo xtask ci` has read the same file")
    }

    /// Reads such a file.
    ///
    /// # Errors
    /// If it has another form.
    pub fn read(text: &str) -> serde_json::Result<Advisories> {
        serde_json::from_str(text)
    }

    /// The flaws that a version of a crate has.
    pub fn of<'a>(&'a self, name: &'a str, version: &'a Version) -> impl Iterator<Item = &'a Advisory> {
        let is_in = |list: &[VersionReq]| list.iter().any(|range| range.matches(version));
        self.advisories.iter().filter(move |it| it.name == name && !is_in(&it.patched) && !is_in(&it.unaffected))
    }
}
