//! One complaint about the settings: where, what, and what to do.

use std::fmt;

use super::keys::Position;
use super::load::CONFIG_NAME;

/// A setting that cannot stay as it is, or probably is not meant as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Whether the host refuses to start.
    pub severity: Severity,
    /// The setting (`gateway.port`), variable (`OPENCLAW_HOST_PORT`) or flag (`--port`).
    pub place: String,
    /// Where it stands in the file, if it stands there.
    pub position: Option<Position>,
    /// What is wrong and what was expected; never repeats a value that could be a secret.
    pub message: String,
}

/// How bad an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The host does not start.
    Error,
    /// The host starts and says so.
    Warning,
}

impl Severity {
    /// The word shown to people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

impl Issue {
    /// An issue that stops the start.
    pub fn error(place: impl Into<String>, message: impl Into<String>) -> Self {
        Issue { severity: Severity::Error, place: place.into(), position: None, message: message.into() }
    }

    /// An issue that does not.
    pub fn warning(place: impl Into<String>, message: impl Into<String>) -> Self {
        Issue { severity: Severity::Warning, ..Issue::error(place, message) }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.place, self.message)?;
        match self.position {
            Some(position) => write!(f, " ({CONFIG_NAME} {position})"),
            None => Ok(()),
        }
    }
}
