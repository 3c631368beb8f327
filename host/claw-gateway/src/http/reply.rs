//! Answers and problems in JSON.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::frame::{ErrorCode, RpcError};

/// The body of every answer.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Why a request is not answered as it hoped.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    pub(super) status: StatusCode,
    /// A stable word for programs.
    pub(super) code: String,
    pub(super) message: String,
    /// What is added to the answer's object.
    details: Option<Value>,
    retry_after: Option<Duration>,
    allow: Option<&'static str>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let (code, message) = (code.to_owned(), message.into());
        Problem { status, code, message, details: None, retry_after: None, allow: None }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(super) fn wrong_method(allow: &'static str) -> Self {
        let message = format!("this path takes only {allow}");
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
        Problem { allow: Some(allow), ..problem }
    }

    pub(super) fn retry_after(self, wait: Duration) -> Self {
        Problem { retry_after: Some(wait), ..self }
    }

    pub(super) fn with_details(self, details: Value) -> Self {
        Problem { details: Some(details), ..self }
    }

    /// The kind of error in OpenAI's words.
    fn openai_type(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            _ => "server_error",
        }
    }

    /// The error object in OpenAI's form.
    pub(super) fn openai(&self) -> Value {
        json!({"error": {
            "message": self.message, "type": self.openai_type(), "param": null, "code": self.code,
        }})
    }

    pub(super) fn response(self, openai: bool) -> Response<Body> {
        let mut body = if openai {
            self.openai()
        } else {
            json!({"ok": false, "error": {"type": self.code, "message": self.message}})
        };
        if let Some(Value::Object(details)) = self.details {
            body.as_object_mut().expect("reply: a problem is an object").extend(details);
        }
        let mut response = json(self.status, &body);
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<RpcError> for Problem {
    fn from(error: RpcError) -> Self {
        let detail = error.details.as_ref().and_then(|details| details["code"].as_str());
        let status = match error.code {
            ErrorCode::InvalidRequest if detail == Some("UNKNOWN_AGENT_ID") => StatusCode::NOT_FOUND,
            ErrorCode::InvalidRequest => StatusCode::BAD_REQUEST,
            ErrorCode::Forbidden | ErrorCode::NotPaired => StatusCode::FORBIDDEN,
            ErrorCode::ApprovalNotFound => StatusCode::NOT_FOUND,
            ErrorCode::Unavailable if error.retry_after.is_some() => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::Unavailable if error.retryable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Unavailable => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let code = detail.unwrap_or(error.code.as_str()).to_lowercase();
        let problem = Problem::new(status, &code, error.message);
        match error.retry_after {
            Some(wait) => problem.retry_after(wait),
            None => problem,
        }
    }
}

/// A JSON answer. Nothing here may be cached, and nothing may be taken for a page.
pub(super) fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let body = Full::new(Bytes::from(value.to_string())).boxed_unsync();
    let mut response = with_type(body, "application/json");
    *response.status_mut() = status;
    response
}

pub(super) fn with_type(body: Body, content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

pub(super) fn empty() -> Body {
    Empty::new().boxed_unsync()
}
