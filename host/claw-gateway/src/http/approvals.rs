//! Approvals over HTTP: see what waits, answer it.

use std::net::SocketAddr;

use claw_core::id::ApprovalId;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, Response, StatusCode};
use serde_json::json;

use super::access;
use super::reply::{self, Body, Problem};
use crate::call::Call;
use crate::listener::Shared;
use crate::method;

pub(super) async fn list(shared: &Shared, address: SocketAddr, headers: &HeaderMap) -> Result<Response<Body>, Problem> {
    let caller = access::owner(shared, address, headers).await?;
    let pending = shared.link.ask(caller, Call::ApprovalList).await?;
    Ok(reply::json(StatusCode::OK, &json!({"approvals": pending})))
}

pub(super) async fn resolve(
    shared: &Shared,
    address: SocketAddr,
    id: String,
    request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    let caller = access::owner(shared, address, request.headers()).await?;
    let id = ApprovalId::parse(&id).map_err(|err| Problem::not_found(err.to_string()))?;
    let body = access::object(shared, request).await?;
    let params = serde_json::from_value(body).map_err(|err| Problem::bad(err.to_string()))?;
    let answer = method::answer(&params).map_err(Problem::bad)?;
    let reply = shared.link.ask(caller, Call::ApprovalResolve { id, answer }).await?;
    Ok(reply::json(StatusCode::OK, &reply))
}
