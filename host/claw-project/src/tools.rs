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
            Language::JavaScript => {
                let wanted = sdk.join("package.json");
                self.node(&fs::read_to_string(&wanted).map_err(ProjectError::io("read", wanted))?)
            }
            Language::Python => self.python(language, sdk).map(drop),
            Language::C | Language::Go => {
                self.python(language, sdk)?;
                self.jco().map(drop)
            }
        }
    }

    /// Installs jco, which makes components of core modules, unless it is there; gives its program.
    ///
    /// # Errors
    /// As [`install`](Tools::install).
    pub fn jco(&self) -> Result<PathBuf, ProjectError> {
        self.node(NODE_PACKAGES)?;
        Ok(self.folder.join("js/node_modules/.bin/jco"))
    }

    /// The Python of a language's tools.
    pub fn python_of(&self, language: Language) -> PathBuf {
        self.folder.join(language.word()).join("bin/python")
    }

    /// Installs what a `package.json` depends on, unless just that is there.
    fn node(&self, wanted: &str) -> Result<(), ProjectError> {
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

    /// Makes an environment with what the `requirements.txt` of the SDK at `sdk` names, unless just that is there; gives
    /// its Python.
    ///
    /// # Errors
    /// As [`install`](Tools::install).
    pub fn python(&self, language: Language, sdk: &Path) -> Result<PathBuf, ProjectError> {
        let (folder, wanted) = (self.folder.join(language.word()), sdk.join("requirements.txt"));
        let (kept, python) = (folder.join("installed.txt"), self.python_of(language));
        let text = fs::read_to_string(&wanted).map_err(ProjectError::io("read", &wanted))?;
        if fs::read_to_string(&kept).is_ok_and(|it| it == text) {
            return Ok(python);
        }
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder), "Python 3.11 or later with `venv`")?;
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(wanted);
        run(&mut install, "Python 3.11 or later with `pip`")?;
        fs::write(&kept, text).map_err(ProjectError::io("write", kept))?;
        Ok(python)
    }
}
