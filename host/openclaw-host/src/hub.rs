//! Skills of ClawHub: found, looked over, shown to the owner, unpacked and taken back.
//!
//! ```text
//!   clawhub:SLUG ─► prepare: what is said of it, its files, a look from outside ─► SkillOffer ─► the owner
//!   SkillOffer ─► accept: one rename ─► home/clawhub/SLUG/{receipt.json, SLUG/SKILL.md, …} ─► a skill from the next run on
//!   the archives of its versions, in home/clawhub/SLUG/.archives ─► roll back: unpacked, and the same rename
//! ```
//! The files of an offer lie unpacked in a hidden folder beside those that count. A folder without a receipt is no skill.

mod error;
mod folder;
mod offer;
mod programs;
pub mod view;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use claw_core::id::Digest;
use claw_package::{ClawHub, Hit, Mark, SkillRef, Url};
use claw_store::{AuditEntry, AuditKind};
use sha2::{Digest as _, Sha256};

use crate::audit;
use crate::crash_point;
use crate::host::{Host, now};
use crate::legible;
use crate::offers::Offers;
use crate::packages::in_background;
use crate::revocations::{Revocation, Revocations};

pub use self::error::HubError;
pub use self::folder::{Changed, Installed, Receipt};
pub use self::offer::{SkillOffer, look};
use self::programs::Programs;

/// The folder of the home in which they lie.
pub const FOLDER: &str = "clawhub";
/// The secret that holds the owner's token for ClawHub.
const TOKEN: &str = "clawhub/token";
/// Offers that are remembered.
const OFFERS: usize = 4;

/// The skills of ClawHub that are installed, and those that are offered.
pub struct Hub {
    folder: PathBuf,
    base: Url,
    offers: Offers<Arc<SkillOffer>>,
    programs: Programs,
    /// One change of what is installed at a time.
    changing: tokio::sync::Mutex<()>,
}

/// What the owner says to an offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkillAcceptance {
    /// Whether ClawHub's suspicion is no reason against it.
    pub suspicious: bool,
    /// Whether it may take the place of files that were changed here.
    pub overwrite: bool,
    /// Whether it may come from somebody else than the version before.
    pub other_owner: bool,
}

impl Hub {
    /// Makes the folder where there is none, and sweeps it.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(home: &Path, base: Url) -> Result<Hub, HubError> {
        let folder = home.join(FOLDER);
        folder::prepare(&folder).map_err(|err| HubError::File { path: folder.clone(), err })?;
        // Folders of skills come canonical.
        let folder = folder.canonicalize().map_err(|err| HubError::File { path: folder, err })?;
        Ok(Hub {
            folder,
            base,
            offers: Offers::new(OFFERS),
            programs: Programs::default(),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// What is installed, by name; a folder whose receipt cannot be read is none.
    pub fn all(&self) -> Vec<Installed> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut all: Vec<_> = entries.filter_map(|entry| Installed::read(&entry.path()).ok()).collect();
        all.sort_by(|a, b| a.receipt().slug.cmp(&b.receipt().slug));
        all
    }

    fn installed(&self, slug: &str) -> Result<Installed, HubError> {
        Installed::read(&self.folder.join(slug)).map_err(|_| HubError::NotInstalled { slug: slug.to_owned() })
    }

    /// Why the skill in this folder does not count: it has no receipt, or is revoked.
    pub fn refusal(&self, skill: &Path, revocations: &Revocations) -> Option<String> {
        let read = skill.parent().map(Installed::read);
        match read {
            Some(Ok(installed)) if skill.ends_with(format!("{0}/{0}", installed.receipt().slug)) => {
                revoked(installed.receipt(), revocations).map(|why| why.to_string())
            }
            _ => Some("it was not put here by `openclaw-host skill install clawhub:SLUG`".to_owned()),
        }
    }
}

/// Why what is installed must not be used, if it must not.
pub fn revoked(receipt: &Receipt, revocations: &Revocations) -> Option<Revocation> {
    revocations.of(marks(&receipt.slug, &receipt.version, &receipt.archive))
}

/// What a version is revoked by.
fn marks(slug: &str, version: &str, archive: &Digest) -> [Mark; 3] {
    let skill = |version: Option<&str>| Mark::Skill { slug: slug.to_owned(), version: version.map(str::to_owned) };
    [skill(None), skill(Some(version)), Mark::Digest(*archive)]
}

impl Host {
    /// Finds skills by words.
    ///
    /// # Errors
    /// [`HubError`].
    pub async fn search_skills(&self, words: &str, limit: u32) -> Result<Vec<Hit>, HubError> {
        Ok(self.clawhub()?.search(words, limit).await?)
    }

    fn clawhub(&self) -> Result<ClawHub, HubError> {
        let token = self.vault.get(TOKEN)?.map(|secret| secret.expose().to_owned());
        Ok(self.packages.fetcher().clawhub(&self.hub.base, token))
    }

    /// Gets a skill, looks it over, and says what it is. Nothing of it counts yet.
    ///
    /// # Errors
    /// [`HubError`].
    pub async fn prepare_skill(&self, skill: &SkillRef) -> Result<Arc<SkillOffer>, HubError> {
        let offer = Arc::new(offer::make(self, skill).await?);
        self.hub.offers.remember(offer.archive, Arc::clone(&offer));
        Ok(offer)
    }

    /// Installs what was prepared; it is a skill from the next run on.
    ///
    /// # Errors
    /// [`HubError`]; nothing was changed then.
    pub async fn accept_skill(
        &self,
        archive: &Digest,
        acceptance: SkillAcceptance,
        by: &str,
    ) -> Result<Installed, HubError> {
        let _changing = self.hub.changing.lock().await;
        let offer = self.hub.offers.get(archive).ok_or(HubError::NotPrepared)?;
        let slug = offer.slug.clone();
        if let Some(why) = self.revocations.of(marks(&slug, &offer.version, archive)) {
            return Err(HubError::Revoked(why));
        }
        if offer.suspicious.is_some() && !acceptance.suspicious {
            return Err(HubError::Suspicious { slug });
        }
        let before = self.hub.installed(&slug).ok();
        if before.as_ref().is_some_and(|before| before.is_pinned && before.current != *archive) {
            return Err(HubError::Pinned { slug });
        }
        if before.as_ref().is_some_and(|before| before.receipt().owner != offer.owner) && !acceptance.other_owner {
            return Err(HubError::OtherOwner { slug });
        }
        if let Some(before) = before.as_ref().filter(|_| !acceptance.overwrite) {
            self.expect_unchanged(before).await?;
        }
        let receipt = offer.receipt(by, now());
        let installed = match before {
            Some(before) => before.with(receipt),
            None => receipt.into(),
        };
        self.hub.offers.forget(archive);
        crash_point::pass("skill accepted");
        let installed = self.put_skill(installed, offer.staged.path(), by).await?;
        let version = &installed.receipt().version;
        tracing::info!(slug, version, digest = %archive.short(), by, "skill installed");
        Ok(installed)
    }

    /// Goes back to the version before. Files that were changed here are overwritten only if `overwrites` says so.
    ///
    /// # Errors
    /// [`HubError`]; nothing was changed then.
    pub async fn roll_back_skill(&self, slug: &str, overwrites: bool, by: &str) -> Result<Installed, HubError> {
        let _changing = self.hub.changing.lock().await;
        let mut installed = self.hub.installed(slug)?;
        let none = || HubError::NoPrevious { slug: slug.to_owned() };
        let previous = installed.previous().cloned().ok_or_else(none)?;
        if let Some(why) = revoked(&previous, &self.revocations) {
            return Err(HubError::Revoked(why));
        }
        if !overwrites {
            self.expect_unchanged(&installed).await?;
        }
        let path = folder::archive_in(&self.hub.folder.join(slug), &previous.archive);
        let kept = in_background(move || fs::read(&path).map_err(|err| HubError::File { path, err })).await?;
        if Digest(Sha256::digest(&kept).into()) != previous.archive {
            return Err(HubError::Digest { slug: slug.to_owned(), version: previous.version });
        }
        let staged = offer::stage(self, slug, &previous.archive, kept.into(), previous.within).await?;
        installed.current = previous.archive;
        crash_point::pass("skill to go back");
        let installed = self.put_skill(installed, staged.folder.path(), by).await?;
        tracing::info!(slug, version = installed.receipt().version, by, "skill rolled back");
        Ok(installed)
    }

    /// Says whether a skill stays at its version.
    ///
    /// # Errors
    /// [`HubError`]; nothing was changed then.
    pub async fn pin_skill(&self, slug: &str, is_pinned: bool) -> Result<Installed, HubError> {
        let _changing = self.hub.changing.lock().await;
        let installed = Installed { is_pinned, ..self.hub.installed(slug)? };
        let place = self.hub.folder.join(slug);
        folder::note(&installed, &place).map_err(|err| HubError::File { path: place, err })?;
        Ok(installed)
    }

    async fn expect_unchanged(&self, installed: &Installed) -> Result<(), HubError> {
        let (receipt, slug) = (installed.receipt().clone(), installed.receipt().slug.clone());
        let place = self.hub.folder.join(&slug);
        let changed = in_background(move || folder::changed(&place, &receipt)).await;
        match changed.is_empty() {
            true => Ok(()),
            false => Err(HubError::Changed { slug, paths: changed.into_iter().map(|it| it.path).collect() }),
        }
    }

    /// From here on what is staged counts; programs of the version before end.
    async fn put_skill(&self, installed: Installed, staged: &Path, by: &str) -> Result<Installed, HubError> {
        let slug = installed.receipt().slug.clone();
        let (place, staged) = (self.hub.folder.join(&slug), staged.to_owned());
        let put = move || folder::put(&staged, installed, &place).map_err(|err| HubError::File { path: place, err });
        let installed = in_background(put).await?;
        crash_point::pass("skill installed");
        self.hub.end_programs(&slug, &self.processes).await;
        self.note_skill(AuditKind::SkillInstalled, installed.receipt(), by).await;
        Ok(installed)
    }

    /// Removes a skill with all its files, changed or not.
    ///
    /// # Errors
    /// [`HubError`]; nothing was changed then.
    pub async fn remove_skill(&self, slug: &str, by: &str) -> Result<Installed, HubError> {
        let _changing = self.hub.changing.lock().await;
        let installed = self.hub.installed(slug)?;
        let place = self.hub.folder.join(slug);
        folder::remove(&place).map_err(|err| HubError::File { path: place, err })?;
        self.hub.end_programs(slug, &self.processes).await;
        self.note_skill(AuditKind::SkillRemoved, installed.receipt(), by).await;
        tracing::info!(slug, by, "skill removed");
        Ok(installed)
    }

    /// Reads all files and kept archives of a skill again; gives those that are not as they came.
    ///
    /// # Errors
    /// [`HubError::NotInstalled`].
    pub async fn verify_skill(&self, slug: &str) -> Result<Vec<Changed>, HubError> {
        let installed = self.hub.installed(slug)?;
        let place = self.hub.folder.join(slug);
        let look = move || {
            let files = folder::changed(&place, installed.receipt());
            files.into_iter().chain(folder::changed_archives(&place, &installed)).collect()
        };
        Ok(in_background(look).await)
    }

    /// Ends the programs of skills that are revoked.
    pub async fn end_revoked_skills(&self) {
        for installed in self.hub.all() {
            let receipt = installed.receipt();
            if let Some(why) = revoked(receipt, &self.revocations) {
                tracing::warn!(slug = receipt.slug, why = %why, "a skill is off");
                self.hub.end_programs(&receipt.slug, &self.processes).await;
            }
        }
    }

    /// Puts on record what has happened already.
    async fn note_skill(&self, kind: AuditKind, receipt: &Receipt, by: &str) {
        let entry = AuditEntry {
            subject: Some(format!("clawhub:{}@{}", receipt.slug, receipt.version)),
            digest: Some(receipt.archive),
            outcome: Some(format!("from {}", legible::line(&receipt.source))),
            ..AuditEntry::new(kind, by, now())
        };
        audit::note(&self.store, entry).await;
    }
}

/// A skill that is named by an argument of a command.
///
/// # Errors
/// [`HubError::Package`] if the text names none.
pub fn named(text: &str) -> Result<SkillRef, HubError> {
    let unknown = || claw_package::PackageError::Skill { text: text.chars().take(200).collect() };
    Ok(SkillRef::parse(text).ok_or_else(unknown)??)
}

fn is_missing(err: &io::Error) -> bool {
    err.kind() == io::ErrorKind::NotFound
}
