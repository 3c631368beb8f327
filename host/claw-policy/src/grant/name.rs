//! Things that are granted by their names: secrets, stores, models, recipients.

use std::fmt;

use super::{GrantError, excerpt};

/// 1 to 64 of `a-z 0-9 - _ . /`, starting with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// [`GrantError::Name`] quotes it.
    pub fn parse(text: &str) -> Result<Name, GrantError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.' | b'/');
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if begins && text.len() <= 64 && text.bytes().all(allowed) {
            Ok(Name(text.to_owned()))
        } else {
            Err(GrantError::Name { text: excerpt(text) })
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
