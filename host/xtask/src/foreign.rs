//! Skills of others, which tests read as their authors wrote them: those that come with OpenClaw, of today and of its
//! first months. They are fetched with npm into `target`, at pinned versions, and never become part of this project.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha512};

use crate::root;
use crate::step::{quietly, say};

/// A package, and the SHA-512 that npm's registry names for it.
const PACKAGES: [(&str, &str); 2] = [
    ("2026.9.6", "Ie0kyQSCVfFqixsgVg39vevUDq01Ch5u3+7Yu5Y3qARczmdAe+lzp8bVnO9925rHiW/+CFp70zfORCyPmCH31g=="),
    ("2026.1.30", "oHpsfvxCTDnRWcaG7M5cP4iLJQ0WnpTqN+3d+VbD/auMLi7mmXAOESVOLab0m457CKwvOxIYYsAlrOfqtzp5Lg=="),
];
/// Where skills lie in them.
const FOLDERS: [&str; 4] =
    ["package/skills", "package/custodian-skills", "package/dist/extensions/*/skills", "package/extensions/*/skills"];

/// Fetches those that are not there.
///
/// # Errors
/// If one cannot be had, or is not what it was.
pub fn fetch() -> Result<()> {
    for (version, digest) in PACKAGES {
        let target = root().join("target/openclaw-skills").join(version);
        if target.exists() {
            continue;
        }
        say(&format!("fetch the skills of OpenClaw {version} for the tests (once)"));
        let making = target.with_extension("making");
        let _ = fs::remove_dir_all(&making);
        fs::create_dir_all(&making)?;
        unpack(version, digest, &making)?;
        fs::rename(&making, &target)?;
    }
    Ok(())
}

fn unpack(version: &str, digest: &str, into: &Path) -> Result<()> {
    let folder = into.to_str().context("the project's path is no text")?;
    let package = format!("openclaw@{version}");
    quietly("npm", &["pack", &package, "--pack-destination", folder])
        .with_context(|| format!("`{package}` cannot be fetched; on Debian, npm comes with `apt-get install npm`"))?;
    let archive = into.join(format!("openclaw-{version}.tgz"));
    let found = STANDARD.encode(Sha512::digest(fs::read(&archive)?));
    if found != digest {
        bail!("`{package}` is not the one that the tests know: its SHA-512 is {found}");
    }
    let patterns = FOLDERS.map(|folder| format!("{folder}/*"));
    let listed = crate::step::output("tar", &["--list", "--file", &archive.display().to_string()])?;
    let has = |folder: &&str| listed.lines().any(|line| line.starts_with(folder.split('*').next().unwrap_or(folder)));
    let wanted = FOLDERS.iter().zip(&patterns).filter(|(folder, _)| has(folder)).map(|(_, pattern)| pattern.as_str());
    let archive_name = archive.display().to_string();
    let args = ["--extract", "--wildcards", "--no-same-owner", "--file", &archive_name, "--directory", folder];
    quietly("tar", &args.into_iter().chain(wanted).collect::<Vec<_>>())?;
    fs::remove_file(&archive)?;
    Ok(())
}
