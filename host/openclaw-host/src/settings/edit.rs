//! Changing one setting in the file and leaving everything else, comments and layout included, as its owner wrote it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

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
    let mut scanner = Scanner { text: text.as_bytes(), at: 0 };
    scanner.gap();
    if scanner.peek() != Some(b'{') {
        return format!("{}{{\n  {},\n}}\n", text, member(path, value));
    }
    let mut depth = 1;
    let mut rest = path;
    loop {
        let (&key, deeper) = rest.split_first().expect("edit: a path has at least one key");
        let inside = scanner.at + 1;
        match scanner.find(key) {
            Some(found) if !deeper.is_empty() && text.as_bytes()[found.0] == b'{' => {
                scanner.at = found.0;
                depth += 1;
                rest = deeper;
            }
            Some((start, end)) => {
                let value =
                    deeper.iter().rfold(value.to_string(), |inner, key| format!("{{ {}: {inner} }}", name(key)));
                return format!("{}{value}{}", &text[..start], &text[end..]);
            }
            None => {
                let indent = "  ".repeat(depth);
                return format!("{}\n{indent}{},{}", &text[..inside], member(rest, value), &text[inside..]);
            }
        }
    }
}

/// `a: { b: value }` for the path `a`, `b`.
fn member(path: &[&str], value: &Value) -> String {
    let (key, deeper) = path.split_first().expect("edit: a path has at least one key");
    let value = deeper.iter().rfold(value.to_string(), |inner, key| format!("{{ {}: {inner} }}", name(key)));
    format!("{}: {value}", name(key))
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

/// Walks over JSON5 that was accepted by the real parser, and so may be lenient.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Skips white space, commas, colons and comments: all that stands between keys and values.
    fn gap(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'/' if self.text.get(self.at + 1) == Some(&b'*') => self.past(b"*/"),
                b'/' => self.past(b"\n"),
                b',' | b':' => self.at += 1,
                _ if byte.is_ascii_whitespace() || byte == 0x0b => self.at += 1,
                // A byte order mark, and the white space of Unicode.
                0xef if self.text[self.at..].starts_with("\u{feff}".as_bytes()) => self.at += 3,
                0xc2 if self.text[self.at..].starts_with("\u{a0}".as_bytes()) => self.at += 2,
                _ => return,
            }
        }
    }

    fn past(&mut self, mark: &[u8]) {
        let found = self.text[self.at..].windows(mark.len()).position(|window| window == mark);
        self.at = found.map_or(self.text.len(), |found| self.at + found + mark.len());
    }

    /// Where the value of `key` starts and ends in the object that starts here.
    fn find(&mut self, key: &str) -> Option<(usize, usize)> {
        self.at += 1;
        loop {
            self.gap();
            if matches!(self.peek(), None | Some(b'}')) {
                return None;
            }
            let start = self.at;
            self.value();
            let found = &self.text[start..self.at];
            let found = match found.first() {
                Some(b'"' | b'\'') => found.get(1..found.len().saturating_sub(1)).unwrap_or_default(),
                _ => found,
            };
            let is_it = found == key.as_bytes();
            self.gap();
            let start = self.at;
            self.value();
            if is_it {
                return Some((start, self.at));
            }
        }
    }

    /// Skips a value or a key.
    fn value(&mut self) {
        match self.peek() {
            Some(quote @ (b'"' | b'\'')) => {
                self.at += 1;
                while let Some(byte) = self.peek() {
                    self.at += if byte == b'\\' { 2 } else { 1 };
                    if byte == quote {
                        return;
                    }
                }
            }
            Some(b'{' | b'[') => {
                self.at += 1;
                loop {
                    self.gap();
                    match self.peek() {
                        None => return,
                        Some(b'}' | b']') => {
                            self.at += 1;
                            return;
                        }
                        Some(_) => self.value(),
                    }
                }
            }
            _ => {
                let is_end = |byte: u8| byte.is_ascii_whitespace() || b",:{}[]/\"'".contains(&byte);
                // A byte that ends a word cannot start one in valid JSON5; it is passed so that the walk ends.
                self.at += 1;
                while self.peek().is_some_and(|byte| !is_end(byte)) {
                    self.at += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
