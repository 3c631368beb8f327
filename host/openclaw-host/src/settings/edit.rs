//! Changing one setting in the file and leaving everything else, comments and layout included, as its owner wrote it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::keys::{Key, layout};
use super::load::parse;
use super::{CONFIG_NAME, SettingsError};

/// Why the file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file is not valid, before the change or with it.
    #[error("the configuration is not changed")]
    Settings(#[from] SettingsError),
    /// The file cannot be read or written.
    #[error("cannot change `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        err: io::Error,
    },
}

/// Sets `path` to `value` in the configuration of the home at `home`, which need not have one yet. The new file replaces
/// the old one whole, or not at all.
///
/// # Errors
/// [`EditError`] if the file is not valid, would not be valid, or cannot be written; it is unchanged then.
pub fn edit(home: &Path, path: &[&str], value: &Value) -> Result<(), EditError> {
    let file = home.join(CONFIG_NAME);
    // A link stays a link.
    let file = fs::canonicalize(&file).unwrap_or(file);
    let failed = |err| EditError::Io { path: file.clone(), err };
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(err) if err.kind() == io::ErrorKind::NotFound => String::new(),
        Err(err) => return Err(failed(err)),
    };
    parse(&file, &text)?;
    let changed = set(&text, path, value);
    parse(&file, &changed)?;
    replace(&file, &changed).map_err(failed)
}

fn replace(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    if let Ok(metadata) = fs::metadata(file) {
        new.as_file().set_permissions(metadata.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(file).map_err(|err| err.error)?;
    Ok(())
}

/// The text of a file with one value changed or added. `text` is valid JSON5 with an object, or blank.
fn set(text: &str, path: &[&str], value: &Value) -> String {
    let (mut place, keys) = layout(text);
    if place.is_empty() {
        return format!("{text}{{\n  {},\n}}\n", member(path, value));
    }
    let mut depth = 0;
    loop {
        let (prefix, deeper) = (path[..=depth].join("."), &path[depth + 1..]);
        let is_it = |key: &&Key| key.path == prefix && place.start < key.value.start && key.value.end < place.end;
        match keys.iter().find(is_it).map(|key| key.value.clone()) {
            Some(found) if !deeper.is_empty() && text[found.clone()].starts_with('{') => {
                place = found;
                depth += 1;
            }
            Some(found) => return format!("{}{}{}", &text[..found.start], nested(deeper, value), &text[found.end..]),
            None => {
                let (inside, indent) = (place.start + 1, "  ".repeat(depth + 1));
                return format!("{}\n{indent}{},{}", &text[..inside], member(&path[depth..], value), &text[inside..]);
            }
        }
    }
}

/// `a: { b: value }` for the path `a`, `b`.
fn member(path: &[&str], value: &Value) -> String {
    let (key, deeper) = path.split_first().expect("edit: a path has at least one key");
    format!("{}: {}", name(key), nested(deeper, value))
}

/// `{ a: { b: value } }` for the path `a`, `b`.
fn nested(path: &[&str], value: &Value) -> String {
    path.iter().rfold(value.to_string(), |inner, key| format!("{{ {}: {inner} }}", name(key)))
}

/// A key as it may stand in a file.
fn name(key: &str) -> String {
    let is_word = !key.is_empty() && !key.starts_with(|c: char| c.is_ascii_digit());
    if is_word && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        key.to_owned()
    } else {
        Value::from(key).to_string()
    }
}

#[cfg(test)]
mod tests;
