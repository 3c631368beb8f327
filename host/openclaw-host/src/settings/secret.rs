//! A value that must not be shown, and words for where one is.

use std::fmt;
use std::path::Path;

use claw_vault::Zeroizing;

use super::file::SecretRef;

/// An API key or token. `Debug` prints `***`, there is no `Display`, it does not serialise, and its memory is zeroed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a text that must not be shown from here on.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

// === impl SecretRef ===

impl SecretRef {
    /// The same with a relative path starting at `home`.
    pub(super) fn at(self, home: &Path) -> SecretRef {
        match self {
            // `join` keeps an absolute path as it is.
            SecretRef::File { path } => SecretRef::File { path: home.join(path) },
            other => other,
        }
    }

    /// Whether the secret is in the environment.
    pub(super) fn is_env(&self) -> bool {
        matches!(self, SecretRef::Env { .. })
    }
}

/// The place, never the secret: of a command only the program, since arguments may say too much.
impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env { id } => write!(f, "the environment variable `{id}`"),
            SecretRef::File { path } => write!(f, "the file `{}`", path.display()),
            SecretRef::Command { argv, .. } => {
                write!(f, "the output of `{}`", argv.first().map_or("", String::as_str))
            }
            SecretRef::Vault { name } => write!(f, "the vault's secret `{name}`"),
        }
    }
}
