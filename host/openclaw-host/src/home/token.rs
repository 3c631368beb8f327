//! The token: made once, readable by its owner only.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::HomeError;
use super::access::{Rule, exposure};
use super::private_file::{Existing, write_private};
use crate::settings::Secret;

/// Random bytes in a token that the host makes.
const RANDOM_BYTES: usize = 32;

/// The shortest token that an owner may write by hand: 128 bits in base64url are 22 characters.
pub(super) const MIN_LENGTH: usize = 22;

/// No token is longer; the rest of a wrong file is not read.
const MAX_LENGTH: u64 = 512;

/// Reads the token, or makes it on the first start.
pub(super) fn open(path: &Path) -> Result<Secret, HomeError> {
    match read_token(path) {
        Err(HomeError::Io { err, .. }) if err.kind() == io::ErrorKind::NotFound => create(path)?,
        known => return known,
    }
    // Reads back what is there now: another first start may have been faster.
    read_token(path)
}

/// Reads the token file at `path`.
///
/// # Errors
/// [`HomeError`] if it is not there, others can read it, or it holds no token.
pub fn read_token(path: &Path) -> Result<Secret, HomeError> {
    let io = |err| HomeError::Io { action: "read", path: path.to_owned(), err };
    let file = fs::File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(HomeError::WrongKind { path: path.to_owned(), expected: "plain file" });
    }
    if let Some(exposure) = exposure(&metadata, Rule::Private) {
        return Err(HomeError::Exposed { path: path.to_owned(), exposure });
    }
    let mut text = String::new();
    file.take(MAX_LENGTH + 1).read_to_string(&mut text).map_err(io)?;
    let token = text.trim();
    let legible = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if token.len() < MIN_LENGTH || token.len() as u64 > MAX_LENGTH || !token.chars().all(legible) {
        return Err(HomeError::NoToken { path: path.to_owned() });
    }
    Ok(Secret::new(token))
}

fn create(path: &Path) -> Result<(), HomeError> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|err| HomeError::Random(err.into()))?;
    let text = URL_SAFE_NO_PAD.encode(bytes) + "\n";
    let created = write_private(path, text.as_bytes(), Existing::Keep);
    created.map_err(|err| HomeError::Io { action: "create", path: path.to_owned(), err })
}
