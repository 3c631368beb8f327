//! Whatever comes in that makes no sense: one clear error each, and the host goes on.

pub mod attacks;
pub mod cores;
pub mod guests;
pub mod load;
pub mod odd;
mod paths;
mod start;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, PATIENCE, connect_params};
use crate::host::{Home, Host};

/// A new client is answered, through a tool that ships with the host.
async fn check_goes_on(running: &Host) {
    let mut client = running.connect().await;
    let run = format!("after-{}", running_number());
    let answer = client.ask(&run, r#"tool read {"path":"notes.md"}"#).await;
    assert!(answer.contains("milk"), "{answer}");
}

/// A number for an id that no other check has used.
fn running_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn home() -> Home {
    Home::new().file("notes.md", "milk\n")
}

// GW-15
#[tokio::test]
async fn each_malformed_frame_is_one_error_and_the_connection_goes_on() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    let deep = "[".repeat(100_000);
    let frames = [
        ("{", "invalid"),
        ("[]", "invalid"),
        ("\"connect\"", "invalid"),
        ("", "invalid"),
        (deep.as_str(), "invalid"),
        (r#"{"type":"req","method":"health"}"#, "invalid"),
        (r#"{"type":"req","id":7,"method":"health"}"#, "invalid"),
        (r#"{"type":"req","id":"a","method":"health","params":1e400}"#, "invalid"),
        (r#"{"type":"req","id":"b"}"#, "b"),
        (r#"{"type":"res","id":"c","ok":true}"#, "c"),
        (r#"{"type":"req","id":"d","method":7}"#, "d"),
    ];
    for (frame, id) in frames {
        client.text(frame).await;
        let error = client.response(id).await.unwrap_err();
        let shown = &frame[..frame.len().min(60)];
        assert_eq!(error["code"], "INVALID_REQUEST", "{shown}: {error}");
        assert!(error["message"].as_str().unwrap().starts_with("invalid request frame: "), "{shown}: {error}");
    }
    assert_eq!(client.call("health", json!({})).await.unwrap()["ok"], true);
    check_goes_on(&running).await;
}

// GW-15
#[tokio::test]
async fn an_unknown_method_and_parameters_that_do_not_fit_are_named() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    let calls = [
        ("no.such.method", json!({}), "no.such.method"),
        ("connect", connect_params(&running.token), "already connected"),
        ("chat.send", json!(null), "sessionKey"),
        ("chat.send", json!([1, 2]), "chat.send"),
        ("chat.send", json!({"sessionKey": 5, "message": "x", "idempotencyKey": "i"}), "string"),
        ("chat.send", json!({"sessionKey": "main", "message": "x"}), "idempotencyKey"),
        ("chat.send", json!({"sessionKey": "main", "message": "", "idempotencyKey": "i"}), "message"),
        ("chat.send", json!({"sessionKey": "a b", "message": "x", "idempotencyKey": "i"}), "session"),
        ("chat.history", json!({"sessionKey": "agent:other:main"}), "other"),
        ("exec.approval.resolve", json!({"id": "nobody", "decision": "allow-once"}), "nobody"),
        ("exec.approval.resolve", json!({"id": "0".repeat(32), "decision": "deny"}), &"0".repeat(32)),
        ("exec.approval.resolve", json!({"id": "0".repeat(32), "decision": "maybe"}), "decision"),
        ("tools.invoke", json!({"name": "read", "args": 5}), "args"),
        ("components.inspect", json!({"name": "../files"}), "name"),
        ("components.inspect", json!({"name": "nobody"}), "nobody"),
    ];
    for (method, params, part) in calls {
        let error = client.call(method, params.clone()).await.unwrap_err();
        let message = error["message"].as_str().unwrap();
        assert!(message.to_lowercase().contains(&part.to_lowercase()), "{method} {params}: {error}");
    }
    assert_eq!(client.call("health", json!({})).await.unwrap()["ok"], true);
    check_goes_on(&running).await;
}

// GW-02, GW-10
#[tokio::test]
async fn a_stranger_is_told_once_what_is_wrong_and_then_shut_out() {
    let host = home();
    let running = host.start();
    let mut no_auth = connect_params("");
    no_auth.as_object_mut().unwrap().remove("auth");
    let mut old = connect_params(&running.token);
    old["maxProtocol"] = json!(1);
    old["minProtocol"] = json!(1);
    let knocks = [
        ("connect", connect_params("wrong-token-of-a-stranger"), "token mismatch", 1008),
        ("connect", no_auth, "token missing", 1008),
        ("connect", old, "protocol mismatch", 1002),
        ("connect", json!({"minProtocol": 4}), "invalid connect params", 1008),
        ("health", json!({}), "first request must be `connect`", 1008),
    ];
    for (method, params, part, code) in knocks {
        let mut stranger = Client::open(&running.url).await;
        let error = stranger.call(method, params).await.unwrap_err();
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
        assert!(!error.to_string().contains("wrong-token-of-a-stranger"), "{error}");
        assert_eq!(stranger.close_code().await, code, "{part}");
    }
    let mut stranger = Client::open(&running.url).await;
    stranger.text("{").await;
    assert_eq!(stranger.response("invalid").await.unwrap_err()["code"], "INVALID_REQUEST");
    assert_eq!(stranger.close_code().await, 1008);
    check_goes_on(&running).await;
}

// GW-12
#[tokio::test]
async fn a_stranger_who_says_too_much_or_not_text_is_cut_off() {
    let host = home();
    let running = host.start();
    let mut stranger = Client::open(&running.url).await;
    stranger.text(&"x".repeat(70 * 1024)).await;
    assert_eq!(stranger.close_code().await, 1009);
    let (mut binary, _) = tokio_tungstenite::connect_async(&running.url).await.unwrap();
    binary.send(Message::Binary(vec![0, 159, 146, 150].into())).await.unwrap();
    let code = loop {
        match tokio::time::timeout(PATIENCE, binary.next()).await.expect("no close in time") {
            Some(Ok(Message::Close(Some(frame)))) => break u16::from(frame.code),
            Some(Ok(_)) => {}
            other => panic!("closed without a code: {other:?}"),
        }
    };
    assert_eq!(code, 1003);
    check_goes_on(&running).await;
}

#[tokio::test]
async fn a_bad_request_over_http_is_a_json_error_with_its_status() {
    let host = home();
    let running = host.start();
    let user = json!([{"role": "user", "content": "say x"}]);
    let requests = [
        (json!({"model": "openclaw"}).to_string(), 400, "messages"),
        (json!({"model": "openclaw", "messages": []}).to_string(), 400, "`user`"),
        (json!({"model": "openclaw", "messages": user, "n": 2}).to_string(), 400, "`n`"),
        (json!({"model": "openclaw", "messages": [{"role": "king", "content": "x"}]}).to_string(), 400, "king"),
        ("{".to_owned(), 400, "JSON"),
        ("[]".to_owned(), 400, "object"),
    ];
    let post = || reqwest::Client::new().post(running.http("/v1/chat/completions"));
    for (body, status, part) in requests {
        let answer = post().bearer_auth(&running.token).header("content-type", "application/json").body(body.clone());
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), status, "{body}");
        let error: Value = answer.json().await.unwrap();
        assert!(error["error"]["message"].as_str().unwrap().contains(part), "{body}: {error}");
    }
    let wrong = post().bearer_auth("wrong").json(&json!({"messages": user})).send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    let lost = reqwest::Client::new().get(running.http("/v1/nowhere")).bearer_auth(&running.token);
    assert_eq!(lost.send().await.unwrap().status(), 404);
    check_goes_on(&running).await;
}

// ML-01, ML-02, ML-03
#[tokio::test]
async fn arguments_that_do_not_parse_or_fit_are_refused_before_the_tool_runs() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    let calls = [
        (r#"read {"path":"#, "E_MODEL_ARGS"),
        (r#"read {"path":"notes.md"} trailing"#, "E_MODEL_ARGS"),
        ("read null", "E_MODEL_ARGS"),
        (r#"read ["notes.md"]"#, "E_MODEL_ARGS"),
        ("read {}", "E_MODEL_ARGS"),
        (r#"read {"path":5}"#, "E_MODEL_ARGS"),
        (r#"read {"path":"notes.md","offset":0}"#, "E_MODEL_ARGS"),
        (r#"read {"path":"notes.md","offset":"1"}"#, "E_MODEL_ARGS"),
        (r#"write {"path":"never.txt"}"#, "E_MODEL_ARGS"),
        (r#"exec {"argv":"touch never.txt"}"#, "E_MODEL_ARGS"),
        (r#"exec {"argv":[]}"#, "E_MODEL_ARGS"),
        (r#"web_fetch {"url":7}"#, "E_MODEL_ARGS"),
        ("nothing_like_it {}", "E_TOOL_UNKNOWN"),
    ];
    for (number, (call, code)) in calls.into_iter().enumerate() {
        let answer = client.ask(&format!("r{number}"), &format!("tool {call}")).await;
        assert!(answer.contains(&format!(": {code}: ")), "{call}: {answer}");
    }
    assert!(!host.workspace().join("never.txt").exists());
    check_goes_on(&running).await;
}
