//! One tool call by the owner, without a model.

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::access;
use super::reply::{self, Body, Problem};
use crate::listener::Shared;
use crate::method;

pub(super) async fn invoke(
    shared: &Shared,
    address: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    let caller = access::owner(shared, address, request.headers()).await?;
    let usual = shared.config.routes.agent(&caller.source.whence(None));
    let body = method::for_agent("tools.invoke", access::object(shared, request).await?, &usual);
    let method::Request::Host(call) = method::tools_invoke(body).map_err(Problem::bad)? else {
        return Err(Problem::bad("this tool cannot be invoked"));
    };
    let reply = shared.link.ask(caller, call).await?;
    if reply["ok"] == true {
        return Ok(reply::json(StatusCode::OK, &json!({"ok": true, "result": reply["output"]})));
    }
    Err(refused(&reply))
}

fn refused(reply: &Value) -> Problem {
    let code = reply["error"]["code"].as_str().unwrap_or("E_TOOL");
    let message = reply["error"]["message"].as_str().unwrap_or("the tool failed");
    if reply["requiresApproval"] == true {
        let details = json!({"requiresApproval": true, "approvalId": reply["approvalId"]});
        return Problem::new(StatusCode::FORBIDDEN, code, message).with_details(details);
    }
    let status = match code {
        "E_MODEL_ARGS" => StatusCode::BAD_REQUEST,
        "E_POLICY_DENY" => StatusCode::FORBIDDEN,
        "E_TOOL_UNKNOWN" | "E_NOT_FOUND" => StatusCode::NOT_FOUND,
        "E_BUSY" => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, code, message)
}
