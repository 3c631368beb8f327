use std::time::Duration;

use claw_gateway::{Auth, GatewayLimits};
use expect_test::expect;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Client, PATIENCE, TOKEN, TestHost, connect};

/// Sends `connect` and expects a refusal; gives its details and how the connection was closed.
async fn refused(client: &mut Client, params: Value) -> (Value, (u16, String)) {
    let answer = client.request("connect", params).await;
    assert_eq!(answer["ok"], false, "{answer}");
    (answer["error"].clone(), client.closed().await)
}

#[tokio::test]
async fn the_hello_says_what_the_client_may_and_the_host_can() {
    let host = TestHost::start().await;
    let mut client = host.client().await;
    let mut hello = client.request("connect", connect(&["read", "approvals"], &[])).await;
    assert!(client.challenge["nonce"].as_str().unwrap().len() >= 32);
    for masked in ["/payload/server/connId", "/payload/snapshot/uptimeMs", "/payload/snapshot/health/ts"] {
        *hello.pointer_mut(masked).unwrap() = json!("…");
    }
    expect![[r#"
        {
          "type": "res",
          "id": "q1",
          "ok": true,
          "payload": {
            "type": "hello-ok",
            "protocol": 4,
            "server": {
              "version": "1.2.3",
              "connId": "…",
              "controlUiBuildSource": "configured"
            },
            "features": {
              "methods": [
                "connect",
                "health",
                "status",
                "chat.send",
                "chat.history",
                "chat.abort",
                "agent",
                "agent.wait",
                "agent.identity.get",
                "agents.list",
                "channels.status",
                "models.list",
                "sessions.list",
                "sessions.describe",
                "sessions.resolve",
                "sessions.search",
                "sessions.create",
                "sessions.patch",
                "sessions.branches.list",
                "sessions.branches.switch",
                "sessions.rewind",
                "sessions.undo",
                "sessions.fork",
                "sessions.delete",
                "sessions.cleanup",
                "sessions.subscribe",
                "sessions.messages.subscribe",
                "sessions.messages.unsubscribe",
                "sessions.reset",
                "exec.approval.list",
                "exec.approval.get",
                "exec.approval.resolve",
                "approval.resolve",
                "tools.catalog",
                "tools.invoke",
                "components.list",
                "components.inspect",
                "components.grants",
                "components.grants.change",
                "components.pause",
                "components.resume",
                "packages.list",
                "packages.prepare",
                "packages.install",
                "packages.rollback",
                "packages.pin",
                "packages.unpin",
                "packages.remove",
                "packages.verify",
                "packages.revoke",
                "packages.unrevoke",
                "packages.revocations",
                "hub.search",
                "hub.prepare",
                "hub.install",
                "hub.list",
                "hub.rollback",
                "hub.pin",
                "hub.unpin",
                "hub.remove",
                "hub.verify",
                "tasks.list",
                "tasks.get",
                "tasks.cancel",
                "outbox.list",
                "outbox.retry",
                "outbox.drop",
                "backup.create",
                "runs.show",
                "runs.replay",
                "audit.list",
                "audit.show",
                "audit.verify",
                "question.list",
                "plugin.approval.list",
                "taskSuggestions.list",
                "commands.list",
                "models.status",
                "secrets.reload",
                "skills.status"
              ],
              "events": [
                "connect.challenge",
                "agent",
                "chat",
                "sessions.changed",
                "exec.approval.requested",
                "exec.approval.resolved",
                "tick",
                "shutdown"
              ],
              "capabilities": [
                "published-model-catalog"
              ]
            },
            "snapshot": {
              "presence": [],
              "health": {
                "ok": true,
                "ts": "…"
              },
              "stateVersion": {
                "presence": 0,
                "health": 0
              },
              "uptimeMs": "…",
              "sessionDefaults": {
                "defaultAgentId": "main",
                "mainKey": "main",
                "mainSessionKey": "agent:main:main",
                "scope": "per-sender"
              },
              "authMode": "token"
            },
            "auth": {
              "role": "operator",
              "scopes": [
                "operator.read",
                "operator.approvals"
              ],
              "method": "token"
            },
            "policy": {
              "maxPayload": 26214400,
              "maxBufferedBytes": 52428800,
              "tickIntervalMs": 30000,
              "attachments": {
                "maxBytes": 12582912,
                "maxImageBytes": 3932160
              }
            }
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&hello).unwrap());
}

#[tokio::test]
async fn a_password_opens_as_well_as_a_token() {
    let host = TestHost::start().await;
    let mut params = connect(&["read"], &[]);
    params["auth"] = json!({"password": TOKEN});
    let hello = host.client().await.request("connect", params).await;
    assert_eq!(hello["payload"]["auth"]["method"], "password");
}

#[tokio::test]
async fn a_device_keeps_its_scopes_with_either_version_of_the_signature() {
    let host = TestHost::start().await;
    for version in ["v2", "v3"] {
        let mut client = host.client().await;
        let mut params = connect(&["write", "approvals"], &[]);
        params["client"]["id"] = json!("openclaw-tui");
        params["client"]["mode"] = json!("ui");
        let params = client.prove(params, version);
        let hello = client.request("connect", params.clone()).await;
        assert_eq!(hello["payload"]["auth"]["scopes"], json!(["operator.write", "operator.approvals"]), "{hello}");
        let health = client.request("health", json!({})).await;
        assert_eq!(health["ok"], true);
        let device = params["device"]["id"].as_str().unwrap();
        assert_eq!(host.calls().last().unwrap(), &format!("ws:{device} Health"));
        // GW-17: the same signature on another connection.
        let (error, close) = refused(&mut host.client().await, params).await;
        assert_eq!(error["details"]["code"], "DEVICE_AUTH_NONCE_MISMATCH");
        assert_eq!(close.0, 1008);
    }
}

// GW-02
#[tokio::test]
async fn a_wrong_secret_is_answered_late_and_closes_the_connection() {
    let host = TestHost::start().await;
    let mut params = connect(&["read"], &[]);
    params["auth"]["token"] = json!("wrong");
    let before = tokio::time::Instant::now();
    let (error, close) = refused(&mut host.client().await, params).await;
    assert!(before.elapsed() >= Duration::from_millis(250));
    assert_eq!(error["details"]["code"], "AUTH_TOKEN_MISMATCH");
    assert_eq!(close, (1008, "unauthorized: gateway token mismatch".to_owned()));
}

#[tokio::test]
async fn another_protocol_is_refused_with_1002() {
    let host = TestHost::start().await;
    let mut params = connect(&["read"], &[]);
    params["maxProtocol"] = json!(3);
    params["minProtocol"] = json!(3);
    let (error, close) = refused(&mut host.client().await, params).await;
    assert_eq!(error["details"]["expectedProtocol"], 4);
    assert_eq!(close, (1002, "protocol mismatch".to_owned()));
}

// GW-05
#[tokio::test]
async fn a_page_of_another_origin_is_refused_with_the_right_token() {
    let host = TestHost::start().await;
    let mut client = Client::open(host.address, Some("https://evil.test")).await;
    let (error, close) = refused(&mut client, connect(&["read"], &[])).await;
    assert_eq!(error["details"]["code"], "CONTROL_UI_ORIGIN_NOT_ALLOWED");
    assert_eq!(close.0, 1008);
    let own = format!("http://{}", host.address);
    let mut client = Client::open(host.address, Some(&own)).await;
    assert_eq!(client.request("connect", connect(&["read"], &[])).await["ok"], true);
}

// GW-10
#[tokio::test]
async fn nothing_runs_before_connect() {
    let host = TestHost::start().await;
    let mut client = host.client().await;
    let answer = client.request("health", json!({})).await;
    assert_eq!(answer["error"]["code"], "INVALID_REQUEST");
    assert_eq!(client.closed().await.0, 1008);
    let mut client = host.client().await;
    client.send("nonsense").await;
    assert!(client.response("invalid").await["error"]["message"].as_str().unwrap().contains("invalid request frame"));
    assert_eq!(client.closed().await.0, 1008);
    let mut client = host.client().await;
    client.send_binary().await;
    assert_eq!(client.closed().await.0, 1003);
    assert_eq!(host.calls(), Vec::<String>::new());
}

// GW-10
#[tokio::test]
async fn a_second_connect_is_refused_and_the_connection_stays() {
    let host = TestHost::start().await;
    let mut client = host.connected(&["read"], &[]).await;
    let again = client.request("connect", connect(&["admin"], &[])).await;
    assert_eq!(again["error"]["message"], "this connection is already connected");
    let reset = client.request("sessions.reset", json!({"key": "main"})).await;
    assert_eq!(reset["error"]["code"], "FORBIDDEN");
}

#[tokio::test]
async fn requests_sent_before_the_hello_are_answered_after_it() {
    let host = TestHost::start().await;
    let mut client = host.client().await;
    let connect = json!({"type": "req", "id": "a", "method": "connect", "params": connect(&["write"], &[])});
    client.send(connect.to_string()).await;
    // Together more than what a stranger may send.
    for id in ["b", "c", "d"] {
        let message = "x".repeat(50_000);
        let params = json!({"sessionKey": "main", "message": message, "idempotencyKey": id});
        client.send(json!({"type": "req", "id": id, "method": "chat.send", "params": params}).to_string()).await;
    }
    for id in ["a", "b", "c", "d"] {
        assert_eq!(client.response(id).await["ok"], true);
    }
}

// GW-12
#[tokio::test]
async fn a_large_frame_before_connect_closes_with_1009() {
    let host = TestHost::start().await;
    let mut client = host.client().await;
    client.send("x".repeat(65 * 1024)).await;
    assert_eq!(client.closed().await, (1009, "preauth payload too large".to_owned()));
}

// GW-11
#[tokio::test]
async fn a_silent_peer_is_closed_after_the_handshake_time() {
    let limits = GatewayLimits { handshake: Duration::from_millis(50), ..GatewayLimits::default() };
    let host = TestHost::with(limits, Duration::from_secs(30)).await;
    assert_eq!(host.client().await.closed().await, (1008, "handshake timeout".to_owned()));
    let mut half = TcpStream::connect(host.address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost: 127").await.unwrap();
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, half.read_to_end(&mut rest)).await.expect("half a request is closed");
}

#[tokio::test]
async fn without_auth_a_local_program_needs_no_secret() {
    let host = TestHost::serve(Auth::None, GatewayLimits::default(), Duration::from_secs(30)).await;
    let mut params = connect(&["read"], &[]);
    params["auth"] = Value::Null;
    let hello = host.client().await.request("connect", params).await;
    assert_eq!(hello["payload"]["auth"]["method"], "none");
    assert_eq!(hello["payload"]["snapshot"]["authMode"], "none");
}

// GW-22
#[tokio::test]
async fn a_client_without_device_only_claims_its_scopes() {
    let host = TestHost::start().await;
    let mut client = host.client().await;
    let mut params = connect(&["admin"], &[]);
    params["client"]["id"] = json!("webchat");
    params["client"]["mode"] = json!("webchat");
    let hello = client.request("connect", params).await;
    assert_eq!(hello["payload"]["auth"]["scopes"], json!([]));
    let answer = client.request("health", json!({})).await;
    assert_eq!(answer["error"]["details"]["missingScope"], "operator.read");
}
