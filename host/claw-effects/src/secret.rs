//! Secrets in header fields and in paths.
//!
//! A guest writes `{{secret:NAME}}` into the value of a header field or into the path of a request, and so it stands in
//! plans, cards and the journal. The secret takes its place only in the request that is written to the wire.

use claw_core::effect::{EffectError, Target, placeholder};
use claw_policy::Name;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::header::MAX_HEADER_BYTES;
use crate::limit;
use crate::mask::{self, Mask};
use crate::target::{self, MAX_URL_BYTES};

/// How a placeholder begins; it ends with [`CLOSE`].
const OPEN: &[u8] = b"{{secret:";
const CLOSE: &[u8] = b"}}";
/// How one begins in the path of a parsed URL, in lower case: some libraries escape the colon too.
const ESCAPED_OPEN: [&str; 2] = ["%7b%7bsecret:", "%7b%7bsecret%3a"];
const ESCAPED_CLOSE: &str = "%7d%7d";
/// What begins like a placeholder and is none.
pub(crate) const MALFORMED: &str = "names a secret in another form than `{{secret:NAME}}`";

/// Gives the value of a secret by its name; nothing if there is none.
pub type Secrets<'a> = &'a (dyn Fn(&str) -> Option<Zeroizing<String>> + Send + Sync);

/// The names of all secrets that a plan's header fields and path ask for, sorted, each once: what policy has to decide
/// on before the plan may be performed.
pub fn secrets_in(headers: &[(String, Vec<u8>)], target: &Target) -> Vec<String> {
    let values = headers.iter().map(|(_, value)| value.as_slice());
    let mut names: Vec<String> = values
        .chain([target.path_and_query.as_bytes()])
        .flat_map(Pieces)
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

/// The placeholders of a URL's path in the one form that policies, cards and grants know. Parsers of URLs escape braces,
/// the host's and those of guests' libraries.
///
/// # Errors
/// Says what of a placeholder is wrong, as the end of a sentence about the URL.
pub(crate) fn plan_path(path: &str) -> Result<String, &'static str> {
    // As long as the path, byte by byte.
    let lower = path.to_ascii_lowercase();
    let opens = |from: usize| {
        let found = ESCAPED_OPEN.iter().filter_map(|open| Some((from + lower[from..].find(open)?, open.len())));
        found.min()
    };
    let (mut planned, mut at) = (String::new(), 0);
    while let Some((start, open)) = opens(at) {
        let name = start + open;
        let end = lower[name..].find(ESCAPED_CLOSE).map(|length| name + length);
        let end = end.filter(|end| Name::parse(&path[name..*end]).is_ok()).ok_or(MALFORMED)?;
        planned.push_str(&path[at..start]);
        planned.push_str(&placeholder(&path[name..end]));
        at = end + ESCAPED_CLOSE.len();
    }
    planned.push_str(&path[at..]);
    Ok(planned)
}

/// Whether a part of a URL where no secret can stand names one.
pub(crate) fn is_named_in(part: &str) -> bool {
    let part = part.to_ascii_lowercase();
    part.contains("{{secret") || part.contains("%7b%7bsecret")
}

/// A request's path and header fields as they go over the wire, and what hides the secrets in the answer.
pub(crate) struct Filled {
    pub path_and_query: Zeroizing<String>,
    pub headers: HeaderMap,
    pub mask: Mask,
}

/// Puts the secrets into their places. In a path each stays within its segment, whatever is in it.
///
/// # Errors
/// [`EffectError::Denied`] with `E_SECRET_SCOPE` for a secret that is not there, with `E_NET_HEADER` for one that a
/// header field cannot hold and with `E_NET_URL` for one that would lead a path elsewhere; [`EffectError::Limit`] if the
/// path or the fields become too large. No error shows a secret.
pub(crate) fn fill(
    path_and_query: &str,
    headers: Vec<(String, Vec<u8>)>,
    secrets: Secrets<'_>,
) -> Result<Filled, EffectError> {
    let mut used = Used::new();
    let path_and_query = fill_path(path_and_query, &mut used, secrets)?;
    let headers = fill_headers(headers, &mut used, secrets)?;
    Ok(Filled { path_and_query, headers, mask: Mask::new(used) })
}

type Used = Vec<(String, Zeroizing<String>)>;

fn fill_path(text: &str, used: &mut Used, secrets: Secrets<'_>) -> Result<Zeroizing<String>, EffectError> {
    let invalid = || EffectError::Invalid("the plan's path is not valid".into());
    let mut whole = Zeroizing::new(String::new());
    for piece in Pieces(text.as_bytes()) {
        match piece {
            Piece::Text(text) => whole.push_str(str::from_utf8(text).map_err(|_| invalid())?),
            Piece::Malformed => return Err(invalid()),
            Piece::Secret(name) => whole.push_str(&mask::in_path(take(name, used, secrets)?)),
        }
        if whole.len() > MAX_URL_BYTES {
            return Err(limit::reached(format_args!("the path with its secrets has more than {MAX_URL_BYTES} bytes")));
        }
    }
    if target::check_path(whole.split('?').next().unwrap_or(&whole)).is_err() {
        let reason = "with its secrets the path leads elsewhere: check the value of the secrets that it names";
        return Err(EffectError::denied("E_NET_URL", reason));
    }
    Ok(whole)
}

fn fill_headers(
    headers: Vec<(String, Vec<u8>)>,
    used: &mut Used,
    secrets: Secrets<'_>,
) -> Result<HeaderMap, EffectError> {
    let mut filled = HeaderMap::new();
    let mut bytes = 0;
    for (field, value) in headers {
        let invalid = || EffectError::Invalid("the plan's header field is not valid".into());
        let mut whole = Zeroizing::new(Vec::new());
        for piece in Pieces(&value) {
            match piece {
                Piece::Text(text) => whole.extend_from_slice(text),
                Piece::Malformed => return Err(invalid()),
                Piece::Secret(name) => {
                    let secret = take(name, used, secrets)?;
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
    Ok(filled)
}

/// One secret, asked for once however often it is used.
fn take<'a>(name: &str, used: &'a mut Used, secrets: Secrets<'_>) -> Result<&'a str, EffectError> {
    let position = match used.iter().position(|(known, _)| known == name) {
        Some(position) => position,
        None => {
            let secret = secrets(name).ok_or_else(|| {
                EffectError::denied("E_SECRET_SCOPE", format!("there is no secret `{name}` for this component"))
            })?;
            if secret.chars().any(char::is_control) {
                let reason = format!("secret `{name}` contains a control character, which no request can hold");
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
