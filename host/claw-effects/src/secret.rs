//! Secrets in header fields.
//!
//! A guest writes `{{secret:NAME}}` into the value of a header field, and so it stands in plans, cards and the journal.
//! The secret takes its place only in the request that is written to the wire.

use claw_core::effect::EffectError;
use claw_policy::Name;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::header::MAX_HEADER_BYTES;
use crate::limit;
use crate::mask::Mask;

/// How a placeholder begins; it ends with [`CLOSE`].
const OPEN: &[u8] = b"{{secret:";
const CLOSE: &[u8] = b"}}";

/// Gives the value of a secret by its name; nothing if there is none.
pub type Secrets<'a> = &'a (dyn Fn(&str) -> Option<Zeroizing<String>> + Send + Sync);

/// The names of all secrets that a plan's header fields ask for, sorted, each once: what policy has to decide on
/// before the plan may be performed.
pub fn secrets_in(headers: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut names: Vec<String> = headers
        .iter()
        .flat_map(|(_, value)| Pieces(value))
        .filter_map(|piece| match piece {
            Piece::Secret(name) => Some(name.to_owned()),
            Piece::Text(_) | Piece::Malformed => None,
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether every placeholder in a value is complete and has a valid name.
pub(crate) fn is_well_formed(value: &[u8]) -> bool {
    !Pieces(value).any(|piece| piece == Piece::Malformed)
}

/// Header fields as they go over the wire, and what hides the secrets in the answer.
#[derive(Debug)]
pub(crate) struct Filled {
    pub headers: HeaderMap,
    pub mask: Mask,
}

/// Puts the secrets into their places.
///
/// # Errors
/// [`EffectError::Denied`] with `E_SECRET_SCOPE` for a secret that is not there and with `E_NET_HEADER` for one that a
/// header field cannot hold; [`EffectError::Limit`] if the fields become too large. No error shows a secret.
pub(crate) fn fill(headers: Vec<(String, Vec<u8>)>, secrets: Secrets<'_>) -> Result<Filled, EffectError> {
    let mut filled = HeaderMap::new();
    let mut used: Vec<(String, Zeroizing<String>)> = Vec::new();
    let mut bytes = 0;
    for (field, value) in headers {
        let invalid = || EffectError::Invalid("the plan's header field is not valid".into());
        let mut whole = Zeroizing::new(Vec::new());
        for piece in Pieces(&value) {
            match piece {
                Piece::Text(text) => whole.extend_from_slice(text),
                Piece::Malformed => return Err(invalid()),
                Piece::Secret(name) => {
                    let secret = take(name, &mut used, secrets)?;
                    whole.extend_from_slice(secret.as_bytes());
                }
            }
            if bytes + whole.len() > MAX_HEADER_BYTES {
                return Err(limit::reached(format_args!(
                    "the header fields with their secrets have more than {MAX_HEADER_BYTES} bytes"
                )));
            }
        }
        bytes += whole.len();
        let name = HeaderName::from_bytes(field.as_bytes()).map_err(|_| invalid())?;
        let mut sent = HeaderValue::from_bytes(&whole).map_err(|_| invalid())?;
        sent.set_sensitive(*whole != value);
        filled.append(name, sent);
    }
    Ok(Filled { headers: filled, mask: Mask::new(used) })
}

/// One secret, asked for once however often it is used.
fn take<'a>(
    name: &str,
    used: &'a mut Vec<(String, Zeroizing<String>)>,
    secrets: Secrets<'_>,
) -> Result<&'a str, EffectError> {
    let position = match used.iter().position(|(known, _)| known == name) {
        Some(position) => position,
        None => {
            let secret = secrets(name).ok_or_else(|| {
                EffectError::denied("E_SECRET_SCOPE", format!("there is no secret `{name}` for this component"))
            })?;
            if secret.chars().any(char::is_control) {
                let reason = format!("secret `{name}` contains a control character, which no header field can hold");
                return Err(EffectError::denied("E_NET_HEADER", reason));
            }
            used.push((name.to_owned(), secret));
            used.len() - 1
        }
    };
    Ok(&used[position].1)
}

/// A part of a value.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a [u8]),
    /// The name between the braces.
    Secret(&'a str),
    /// It begins like a placeholder and is none; nothing comes after.
    Malformed,
}

/// What is left of a value.
struct Pieces<'a>(&'a [u8]);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.0.is_empty() {
            return None;
        }
        if let Some(rest) = self.0.strip_prefix(OPEN) {
            let named = find(rest, CLOSE).and_then(|end| {
                let name = str::from_utf8(&rest[..end]).ok()?;
                Name::parse(name).ok().map(|_| (name, &rest[end + CLOSE.len()..]))
            });
            let (piece, rest) = named.map_or((Piece::Malformed, &[][..]), |(name, rest)| (Piece::Secret(name), rest));
            self.0 = rest;
            return Some(piece);
        }
        let (text, rest) = self.0.split_at(find(self.0, OPEN).unwrap_or(self.0.len()));
        self.0 = rest;
        Some(Piece::Text(text))
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests;
