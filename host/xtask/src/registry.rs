//! A real registry and the tools of others that speak with it, which tests publish to and install from: Debian's
//! `docker-registry`, `wkg` from crates.io and `oras` from PyPI. And `sigstore` from PyPI, which checks signatures as we do.
//! They lie in `target/tools/registry` and need no root.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::root;
use crate::step::{quietly, say};

const FOLDER: &str = "target/tools/registry";
const WKG: &str = "0.16.1";
const ORAS: &str = "oras==0.2.43";
const SIGSTORE: &str = "sigstore==4.5.1";

/// Installs those that are not there.
///
/// # Errors
/// If one cannot be had from its registry.
pub fn install() -> Result<()> {
    let folder = root().join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{FOLDER}`"))?;
    once(&folder.join("docker-registry"), "fetch docker-registry for the tests", docker_registry)?;
    once(&folder.join("oras"), "install oras for the tests", |making| from_pypi(ORAS, making))?;
    once(&folder.join("sigstore"), "install sigstore for the tests", |making| from_pypi(SIGSTORE, making))?;
    once(&folder.join("wkg"), "build wkg for the tests (the first time takes some minutes)", |making| {
        let built = format!("{FOLDER}/wkg-target");
        let args =
            ["install", "--quiet", "--locked", "--root", making, "--target-dir", &built, "wkg", "--version", WKG];
        quietly("cargo", &args)?;
        Ok(fs::remove_dir_all(root().join(built))?)
    })
}

fn from_pypi(package: &str, making: &str) -> Result<()> {
    quietly("python3", &["-m", "venv", making])?;
    quietly(&format!("{making}/bin/python"), &["-m", "pip", "install", "--quiet", package])
}

/// Makes a folder that counts only once it is whole.
fn once(folder: &Path, what: &str, make: impl FnOnce(&str) -> Result<()>) -> Result<()> {
    let done = folder.join("done");
    if done.exists() {
        return Ok(());
    }
    say(&format!("{what} (once)"));
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    make(folder.to_str().context("the project's path is no text")?)?;
    Ok(fs::write(done, "")?)
}

/// Fetches the package with lists of its own, so that it works without root and without fresh lists, and unpacks it.
fn docker_registry(making: &str) -> Result<()> {
    let script = "cd \"$0\" && mkdir -p lists/partial cache/archives/partial && \
        own=\"-o Dir::State::Lists=$0/lists -o Dir::Cache=$0/cache\" && \
        apt-get $own -qq update && apt-get $own -qq download docker-registry && \
        dpkg -x docker-registry_*.deb . && rm -rf lists cache docker-registry_*.deb";
    quietly("sh", &["-c", script, making]).context("docker-registry is a package of Debian's")
}
