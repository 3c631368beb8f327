//! What builds guests, from npm and PyPI, at the versions that the SDKs name.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::Result;

use super::{Language, text};
use crate::root;

/// How a script for the compiler begins: crates name the target as Rust does, which Zig does not know.
const WITHOUT_TARGET: &str = r#"#!/bin/sh
for arg; do
    shift
    case $arg in --target=*) ;; *) set -- "$@" "$arg" ;; esac
done
"#;

/// Tools in `target/tools`, one folder for each language.
pub struct Tools(claw_project::Tools);

impl Tools {
    pub fn new() -> Tools {
        Tools(claw_project::Tools::new(root().join("target/tools")))
    }

    /// Installs all that builds components in a language. Rust's target is installed by `setup` itself.
    pub fn install(&self, language: Language) -> Result<()> {
        Ok(self.0.install(language, &sdk(language))?)
    }

    /// Installs what the SDK for JavaScript depends on, unless it is there; gives jco.
    pub fn jco(&self) -> Result<PathBuf> {
        Ok(self.0.jco()?)
    }

    /// Installs what a language's SDK names, unless it is there; gives its Python.
    pub fn python(&self, language: Language) -> Result<PathBuf> {
        Ok(self.0.python(language, &sdk(language))?)
    }

    /// Makes Zig's compiler one that Cargo takes for the C in crates: what to set in its environment.
    pub fn c_for_cargo(&self) -> Result<[(&'static str, PathBuf); 2]> {
        let (python, folder) = (self.python(Language::C)?, root().join("target/guests/c"));
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

fn sdk(language: Language) -> PathBuf {
    root().join("sdk").join(language.word())
}
