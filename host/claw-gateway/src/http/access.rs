//! Who may use the HTTP API, and the bodies that they send.

use std::net::SocketAddr;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use claw_core::inbound::Source;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::{Request, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::reply::Problem;
use crate::call::Caller;
use crate::config::Auth;
use crate::listener::Shared;
use crate::scope::{Scope, Scopes};

/// From the head of a request to the end of its body.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Whoever knows the secret is the owner. Source: upstream's fixed scopes of shared-secret HTTP callers.
const OWNER: [Scope; 6] =
    [Scope::Admin, Scope::Approvals, Scope::Pairing, Scope::Read, Scope::TalkSecrets, Scope::Write];

/// Checks the bearer. A wrong one is answered late, and locks other machines out after some tries.
pub(super) async fn owner(shared: &Shared, address: SocketAddr, headers: &HeaderMap) -> Result<Caller, Problem> {
    let ip = address.ip();
    if let Auth::Token(secret) = &shared.config.auth {
        let attempts = || shared.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wait) = attempts().locked(ip, Instant::now()) {
            let why = "too many wrong tokens; wait and try again";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", why).retry_after(wait));
        }
        let unauthorized = |why: &str| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", why);
        let Some(offered) = bearer(headers) else {
            return Err(unauthorized("send the gateway token as `Authorization: Bearer <token>`"));
        };
        if !secret.matches(offered) {
            let delay = shared.wrong_secret(ip);
            sleep(delay).await;
            return Err(unauthorized("the bearer token is not the gateway's"));
        }
        attempts().succeeded(ip);
    }
    let source = Source { channel: "http".to_owned(), account: "owner".to_owned() };
    Ok(Caller { source, scopes: Scopes::of(&OWNER), device: None })
}

/// Reads a JSON object. Other content types are refused, because any web page may send them.
pub(super) async fn object(shared: &Shared, request: Request<Incoming>) -> Result<Value, Problem> {
    let is_json = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if !is_json {
        let why = "send `Content-Type: application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", why));
    }
    let body = body(shared, request.into_body()).await?;
    let value: Value =
        serde_json::from_slice(&body).map_err(|err| Problem::bad(format!("the body is not JSON: {err}")))?;
    if value.is_object() { Ok(value) } else { Err(Problem::bad("the body must be a JSON object")) }
}

async fn body(shared: &Shared, body: Incoming) -> Result<Bytes, Problem> {
    let limit = shared.config.limits.body_bytes;
    let too_large = || {
        let why = format!("the body may have at most {limit} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", why)
    };
    // Refused before the first byte where the length is announced.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    match timeout(BODY_TIME, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(err)) if err.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(err)) => Err(Problem::bad(format!("cannot read the body: {err}"))),
        Err(_) => {
            let why = "the body did not arrive in time";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", why))
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
