//! Answers from a file, in place of servers: what a component does with them is the same each time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use claw_core::effect::EffectError;
use http_body_util::BodyExt;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Request, Response, StatusCode, Url};

use crate::secret;

/// What a server would answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Method and URL, as in `GET https://api.example.com/v1`.
    pub request: String,
    /// 100 to 999.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// Answers by request. Several to one request are given in their order, and the last one again and again.
#[derive(Debug, Default)]
pub struct Answers {
    left: Mutex<HashMap<String, VecDeque<Valid>>>,
}

/// An answer whose parts were found valid.
#[derive(Clone, Debug)]
struct Valid {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answers {
    /// Takes answers up.
    ///
    /// # Errors
    /// What is wrong with which answer.
    pub fn new(answers: Vec<Answer>) -> Result<Answers, String> {
        let mut left: HashMap<_, VecDeque<_>> = HashMap::new();
        for answer in answers {
            let wrong = |what: &str| format!("the answer to `{}` has {what}", answer.request);
            let (method, url) = answer.request.split_once(' ').ok_or_else(|| wrong("no method and URL"))?;
            let asked = asked(method, url).map_err(|why| wrong(&format!("no URL: it {why}")))?;
            let status = StatusCode::from_u16(answer.status).map_err(|_| wrong("no status"))?;
            let mut headers = HeaderMap::new();
            for (name, value) in &answer.headers {
                let is_wrong = || wrong(&format!("a header field `{name}` that cannot be sent"));
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| is_wrong())?;
                headers.append(name, HeaderValue::from_str(value).map_err(|_| is_wrong())?);
            }
            headers.entry(CONTENT_LENGTH).or_insert_with(|| answer.body.len().into());
            let response = Valid { status, headers, body: answer.body };
            left.entry(asked).or_default().push_back(response);
        }
        Ok(Answers { left: Mutex::new(left) })
    }

    /// Takes a request in, whole, and answers it. `shown` is its URL without its secrets.
    pub(super) async fn answer(&self, shown: &str, mut request: Request) -> Result<Response, EffectError> {
        if let Some(body) = request.body_mut().take() {
            let read = body.collect().await;
            read.map_err(|err| EffectError::Unavailable(format!("the request broke off: {err}")))?;
        }
        let asked = asked(request.method().as_str(), shown).map_err(EffectError::Invalid)?;
        let none = || EffectError::Unavailable(format!("there is no answer to `{asked}` among those that were given"));
        let answer = {
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            let answers = left.get_mut(&asked).ok_or_else(none)?;
            if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
        };
        let answer = answer.ok_or_else(none)?;
        let mut response = http::Response::new(Body::from(answer.body));
        (*response.status_mut(), *response.headers_mut()) = (answer.status, answer.headers);
        Ok(response.into())
    }
}

/// A request in the one form in which it is looked up: the port only where it is not the scheme's own.
fn asked(method: &str, url: &str) -> Result<String, String> {
    let url = Url::parse(url).map_err(|err| format!("cannot be read: {err}"))?;
    Ok(format!("{method} {}", secret::plan_path(url.as_str())?))
}
