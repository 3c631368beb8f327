//! A model's server that answers at once, in OpenAI's words: what remains of a turn is the host.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Response, header};
use axum::routing::post;
use serde_json::{Value, json};

/// What the user says to get a tool call; anything else is answered.
pub const CALL: &str = "call the clock";
/// Requests of one turn with a tool call.
const KEPT: usize = 2;

/// The last requests, oldest first.
type Asked = Arc<Mutex<VecDeque<Bytes>>>;

/// A running server; it ends with the runtime.
pub struct ModelServer {
    pub base: String,
    asked: Asked,
}

impl ModelServer {
    pub async fn start() -> Result<ModelServer> {
        let asked = Asked::default();
        let router = Router::new().route("/v1/chat/completions", post(answer)).with_state(Arc::clone(&asked));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}/v1", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(ModelServer { base, asked })
    }

    /// The settings of a host that asks it.
    pub fn config(&self) -> String {
        let provider = format!("{{ wire: 'openai-chat', baseUrl: '{}' }}", self.base);
        format!("{{ models: {{ default: 'bench/m', providers: {{ bench: {provider} }} }} }}")
    }

    /// The bodies of the last requests, to send them again without the host.
    pub fn last(&self, count: usize) -> Vec<Bytes> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().skip(asked.len().saturating_sub(count)).cloned().collect()
    }
}

async fn answer(State(asked): State<Asked>, body: Bytes) -> Response<Body> {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    {
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() == KEPT {
            asked.pop_front();
        }
        asked.push_back(body);
    }
    let last = request["messages"].as_array().and_then(|messages| messages.last()).cloned().unwrap_or_default();
    let reply = if last["content"] == CALL {
        let function = json!({ "name": "clock", "arguments": "{}" });
        let call = json!({ "index": 0, "id": "call_1", "type": "function", "function": function });
        stream(&json!({ "tool_calls": [call] }), "tool_calls")
    } else {
        stream(&json!({ "content": "It is noon." }), "stop")
    };
    let mut response = Response::new(Body::from(reply));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/event-stream"));
    response
}

fn stream(delta: &Value, finish: &str) -> String {
    let event = |choices: Value, usage: Value| {
        let chunk = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "m",
            "choices": choices, "usage": usage });
        format!("data: {chunk}\n\n")
    };
    let choice = |delta: &Value, finish: Value| json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
    let usage = json!({ "prompt_tokens": 21, "completion_tokens": 4, "total_tokens": 25 });
    let said = event(choice(delta, Value::Null), Value::Null);
    let ended = event(choice(&json!({}), json!(finish)), Value::Null);
    format!("{said}{ended}{}data: [DONE]\n\n", event(json!([]), usage))
}
