//! HTTP on the gateway's port: health, the OpenAI-compatible API, tools and approvals; and the way to the WebSocket.

mod access;
mod approvals;
mod completions;
mod health;
mod models;
mod prompt;
mod reply;
mod sse;
mod tools;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::{Method, Request, Response, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::listener::{Peer, Shared, Upgraded};
use crate::rebinding::{self, BrowserOrigin, Suspicion};
use reply::{Body, Problem};

/// Answers one request. Never fails: what goes wrong is an answer, too.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    address: SocketAddr,
    request: Request<Incoming>,
    upgraded: &Upgraded,
) -> Result<Response<Body>, Infallible> {
    let openai = request.uri().path().starts_with("/v1/");
    let answered = route(shared, address, request, upgraded).await;
    Ok(answered.unwrap_or_else(|problem| problem.response(openai)))
}

async fn route(
    shared: Arc<Shared>,
    address: SocketAddr,
    request: Request<Incoming>,
    upgraded: &Upgraded,
) -> Result<Response<Body>, Problem> {
    check_sender(request.headers())?;
    let origin = rebinding::origin(request.headers());
    if wants_websocket(request.headers()) {
        return upgrade(request, Peer { address, origin }, upgraded);
    }
    if origin == BrowserOrigin::Foreign {
        let why = "pages of other origins may not use this gateway";
        return Err(Problem::new(StatusCode::FORBIDDEN, "origin_not_allowed", why));
    }
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let get = matches!(method, Method::GET | Method::HEAD);
    let post = method == Method::POST;
    match path.as_str() {
        "/health" | "/healthz" if get => Ok(health::live()),
        "/ready" | "/readyz" if get => Ok(health::ready(&shared).await),
        "/v1/chat/completions" if post => completions::create(&shared, address, request).await,
        "/v1/models" if get => models::list(&shared, address, request.headers()).await,
        "/tools/invoke" if post => tools::invoke(&shared, address, request).await,
        "/v1/approvals" if get || post => approvals::list(&shared, address, request.headers()).await,
        "/health" | "/healthz" | "/ready" | "/readyz" | "/v1/models" => Err(Problem::wrong_method("GET, HEAD")),
        "/v1/chat/completions" | "/tools/invoke" => Err(Problem::wrong_method("POST")),
        "/v1/approvals" => Err(Problem::wrong_method("GET, HEAD, POST")),
        path => match (path.strip_prefix("/v1/models/"), path.strip_prefix("/v1/approvals/")) {
            (Some(id), _) if get => models::get(&shared, address, request.headers(), id).await,
            (_, Some(id)) if post => approvals::resolve(&shared, address, id.to_owned(), request).await,
            (Some(_), _) => Err(Problem::wrong_method("GET, HEAD")),
            (_, Some(_)) => Err(Problem::wrong_method("POST")),
            (None, None) => Err(Problem::not_found("there is nothing at this path")),
        },
    }
}

fn check_sender(headers: &HeaderMap) -> Result<(), Problem> {
    let (code, why) = match rebinding::check(headers) {
        Ok(()) => return Ok(()),
        Err(Suspicion::Host) => {
            ("host_not_allowed", "the Host header must be an address or `localhost`; use one of them in the URL")
        }
        Err(Suspicion::Forwarded) => {
            ("proxy_not_allowed", "the request came through a proxy, and this gateway trusts none; connect directly")
        }
    };
    Err(Problem::new(StatusCode::FORBIDDEN, code, why))
}

fn wants_websocket(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Answers 101 and leaves the stream for the connection's task.
fn upgrade(mut request: Request<Incoming>, peer: Peer, upgraded: &Upgraded) -> Result<Response<Body>, Problem> {
    let headers = request.headers();
    let is_version_13 = headers.get("sec-websocket-version").is_some_and(|version| version == "13");
    let asks_upgrade = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|option| option.trim().eq_ignore_ascii_case("upgrade")));
    let key = headers.get(SEC_WEBSOCKET_KEY).cloned();
    let (Some(key), true, true, &Method::GET) = (key, is_version_13, asks_upgrade, request.method()) else {
        let why = "this is no WebSocket handshake of version 13";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad_upgrade", why));
    };
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).expect("http: base64 is a header value");
    let pending = hyper::upgrade::on(&mut request);
    *upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some((pending, peer));
    let mut response = Response::new(reply::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}
