//! What lies in a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::template::SDK_FOLDER;
use crate::{Language, ProjectError};

/// Folders whose files are made from others.
const MADE: [&str; 6] = ["build", "dist", "target", "node_modules", "__pycache__", SDK_FOLDER];

/// A folder that a component is built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The folder; absolute.
    pub folder: PathBuf,
    /// What it is written in.
    pub language: Language,
    /// Its name, by the file that says so, or by the folder.
    pub name: String,
}

impl Project {
    /// Finds out what lies in a folder.
    ///
    /// # Errors
    /// [`ProjectError::NoProject`], [`ProjectError::OnlyText`], or if a file that says its name cannot be read.
    pub fn open(folder: &Path) -> Result<Project, ProjectError> {
        let folder = folder.canonicalize().map_err(ProjectError::io("open", folder))?;
        let has = |name: &str| folder.join(name).is_file();
        let named_by = |file: &str, key: fn(&str) -> Option<String>| {
            let path = folder.join(file);
            let text = fs::read_to_string(&path).map_err(ProjectError::io("read", &path))?;
            key(&text).ok_or_else(|| ProjectError::Unclear { path, what: "does not say its name".to_owned() })
        };
        let (language, name) = if has("Cargo.toml") {
            (Language::Rust, named_by("Cargo.toml", toml_name)?)
        } else if has("package.json") {
            (Language::JavaScript, named_by("package.json", |text| json_text(text, "name"))?)
        } else if has("pyproject.toml") {
            (Language::Python, named_by("pyproject.toml", toml_name)?)
        } else if has("go.mod") {
            (Language::Go, named_by("go.mod", go_name)?)
        } else if !c_sources(&folder)?.is_empty() {
            (Language::C, folder.file_name().unwrap_or_default().to_string_lossy().into_owned())
        } else if has("SKILL.md") {
            return Err(ProjectError::OnlyText(folder));
        } else {
            return Err(ProjectError::NoProject(folder));
        };
        Ok(Project { folder, language, name })
    }

    /// Where what is built of it lies: the only component in its folder, so that the folder is a package.
    pub fn component(&self) -> PathBuf {
        self.folder.join("build").join(format!("{}.wasm", self.name))
    }

    /// Where a host of its own has its home, to try it out.
    pub fn rig(&self) -> PathBuf {
        self.folder.join("build/host")
    }

    /// The file or folder that is compiled.
    pub(crate) fn source(&self) -> Result<PathBuf, ProjectError> {
        let in_folder = |ending: &str| format!("{}.{ending}", Project::stem(&self.name, self.language));
        let file = match self.language {
            Language::Rust | Language::Go | Language::C => return Ok(self.folder.clone()),
            Language::JavaScript => {
                let path = self.folder.join("package.json");
                let text = fs::read_to_string(&path).map_err(ProjectError::io("read", &path))?;
                json_text(&text, "main").unwrap_or_else(|| in_folder("ts"))
            }
            Language::Python => in_folder("py"),
        };
        Ok(self.folder.join(file))
    }

    /// The name of a source file: that of the project, as the language can import it.
    pub(crate) fn stem(name: &str, language: Language) -> String {
        if language == Language::Python { name.replace('-', "_") } else { name.to_owned() }
    }

    /// When something that it is built from changed last.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn changed(&self) -> Result<SystemTime, ProjectError> {
        newest(&self.folder)
    }
}

fn newest(folder: &Path) -> Result<SystemTime, ProjectError> {
    let mut latest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(folder).map_err(ProjectError::io("read", folder))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // What `skill dev` says may be written beside the sources.
        let is_log = name.ends_with(".log");
        if is_log || name.starts_with('.') || MADE.contains(&name.as_str()) {
            continue;
        }
        // A file can go between two looks, as editors' own files do.
        let Ok(about) = entry.metadata() else { continue };
        let changed = if about.is_dir() { newest(&entry.path()).ok() } else { about.modified().ok() };
        latest = latest.max(changed.unwrap_or(SystemTime::UNIX_EPOCH));
    }
    Ok(latest)
}

/// All C files of a folder.
pub(crate) fn c_sources(folder: &Path) -> Result<Vec<PathBuf>, ProjectError> {
    let entries = fs::read_dir(folder).map_err(ProjectError::io("read", folder))?;
    let mut sources: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    sources.retain(|path| path.extension().is_some_and(|ending| ending == "c"));
    sources.sort();
    Ok(sources)
}

/// `name` in the section `[package]` or `[project]`.
fn toml_name(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).skip_while(|line| !matches!(*line, "[package]" | "[project]"));
    lines.skip(1).take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value = value.split('#').next().unwrap_or(value).trim().trim_matches(['"', '\'']);
        (key.trim() == "name").then(|| value.to_owned())
    })
}

fn go_name(text: &str) -> Option<String> {
    let module = text.lines().find_map(|line| line.strip_prefix("module "))?;
    module.trim().rsplit('/').next().map(str::to_owned)
}

fn json_text(text: &str, key: &str) -> Option<String> {
    serde_json::from_str::<serde_json::Value>(text).ok()?[key].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_has_the_name_that_its_own_file_says() {
        let cargo = "[[bin]]\nname = \"other\"\n\n[package]\nversion = \"1\"\nname = 'hello' # says hello\n[lib]\nname = \"x\"\n";
        assert_eq!(toml_name(cargo).as_deref(), Some("hello"));
        assert_eq!(toml_name("[project]\nversion = \"1\"\n[tool.x]\nname = \"x\"\n"), None);
        assert_eq!(go_name("// x\nmodule example.org/tools/hello\n\ngo 1.24\n").as_deref(), Some("hello"));
    }
}
