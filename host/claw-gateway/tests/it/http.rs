use claw_gateway::GatewayLimits;
use serde_json::{Value, json};
use std::time::Duration;

use crate::harness::{AUTHORIZED, TestHost};

fn turn(text: &str) -> Value {
    json!({"model": "openclaw", "messages": [{"role": "user", "content": text}]})
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn health_needs_no_token_and_tells_no_details() {
    let host = TestHost::start().await;
    for path in ["/health", "/healthz", "/ready", "/readyz"] {
        let head = format!("Host: {}\r\nConnection: close\r\n\r\n", host.address);
        let get = host.raw(&format!("GET {path} HTTP/1.1\r\n{head}")).await;
        assert_eq!(get.status, 200, "{path}");
        let head = host.raw(&format!("HEAD {path} HTTP/1.1\r\n{head}")).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
    }
    assert_eq!(host.get("/health").await.json(), json!({"ok": true, "status": "live"}));
    assert_eq!(host.get("/ready").await.json(), json!({"ready": true}));
}

// GW-02, GW-33
#[tokio::test]
async fn nothing_but_health_is_open_without_the_token() {
    let host = TestHost::start().await;
    let paths =
        ["/v1/models", "/v1/models/openclaw", "/v1/approvals", "//v1/models", "/V1/models", "/v1/./models", "/x"];
    for path in paths {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", host.address);
        let status = host.raw(&request).await.status;
        assert!(matches!(status, 401 | 404), "{path}: {status}");
    }
    let head = format!("Host: {}\r\nConnection: close\r\nContent-Type: application/json\r\n", host.address);
    let rest = "Content-Length: 2\r\n\r\n{}";
    for path in [CHAT, "/tools/invoke", "/v1/approvals", "/v1/approvals/x"] {
        assert_eq!(host.raw(&format!("POST {path} HTTP/1.1\r\n{head}{rest}")).await.status, 401, "{path}");
    }
    for wrong in ["Bearer wrong", "Basic correct-horse", "correct-horse", "Bearer"] {
        let request = format!("POST {CHAT} HTTP/1.1\r\n{head}Authorization: {wrong}\r\n{rest}");
        assert_eq!(host.raw(&request).await.status, 401, "{wrong}");
    }
    let query = format!("GET /v1/models?token=correct-horse HTTP/1.1\r\n{head}\r\n");
    assert_eq!(host.raw(&query).await.status, 401, "GW-38");
    assert_eq!(host.calls(), Vec::<String>::new());
}

// GW-07
#[tokio::test]
async fn a_rebound_name_and_a_foreign_page_are_refused_everywhere() {
    let host = TestHost::start().await;
    for path in ["/health", "/v1/models", "/nowhere"] {
        let evil = host.raw(&format!("GET {path} HTTP/1.1\r\nHost: evil.test\r\n{AUTHORIZED}\r\n")).await;
        assert_eq!(evil.status, 403, "{path}");
        let own = format!("Host: {}\r\n", host.address);
        let page = format!("GET {path} HTTP/1.1\r\n{own}Origin: https://evil.test\r\n{AUTHORIZED}\r\n");
        assert_eq!(host.raw(&page).await.status, 403, "{path}");
        let proxied = format!("GET {path} HTTP/1.1\r\n{own}X-Forwarded-For: 127.0.0.1\r\n{AUTHORIZED}\r\n");
        assert_eq!(host.raw(&proxied).await.status, 403, "{path}");
    }
    let upgrade = "Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    assert_eq!(host.raw(&format!("GET / HTTP/1.1\r\nHost: evil.test\r\n{upgrade}")).await.status, 403);
}

#[tokio::test]
async fn a_turn_is_answered_whole() {
    let host = TestHost::start().await;
    let reply = host.post(CHAT, "Idempotency-Key: my-run\r\n", &turn("hi")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer = reply.json();
    assert_eq!(answer["id"], "chatcmpl-my-run");
    assert_eq!(
        answer["choices"],
        json!([{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}])
    );
    assert_eq!(answer["usage"], json!({"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}));
}

#[tokio::test]
async fn a_turn_is_streamed_with_its_cards() {
    let host = TestHost::start().await;
    let mut body = turn("ask");
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let reply = host.post(CHAT, "", &body).await;
    assert!(reply.head.contains("content-type: text/event-stream"), "{}", reply.head);
    let content: String = reply
        .body
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert_eq!(content, "\n\nMay I run `ls`?\n\nHello");
    assert!(reply.body.contains(r#""total_tokens":7"#) && reply.body.ends_with("data: [DONE]\n\n"), "{}", reply.body);
}

#[tokio::test]
async fn a_failed_run_is_an_error_in_openais_form() {
    let host = TestHost::start().await;
    let reply = host.post(CHAT, "", &turn("fail")).await;
    assert_eq!(reply.status, 429);
    assert_eq!(
        reply.json()["error"],
        json!({"message": "too many requests", "type": "rate_limit_error", "param": null, "code": "rate_limit"})
    );
}

#[tokio::test]
async fn earlier_messages_count_only_where_the_host_knows_none() {
    let host = TestHost::start().await;
    let body = json!({"model": "openclaw/work", "messages": [
        {"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"},
    ]});
    for (session, folded) in [("known", false), ("empty", true)] {
        let header = format!("x-openclaw-session-key: {session}\r\n");
        assert_eq!(host.post(CHAT, &header, &body).await.status, 200);
        let call = host.calls().pop().unwrap();
        assert!(call.starts_with("http:owner Agent(") && call.contains(&format!("agent:work:{session}")), "{call}");
        assert_eq!(call.contains("be brief"), folded, "{call}");
    }
}

#[tokio::test]
async fn what_cannot_be_a_turn_has_its_status() {
    let host = TestHost::start().await;
    let status = async |body: Value| host.post(CHAT, "", &body).await.status;
    let with = |key: &str, value: Value| {
        let mut body = turn("hi");
        body[key] = value;
        body
    };
    assert_eq!(status(with("model", json!("gpt-4o"))).await, 404);
    assert_eq!(status(with("messages", json!([]))).await, 400);
    assert_eq!(status(with("messages", json!("hi"))).await, 400);
    assert_eq!(status(with("n", json!(2))).await, 400);
    assert_eq!(status(with("tools", json!([{"type": "function"}]))).await, 400);
    assert_eq!(host.post(CHAT, "x-openclaw-session-key: cron:1\r\n", &turn("hi")).await.status, 400);
    assert_eq!(host.post(CHAT, "Idempotency-Key: two words\r\n", &turn("hi")).await.status, 400);
    assert_eq!(host.get(CHAT).await.status, 405);
    assert_eq!(host.get("/nowhere").await.json()["ok"], false);
    assert_eq!(host.calls(), Vec::<String>::new());
}

// GW-08
#[tokio::test]
async fn a_form_cannot_start_anything() {
    let host = TestHost::start().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let body = turn("hi").to_string();
        let head = format!("Host: {}\r\nContent-Type: {kind}\r\n{AUTHORIZED}", host.address);
        let request = format!("POST {CHAT} HTTP/1.1\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len());
        assert_eq!(host.raw(&request).await.status, 415, "{kind}");
    }
    assert_eq!(host.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_announced_or_not() {
    let limits = GatewayLimits { body_bytes: 1000, ..GatewayLimits::default() };
    let host = TestHost::with(limits, Duration::from_secs(30)).await;
    assert_eq!(host.post(CHAT, "", &turn(&"x".repeat(2000))).await.status, 413);
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", 2000, "x".repeat(2000));
    let head = format!("Host: {}\r\nContent-Type: application/json\r\n{AUTHORIZED}", host.address);
    let chunked = format!("POST {CHAT} HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n{chunk}");
    assert_eq!(host.raw(&chunked).await.status, 413);
}

#[tokio::test]
async fn agents_are_models() {
    let host = TestHost::start().await;
    let models = host.get("/v1/models").await.json();
    let ids: Vec<&str> = models["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
    assert_eq!(ids, ["openclaw", "openclaw/default", "openclaw/main", "openclaw/work"]);
    assert_eq!(host.get("/v1/models/openclaw%2Fwork").await.json()["id"], "openclaw/work");
    assert_eq!(host.get("/v1/models/openclaw/play").await.status, 404);
}

#[tokio::test]
async fn a_tool_is_invoked_or_refused_with_its_status() {
    let host = TestHost::start().await;
    let good = host.post("/tools/invoke", "", &json!({"tool": "read", "args": {"path": "a"}})).await;
    assert_eq!(good.json(), json!({"ok": true, "result": {"path": "a"}}));
    let unknown = host.post("/tools/invoke", "", &json!({"name": "nope"})).await;
    assert_eq!((unknown.status, &unknown.json()["error"]["type"]), (404, &json!("E_TOOL_UNKNOWN")));
    assert_eq!(host.post("/tools/invoke", "", &json!({"args": {}})).await.status, 400);
}

#[tokio::test]
async fn approvals_are_listed_and_answered() {
    let host = TestHost::start().await;
    assert_eq!(host.get("/v1/approvals").await.json(), json!({"approvals": []}));
    assert_eq!(host.post("/v1/approvals", "", &json!({})).await.status, 200);
    let path = format!("/v1/approvals/{}", "0".repeat(32));
    assert_eq!(host.post(&path, "", &json!({"decision": "once"})).await.status, 200);
    assert!(host.calls().last().unwrap().ends_with("answer: Once }"), "{:?}", host.calls());
    let always = json!({"decision": "always", "choice": 2, "uses": 3});
    assert_eq!(host.post(&path, "", &always).await.status, 200);
    assert!(host.calls().last().unwrap().contains("choice: 1, uses: Some(3)"), "{:?}", host.calls());
    assert_eq!(host.post(&path, "", &json!({"decision": "yes"})).await.status, 400);
    assert_eq!(host.post("/v1/approvals/1", "", &json!({"decision": "deny"})).await.status, 404);
}
