//! Asking a server for something and saying what went wrong, for the skills that do.

use openclaw_sdk::ToolError;
use openclaw_sdk::http::{BodyEnd, Request, Response};
use openclaw_sdk::serde_json::{self, Value};
use url::Url;

/// The longest answer that is read.
const MAX_BYTES: usize = 2 << 20;

/// A URL with these pairs behind its path, encoded.
///
/// # Errors
/// [`ToolError::InvalidArguments`] if `base` is no URL.
pub fn url(base: &str, pairs: &[(&str, &str)]) -> Result<String, ToolError> {
    let mut url = Url::parse(base).map_err(|err| ToolError::invalid(format!("`{base}` is no URL: {err}")))?;
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    Ok(url.into())
}

/// Fetches a URL with these header fields; gives the body of an answer 200.
///
/// # Errors
/// What the host or the server says, with what can be done about it.
pub fn get(url: &str, headers: &[(&str, &str)]) -> Result<Vec<u8>, ToolError> {
    Ok(send("GET", url, headers, Vec::new(), &[200])?.body)
}

/// Sends a request; gives the answer if it is whole and its status one of these.
///
/// # Errors
/// As [`get`].
pub fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
    wanted: &[u16],
) -> Result<Response, ToolError> {
    let request = headers.iter().fold(Request::new(method, url), |request, (name, value)| request.header(name, value));
    let response = request.body(body).send(MAX_BYTES)?;
    let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    match (response.status, response.end) {
        (status, BodyEnd::Complete) if wanted.contains(&status) => Ok(response),
        (status, BodyEnd::Cut) if wanted.contains(&status) => {
            Err(ToolError::Limit(format!("{host} sends more than {MAX_BYTES} bytes")))
        }
        (401 | 403, _) => Err(ToolError::Unavailable(format!("{host} refuses the key; check the secret in the vault"))),
        (404, _) => Err(ToolError::NotFound(format!("{host} has nothing at this address"))),
        (429, _) => {
            let later = response.header("retry-after").map_or("later".to_owned(), |after| format!("in {after} s"));
            Err(ToolError::Unavailable(format!("{host} gets too many requests; try again {later}")))
        }
        (301..=308, _) => {
            let to = response.header("location").unwrap_or("elsewhere").to_owned();
            Err(ToolError::Unavailable(format!("{host} sends this request on to `{to}`; ask there instead")))
        }
        (status, _) => Err(ToolError::Unavailable(format!("{host} answered {status}"))),
    }
}

/// As [`get`], for an answer in JSON.
///
/// # Errors
/// As [`get`], and [`ToolError::Unavailable`] if the answer is not JSON.
pub fn get_json(url: &str, headers: &[(&str, &str)]) -> Result<Value, ToolError> {
    let body = get(url, headers)?;
    serde_json::from_slice(&body).map_err(|err| ToolError::Unavailable(format!("the answer is not JSON: {err}")))
}
