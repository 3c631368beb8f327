//! Whether the gateway lives, and whether the host behind it answers. Open to everybody, so without details.

use std::time::Duration;

use claw_core::inbound::Source;
use hyper::{Response, StatusCode};
use serde_json::json;
use tokio::time::timeout;

use super::reply::{self, Body};
use crate::call::{Call, Caller};
use crate::listener::Shared;
use crate::scope::{Scope, Scopes};

/// A host that needs longer for this is not ready.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn live() -> Response<Body> {
    reply::json(StatusCode::OK, &json!({"ok": true, "status": "live"}))
}

pub(super) async fn ready(shared: &Shared) -> Response<Body> {
    let source = Source { channel: "http".to_owned(), account: "probe".to_owned() };
    let caller = Caller { source, scopes: Scopes::of(&[Scope::Read]), device: None };
    match timeout(PATIENCE, shared.link.ask(caller, Call::Health)).await {
        Ok(Ok(_)) => reply::json(StatusCode::OK, &json!({"ready": true})),
        Ok(Err(_)) | Err(_) => {
            reply::json(StatusCode::SERVICE_UNAVAILABLE, &json!({"ready": false, "failing": ["host"]}))
        }
    }
}
