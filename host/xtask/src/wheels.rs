//! What a test needs to install the SDK for Python as its page says, without a network: wheels from PyPI, in
//! `target/tools/wheels`.

use std::fs;

use anyhow::Result;

use crate::languages::{self, Language};
use crate::root;
use crate::step::{quietly, say};

/// What builds the SDK's own package (`sdk/python/pyproject.toml`).
const BUILDS: &str = "setuptools==80.9.0";

/// Fetches those that are not there.
///
/// # Errors
/// If PyPI cannot be reached, or the disk is full.
pub fn fetch() -> Result<()> {
    let (wheels, sdk) = (root().join("target/tools/wheels"), root().join("sdk/python"));
    let needed = format!("{BUILDS}\n{}", fs::read_to_string(sdk.join("requirements.txt"))?);
    let kept = wheels.join("needed.txt");
    if fs::read_to_string(&kept).is_ok_and(|text| text == needed) {
        return Ok(());
    }
    say("fetch the wheels with which the page for Python is tried (once)");
    languages::install(Language::Python)?;
    let _ = fs::remove_dir_all(&wheels);
    fs::create_dir_all(&wheels)?;
    let fetched = root().join("target/tools/wheels.txt");
    fs::write(&fetched, &needed)?;
    let python = root().join("target/tools/python/bin/python");
    let [python, wheels, list] = [&python, &wheels, &fetched].map(|path| path.display().to_string());
    quietly(&python, &["-m", "pip", "download", "--only-binary", ":all:", "--dest", &wheels, "--requirement", &list])?;
    fs::rename(fetched, kept)?;
    Ok(())
}
