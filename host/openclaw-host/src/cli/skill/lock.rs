//! `skill lock|restore`: what is installed as a file, and the same again elsewhere.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::show::items;
use crate::cli::output::word;
use crate::cli::{Exit, Failure, Output};
use crate::client::Client;

/// The form of the file; another one gets another number. The first one had no manifests and no skills, the second no pins.
const VERSION: u32 = 3;

/// What is installed, with the digests of exactly these bytes.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Lock {
    version: u32,
    packages: Vec<Locked>,
    /// Skills of ClawHub.
    #[serde(default)]
    skills: Vec<LockedSkill>,
}

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct LockedSkill {
    slug: String,
    owner: Option<String>,
    version: String,
    /// SHA-256 of its archive.
    archive: String,
    #[serde(default)]
    pinned: bool,
}

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Locked {
    name: String,
    version: String,
    source: String,
    /// SHA-256 of its manifest there, if that is a registry: what it has stays, even when its tag goes on to another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    digest: String,
    /// The publisher, if it is signed: a minisign key, `sigstore:NAME via ISSUER` or `sigstore-key:BASE64`.
    key: Option<String>,
    grants: Vec<String>,
    #[serde(default)]
    pinned: bool,
}

pub(super) async fn lock(client: &mut Client, output: &Output) -> Result<Exit, Failure> {
    let list = client.call("packages.list", json!({})).await?;
    let locked = |it: &Value| Locked {
        name: word(&it["name"]),
        version: word(&it["version"]),
        source: word(&it["source"]),
        manifest: it["manifest"].as_str().map(str::to_owned),
        digest: word(&it["digest"]),
        key: it["key"].as_str().map(str::to_owned),
        // What holds for a time or a number of uses is not for another host to begin anew.
        grants: items(&it["given"]).filter(|given| given["terms"] == json!({})).map(|it| word(&it["grant"])).collect(),
        pinned: it["isPinned"] == true,
    };
    let skill = |it: &Value| LockedSkill {
        slug: word(&it["slug"]),
        owner: it["owner"].as_str().map(str::to_owned),
        version: word(&it["version"]),
        archive: word(&it["archive"]),
        pinned: it["isPinned"] == true,
    };
    let skills = client.call("hub.list", json!({})).await?;
    let (packages, skills) = (items(&list["packages"]).map(locked), items(&skills["skills"]).map(skill));
    let lock = Lock { version: VERSION, packages: packages.collect(), skills: skills.collect() };
    let data = serde_json::to_value(lock).expect("lock: plain words always serialize");
    output.data(&data, |data| format!("{data:#}\n"))?;
    Ok(Exit::Ok)
}

/// Installs exactly what a file names: other bytes, or those of another publisher, are not taken.
pub(super) async fn restore(client: &mut Client, file: &Path, yes: bool, output: &Output) -> Result<Exit, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|err| anyhow::Error::new(err).context(format!("cannot read `{}`", file.display())));
    let lock = text.and_then(|text| Ok(serde_json::from_str::<Lock>(&text)?));
    let lock = lock.map_err(|err| Failure::new(Exit::Usage, err.context("this is no file of `skill lock`")))?;
    if !(1..=VERSION).contains(&lock.version) {
        let message = format!("the file has version {}, and this program reads up to {VERSION}", lock.version);
        return Err(Failure::message(Exit::Usage, message));
    }
    if !yes {
        let named = lock.packages.iter().map(|it| format!("  {} {}: {}\n", it.name, it.version, it.grants.join("; ")));
        let skills = lock.skills.iter().map(|it| format!("  {}\n", it.name()));
        let message = format!("this would install, with these grants:\n{}", named.chain(skills).collect::<String>());
        return Err(Failure::message(Exit::Usage, message).hint("`--yes` does it"));
    }
    let mut restored = Vec::new();
    for package in lock.packages {
        // Of several who have signed, the one in the file is meant.
        let offer = super::offer(
            client,
            json!({
                "source": package.source, "key": package.key, "manifest": package.manifest,
            }),
        )
        .await?;
        let is = |code: &str, what: &str| {
            let message = format!("{code}: `{}` has another {what} than the file says", package.name);
            Failure::message(Exit::Failed, message).hint(format!("it comes from `{}`", package.source))
        };
        if offer["digest"] != package.digest {
            return Err(is("E_PKG_DIGEST", "digest"));
        }
        if offer["signed"]["key"].as_str() != package.key.as_deref() {
            return Err(is("E_PKG_SIG", "publisher"));
        }
        let params = json!({ "digest": package.digest, "grants": package.grants });
        client.call("packages.install", params).await?;
        pin(client, &package.name, package.pinned).await?;
        restored.push(package.name);
    }
    for skill in lock.skills {
        restored.push(restore_skill(client, &skill).await?);
    }
    output.data(&json!({ "restored": restored }), |_| format!("{} packages are installed", restored.len()))?;
    Ok(Exit::Ok)
}

/// Installs exactly the skill of ClawHub that a file names. What ClawHub warns of by now is not taken.
async fn restore_skill(client: &mut Client, skill: &LockedSkill) -> Result<String, Failure> {
    let name = skill.name();
    let offer = super::hub::prepare(client, &name).await?;
    if offer["archive"] != skill.archive {
        let message = format!("E_PKG_DIGEST: `{name}` has another archive than the file says");
        return Err(Failure::message(Exit::Failed, message).hint(format!("it comes from `{}`", word(&offer["source"]))));
    }
    client.call("hub.install", json!({ "archive": skill.archive })).await?;
    pin(client, &format!("clawhub:{}", skill.slug), skill.pinned).await?;
    Ok(name)
}

/// What was free to change when the file was written stays as it is here.
async fn pin(client: &mut Client, name: &str, is_pinned: bool) -> Result<(), Failure> {
    if is_pinned {
        super::of(client, "pin", name).await?;
    }
    Ok(())
}

impl LockedSkill {
    /// As commands name it.
    fn name(&self) -> String {
        let LockedSkill { slug, owner, version, .. } = self;
        let owner = owner.as_ref().map_or_else(String::new, |owner| format!("{owner}/"));
        format!("clawhub:{owner}{slug}@{version}")
    }
}
