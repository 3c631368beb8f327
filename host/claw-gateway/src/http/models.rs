//! The agents of this host under the names that OpenAI clients choose from.

use std::net::SocketAddr;

use claw_core::id::AgentId;
use hyper::header::HeaderMap;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::access;
use super::reply::{self, Body, Problem};
use crate::call::Call;
use crate::listener::Shared;

pub(super) async fn list(shared: &Shared, address: SocketAddr, headers: &HeaderMap) -> Result<Response<Body>, Problem> {
    let models: Vec<Value> = names(shared, address, headers).await?.iter().map(|name| model(name)).collect();
    Ok(reply::json(StatusCode::OK, &json!({"object": "list", "data": models})))
}

pub(super) async fn get(
    shared: &Shared,
    address: SocketAddr,
    headers: &HeaderMap,
    id: &str,
) -> Result<Response<Body>, Problem> {
    // Clients may escape the slash within an id.
    let id = id.replace("%2F", "/").replace("%2f", "/");
    let names = names(shared, address, headers).await?;
    match names.iter().find(|name| **name == id) {
        Some(name) => Ok(reply::json(StatusCode::OK, &model(name))),
        None => Err(Problem::new(StatusCode::NOT_FOUND, "model_not_found", "no such model; see GET /v1/models")),
    }
}

async fn names(shared: &Shared, address: SocketAddr, headers: &HeaderMap) -> Result<Vec<String>, Problem> {
    let caller = access::owner(shared, address, headers).await?;
    let reply = shared.link.ask(caller, Call::AgentsList).await?;
    let agents = reply["agents"].as_array().into_iter().flatten();
    let agents = agents.filter_map(|agent| agent["id"].as_str()).map(|id| format!("openclaw/{id}"));
    Ok(["openclaw".to_owned(), "openclaw/default".to_owned()].into_iter().chain(agents).collect())
}

fn model(name: &str) -> Value {
    json!({"id": name, "object": "model", "created": 0, "owned_by": "openclaw"})
}

/// The agent that a model name stands for; `None` for the default one.
pub(super) fn agent(model: &str) -> Result<Option<AgentId>, Problem> {
    if matches!(model, "openclaw" | "openclaw/default") {
        return Ok(None);
    }
    let named = ["openclaw/", "openclaw:", "agent:"].into_iter().find_map(|prefix| model.strip_prefix(prefix));
    named.and_then(|id| AgentId::parse(id).ok()).map(Some).ok_or_else(|| {
        let why = "no such model; use `openclaw` or `openclaw/<agent id>`";
        Problem::new(StatusCode::NOT_FOUND, "model_not_found", why)
    })
}
