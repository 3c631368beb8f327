//! From a guest's URL to the one target that it can mean.
//!
//! A URL parser repairs what it is given, as browsers must. What it would repair is refused first: a text must not look
//! like one target and mean another, to the policy, to a person who reads it, or to the server.

use claw_core::address;
use claw_core::effect::{EffectError, Target};
use claw_core::guard::Guard;
use url::{Host, Url};

use crate::secret;

/// Bytes of a URL.
pub(crate) const MAX_URL_BYTES: usize = 16 * 1024;
/// How often a path is decoded in search of a step up.
const MAX_DECODINGS: usize = 4;
/// `.`, `/` and `\` in encodings that UTF-8 forbids and some decoders accept.
const OVERLONG: [([u8; 2], u8); 3] = [([0xc0, 0xae], b'.'), ([0xc0, 0xaf], b'/'), ([0xc1, 0x9c], b'\\')];

/// What a URL is for, and so which schemes it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `http`, `https`.
    Request,
    /// `ws`, `wss`, and `tcp`, `tls`, which have a port and no path.
    Connection,
}

/// Parses and normalises a URL. Looks nothing up.
///
/// # Errors
/// [`EffectError::Denied`] with `E_NET_URL`.
pub(crate) fn plan_target(text: &str, purpose: Purpose) -> Result<Target, EffectError> {
    read(text, purpose).map_err(|reason| {
        let shown: String = text.chars().take(200).flat_map(char::escape_debug).collect();
        EffectError::denied("E_NET_URL", format!("URL `{shown}` {reason}"))
    })
}

fn read(text: &str, purpose: Purpose) -> Result<Target, String> {
    if text.len() > MAX_URL_BYTES {
        return Err("is too long".into());
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err("contains a space, a control character or a backslash".into());
    }
    if text.contains('#') {
        return Err("has a fragment, which is never sent: leave it out".into());
    }
    let Parts { scheme, authority, rest } = Parts::of(text, purpose)?;
    if secret::is_named_in(authority) {
        return Err("names a secret as its server: it can stand in the path or in a header field".into());
    }
    if authority.contains('@') {
        return Err("contains a user name or password: use a header".into());
    }
    if authority.contains('%') {
        return Err("has an escaped host".into());
    }
    let is_plain = matches!(scheme.as_str(), "tcp" | "tls");
    let port = written_port(authority).ok_or("has a port that is not a plain number from 1 to 65535")?;
    if is_plain && (port.is_none() || !rest.is_empty()) {
        return Err("must be `tcp://HOST:PORT` or `tls://HOST:PORT`, with a port and nothing after it".into());
    }
    let (written, query) = rest.split_once('?').unwrap_or((rest, ""));
    check_path(written)?;
    if secret::is_named_in(query) || purpose == Purpose::Connection && secret::is_named_in(written) {
        return Err(
            "names a secret where none can stand: in the path of a request, or in a header field, it can".into()
        );
    }
    // The parser knows hosts only for the web's own schemes.
    let plain = is_plain.then(|| format!("http://{authority}/"));
    let url = Url::parse(plain.as_deref().unwrap_or(text)).map_err(|err| format!("cannot be read: {err}"))?;
    // `/.//x` only now begins with `//`.
    check_path(url.path())?;
    let (host, address) = match url.host() {
        Some(Host::Ipv4(v4)) => (v4.to_string(), address::classify(v4.into())),
        Some(Host::Ipv6(v6)) => (v6.to_string(), address::classify(v6.into())),
        Some(Host::Domain(name)) => {
            let name = plain_name(name).ok_or("has a host that is not a valid name")?;
            (name.to_owned(), address::classify_name(name))
        }
        None => return Err("has no host".into()),
    };
    let port = port.or_else(|| url.port_or_known_default()).ok_or("has no port")?;
    let path_and_query = match url.query() {
        _ if is_plain => String::new(),
        Some(query) => format!("{}?{query}", secret::plan_path(url.path())?),
        None => secret::plan_path(url.path())?,
    };
    Ok(Target { scheme, host, port, path_and_query, address })
}

/// A URL as written.
struct Parts<'a> {
    /// In lower case.
    scheme: String,
    authority: &'a str,
    /// Path and query.
    rest: &'a str,
}

impl Parts<'_> {
    fn of(text: &str, purpose: Purpose) -> Result<Parts<'_>, &'static str> {
        let (schemes, rule): (&[&str], _) = match purpose {
            Purpose::Request => (&["http", "https"], "must begin with `http://` or `https://` and a host"),
            Purpose::Connection => {
                (&["ws", "wss", "tcp", "tls"], "must begin with `ws://`, `wss://`, `tcp://` or `tls://` and a host")
            }
        };
        let (scheme, rest) = text.split_once("://").ok_or(rule)?;
        let scheme = scheme.to_ascii_lowercase();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        if schemes.contains(&scheme.as_str()) && !authority.is_empty() {
            Ok(Parts { scheme, authority, rest })
        } else {
            Err(rule)
        }
    }
}

/// The port, if there is one; nothing at all if it is spelled with leading zeros or out of range, which only serves to
/// hide it.
fn written_port(authority: &str) -> Option<Option<u16>> {
    let after_host = match authority.rsplit_once(']') {
        Some((_, rest)) => rest,
        None => authority.find(':').map_or("", |colon| &authority[colon..]),
    };
    match after_host.strip_prefix(':') {
        None => after_host.is_empty().then_some(None),
        Some(port) => {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            (digits && !port.starts_with('0')).then(|| port.parse().ok().map(Some))?
        }
    }
}

/// A lower-case name of plain labels, without the dot that may end it.
fn plain_name(name: &str) -> Option<&str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_plain_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    (name.len() <= 253 && name.split('.').all(is_plain_label)).then_some(name)
}

/// A grant for a folder of a server holds only if the server agrees on what lies in it. Servers and the proxies before
/// them decode paths in many ways, so whatever one of them may take for a step out of a folder is refused.
pub(crate) fn check_path(path: &str) -> Result<(), &'static str> {
    if path.starts_with("//") {
        return Err("has a path that begins with `//`, which some read as another server");
    }
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..MAX_DECODINGS {
        if steps_up(&bytes) && Guard::NetPath.is_up() {
            return Err("has a path with `..`, plain or encoded: write the path that is meant");
        }
        let decoded = decode(&bytes);
        if decoded == bytes {
            return Ok(());
        }
        bytes = decoded;
    }
    Err("has a path that is encoded again and again")
}

/// Whether a segment is `..` for somebody: with parameters (`..;a=b`), or with what is cut off or skipped.
fn steps_up(path: &[u8]) -> bool {
    path.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| {
        let seen = segment.iter().filter(|byte| **byte > b' ' && **byte != 0x7f);
        seen.take_while(|byte| !matches!(byte, b';' | b'?' | b'#')).eq(b"..")
    })
}

/// Undoes one layer of percent encoding.
fn decode(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| Some((hex(*after.first()?)? << 4) | hex(*after.get(1)?)?)).flatten();
        decoded.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
        if let Some((_, meant)) = OVERLONG.iter().find(|(form, _)| decoded.ends_with(form)) {
            decoded.truncate(decoded.len() - 2);
            decoded.push(*meant);
        }
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests;
