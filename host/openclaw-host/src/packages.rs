//! Packages: fetched and looked over, shown to the owner, accepted, and taken back.
//!
//! ```text
//!   source ─► prepare: fetch, check the signature, compile, describe with nothing granted ─► Offer ─► the owner
//!   Offer + the owner's grants ─► accept: one transaction ─► in force at once
//! ```
//!
//! The bytes of an offer lie in the packages' folder under their digest before anything is decided; a file that no row
//! names is swept away at the next start.

mod difference;
mod error;
mod name;
mod offer;
mod publisher;
mod revoke;
pub mod view;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::PoisonError;

use claw_core::grant::{GrantRow, Terms};
use claw_core::id::{ComponentName, Digest};
use claw_package::{Fetched, Fetcher, Login, PATIENCE, Publisher, Source};
use claw_policy::Grant;
use claw_sandbox::{AcceptedError, Component, Sandbox, Wasm};
use claw_store::{Description, Package, Receipt, Store};
use claw_vault::{Vault, VaultError};
use sha2::{Digest as _, Sha256};

use crate::catalog::{Catalog, ComponentFolders};
use crate::channels;
use crate::crash_point;
use crate::host::{Host, now};
use crate::offers::Offers;
use crate::settings::Settings;

pub use self::error::PackagesError;
pub use self::name::look_alike;
pub use self::offer::Offer;

/// Offers that are remembered.
const OFFERS: usize = 16;

/// What the owner installs.
pub struct Packages {
    folders: ComponentFolders,
    settings: Settings,
    fetcher: Fetcher,
    offers: Offers<Offer>,
    /// One change of what is installed at a time.
    changing: tokio::sync::Mutex<()>,
}

/// What the owner says to an offer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acceptance {
    /// What it is given, in the text form of grants.
    pub grants: Vec<String>,
    /// Whether it also keeps what the version before was given, on the same terms, as far as it asks for it.
    pub keeps: bool,
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
        let fetcher = Fetcher::new(settings.roots.extra(), PATIENCE)?;
        Ok(Packages {
            folders,
            settings,
            fetcher,
            offers: Offers::new(OFFERS),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// What fetches.
    pub fn fetcher(&self) -> &Fetcher {
        &self.fetcher
    }

    /// Writes a component's bytes under their digest; durable when it returns. Gives back what was kept.
    async fn keep(&self, fetched: Fetched) -> Result<Fetched, PackagesError> {
        let folders = self.folders.clone();
        in_background(move || {
            let path = folders.package(&fetched.digest);
            let kept = keep(&folders.packages, &path, &fetched.wasm);
            kept.map(|()| fetched).map_err(|err| PackagesError::File { path, err })
        })
        .await
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
    /// `key` is the publisher, for a package that nobody has installed before: a minisign key, `sigstore:NAME via
    /// ISSUER` or `sigstore-key:BASE64`. `manifest` is the digest of what a registry had there at another time: the tag of
    /// the source may name something else by now.
    ///
    /// # Errors
    /// [`PackagesError`].
    pub async fn prepare_package(
        &self,
        source: &str,
        key: Option<&str>,
        manifest: Option<Digest>,
    ) -> Result<Offer, PackagesError> {
        let packages = &self.packages;
        let source = Source::parse(source)?;
        let from = match manifest {
            None => source.clone(),
            Some(manifest) => {
                source.at(manifest).ok_or_else(|| PackagesError::NoRegistry { from: source.to_string() })?
            }
        };
        let key = key.map(Publisher::parse).transpose()?;
        let fetched = packages.fetcher.fetch(&from, |host| self.login(host)).await?;
        self.expect_not_revoked(&fetched.digest, None)?;
        // One of our world says its name itself.
        let offered = source.component_name().unwrap_or_else(unnamed);
        let component = self.sandbox.examine(Wasm::new(fetched.wasm.clone()), &offered).await?;
        let name = component.name.clone();
        let known = self.store.package(&name)?;
        if known.is_none() {
            name::expect_whole(&name)?;
        }
        if known.is_none() && self.catalog().component(&name).is_some() {
            return Err(PackagesError::NameTaken { name });
        }
        let fetched = packages.keep(fetched).await?;
        let names = self.catalog().components().map(|it| it.component.name.clone()).collect();
        let settings = packages.settings.packages.clone();
        let look = move || offer::make(&component, &source, &fetched, key, known, names, &settings);
        let offer = in_background(look).await?;
        self.expect_not_revoked(&offer.digest, offer.key().as_deref())?;
        packages.offers.remember(offer.digest, offer.clone());
        Ok(offer)
    }

    fn expect_not_revoked(&self, digest: &Digest, key: Option<&str>) -> Result<(), PackagesError> {
        self.revocations.of_component(digest, key).map_or(Ok(()), |why| Err(PackagesError::Revoked(why)))
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
        let offer = self.packages.offers.get(digest).ok_or(PackagesError::NotPrepared)?;
        self.expect_not_revoked(digest, offer.key().as_deref())?;
        let name = offer.name.clone();
        let before = self.store.package(&name)?;
        if before.as_ref().is_some_and(|package| package.is_pinned && package.current != *digest) {
            return Err(PackagesError::Pinned { name });
        }
        let is_other = |package: &Package| package.receipt().key != offer.key();
        if before.as_ref().is_some_and(is_other) && !acceptance.other_publisher {
            return Err(PackagesError::OtherPublisher { name });
        }
        let mut grants = acceptance.grants.iter().map(|text| given(&offer, text, by)).collect::<Result<Vec<_>, _>>()?;
        if let Some(before) = before.as_ref().filter(|_| acceptance.keeps) {
            let kept = self.store.grants(&name, &before.current)?;
            let is_new = |row: &GrantRow| grants.iter().all(|given| given.grant != row.grant);
            let kept: Vec<_> = kept.into_iter().filter(|row| is_new(row) && offer.asks_for(&row.grant)).collect();
            grants.extend(kept);
        }
        let receipt = Receipt {
            version: offer.manifest.version.clone(),
            digest: *digest,
            key: offer.key(),
            source: offer.source.clone(),
            manifest: offer.registered,
            described: Description::Text(offer.told.clone()),
            by: by.to_owned(),
            at: now(),
        };
        // Its file may have gone with an older version of the same bytes, or be another by now.
        let settings = &self.packages.settings;
        let component = self.open_package(&name, &receipt).await.map_err(|err| match err {
            PackagesError::File { err, .. } if err.kind() == io::ErrorKind::NotFound => PackagesError::NotPrepared,
            err => err,
        })?;
        let catalog = self.catalog().with_package(component, &receipt.publisher(), grants.clone(), settings)?;
        crash_point::pass("package accepted");
        let package = self.store.install(&name, receipt, grants).await?;
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
        self.expect_not_revoked(&previous.digest, previous.key.as_deref())?;
        let component = self.open_package(name, &previous).await?;
        let grants = self.store.grants(name, &previous.digest)?;
        let settings = &self.packages.settings;
        let catalog = self.catalog().with_package(component, &previous.publisher(), grants, settings)?;
        crash_point::pass("package to go back");
        let package = self.store.roll_back(name, by, now()).await?.ok_or_else(none)?;
        crash_point::pass("package gone back");
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

    /// Removes a package with all that it was given and kept. Its calls and programs end. Gives what it was, and the secrets
    /// that nothing else may use: they stay in the vault, since nobody else may have their values.
    ///
    /// # Errors
    /// [`PackagesError`]; nothing was changed then.
    pub async fn remove_package(
        &self,
        name: &ComponentName,
        by: &str,
    ) -> Result<(Package, Vec<String>), PackagesError> {
        let _changing = self.packages.changing.lock().await;
        let settings = &self.packages.settings;
        if settings.grants.contains_key(name) || settings.components.contains_key(name) {
            return Err(PackagesError::Configured { name: name.clone() });
        }
        self.package(name)?;
        let before = Catalog::clone(&self.catalog());
        // Nothing of it runs any more when its folder goes.
        self.put_in_force(before.without(name), name).await;
        let removed = match self.uninstall(name, by).await {
            Ok(removed) => removed,
            Err(err) => {
                self.put_in_force(before, name).await;
                return Err(err);
            }
        };
        self.packages.sweep(Some(&removed), None);
        let secrets = self.vault.unbind(name).inspect_err(|err| {
            tracing::warn!(%name, error = %err, "the vault cannot be changed; secrets stay bound to the removed package");
        });
        tracing::info!(%name, by, "package removed");
        Ok((removed, secrets.unwrap_or_default()))
    }

    /// Whenever the host stops, the folder of a package goes with its row, or stays with it.
    async fn uninstall(&self, name: &ComponentName, by: &str) -> Result<Package, PackagesError> {
        self.folders.set_aside(name).map_err(|(path, err)| PackagesError::File { path, err })?;
        crash_point::pass("package's folder set aside");
        let removed = self.store.uninstall(name, by, now()).await;
        crash_point::pass("package removed");
        self.folders.settle(|_| !matches!(removed, Ok(Some(_))));
        crash_point::pass("package's folder removed");
        removed?.ok_or_else(|| PackagesError::NotInstalled { name: name.clone() })
    }

    /// A package by its name.
    ///
    /// # Errors
    /// [`PackagesError::NotInstalled`], or if the store cannot be read.
    pub fn package(&self, name: &ComponentName) -> Result<Package, PackagesError> {
        self.store.package(name)?.ok_or_else(|| PackagesError::NotInstalled { name: name.clone() })
    }

    async fn open_package(&self, name: &ComponentName, receipt: &Receipt) -> Result<Component, PackagesError> {
        open(&self.sandbox, &self.store, name, receipt, &self.packages.folders).await
    }

    /// Reads every kept file of a package again; gives those that are not what they were.
    ///
    /// # Errors
    /// [`PackagesError`].
    pub async fn verify_package(&self, name: &ComponentName) -> Result<Vec<(Receipt, String)>, PackagesError> {
        let package = self.package(name)?;
        let folders = self.packages.folders.clone();
        let verified = in_background(move || {
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
        Ok(verified.await)
    }

    /// What is installed from now on; what runs of the component that has changed ends.
    async fn put_in_force(&self, catalog: Catalog, changed: &ComponentName) {
        let before = {
            let mut now = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *now, catalog.into())
        };
        crash_point::pass("packages in force");
        if let Some(installed) = before.component(changed) {
            installed.end_calls();
        }
        self.processes.stop_of(changed).await;
        channels::changed(self, changed).await;
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

/// What a component is called that has no name and comes from a place without one.
fn unnamed() -> ComponentName {
    ComponentName::parse("package").expect("packages: the literal is a name")
}

/// One grant of an acceptance.
fn given(offer: &Offer, text: &str, by: &str) -> Result<GrantRow, PackagesError> {
    let grant = Grant::parse(text)?;
    if !offer.declared.has_room_for(&grant) {
        let (component, grant) = (offer.name.clone(), grant.to_string());
        return Err(PackagesError::Undeclared { component, grant });
    }
    Ok(GrantRow { grant: grant.to_string(), terms: Terms::default(), by: by.to_owned(), at: now() })
}

/// Does what takes long on a thread where nobody waits for another's turn.
pub async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("packages: what is done in the background does not panic")
}

/// The component of one version, if it is still what was accepted. It shows what was accepted.
///
/// # Errors
/// [`PackagesError::Digest`] for other bytes; [`PackagesError::Described`] if it tells another story now.
pub async fn open(
    sandbox: &Sandbox,
    store: &Store,
    name: &ComponentName,
    receipt: &Receipt,
    folders: &ComponentFolders,
) -> Result<Component, PackagesError> {
    let path = folders.package(&receipt.digest);
    let wasm = sandbox.open_wasm(&path).map_err(|err| PackagesError::File { path, err })?;
    if wasm.digest() != receipt.digest {
        let (name, expected, actual) = (name.clone(), receipt.digest, wasm.digest());
        return Err(PackagesError::Digest { name, expected, actual });
    }
    let component = sandbox.install(name.clone(), wasm).await?;
    let told = match &receipt.described {
        Description::Text(text) => component.as_told(text),
        Description::Digest(digest) if component.had_digest(digest) => {
            // What was accepted by an earlier release; the next start tries again.
            if let Err(err) = store.keep_description(name, receipt.digest, component.told()).await {
                tracing::warn!(%name, error = %err, "what a package said of itself cannot be kept");
            }
            Ok(component)
        }
        Description::Digest(_) => Err(AcceptedError::Changed),
    };
    told.map_err(|err| PackagesError::Described { name: name.clone(), err })
}

fn keep(folder: &Path, path: &Path, wasm: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|bytes| bytes == wasm) {
        return Ok(());
    }
    let mut part = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o400)).tempfile_in(folder)?;
    part.write_all(wasm)?;
    part.as_file().sync_all()?;
    crash_point::pass("package written");
    part.persist(path)?;
    crash_point::pass("package kept");
    fs::File::open(folder)?.sync_all()
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
