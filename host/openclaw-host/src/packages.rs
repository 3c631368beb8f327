//! Packages: fetched and looked over, shown to the owner, accepted, and taken back.
//!
//! ```text
//!   source ─► prepare: fetch, check the signature, compile, describe with nothing granted ─► Offer ─► the owner
//!   Offer + the owner's grants ─► accept: one transaction ─► in force at once
//! ```
//!
//! The bytes of an offer lie in the packages' folder under their digest before anything is decided; a file that no row
//! names is swept away at the next start.

mod error;
mod offer;
pub mod view;

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use claw_core::grant::{GrantRow, Terms};
use claw_core::id::{ComponentName, Digest};
use claw_package::{Fetched, Fetcher, Login, PackageError, PublicKey, Source};
use claw_policy::Grant;
use claw_sandbox::{Component, Sandbox};
use claw_store::{Package, Receipt, Store};
use claw_vault::{Vault, VaultError};
use sha2::{Digest as _, Sha256};

use crate::catalog::ComponentFolders;
use crate::crash_point;
use crate::host::{Host, now};
use crate::settings::Settings;

pub use self::error::PackagesError;
pub use self::offer::Offer;

/// Offers that are remembered; who prepares more has to prepare the oldest again.
const OFFERS: usize = 16;

/// What the owner installs.
pub struct Packages {
    folders: ComponentFolders,
    settings: Settings,
    fetcher: Fetcher,
    offers: Mutex<HashMap<Digest, Offer>>,
    /// One change of what is installed at a time.
    changing: tokio::sync::Mutex<()>,
}

/// What the owner says to an offer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acceptance {
    /// What it is given, in the text form of grants.
    pub grants: Vec<String>,
    /// Whether it may come from somebody else than the version before.
    pub other_publisher: bool,
}

impl Packages {
    /// Makes the folder where there is none, and sweeps it.
    ///
    /// # Errors
    /// If the folder cannot be made, or the store not be read.
    pub fn open(folders: ComponentFolders, settings: Settings, store: &Store) -> Result<Packages, PackagesError> {
        let unusable = |err| PackagesError::File { path: folders.packages.clone(), err };
        match fs::DirBuilder::new().mode(0o700).create(&folders.packages) {
            Err(err) if err.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(err)),
            _ => {}
        }
        let packages = store.packages()?;
        let known = packages.iter().flat_map(|package| &package.versions).map(|receipt| receipt.digest);
        let known: BTreeSet<_> = known.map(|digest| folders.package(&digest)).collect();
        for entry in fs::read_dir(&folders.packages).map_err(unusable)?.flatten() {
            if !known.contains(&entry.path()) {
                remove(&entry.path());
            }
        }
        let fetcher = Fetcher::new(settings.roots.extra())?;
        Ok(Packages { folders, settings, fetcher, offers: Mutex::default(), changing: tokio::sync::Mutex::default() })
    }

    fn offer(&self, digest: &Digest) -> Option<Offer> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    fn remember(&self, offer: Offer) {
        let mut offers = self.offers.lock().unwrap_or_else(PoisonError::into_inner);
        if offers.len() >= OFFERS
            && let Some(oldest) = offers.values().min_by_key(|offer| offer.at).map(|offer| offer.component.digest)
        {
            offers.remove(&oldest);
        }
        offers.insert(offer.component.digest, offer);
    }

    /// Writes a component's bytes under their digest; durable when it returns.
    fn keep(&self, fetched: &Fetched) -> Result<(), PackagesError> {
        let path = self.folders.package(&fetched.digest);
        let unusable = |err| PackagesError::File { path: path.clone(), err };
        if fs::read(&path).is_ok_and(|bytes| bytes == fetched.wasm) {
            return Ok(());
        }
        let part = path.with_extension("part");
        remove(&part);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&part).map_err(unusable)?;
        file.write_all(&fetched.wasm).and_then(|()| file.sync_all()).map_err(unusable)?;
        crash_point::pass("package written");
        fs::rename(&part, &path).map_err(unusable)?;
        crash_point::pass("package kept");
        fs::File::open(&self.folders.packages).and_then(|folder| folder.sync_all()).map_err(unusable)
    }

    /// Removes the files of versions that nothing goes back to any more.
    fn sweep(&self, before: Option<&Package>, after: Option<&Package>) {
        let kept = |digest: &Digest| after.iter().flat_map(|it| &it.versions).any(|receipt| receipt.digest == *digest);
        let gone = before.iter().flat_map(|it| &it.versions).filter(|receipt| !kept(&receipt.digest));
        gone.for_each(|receipt| remove(&self.folders.package(&receipt.digest)));
    }
}

impl Host {
    /// Fetches a package, looks it over, and says what it would be able to do. Nothing of it counts yet.
    ///
    /// `key` is the publisher's key, for a package that nobody has installed before.
    ///
    /// # Errors
    /// [`PackagesError`].
    pub async fn prepare_package(&self, source: &str, key: Option<&str>) -> Result<Offer, PackagesError> {
        let packages = &self.packages;
        let source = Source::parse(source)?;
        let fetched = packages.fetcher.fetch(&source, |host| self.login(host)).await?;
        let key = key.map(PublicKey::parse).transpose()?;
        packages.keep(&fetched)?;
        let path = packages.folders.package(&fetched.digest);
        let wasm = self.sandbox.open_wasm(&path).map_err(|err| PackagesError::File { path, err })?;
        if wasm.digest() != fetched.digest {
            return Err(PackageError::Digest { expected: fetched.digest, actual: wasm.digest() }.into());
        }
        let component = self.sandbox.examine(wasm).await?;
        let name = component.name.clone();
        let known = self.store.packages()?.into_iter().find(|package| package.name == name);
        if known.is_none() && self.catalog().component(&name).is_some() {
            return Err(PackagesError::NameTaken { name });
        }
        let names = self.catalog().components().map(|it| it.component.name.clone()).collect();
        let offer = offer::make(component, &source, &fetched, key, known, names)?;
        if offer.signed.is_none() && packages.settings.packages.require_signature {
            return Err(PackagesError::Unsigned { name });
        }
        packages.remember(offer.clone());
        Ok(offer)
    }

    /// Name and password for a registry: the secret `registry/HOST` or `registry/HOST-PORT` as `NAME:PASSWORD`.
    fn login(&self, host: &str) -> Option<Login> {
        login(&self.vault, host).inspect_err(|err| tracing::error!(error = %err, "the vault cannot be read")).ok()?
    }

    /// Installs what was prepared, with these grants. It is in force when this returns; calls of the version before end.
    ///
    /// # Errors
    /// [`PackagesError`]; nothing was changed then.
    pub async fn accept_package(
        &self,
        digest: &Digest,
        acceptance: Acceptance,
        by: &str,
    ) -> Result<Package, PackagesError> {
        let _changing = self.packages.changing.lock().await;
        let offer = self.packages.offer(digest).ok_or(PackagesError::NotPrepared)?;
        let name = offer.component.name.clone();
        let before = self.store.packages()?.into_iter().find(|package| package.name == name);
        if before.as_ref().is_some_and(|package| package.is_pinned && package.current != *digest) {
            return Err(PackagesError::Pinned { name });
        }
        let key = offer.signed.as_ref().map(|signed| signed.key.clone());
        let pinned = before.as_ref().map(|package| package.key.clone());
        if pinned.is_some_and(|pinned| pinned != key) && !acceptance.other_publisher {
            return Err(PackagesError::OtherPublisher { name, publisher: offer.publisher() });
        }
        let grants = acceptance.grants.iter().map(|text| {
            let grant = Grant::parse(text)?;
            if !offer.scopes.have_room_for(&grant) {
                let (component, grant) = (name.clone(), grant.to_string());
                return Err(PackagesError::Undeclared { component, grant });
            }
            let (grant, terms) = (grant.to_string(), Terms::default());
            Ok(GrantRow { grant, terms, by: by.to_owned(), at: now() })
        });
        let grants = grants.collect::<Result<Vec<_>, PackagesError>>()?;
        let receipt = Receipt {
            version: offer.component.manifest.version.clone(),
            digest: *digest,
            publisher: offer.publisher(),
            source: offer.source.clone(),
            described: described(&offer.component),
            by: by.to_owned(),
            at: now(),
        };
        let catalog = self.catalog().with_package(
            offer.component.clone(),
            &receipt.publisher,
            grants.clone(),
            &self.packages.settings,
        )?;
        crash_point::pass("package accepted");
        let package = self.store.install(&name, receipt, key, grants).await?;
        crash_point::pass("package installed");
        self.put_in_force(catalog, &name).await;
        self.packages.sweep(before.as_ref(), Some(&package));
        tracing::info!(%name, version = package.receipt().version, digest = %digest.short(), by, "package installed");
        Ok(package)
    }

    /// Goes back to the version before, with the grants that it had.
    ///
    /// # Errors
    /// [`PackagesError`]; nothing was changed then.
    pub async fn roll_back_package(&self, name: &ComponentName, by: &str) -> Result<Package, PackagesError> {
        let _changing = self.packages.changing.lock().await;
        let package = self.package(name)?;
        let none = || PackagesError::NoPrevious { name: name.clone() };
        let previous = package.previous().cloned().ok_or_else(none)?;
        let target = Package { current: previous.digest, ..package };
        let path = self.packages.folders.package(&previous.digest);
        let component = open(&self.sandbox, &target, &path).await?;
        let grants = self.store.grants(name, &previous.digest)?;
        let catalog = self.catalog().with_package(component, &previous.publisher, grants, &self.packages.settings)?;
        let package = self.store.roll_back(name, by, now()).await?.ok_or_else(none)?;
        self.put_in_force(catalog, name).await;
        tracing::info!(%name, version = previous.version, by, "package rolled back");
        Ok(package)
    }

    /// Says whether a package stays at its version.
    ///
    /// # Errors
    /// [`PackagesError`].
    pub async fn pin_package(&self, name: &ComponentName, is_pinned: bool) -> Result<Package, PackagesError> {
        let pinned = self.store.pin(name, is_pinned).await?;
        pinned.ok_or_else(|| PackagesError::NotInstalled { name: name.clone() })
    }

    /// Removes a package with all that it was given and kept. Its calls and programs end.
    ///
    /// # Errors
    /// [`PackagesError`]; nothing was changed then.
    pub async fn remove_package(&self, name: &ComponentName, by: &str) -> Result<Package, PackagesError> {
        let _changing = self.packages.changing.lock().await;
        let settings = &self.packages.settings;
        if settings.grants.contains_key(name) || settings.components.contains_key(name) {
            return Err(PackagesError::Configured { name: name.clone() });
        }
        let removed = self.store.uninstall(name, by, now()).await?;
        let removed = removed.ok_or_else(|| PackagesError::NotInstalled { name: name.clone() })?;
        self.put_in_force(self.catalog().without(name), name).await;
        self.folders.forget(name);
        self.packages.sweep(Some(&removed), None);
        tracing::info!(%name, by, "package removed");
        Ok(removed)
    }

    /// A package by its name.
    ///
    /// # Errors
    /// [`PackagesError::NotInstalled`], or if the store cannot be read.
    pub fn package(&self, name: &ComponentName) -> Result<Package, PackagesError> {
        let found = self.store.packages()?.into_iter().find(|package| package.name == *name);
        found.ok_or_else(|| PackagesError::NotInstalled { name: name.clone() })
    }

    /// Reads every kept file of a package again; gives those that are not what they were.
    ///
    /// # Errors
    /// [`PackagesError`].
    pub async fn verify_package(&self, name: &ComponentName) -> Result<Vec<(Receipt, String)>, PackagesError> {
        let package = self.package(name)?;
        let folders = self.packages.folders.clone();
        let verified = tokio::task::spawn_blocking(move || {
            let broken = package.versions.into_iter().filter_map(|receipt| {
                let why = match fs::read(folders.package(&receipt.digest)) {
                    Ok(bytes) if Digest(Sha256::digest(&bytes).into()) == receipt.digest => return None,
                    Ok(_) => "its bytes have changed".to_owned(),
                    Err(err) => format!("its file cannot be read: {err}"),
                };
                Some((receipt, why))
            });
            broken.collect()
        });
        Ok(verified.await.expect("packages: reading files does not panic"))
    }

    /// What is installed from now on; what runs of the component that has changed ends.
    async fn put_in_force(&self, catalog: crate::catalog::Catalog, changed: &ComponentName) {
        let before = {
            let mut now = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *now, catalog.into())
        };
        if let Some(installed) = before.component(changed) {
            installed.end_calls();
        }
        self.processes.stop_of(changed).await;
    }
}

/// Name and password for a registry, if the vault has them.
///
/// # Errors
/// If the vault cannot be read.
pub fn login(vault: &Vault, host: &str) -> Result<Option<Login>, VaultError> {
    let secret = vault.get(&format!("registry/{}", host.replace(':', "-")))?;
    let login = secret.as_ref().and_then(|secret| secret.expose().split_once(':'));
    Ok(login.map(|(user, password)| Login { user: user.to_owned(), password: password.to_owned() }))
}

/// The component of a package's version that counts, if it is still what was accepted.
///
/// # Errors
/// [`PackagesError::Digest`] for other bytes; [`PackagesError::Described`] if it tells another story now.
pub async fn open(sandbox: &Sandbox, package: &Package, path: &Path) -> Result<Component, PackagesError> {
    let receipt = package.receipt();
    let unusable = |err| PackagesError::File { path: path.to_owned(), err };
    let wasm = sandbox.open_wasm(path).map_err(unusable)?;
    if wasm.digest() != receipt.digest {
        let (name, expected, actual) = (package.name.clone(), receipt.digest, wasm.digest());
        return Err(PackagesError::Digest { name, expected, actual });
    }
    let component = sandbox.install(package.name.clone(), wasm).await?;
    if described(&component) != receipt.described {
        return Err(PackagesError::Described { name: package.name.clone() });
    }
    Ok(component)
}

/// SHA-256 of what a component says of itself.
fn described(component: &Component) -> Digest {
    let text = serde_json::to_vec(&component.manifest).expect("packages: a manifest always serializes");
    Digest(Sha256::digest(text).into())
}

/// Removes a file; one that cannot be removed is swept away at the next start.
fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), error = %err, "an old file of a package cannot be removed");
        }
        _ => {}
    }
}
