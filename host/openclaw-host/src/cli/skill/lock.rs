//! `skill lock|restore`: what is installed as a file, and the same again elsewhere.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::show::items;
use crate::cli::output::word;
use crate::cli::{Exit, Failure, Output};
use crate::client::Client;

/// The form of the file; another one gets another number.
const VERSION: u32 = 1;

/// What is installed, with the digests of exactly these bytes.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Lock {
    version: u32,
    packages: Vec<Locked>,
}

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Locked {
    name: String,
    version: String,
    source: String,
    digest: String,
    /// The publisher, if it is signed: a minisign key, `sigstore:NAME via ISSUER` or `sigstore-key:BASE64`.
    key: Option<String>,
    grants: Vec<String>,
}

pub(super) async fn lock(client: &mut Client, output: &Output) -> Result<Exit, Failure> {
    let list = client.call("packages.list", json!({})).await?;
    let locked = |it: &Value| Locked {
        name: word(&it["name"]),
        version: word(&it["version"]),
        source: word(&it["source"]),
        digest: word(&it["digest"]),
        key: it["key"].as_str().map(str::to_owned),
        // What holds for a time or a number of uses is not for another host to begin anew.
        grants: items(&it["given"]).filter(|given| given["terms"] == json!({})).map(|it| word(&it["grant"])).collect(),
    };
    let lock = Lock { version: VERSION, packages: items(&list["packages"]).map(locked).collect() };
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
    if lock.version != VERSION {
        return Err(Failure::message(Exit::Usage, format!("the file has version {}, not {VERSION}", lock.version)));
    }
    if !yes {
        let named = lock.packages.iter().map(|it| format!("  {} {}: {}\n", it.name, it.version, it.grants.join("; ")));
        let message = format!("this would install, with these grants:\n{}", named.collect::<String>());
        return Err(Failure::message(Exit::Usage, message).hint("`--yes` does it"));
    }
    let mut restored = Vec::new();
    for package in lock.packages {
        // Of several who have signed, the one in the file is meant.
        let offer = super::offer(client, json!({ "source": package.source, "key": package.key })).await?;
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
        restored.push(package.name);
    }
    output.data(&json!({ "restored": restored }), |_| format!("{} packages are installed", restored.len()))?;
    Ok(Exit::Ok)
}
