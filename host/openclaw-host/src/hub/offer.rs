//! What an owner sees of a skill before deciding.

use std::sync::Arc;

use claw_core::id::{Digest, Timestamp};
use claw_package::{Bundled, Download, Finding, Listing, PackageError, SkillRef, Text, Verdict, screen, unpack};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::folder::{self, Changed, Installed, Receipt, STAGED};
use super::{HubError, marks};
use crate::host::Host;
use crate::packages::in_background;
use crate::skills::{self, Card, Source};

/// What makes a folder a skill.
const FILE: &str = "SKILL.md";
/// Longer instructions deserve a second thought.
const INSTRUCTION_BYTES: usize = 64 << 10;
/// Longer files of other kinds do.
const FILE_BYTES: usize = 512 << 10;
/// Findings that are shown; who has more need not hide them in a crowd.
const FINDINGS: usize = 40;

/// A skill that was fetched and looked over.
pub struct SkillOffer {
    /// Its name on ClawHub.
    pub slug: String,
    /// Whose it is there.
    pub owner: Option<String>,
    /// Its version.
    pub version: String,
    /// What ClawHub says that it is for.
    pub summary: String,
    /// Where its files came from.
    pub source: String,
    /// SHA-256 of the archive.
    pub archive: Digest,
    /// What its SKILL.md says of itself.
    pub card: Arc<Card>,
    /// Its files: path, bytes, SHA-256.
    pub files: Vec<(String, usize, Digest)>,
    /// Why ClawHub calls it suspicious, if it does.
    pub suspicious: Option<Vec<String>>,
    /// What deserves a second thought.
    pub findings: Vec<Finding>,
    /// What is installed of it, and what was changed there.
    pub known: Option<(Installed, Vec<Changed>)>,
    /// The folder of the archive that is the skill, if it is that of a whole repository.
    pub(super) within: Option<String>,
    /// Where it lies unpacked until somebody accepts it; goes with it.
    pub(super) staged: TempDir,
}

impl SkillOffer {
    /// What is kept of it when it is accepted.
    pub(super) fn receipt(&self, by: &str, at: Timestamp) -> Receipt {
        Receipt {
            slug: self.slug.clone(),
            owner: self.owner.clone(),
            version: self.version.clone(),
            source: self.source.clone(),
            archive: self.archive,
            within: self.within.clone(),
            files: self.files.iter().map(|(path, _, digest)| (path.clone(), *digest)).collect(),
            by: by.to_owned(),
            at,
        }
    }
}

/// Makes an offer of a skill: asks what is said of it, and looks at its files.
pub(super) async fn make(host: &Host, skill: &SkillRef) -> Result<SkillOffer, HubError> {
    let clawhub = host.clawhub()?;
    let listing = clawhub.listing(skill).await.map_err(login)?;
    let Listing { slug, owner, summary, latest, is_malware, is_suspicious, reasons } = listing;
    let version = skill.version.clone().or(latest).ok_or_else(|| HubError::NoVersion { slug: slug.clone() })?;
    if is_malware {
        return Err(HubError::Blocked { slug, reasons: reasons.join("; ") });
    }
    // The name may have changed, and another owner may have one of the same: from here on it is this one.
    let asked_of = owner.clone().or_else(|| skill.owner.clone());
    let asked = SkillRef { slug: slug.clone(), owner: asked_of, version: Some(version.clone()) };
    let mut findings = Vec::new();
    let suspicious = match clawhub.verdict(&asked, &version).await.map_err(login)? {
        Verdict::Fail(reasons) => return Err(HubError::Blocked { slug, reasons: reasons.join("; ") }),
        Verdict::Suspicious(more) => Some([reasons, more].concat()),
        Verdict::Pass => is_suspicious.then_some(reasons),
        Verdict::Unknown => {
            findings.push(finding("verdict", "nobody has said whether it was scanned for harm".to_owned()));
            is_suspicious.then_some(reasons)
        }
    };
    let Download { archive: bytes, within, from } = clawhub.download(&asked, &version).await.map_err(login)?;
    let archive = Digest(Sha256::digest(&bytes).into());
    if let Some(why) = host.revocations.of(marks(&slug, &version, &archive)) {
        return Err(HubError::Revoked(why));
    }
    let source = from.unwrap_or_else(|| host.hub.base.to_string());
    let staged = stage(host, &slug, &archive, bytes, within.clone()).await?;
    let card = card(host, &staged.text).await?;
    let name = card.name.clone().unwrap_or_else(|| slug.clone());
    findings.extend(name_taken(host, &name).await);
    findings.extend(staged.findings);
    let known = known(host, &slug).await;
    let Staged { folder: staged, files, .. } = Staged { findings: Vec::new(), ..staged };
    Ok(SkillOffer {
        slug,
        owner,
        version,
        summary,
        source,
        archive,
        card,
        files,
        suspicious,
        findings,
        known,
        within,
        staged,
    })
}

/// What lies unpacked, and what was seen of it.
pub(super) struct Staged {
    pub(super) folder: TempDir,
    /// Of the SKILL.md.
    text: String,
    files: Vec<(String, usize, Digest)>,
    findings: Vec<Finding>,
}

/// Unpacks an archive beside what is installed, and keeps it there.
pub(super) async fn stage(
    host: &Host,
    slug: &str,
    archive: &Digest,
    bytes: bytes::Bytes,
    within: Option<String>,
) -> Result<Staged, HubError> {
    let (parent, slug, archive) = (host.hub.folder.clone(), slug.to_owned(), *archive);
    let unpacked = move || {
        let files = unpack(&bytes, within.as_deref())?;
        let skill = files.iter().find(|file| file.path == FILE);
        let skill = skill.ok_or_else(|| HubError::NoSkill(format!("it has no `{FILE}` at its top")))?;
        let text = skill.text.clone();
        let failed = |err| HubError::File { path: parent.clone(), err };
        let folder = tempfile::Builder::new().prefix(STAGED).tempdir_in(&parent).map_err(failed)?;
        folder::unpack(&folder.path().join(&slug), &files).map_err(failed)?;
        folder::keep_archive(folder.path(), &archive, &bytes).map_err(failed)?;
        let findings = look(&files);
        let of = |file: &Bundled| (file.path.clone(), file.text.len(), Digest(Sha256::digest(&file.text).into()));
        Ok(Staged { folder, text, files: files.iter().map(of).collect(), findings })
    };
    in_background(unpacked).await
}

/// What deserves a second thought in the files of a skill.
pub fn look(files: &[Bundled]) -> Vec<Finding> {
    let text = |file: &Bundled| Text {
        place: format!("its file `{}`", file.path),
        text: file.text.clone(),
        limit: if file.path.ends_with(".md") { INSTRUCTION_BYTES } else { FILE_BYTES },
    };
    let texts: Vec<_> = files.iter().map(text).collect();
    let all: String = files.iter().flat_map(|file| [file.text.as_str(), "\n"]).collect();
    let mut findings = screen(&texts, all.as_bytes());
    let more = findings.len().saturating_sub(FINDINGS);
    findings.truncate(FINDINGS);
    if more > 0 {
        findings.push(finding("more", format!("{more} more things of these kinds")));
    }
    findings
}

async fn card(host: &Host, text: &str) -> Result<Arc<Card>, HubError> {
    skills::read_card(host, text).await.map_err(|why| HubError::NoSkill(format!("its `{FILE}`: {why}")))
}

/// A skill of this name that counts before it, or that a stranger's would pass for.
async fn name_taken(host: &Host, name: &str) -> Option<Finding> {
    let skills = &host.agents.main().skills;
    let shelf = skills.shelf(host).await;
    let other = shelf.find(name).filter(|other| other.source != Source::ClawHub)?;
    let place = skills.place(&other.folder);
    Some(finding("name", format!("there is a skill `{}` in {place} already, which counts before it", other.name)))
}

async fn known(host: &Host, slug: &str) -> Option<(Installed, Vec<Changed>)> {
    let place = host.hub.folder.join(slug);
    let look = move || {
        let installed = Installed::read(&place).ok()?;
        let changed = folder::changed(&place, installed.receipt());
        Some((installed, changed))
    };
    in_background(look).await
}

fn finding(kind: &'static str, what: String) -> Finding {
    Finding { kind, what }
}

/// Who is not let in may lack a token.
fn login(err: PackageError) -> HubError {
    match err {
        PackageError::Hub { status: 401, .. } => HubError::Login { text: err.to_string() },
        err => err.into(),
    }
}
