//! Putting revocations in force: what is revoked goes off at once, and comes back when that is taken back.

use std::sync::Arc;
use std::time::Duration;

use claw_core::id::{ComponentName, Digest};
use claw_package::Mark;
use claw_policy::Trust;
use claw_store::{AuditEntry, AuditKind, Package};
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::{PackagesError, open};
use crate::audit;
use crate::catalog::{Catalog, Installed};
use crate::host::{Host, now};
use crate::revocations::{CODE, Revocation, Taken};

/// How often a list is fetched.
const FETCH_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// How soon again if that failed.
const FETCH_AGAIN: Duration = Duration::from_secs(60 * 60);

impl Host {
    /// Revokes something by its owner's word: a digest, a key, a skill of ClawHub, or what is installed under a name.
    /// Whatever of it runs here ends; gives what was revoked.
    ///
    /// # Errors
    /// [`PackagesError`]; nothing was changed then.
    pub async fn revoke(&self, what: &str, reason: &str, by: &str) -> Result<Mark, PackagesError> {
        let what = self.mark(what)?;
        self.revocations.add(what.clone(), reason, by, now())?;
        self.enforce_revocations().await;
        self.note(AuditKind::RevocationAdded, by, &what, Some(reason)).await;
        tracing::info!(%what, by, "revoked");
        Ok(what)
    }

    /// Takes a revocation of the owner's back; gives what was taken back, and why it stays revoked all the same if a
    /// list says so.
    ///
    /// # Errors
    /// [`PackagesError`]; nothing was changed then.
    pub async fn unrevoke(&self, what: &str, by: &str) -> Result<(Mark, Option<Revocation>), PackagesError> {
        let what = self.mark(what)?;
        if !self.revocations.remove(&what)? {
            return Err(PackagesError::NotRevoked { what });
        }
        self.enforce_revocations().await;
        self.note(AuditKind::RevocationRemoved, by, &what, None).await;
        tracing::info!(%what, by, "a revocation was taken back");
        let still = self.revocations.of([what.clone()]);
        Ok((what, still))
    }

    /// Fetches the list of revocations that the configuration names, and puts it in force.
    ///
    /// # Errors
    /// [`PackagesError`]; what was kept stays in force.
    pub async fn fetch_revocations(&self) -> Result<Taken, PackagesError> {
        let taken = self.revocations.fetch(&self.packages.fetcher, now()).await?;
        if let Taken::New { serial, entries } = taken {
            self.enforce_revocations().await;
            let entry = AuditEntry {
                subject: self.revocations.feed().map(|feed| feed.url),
                outcome: Some(format!("serial {serial}, {entries} entries")),
                ..AuditEntry::new(AuditKind::RevocationList, audit::HOST, now())
            };
            audit::note(&self.store, entry).await;
            tracing::info!(serial, entries, "a list of revocations is in force");
        }
        Ok(taken)
    }

    /// Fetches the list now and every day, until the host stops. Does nothing if none is configured.
    pub async fn follow_revocations(self: Arc<Self>, stop: CancellationToken) {
        while self.revocations.feed().is_some() {
            let wait = match self.fetch_revocations().await {
                Ok(_) => FETCH_EVERY,
                Err(err) => {
                    let err: &dyn std::error::Error = &err;
                    tracing::warn!(error = err, "the list of revocations cannot be fetched; what is kept counts");
                    FETCH_AGAIN
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    fn mark(&self, what: &str) -> Result<Mark, PackagesError> {
        let unknown = match Mark::parse(what) {
            Ok(mark) => return Ok(mark),
            Err(err) => err,
        };
        let Ok(name) = ComponentName::parse(what) else { return Err(unknown.into()) };
        if let Some(package) = self.store.package(&name)? {
            return Ok(Mark::Digest(package.current));
        }
        match self.catalog().component(&name) {
            Some(installed) if is_strangers(installed) => Ok(Mark::Digest(installed.component.digest)),
            _ => Err(unknown.into()),
        }
    }

    /// Turns off what is revoked and runs, and turns on again what was off for that alone.
    async fn enforce_revocations(&self) {
        self.end_revoked_skills().await;
        let _changing = self.packages.changing.lock().await;
        let packages = match self.store.packages() {
            Ok(packages) => packages,
            Err(err) => return tracing::error!(error = %err, "the packages cannot be read to turn off what is revoked"),
        };
        let before = self.catalog();
        let mut catalog = Catalog::clone(&before);
        let mut ended = Vec::new();
        for installed in before.components().filter(|installed| is_strangers(installed)) {
            let (name, digest) = (&installed.component.name, installed.component.digest);
            let package = packages.iter().find(|package| package.name == *name);
            if let Some(why) =
                self.revocations.of_component(&digest, package.and_then(|it| it.receipt().key.as_deref()))
            {
                catalog = catalog.refusing(name, why.to_string());
                ended.push((Arc::clone(installed), why));
            }
        }
        let mut back = Vec::new();
        for (name, _) in before.refused().iter().filter(|(_, why)| why.starts_with(CODE)) {
            let package = packages.iter().find(|package| package.name.as_str() == name);
            if let Some((with, digest)) = self.turned_on(&catalog, name, package).await {
                catalog = with;
                back.push((name.clone(), digest));
            }
        }
        if ended.is_empty() && back.is_empty() {
            return;
        }
        *self.catalog.write().unwrap_or_else(std::sync::PoisonError::into_inner) = catalog.into();
        ended.iter().for_each(|(installed, _)| installed.end_calls());
        join_all(ended.iter().map(|(installed, _)| self.processes.stop_of(&installed.component.name))).await;
        for (installed, why) in &ended {
            self.note_off(installed, why).await;
        }
        for (name, digest) in &back {
            let entry = AuditEntry {
                component: ComponentName::parse(name).ok(),
                digest: Some(*digest),
                outcome: Some("it is not revoked any more".to_owned()),
                ..AuditEntry::new(AuditKind::ComponentInstalled, audit::HOST, now())
            };
            audit::note(&self.store, entry).await;
        }
    }

    /// The catalog with something that is off, if nothing speaks against it any more.
    async fn turned_on(&self, catalog: &Catalog, name: &str, package: Option<&Package>) -> Option<(Catalog, Digest)> {
        let (settings, folders) = (&self.packages.settings, &self.packages.folders);
        let Some(package) = package else {
            let path = folders.local.join(format!("{name}.wasm"));
            let with = catalog.with_local(&self.sandbox, &self.store, settings, &self.revocations, &path).await.ok()?;
            let digest = with.component(&ComponentName::parse(name).ok()?)?.component.digest;
            return Some((with, digest));
        };
        let receipt = package.receipt();
        if self.revocations.of_component(&receipt.digest, receipt.key.as_deref()).is_some() {
            return None;
        }
        let component = open(&self.sandbox, &self.store, &package.name, receipt, folders).await.ok()?;
        let grants = self.store.grants(&package.name, &receipt.digest).ok()?;
        let with = catalog.with_package(component, &receipt.publisher(), grants, settings).ok()?;
        Some((with, receipt.digest))
    }

    async fn note_off(&self, installed: &Installed, why: &Revocation) {
        let component = &installed.component;
        tracing::warn!(component = %component.name, why = %why, "a component was turned off");
        let entry = AuditEntry {
            component: Some(component.name.clone()),
            digest: Some(component.digest),
            code: Some(CODE.to_owned()),
            outcome: Some(why.to_string()),
            ..AuditEntry::new(AuditKind::ComponentRefused, audit::HOST, now())
        };
        audit::note(&self.store, entry).await;
    }

    async fn note(&self, kind: AuditKind, by: &str, what: &Mark, reason: Option<&str>) {
        let outcome = reason.filter(|reason| !reason.is_empty()).map(str::to_owned);
        let entry = AuditEntry { subject: Some(what.to_string()), outcome, ..AuditEntry::new(kind, by, now()) };
        audit::note(&self.store, entry).await;
    }
}

fn is_strangers(installed: &Installed) -> bool {
    installed.subject().trust == Trust::Untrusted
}
