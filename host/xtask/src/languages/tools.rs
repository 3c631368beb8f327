//! What builds guests, from npm and PyPI, at the versions that the SDKs name.

use std::path::PathBuf;

use anyhow::Result;

use super::{read, text};
use crate::root;
use crate::step::quietly;

/// Tools in `target/tools`, one folder for each language.
pub struct Tools {
    folder: PathBuf,
}

impl Tools {
    pub fn new() -> Tools {
        Tools { folder: root().join("target/tools") }
    }

    /// Installs what the SDK for JavaScript depends on, unless these versions are there; gives jco.
    pub fn jco(&self) -> Result<PathBuf> {
        let (folder, wanted) = (self.folder.join("js"), root().join("sdk/js/package.json"));
        let (jco, kept) = (folder.join("node_modules/.bin/jco"), folder.join("package.json"));
        let same = std::fs::read_to_string(&kept).is_ok_and(|known| read(&wanted).is_ok_and(|it| it == known));
        if !(same && jco.exists()) {
            std::fs::create_dir_all(&folder)?;
            std::fs::copy(&wanted, &kept)?;
            let installed = quietly("npm", &["install", "--no-audit", "--no-fund", "--prefix", text(&folder)?]);
            // What is half installed must not count as there.
            installed.inspect_err(|_| drop(std::fs::remove_file(&kept)))?;
        }
        Ok(jco)
    }

    /// Installs what an SDK's `requirements.txt` names into an environment of its own; gives its Python.
    pub fn python(&self, language: &str) -> Result<PathBuf> {
        let (folder, wanted) = (self.folder.join(language), root().join("sdk").join(language).join("requirements.txt"));
        let (python, kept) = (folder.join("bin/python"), folder.join("installed.txt"));
        let wanted_text = read(&wanted)?;
        if std::fs::read_to_string(&kept).ok().as_deref() != Some(&wanted_text) {
            quietly("python3", &["-m", "venv", text(&folder)?])?;
            quietly(text(&python)?, &["-m", "pip", "install", "--quiet", "-r", text(&wanted)?])?;
            std::fs::write(kept, wanted_text)?;
        }
        Ok(python)
    }
}
