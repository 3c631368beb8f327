//! What builds guests, from npm and PyPI, at the versions that the SDKs name.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::Result;

use super::{read, text};
use crate::root;
use crate::step::quietly;

/// How a script for the compiler begins: crates name the target as Rust does, which Zig does not know.
const WITHOUT_TARGET: &str = r#"#!/bin/sh
for arg; do
    shift
    case $arg in --target=*) ;; *) set -- "$@" "$arg" ;; esac
done
"#;

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

    /// Makes Zig's compiler one that Cargo takes for the C in crates: what to set in its environment.
    pub fn c_for_cargo(&self) -> Result<[(&'static str, PathBuf); 2]> {
        let (python, folder) = (self.python("c")?, root().join("target/guests/c"));
        let run = format!("\"{}\" -m ziglang", text(&python)?);
        std::fs::create_dir_all(&folder)?;
        let make = |name: &str, script: String| {
            let file = folder.join(name);
            // What is there already may be running.
            if std::fs::read_to_string(&file).ok().as_deref() != Some(&script) {
                std::fs::write(&file, script)?;
                std::fs::set_permissions(&file, Permissions::from_mode(0o755))?;
            }
            anyhow::Ok(file)
        };
        let compiler = make("cc", format!("{WITHOUT_TARGET}exec {run} cc --target=wasm32-wasi \"$@\"\n"))?;
        let archiver = make("ar", format!("#!/bin/sh\nexec {run} ar \"$@\"\n"))?;
        Ok([("CC_wasm32_wasip2", compiler), ("AR_wasm32_wasip2", archiver)])
    }
}
