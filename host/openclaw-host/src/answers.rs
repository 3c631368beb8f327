//! Files of answers to requests, which stand in for servers: `run --http-answers FILE`.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use claw_core::effect::EffectReply;
use claw_effects::{Answer, Answers};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cli::{Exit, Failure};
use crate::recording::Recording;

/// An answer as a file has it. One of the three bodies at most is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpAnswer {
    /// Method and URL, as in `GET https://api.example.com/v1`.
    pub request: String,
    /// The status.
    #[serde(default = "ok")]
    pub status: u16,
    /// Header fields.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub headers: Map<String, Value>,
    /// The body as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// The body in base64, if it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

fn ok() -> u16 {
    200
}

/// Reads a file of answers: a list, in JSON5.
///
/// # Errors
/// Says what is wrong with the file.
pub fn read(path: &Path) -> Result<Vec<HttpAnswer>, Failure> {
    let shown = || format!("cannot read the answers in `{}`", path.display());
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|err| Failure::new(Exit::Usage, anyhow::Error::new(err).context(shown())))?;
    json5::from_str(&text).map_err(|err| Failure::new(Exit::Usage, anyhow::Error::new(err).context(shown())))
}

/// What stands in for servers.
///
/// # Errors
/// Says which answer cannot be given.
pub fn standing_in(answers: Vec<HttpAnswer>) -> Result<Answers, Failure> {
    let answers = answers.into_iter().map(HttpAnswer::read).collect::<Result<Vec<_>, _>>().and_then(Answers::new);
    answers.map_err(|why| Failure::message(Exit::Usage, why))
}

impl HttpAnswer {
    fn read(self) -> Result<Answer, String> {
        let HttpAnswer { request, status, headers, body, json, base64 } = self;
        let text = |name: &str, value: &Value| match value {
            Value::String(text) => Ok((name.to_owned(), text.clone())),
            other => Err(format!("the answer to `{request}` has a header field `{name}` that is no text: {other}")),
        };
        let mut headers = headers.iter().map(|(name, value)| text(name, value)).collect::<Result<Vec<_>, _>>()?;
        let body = match (body, json, base64) {
            (None, None, None) => Vec::new(),
            (Some(text), None, None) => text.into_bytes(),
            (None, Some(json), None) => {
                if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                    headers.push(("content-type".to_owned(), "application/json".to_owned()));
                }
                json.to_string().into_bytes()
            }
            (None, None, Some(base64)) => BASE64_STANDARD
                .decode(base64)
                .map_err(|err| format!("the answer to `{request}` has a body that is no base64: {err}"))?,
            _ => return Err(format!("the answer to `{request}` has more than one of `body`, `json` and `base64`")),
        };
        Ok(Answer { request, status, headers, body: body.into() })
    }
}

/// The answers that a recorded call got.
pub fn of_recording(bytes: &[u8]) -> Vec<HttpAnswer> {
    let effects = Recording::decode(bytes).map(|recording| recording.effects).unwrap_or_default();
    let answers = effects.into_iter().filter_map(|effect| {
        let request = effect.what.strip_prefix("http ")?.to_owned();
        let Ok(EffectReply::Http(head)) = effect.answer else { return None };
        let field = |(name, value): (String, Vec<u8>)| Some((name, Value::String(String::from_utf8(value).ok()?)));
        let (body, base64) = match String::from_utf8(effect.body?) {
            Ok(text) => (Some(text), None),
            Err(bytes) => (None, Some(BASE64_STANDARD.encode(bytes.as_bytes()))),
        };
        let headers = head.headers.into_iter().filter_map(field).filter(|(name, _)| name != "set-cookie").collect();
        Some(HttpAnswer { request, status: head.status, headers, body, json: None, base64 })
    });
    answers.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_read_in_each_form_and_refused_with_their_request() {
        let read = |value: Value| serde_json::from_value::<HttpAnswer>(value).unwrap().read();
        let get = "GET https://a.example/";
        assert_eq!(read(json!({"request": get, "json": [1]})).unwrap().headers[0].1, "application/json");
        assert_eq!(read(json!({"request": get, "base64": "AP8="})).unwrap().body.as_ref(), [0, 255]);
        for wrong in [json!({"request": get, "body": "", "json": 1}), json!({"request": get, "headers": {"a": 1}})] {
            assert!(read(wrong).unwrap_err().contains(get));
        }
        for wrong in [json!({"request": "https://a.example/"}), json!({"request": get, "status": 7})] {
            assert!(standing_in(vec![serde_json::from_value(wrong).unwrap()]).is_err());
        }
    }
}
