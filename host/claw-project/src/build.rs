//! From sources to a component.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::project::c_sources;
use crate::template::SDK_FOLDER;
use crate::{Language, Project, ProjectError, Tools};

/// What Rust's components are built for.
const TARGET: &str = "wasm32-wasip2";

/// What runs JavaScript in a component.
const ENGINES: [&str; 2] = ["qjs", "starlingmonkey"];

/// How much a build does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Small and fast, to be given away.
    #[default]
    Release,
    /// Soon there, to be tried. The same as [`Profile::Release`] in languages that have no two.
    Dev,
}

impl Project {
    /// Builds the component, whose file is [`component`](Project::component). What compilers say goes to standard error.
    ///
    /// # Errors
    /// [`ProjectError::Failed`] if it does not compile; [`ProjectError::Missing`] if a tool cannot be installed.
    pub fn build(&self, tools: &Tools, profile: Profile) -> Result<PathBuf, ProjectError> {
        let component = self.component();
        let folder = self.folder.join("build");
        fs::create_dir_all(&folder).map_err(ProjectError::io("make", folder))?;
        let sdk = self.sdk();
        tools.install(self.language, &sdk)?;
        match self.language {
            Language::Rust => self.cargo(profile)?,
            Language::JavaScript => {
                let mut node = Command::new("node");
                node.arg(sdk.join("build.js")).arg("build").arg(self.source()?).args(self.engine()?);
                self.by(tools, &mut node, "Node.js 20 or later")?;
            }
            Language::Python => {
                let mut python = Command::new(self.python(tools));
                // -B: no compiled files beside the sources.
                python.args(["-B", "-m", "openclaw_sdk.build", "build"]).arg(self.source()?).env("PYTHONPATH", &sdk);
                self.by(tools, &mut python, "Python 3.11 or later")?;
            }
            Language::C => {
                let script = sdk.join("build.sh");
                self.by(tools, Command::new(script).args(c_sources(&self.folder)?), "a shell")?;
            }
            Language::Go => self.by(tools, Command::new(sdk.join("build.sh")).arg(self.source()?), "a shell")?,
        }
        Ok(component)
    }

    fn sdk(&self) -> PathBuf {
        self.folder.join(SDK_FOLDER).join("sdk").join(self.language.word())
    }

    /// The engine that the project has chosen, as arguments of the SDK's builder, which knows what there is.
    fn engine(&self) -> Result<Vec<String>, ProjectError> {
        let path = self.folder.join("package.json");
        let text = fs::read_to_string(&path).map_err(ProjectError::io("read", &path))?;
        let unclear = |what: &str| ProjectError::Unclear { path: path.clone(), what: what.to_owned() };
        let package: Value = serde_json::from_str(&text).map_err(|err| unclear(&format!("is no JSON: {err}")))?;
        match &package["openclaw"]["engine"] {
            Value::Null => Ok(Vec::new()),
            Value::String(engine) if ENGINES.contains(&engine.as_str()) => Ok(vec![format!("--engine={engine}")]),
            _ => Err(unclear(&format!("has an `openclaw.engine` that is none of {}", ENGINES.join(", ")))),
        }
    }

    /// The interpreter of the project's own environment, if it has one: its packages are built in.
    fn python(&self, tools: &Tools) -> PathBuf {
        let own = self.folder.join(".venv/bin/python");
        if own.exists() { own } else { tools.python_of(Language::Python) }
    }

    /// Runs the builder of an SDK.
    fn by(&self, tools: &Tools, command: &mut Command, what: &'static str) -> Result<(), ProjectError> {
        let command = command.arg("-o").arg(self.component()).current_dir(&self.folder);
        run(command.env("OPENCLAW_TOOLS", tools.folder()), what)
    }

    fn cargo(&self, profile: Profile) -> Result<(), ProjectError> {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--target", TARGET, "--message-format=json-render-diagnostics"]);
        if profile == Profile::Release {
            cargo.arg("--release");
        }
        let said = cargo.current_dir(&self.folder).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let said = said.map_err(missing("cargo", "Rust with rustup, and `rustup target add wasm32-wasip2`"))?;
        if !said.status.success() {
            return Err(ProjectError::Failed("`cargo build`".to_owned()));
        }
        let built = artifact(&String::from_utf8_lossy(&said.stdout), &self.folder).ok_or_else(|| {
            let what = "builds no component: it needs `[lib]` with `crate-type = [\"cdylib\"]`".to_owned();
            ProjectError::Unclear { path: self.folder.join("Cargo.toml"), what }
        })?;
        fs::copy(&built, self.component()).map_err(ProjectError::io("copy", built))?;
        Ok(())
    }
}

/// The component among what cargo says that it has built: the one of the package in `folder`.
fn artifact(said: &str, folder: &Path) -> Option<PathBuf> {
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let own = messages.filter(|message| {
        message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == folder.join("Cargo.toml"))
    });
    let files = own.flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default());
    let mut files = files.filter_map(|file| file.as_str().map(PathBuf::from));
    files.find(|file| file.extension().is_some_and(|ending| ending == "wasm"))
}

/// Runs a program that says on standard error what it does and why it fails.
pub(crate) fn run(command: &mut Command, what: &'static str) -> Result<(), ProjectError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let name = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).stdout(io::stderr()).status().map_err(missing(&name, what))?;
    if status.success() { Ok(()) } else { Err(ProjectError::Failed(format!("`{name}`"))) }
}

fn missing(program: &str, what: &'static str) -> impl FnOnce(io::Error) -> ProjectError {
    let program = program.to_owned();
    move |err| ProjectError::Missing { program, what, err }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_in_javascript_chooses_its_engine() {
        let folder = tempfile::tempdir().unwrap();
        let engine = |package: &str| {
            fs::write(folder.path().join("package.json"), package).unwrap();
            Project::open(folder.path()).unwrap().engine().map_err(|err| err.to_string())
        };
        assert_eq!(engine(r#"{"name": "a"}"#).unwrap(), [""; 0]);
        let chosen = engine(r#"{"name": "a", "openclaw": {"engine": "starlingmonkey"}}"#);
        assert_eq!(chosen.unwrap(), ["--engine=starlingmonkey"]);
        for odd in ["\"v8\"", "\"qjs --inspect\"", "1"] {
            let said = engine(&format!(r#"{{"name": "a", "openclaw": {{"engine": {odd}}}}}"#)).unwrap_err();
            assert!(said.ends_with("has an `openclaw.engine` that is none of qjs, starlingmonkey"), "{said}");
        }
    }

    #[test]
    fn the_component_is_found_among_what_cargo_says() {
        let line = |manifest: &str, file: &str| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"manifest_path\":\"{manifest}\",\"filenames\":[\"{file}\"]}}\n"
            )
        };
        let said = line("/p/openclaw/sdk/rust/Cargo.toml", "/t/libopenclaw_sdk.rlib")
            + "not json\n"
            + &line("/p/Cargo.toml", "/t/hello.wasm");
        assert_eq!(artifact(&said, Path::new("/p")), Some("/t/hello.wasm".into()));
        assert_eq!(artifact(&said, Path::new("/q")), None);
    }
}
