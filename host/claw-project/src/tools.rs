//! What builds components, from npm and PyPI, at the versions that the SDKs name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::run;
use crate::{Language, ProjectError};

/// What the SDK for JavaScript is built with. Those of other languages need jco of it.
const NODE_PACKAGES: &str = include_str!("../../../sdk/js/package.json");

/// A folder with the tools of each language, installed when they are first needed.
#[derive(Clone, Debug)]
pub struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// Tools in `folder`.
    pub fn new(folder: PathBuf) -> Tools {
        Tools { folder }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Installs what the SDK at `sdk` is built with, unless it is there.
    ///
    /// # Errors
    /// If npm or PyPI cannot be reached, or the disk is full.
    pub fn install(&self, language: Language, sdk: &Path) -> Result<(), ProjectError> {
        match language {
            Language::Rust => Ok(()),
            Language::JavaScript => self.node(&sdk.join("package.json")),
            Language::Python => self.python(language, &sdk.join("requirements.txt")),
            Language::C | Language::Go => {
                self.python(language, &sdk.join("requirements.txt"))?;
                self.node_by(NODE_PACKAGES)
            }
        }
    }

    /// The Python of a language's tools.
    pub fn python_of(&self, language: Language) -> PathBuf {
        self.folder.join(language.word()).join("bin/python")
    }

    fn node(&self, wanted: &Path) -> Result<(), ProjectError> {
        self.node_by(&fs::read_to_string(wanted).map_err(ProjectError::io("read", wanted))?)
    }

    /// Installs what a `package.json` depends on, unless just that is there.
    fn node_by(&self, wanted: &str) -> Result<(), ProjectError> {
        let folder = self.folder.join("js");
        let kept = folder.join("package.json");
        if folder.join("node_modules/.bin/jco").exists() && fs::read_to_string(&kept).is_ok_and(|it| it == wanted) {
            return Ok(());
        }
        fs::create_dir_all(&folder).map_err(ProjectError::io("make", &folder))?;
        fs::write(&kept, wanted).map_err(ProjectError::io("write", &kept))?;
        let mut install = Command::new("npm");
        install.args(["install", "--no-audit", "--no-fund", "--loglevel", "error", "--prefix"]).arg(&folder);
        let installed = run(&mut install, "Node.js 20 or later");
        // What is half installed must not count as there.
        installed.inspect_err(|_| drop(fs::remove_file(&kept)))
    }

    /// Makes an environment with what a `requirements.txt` names, unless just that is there.
    fn python(&self, language: Language, wanted: &Path) -> Result<(), ProjectError> {
        let folder = self.folder.join(language.word());
        let kept = folder.join("installed.txt");
        let text = fs::read_to_string(wanted).map_err(ProjectError::io("read", wanted))?;
        if fs::read_to_string(&kept).is_ok_and(|it| it == text) {
            return Ok(());
        }
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder), "Python 3.11 or later with `venv`")?;
        let mut install = Command::new(self.python_of(language));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(wanted);
        run(&mut install, "Python 3.11 or later with `pip`")?;
        fs::write(&kept, text).map_err(ProjectError::io("write", kept))
    }
}
