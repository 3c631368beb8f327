//! What the host found at its start, compared with what it found the last time: files and settings change while it is
//! not there to see.

use std::collections::BTreeMap;

use claw_core::id::{ComponentName, Digest, Timestamp};
use redb::ReadableTable;

use super::entry::{AuditEntry, AuditKind};
use crate::change::{Change, Decided};
use crate::error::Failure;
use crate::tables::Tables;

/// Something that is there. Kind and name say what it is; with another value it has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFact {
    /// What it is.
    pub kind: FactKind,
    /// The component, setting or secret; the file for [`FactKind::Refused`].
    pub name: String,
    /// The digest of a component, a grant of it, why a file was refused, the value of a setting, or what a secret is for.
    pub value: String,
}

/// What can be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FactKind {
    /// An installed component.
    Component,
    /// A file that is no usable component.
    Refused,
    /// A grant in the configuration; a component may have many.
    Grant,
    /// A setting that is not its default.
    Setting,
    /// A secret of the vault.
    Secret,
}

impl FactKind {
    const ALL: [FactKind; 5] =
        [FactKind::Component, FactKind::Refused, FactKind::Grant, FactKind::Setting, FactKind::Secret];

    /// Its name on disk.
    fn as_str(self) -> &'static str {
        match self {
            FactKind::Component => "component",
            FactKind::Refused => "refused",
            FactKind::Grant => "grant",
            FactKind::Setting => "setting",
            FactKind::Secret => "secret",
        }
    }
}

/// The facts of one kind by name, as they are kept; a grant is part of its own name.
type Facts = BTreeMap<(FactKind, String), String>;

fn place(fact: AuditFact) -> ((FactKind, String), String) {
    match fact.kind {
        FactKind::Grant => ((fact.kind, format!("{} {}", fact.name, fact.value)), String::new()),
        FactKind::Component | FactKind::Refused | FactKind::Setting | FactKind::Secret => {
            ((fact.kind, fact.name), fact.value)
        }
    }
}

/// Compares what is there now with what was there.
pub(super) fn compare(tables: &Tables<'_>, facts: Vec<AuditFact>, at: Timestamp) -> Result<Decided<usize>, Failure> {
    let mut before = Facts::new();
    for item in tables.audit_held()?.iter()? {
        let (key, value) = item?;
        let (kind, name) = key.value();
        if let Some(kind) = FactKind::ALL.into_iter().find(|known| known.as_str() == kind) {
            before.insert((kind, name.to_owned()), value.value().to_owned());
        }
    }
    let now: Facts = facts.into_iter().map(place).collect();
    let gone =
        before.iter().filter(|(place, _)| !now.contains_key(*place)).map(|(place, was)| (place, Some(was), None));
    let new = now.iter().filter(|(place, value)| before.get(*place) != Some(*value));
    let new = new.map(|(place, value)| (place, before.get(place), Some(value)));
    let mut changes = Vec::new();
    let mut answer = 0;
    for ((kind, name), was, is) in gone.chain(new) {
        if let Some(entry) = entry(*kind, name, was, is, at) {
            changes.push(Change::Audit(Box::new(entry)));
            answer += 1;
        }
        changes.push(Change::AuditFact { kind: *kind, name: name.clone(), value: is.cloned() });
    }
    Ok(Decided { answer, changes })
}

/// Keeps one fact, or forgets it.
pub(crate) fn apply_fact(
    tables: &mut Tables<'_>,
    kind: FactKind,
    name: &str,
    value: Option<String>,
) -> Result<(), Failure> {
    let mut held = tables.audit_held()?;
    match value {
        Some(value) => held.insert((kind.as_str(), name), value.as_str())?,
        None => held.remove((kind.as_str(), name))?,
    };
    Ok(())
}

/// What is recorded of a change; nothing of a refused file that is gone.
fn entry(kind: FactKind, name: &str, was: Option<&String>, is: Option<&String>, at: Timestamp) -> Option<AuditEntry> {
    let digest = |text: Option<&String>| text.and_then(|text| Digest::parse(text).ok());
    let found = |kind| AuditEntry::new(kind, "host", at);
    Some(match (kind, is) {
        (FactKind::Component, Some(_)) => AuditEntry {
            component: ComponentName::parse(name).ok(),
            digest: digest(is),
            ..found(AuditKind::ComponentInstalled)
        },
        (FactKind::Component, None) => AuditEntry {
            component: ComponentName::parse(name).ok(),
            digest: digest(was),
            ..found(AuditKind::ComponentRemoved)
        },
        (FactKind::Refused, Some(why)) => AuditEntry {
            subject: Some(name.to_owned()),
            outcome: Some(why.clone()),
            ..found(AuditKind::ComponentRefused)
        },
        (FactKind::Refused, None) => return None,
        (FactKind::Grant, _) => {
            let (component, grant) = name.split_once(' ').unwrap_or((name, ""));
            let kind = if is.is_some() { AuditKind::GrantGiven } else { AuditKind::GrantRemoved };
            AuditEntry {
                component: ComponentName::parse(component).ok(),
                subject: Some(grant.to_owned()),
                ..found(kind)
            }
        }
        (FactKind::Secret, is) => AuditEntry {
            subject: Some(name.to_owned()),
            outcome: Some(is.map_or("removed".to_owned(), Clone::clone)),
            ..found(AuditKind::SecretChanged)
        },
        (FactKind::Setting, _) => {
            let word = |value: Option<&String>| value.map_or("default".to_owned(), Clone::clone);
            let outcome = Some(format!("{} -> {}", word(was), word(is)));
            AuditEntry { subject: Some(name.to_owned()), outcome, ..found(AuditKind::ConfigChanged) }
        }
    })
}
