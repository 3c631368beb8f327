//! What an owner sees of a package before deciding.

use std::collections::BTreeSet;

use claw_core::id::{ComponentName, Digest};
use claw_package::{Fetched, Finding, Publisher, Shape, Signed, Source, Text, screen};
use claw_policy::{Declared, Family, Grant};
use claw_sandbox::{Component, Manifest};
use claw_store::{Description, Package};

use super::difference::{Difference, differences};
use super::name::look_alike;
use super::{PackagesError, publisher};
use crate::catalog;
use crate::settings::PackageSettings;

/// Longer texts deserve a second thought.
const SUMMARY_BYTES: usize = 256;
const DESCRIPTION_BYTES: usize = 1024;
const SCHEMA_BYTES: usize = 16 << 10;
const README_BYTES: usize = 64 << 10;

/// A package that was fetched and looked over.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Its name.
    pub name: ComponentName,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// What it says of itself.
    pub manifest: Manifest,
    /// The same as the text that is kept of it.
    pub told: String,
    /// Its bytes' number.
    pub bytes: usize,
    /// Where it came from.
    pub source: String,
    /// SHA-256 of its manifest there, if that is a registry.
    pub registered: Option<Digest>,
    /// What it asks for or, where it has no manifest, imports.
    pub declared: Declared,
    /// What it imports without asking for it in its manifest, each with one such import. It can never use that.
    pub undeclared: Vec<(Family, String)>,
    /// Exports that are no tools, each with the reason.
    pub left_out: Vec<String>,
    /// What its bytes import.
    pub imports: Vec<String>,
    /// Who signed it.
    pub signed: Option<Signed>,
    /// Whether the key is only the one that lay beside it.
    pub is_new_key: bool,
    /// The README beside it, which nobody has signed.
    pub readme: Option<String>,
    /// What deserves a second thought.
    pub findings: Vec<Finding>,
    /// What is installed of it.
    pub known: Option<Package>,
}

/// How a version differs from the one that is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What it asks for, or imports, and the installed one does not.
    pub more: Vec<String>,
    /// What the installed one asks for, or imports, and it does not.
    pub less: Vec<String>,
    /// Whether it says something else of itself or its tools.
    pub says_otherwise: bool,
    /// What it says otherwise; nothing if it is not known any more what the installed one said.
    pub differences: Vec<Difference>,
    /// Whether somebody else has published it.
    pub other_publisher: bool,
}

impl Offer {
    /// Who signed it, as a text: a minisign key, `sigstore:NAME via ISSUER` or `sigstore-key:BASE64`.
    pub fn key(&self) -> Option<String> {
        self.signed.as_ref().map(|signed| signed.by.to_string())
    }

    /// Whether a grant, in its text form, lies within what it asks for.
    pub fn asks_for(&self, grant: &str) -> bool {
        Grant::parse(grant).is_ok_and(|grant| self.declared.has_room_for(&grant))
    }

    /// How it differs from the version that is installed, which has declared this.
    pub fn changes(&self, before: Option<&Declared>) -> Option<Changes> {
        let known = self.known.as_ref()?;
        let lines = |declared: Option<&Declared>| match declared {
            None => Vec::new(),
            Some(Declared::Scopes(scopes)) => scopes.iter().map(ToString::to_string).collect(),
            Some(Declared::Imports(families)) => {
                families.iter().map(|it| format!("imports {}", it.in_words())).collect()
            }
        };
        let (now, before) = (lines(Some(&self.declared)), lines(before));
        let without = |all: &[String], others: &[String]| -> Vec<String> {
            all.iter().filter(|line| !others.contains(line)).cloned().collect()
        };
        let said = match &known.receipt().described {
            Description::Text(text) => Manifest::from_told(text).ok(),
            Description::Digest(_) => None,
        };
        let differences = said.as_ref().map(|said| differences(said, &self.manifest));
        Some(Changes {
            more: without(&now, &before),
            less: without(&before, &now),
            says_otherwise: differences.as_ref().is_none_or(|differences| !differences.is_empty()),
            differences: differences.unwrap_or_default(),
            other_publisher: self.key() != known.receipt().key,
        })
    }
}

/// Makes an offer of what was fetched.
pub(super) fn make(
    component: &Component,
    source: &Source,
    fetched: &Fetched,
    given: Option<Publisher>,
    known: Option<Package>,
    names: BTreeSet<ComponentName>,
    settings: &PackageSettings,
) -> Result<Offer, PackagesError> {
    let declared = catalog::declared(component)?;
    let pinned = known.as_ref().and_then(|package| package.receipt().key.as_deref());
    let pinned = pinned.map(Publisher::parse).transpose()?;
    let found = publisher::find(fetched, source, &publisher::Known { given, pinned }, settings)?;
    publisher::expect_taken(settings, &component.name, source, found.as_ref().map(|found| &found.signed.by))?;
    let is_new_key = found.as_ref().is_some_and(|found| found.is_new_key);
    let imports = Shape::read(&fetched.wasm).unwrap_or_default().imports;
    let readme = fetched.readme.as_ref().map(|text| Text {
        place: "its README".to_owned(),
        text: text.clone(),
        limit: README_BYTES,
    });
    let texts: Vec<_> = texts(&component.manifest).into_iter().chain(readme).collect();
    let mut findings = screen(&texts, &fetched.wasm);
    if known.is_none() {
        findings.extend(look_alike(component.name.as_str(), &names));
    }
    Ok(Offer {
        name: component.name.clone(),
        digest: component.digest,
        manifest: component.manifest.clone(),
        told: component.told(),
        bytes: fetched.wasm.len(),
        source: source.to_string(),
        registered: fetched.manifest,
        undeclared: undeclared(&declared, &imports),
        declared,
        left_out: component.plain.as_ref().map(|plain| plain.left_out.clone()).unwrap_or_default(),
        imports,
        signed: found.map(|found| found.signed),
        is_new_key,
        readme: fetched.readme.clone(),
        findings,
        known,
    })
}

/// Without a manifest, what it imports is what it asks for.
fn undeclared(declared: &Declared, imports: &[String]) -> Vec<(Family, String)> {
    let Declared::Scopes(scopes) = declared else { return Vec::new() };
    let is_asked_for = |family: &Family| scopes.iter().any(|grant| grant.family() == Some(*family));
    let import = |family| {
        // Toolchains bring the files of WASI along, so an import of ours says more.
        let of_family = imports.iter().filter(|import| Family::of_import(import) == Some(family));
        of_family.max_by_key(|import| import.starts_with("openclaw:")).map(|import| (family, import.clone()))
    };
    Family::all().filter(|family| !is_asked_for(family)).filter_map(import).collect()
}

/// All that people and models read of it.
fn texts(manifest: &Manifest) -> Vec<Text> {
    let text = |place: String, text: &str, limit| Text { place, text: text.to_owned(), limit };
    let mut texts = vec![text("its summary".to_owned(), &manifest.summary, SUMMARY_BYTES)];
    for tool in &manifest.tools {
        texts.push(text(format!("the description of `{}`", tool.name), &tool.description, DESCRIPTION_BYTES));
        texts.push(text(format!("the schema of `{}`", tool.name), &tool.schema, SCHEMA_BYTES));
    }
    texts
}
