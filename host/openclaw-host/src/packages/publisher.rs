//! Whose package it is: which of its signatures fit, and which of those who signed counts as its publisher.

use claw_core::id::ComponentName;
use claw_package::{BareKey, Fetched, PackageError, PublicKey, Publisher, Signed, Sigstore, Source, verify};

use super::PackagesError;
use crate::settings::PackageSettings;

/// Who is known before anything is checked.
pub(super) struct Known {
    /// Whom the owner names.
    pub(super) given: Option<Publisher>,
    /// The publisher of the version that is installed.
    pub(super) pinned: Option<Publisher>,
}

/// A signature that fits.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) signed: Signed,
    /// Whether the key is only the one that lay beside it.
    pub(super) is_new_key: bool,
}

/// The publisher, if somebody who is known has signed it. Of several it is the one whom the owner names; otherwise one
/// whom the settings take, and of those the one whose version is installed. A signature that does not fit is a lie,
/// whoever else has signed.
pub(super) fn find(
    fetched: &Fetched,
    source: &Source,
    known: &Known,
    settings: &PackageSettings,
) -> Result<Option<Found>, PackagesError> {
    let mut found = by_sigstore(fetched, &settings.sigstore(), &bare_keys(source, known, settings))?;
    found.extend(by_minisign(fetched, known)?);
    if let Some(given) = &known.given {
        let by_given = found.into_iter().find(|it| it.signed.by == *given);
        let missing = || PackageError::Signature(format!("it has no signature of {given}"));
        return Ok(Some(by_given.ok_or_else(missing)?));
    }
    let is_pinned = |it: &Found| known.pinned.as_ref() == Some(&it.signed.by);
    Ok(found.into_iter().min_by_key(|it| (!settings.takes(source, Some(&it.signed.by)), !is_pinned(it))))
}

/// Fails if the settings do not take a package of this publisher from there.
pub(super) fn expect_taken(
    settings: &PackageSettings,
    name: &ComponentName,
    source: &Source,
    by: Option<&Publisher>,
) -> Result<(), PackagesError> {
    if settings.takes(source, by) {
        return Ok(());
    }
    let (name, who) = (name.clone(), by.map_or_else(|| "nobody who is known".to_owned(), ToString::to_string));
    Err(match settings.rule(source) {
        Some(rule) => PackagesError::NotOfRule { name, who, from: rule.source.clone() },
        None => PackagesError::Unsigned { name, who, require: settings.require.word() },
    })
}

/// The keys that a bundle without a certificate may be signed with: it does not bring its own along. Whom the owner names
/// counts alone.
fn bare_keys(source: &Source, known: &Known, settings: &PackageSettings) -> Vec<BareKey> {
    let by_rule = settings.rule(source).into_iter().flat_map(|rule| &rule.by);
    let all: Vec<_> = match &known.given {
        Some(given) => vec![given],
        None => known.pinned.iter().chain(by_rule).collect(),
    };
    let key = |publisher: &Publisher| match publisher {
        Publisher::Key(key) => Some(key.clone()),
        Publisher::Minisign(_) | Publisher::Sigstore(_) => None,
    };
    all.into_iter().filter_map(key).collect()
}

/// Of several bundles, those that fit count; if none does, it is the first one's fault that is told.
fn by_sigstore(fetched: &Fetched, sigstore: &Sigstore, keys: &[BareKey]) -> Result<Vec<Found>, PackageError> {
    let digests: Vec<_> = std::iter::once(fetched.digest).chain(fetched.manifest).collect();
    let (mut found, mut wrong): (Vec<Found>, _) = (Vec::new(), None);
    for bundle in &fetched.bundles {
        match sigstore.verify(bundle, &digests, keys) {
            Ok(Some(signed)) => {
                let is_new_key = matches!(&signed.by, Publisher::Key(key) if !keys.contains(key));
                found.push(Found { signed, is_new_key });
            }
            Ok(None) => {}
            Err(err) => wrong = wrong.or(Some(err)),
        }
    }
    match wrong {
        Some(err) if found.is_empty() => Err(err),
        _ => Ok(found),
    }
}

/// A signature that does not fit the key that is known is tried with the one beside it: then the publisher is another one,
/// which the owner is told.
fn by_minisign(fetched: &Fetched, known: &Known) -> Result<Option<Found>, PackageError> {
    let Some(signature) = &fetched.signature else { return Ok(None) };
    let beside = fetched.key.as_deref().map(PublicKey::parse).transpose()?;
    let key = |publisher: &Option<Publisher>| match publisher {
        Some(Publisher::Minisign(key)) => Some(key.clone()),
        Some(Publisher::Sigstore(_) | Publisher::Key(_)) | None => None,
    };
    let by = |key: &PublicKey, is_new_key| {
        verify(&fetched.wasm, signature, key).map(|signed| Some(Found { signed, is_new_key }))
    };
    match (key(&known.given), key(&known.pinned), beside) {
        (Some(given), ..) => by(&given, false),
        (None, Some(pinned), beside) => match (by(&pinned, false), beside.filter(|beside| *beside != pinned)) {
            (Ok(found), _) => Ok(found),
            (Err(_), Some(beside)) => by(&beside, true),
            (Err(err), None) => Err(err),
        },
        (None, None, Some(beside)) => by(&beside, true),
        // Somebody signed it, but nobody knows who.
        (None, None, None) => Ok(None),
    }
}
