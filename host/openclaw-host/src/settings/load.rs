//! Reading `config.json5`: text, then JSON, then checked, then typed.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::Value;

use super::file::{ConfigFile, SecretRef};
use super::issue::{Issue, Severity};
use super::keys::{self, Position};
use super::{SettingsError, schema};

/// The name of the file in the home.
pub const CONFIG_NAME: &str = "config.json5";

/// Larger files are refused: a configuration is written by hand.
const MAX_BYTES: u64 = 1024 * 1024;

/// What the file says, and where it says it.
#[derive(Clone, Debug, Default)]
pub struct LoadedFile {
    /// The typed contents, with defaults where the file is silent.
    pub config: ConfigFile,
    /// The keys that stand in the file.
    pub positions: BTreeMap<String, Position>,
    /// What was read over.
    pub warnings: Vec<Issue>,
}

/// Reads the file at `path`. A file that does not exist says nothing.
///
/// # Errors
/// [`SettingsError`] if the file cannot be read, is not JSON5, or has keys or values that cannot be.
pub fn load(path: &Path) -> Result<LoadedFile, SettingsError> {
    let read = |err| SettingsError::Read { path: path.to_owned(), err };
    match std::fs::metadata(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(LoadedFile::default()),
        Err(err) => return Err(read(err)),
        Ok(metadata) if metadata.len() > MAX_BYTES => {
            return Err(read(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB")));
        }
        Ok(_) => {}
    }
    parse(path, &std::fs::read_to_string(path).map_err(read)?)
}

/// Parses the text of a configuration file; `path` is for messages.
pub(super) fn parse(path: &Path, text: &str) -> Result<LoadedFile, SettingsError> {
    if text.trim().is_empty() {
        return Ok(LoadedFile::default());
    }
    let syntax = |err: json5::Error| SettingsError::Syntax { path: path.to_owned(), what: in_words(&err) };
    let value: Value = json5::from_str(text).map_err(syntax)?;

    let (positions, mut issues) = index(text);
    issues.extend(schema::check(&value));
    for issue in &mut issues {
        issue.position = issue.position.or_else(|| positions.get(&issue.place).copied());
    }
    issues.sort_by_key(|issue| issue.position);
    if issues.iter().any(|issue| issue.severity == Severity::Error) {
        return Err(SettingsError::Invalid { issues });
    }

    let config = serde_json::from_value(value)
        .map_err(|err| SettingsError::Invalid { issues: vec![Issue::error("(the whole file)", err.to_string())] })?;
    Ok(LoadedFile { config, positions, warnings: issues })
}

/// Finds all keys; one that stands twice is an issue, since one of the two would silently not count.
fn index(text: &str) -> (BTreeMap<String, Position>, Vec<Issue>) {
    let mut positions = BTreeMap::new();
    let mut issues = Vec::new();
    for key in keys::keys(text) {
        if let Some(first) = positions.insert(key.path.clone(), key.position) {
            let message = format!("the key stands here and in {first}; remove one");
            issues.push(Issue { position: Some(key.position), ..Issue::error(key.path, message) });
        }
    }
    (positions, issues)
}

fn in_words(err: &json5::Error) -> String {
    let what = match err.code() {
        Some(code) => code.to_string(),
        // Messages of other parties may quote the value, which may be a secret.
        None => "a value that JSON cannot hold".to_owned(),
    };
    match err.position() {
        // The parser counts from 0.
        Some(at) => format!("{what} at {}", Position { line: at.line + 1, column: at.column + 1 }),
        None => what,
    }
}

// === impl LoadedFile ===

impl LoadedFile {
    /// The environment variables that hold keys of providers, as the file names them.
    pub fn key_variables(&self) -> impl Iterator<Item = &str> {
        self.config.models.providers.values().flat_map(move |provider| {
            let places = provider.api_key.iter().chain(provider.keys.values()).filter_map(variable);
            places.chain(provider.api_key_env.as_deref())
        })
    }
}

/// The variable that a place names.
fn variable(place: &SecretRef) -> Option<&str> {
    match place {
        SecretRef::Env { id } => Some(id),
        SecretRef::File { .. } | SecretRef::Command { .. } | SecretRef::Vault { .. } => None,
    }
}
