//! New projects.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Language, Project, ProjectError};

/// Every file of the SDKs and the WIT packages, by its path in the repository.
const SDK: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// Where the SDK lies in a project.
pub(crate) const SDK_FOLDER: &str = "openclaw";

/// What stands beside the code of a component with tools, and of a channel.
const BESIDE_TOOLS: [(&str, &str); 2] =
    [("README.md", include_str!("../templates/README.md")), ("tests.json5", include_str!("../templates/tests.json5"))];
const CHANNEL: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("../templates/channel/Cargo.toml")),
    ("src/lib.rs", include_str!("../templates/channel/src/lib.rs")),
    ("README.md", include_str!("../templates/channel/README.md")),
    ("tests.json5", include_str!("../templates/channel/tests.json5")),
];

/// Characters that a name has at most.
const MAX_NAME: usize = 40;

/// What a project becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A component with tools.
    Tool(Language),
    /// A component that is the way to a chat service; in Rust, whose SDK alone has channels.
    Channel,
    /// A folder with a `SKILL.md`: instructions for the model, and no code of its own.
    Skill,
}

/// Writes a project into the new folder `at`.
///
/// # Errors
/// [`ProjectError::Name`], [`ProjectError::Exists`], or if something cannot be written.
pub fn write(at: &Path, name: &str, kind: Kind) -> Result<(), ProjectError> {
    let starts_well = name.starts_with(|ch: char| ch.is_ascii_lowercase());
    let is_plain = |ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '-';
    if !starts_well || name.ends_with('-') || name.len() > MAX_NAME || !name.chars().all(is_plain) {
        return Err(ProjectError::Name(name.to_owned()));
    }
    match fs::create_dir(at) {
        Err(err) if err.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(ProjectError::Exists(at.to_owned()));
        }
        made => made.map_err(ProjectError::io("make", at))?,
    }
    let named = |(file, text): (&str, &'static str)| (file.to_owned(), text);
    let (language, files): (_, Vec<_>) = match kind {
        Kind::Tool(language) => (language, own(language, name).into_iter().chain(BESIDE_TOOLS.map(named)).collect()),
        Kind::Channel => (Language::Rust, CHANNEL.map(named).to_vec()),
        Kind::Skill => {
            return put(&at.join("SKILL.md"), filled(include_str!("../templates/skill/SKILL.md"), name).as_bytes());
        }
    };
    for (file, text) in files {
        put(&at.join(file), filled(text, name).as_bytes())?;
    }
    put(&at.join(".gitignore"), include_bytes!("../templates/gitignore"))?;
    write_sdk(&at.join(SDK_FOLDER), language)
}

/// The files of a language's template.
fn own(language: Language, name: &str) -> Vec<(String, &'static str)> {
    let source = |ending: &str| format!("{}.{ending}", Project::stem(name, language));
    match language {
        Language::Rust => vec![
            ("Cargo.toml".to_owned(), include_str!("../templates/rust/Cargo.toml")),
            ("src/lib.rs".to_owned(), include_str!("../templates/rust/src/lib.rs")),
        ],
        Language::JavaScript => vec![
            ("package.json".to_owned(), include_str!("../templates/js/package.json")),
            ("tsconfig.json".to_owned(), include_str!("../templates/js/tsconfig.json")),
            (source("ts"), include_str!("../templates/js/skill.ts")),
        ],
        Language::Python => vec![
            ("pyproject.toml".to_owned(), include_str!("../templates/python/pyproject.toml")),
            (source("py"), include_str!("../templates/python/skill.py")),
        ],
        Language::C => vec![(source("c"), include_str!("../templates/c/skill.c"))],
        Language::Go => vec![
            ("go.mod".to_owned(), include_str!("../templates/go/go.mod")),
            (source("go"), include_str!("../templates/go/skill.go")),
        ],
    }
}

fn filled(text: &str, name: &str) -> String {
    text.replace("{{name}}", name).replace("{{tool}}", &name.replace('-', "_"))
}

/// Writes the SDK of a language, and the packages that it is bound to.
fn write_sdk(to: &Path, language: Language) -> Result<(), ProjectError> {
    let own = format!("sdk/{language}/");
    for (path, bytes) in SDK.iter().filter(|(path, _)| path.starts_with("wit/") || path.starts_with(&own)) {
        put(&to.join(path), bytes)?;
        // Their build scripts.
        if path.ends_with(".sh") {
            let (script, runnable) = (to.join(path), std::os::unix::fs::PermissionsExt::from_mode(0o755));
            fs::set_permissions(&script, runnable).map_err(ProjectError::io("write", script))?;
        }
    }
    if language == Language::Python {
        let link = to.join("sdk/python/openclaw_sdk/wit");
        std::os::unix::fs::symlink("../../../wit", &link).map_err(ProjectError::io("write", link))?;
    }
    Ok(())
}

fn put(path: &PathBuf, bytes: &[u8]) -> Result<(), ProjectError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(ProjectError::io("make", folder))?;
    fs::write(path, bytes).map_err(ProjectError::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_project_is_whole_and_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        for language in Language::ALL {
            let name = format!("my-{language}");
            let at = folder.path().join(&name);
            write(&at, &name, Kind::Tool(language)).unwrap();
            let project = Project::open(&at).unwrap();
            assert_eq!((project.language, project.name.as_str()), (language, name.as_str()));
            let readme = fs::read_to_string(at.join("README.md")).unwrap();
            assert!(readme.starts_with(&format!("# {name}\n")) && !readme.contains("{{"), "{readme}");
            assert!(at.join("openclaw/wit/tool").is_dir() && at.join("openclaw/sdk").join(language.word()).is_dir());
            assert!(fs::read_dir(at.join("openclaw/sdk")).unwrap().count() == 1, "and no other language's SDK");
        }
        assert!(
            folder.path().join("my-python/openclaw/sdk/python/openclaw_sdk/wit/tool").is_dir(),
            "the link leads there"
        );
    }

    #[test]
    fn a_channel_is_a_project_in_rust() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("board");
        write(&at, "board", Kind::Channel).unwrap();
        assert_eq!(Project::open(&at).unwrap().language, Language::Rust);
        let code = fs::read_to_string(at.join("src/lib.rs")).unwrap();
        assert!(code.contains("\"board-token\"") && !code.contains("{{"), "{code}");
        assert!(at.join("openclaw/wit/channel").is_dir() && at.join(".gitignore").is_file());
    }

    #[test]
    fn nothing_is_written_over_and_names_are_those_of_components() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("x");
        for name in ["", "Hello", "9lives", "a_b", "a-", "../x", &"a".repeat(41)] {
            assert!(matches!(write(&at, name, Kind::Skill), Err(ProjectError::Name(_))), "{name}");
        }
        write(&at, "hello", Kind::Skill).unwrap();
        assert!(fs::read_to_string(at.join("SKILL.md")).unwrap().contains("name: hello"));
        assert!(matches!(write(&at, "hello", Kind::Skill), Err(ProjectError::Exists(_))));
        assert!(matches!(Project::open(&at), Err(ProjectError::OnlyText(_))), "nothing of it is built");
        assert!(matches!(Project::open(folder.path()), Err(ProjectError::NoProject(_))));
    }
}
