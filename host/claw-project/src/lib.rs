//! Projects of skills: [written](write) from a template with the SDK beside it, [found](Project::open) again, and
//! [built](Project::build) with tools that are [installed](Tools) when they are first needed.
//!
//! A project is whole by itself: the folder `openclaw` holds the SDK and the WIT packages of the host that wrote it.

mod build;
mod language;
mod project;
mod template;
mod tools;

use std::io;
use std::path::PathBuf;

pub use build::Profile;
pub use language::Language;
pub use project::Project;
pub use template::{Kind, write};
pub use tools::Tools;

/// What keeps a project from being written or built.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The name cannot be that of a component.
    #[error("`{0}` is no name for a skill: write 1 to 40 small letters, digits and `-`, with a letter first")]
    Name(String),
    /// Something is there already.
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    /// The folder holds nothing that is built.
    #[error(
        "`{}` is no project: there is no `Cargo.toml`, `package.json`, `pyproject.toml`, `go.mod` or `.c` file in it",
        .0.display()
    )]
    NoProject(PathBuf),
    /// The folder holds instructions, and no code.
    #[error("`{}` is a skill of text: there is nothing to build, test or run; `skill check` looks it over, `skill pack` lays it out", .0.display())]
    OnlyText(PathBuf),
    /// A file of the project does not say what it must.
    #[error("`{}` {what}", path.display())]
    Unclear {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file or folder cannot be used.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, e.g. `write`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        err: io::Error,
    },
    /// A program that is needed is not there.
    #[error("`{program}` cannot be started: install {what}")]
    Missing {
        /// Its name.
        program: String,
        /// What brings it.
        what: &'static str,
        /// Why it failed.
        #[source]
        err: io::Error,
    },
    /// A program said no; it has told why on standard error.
    #[error("{0} failed")]
    Failed(String),
}

impl ProjectError {
    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> ProjectError {
        let path = path.into();
        move |err| ProjectError::Io { action, path, err }
    }
}
