use std::fs;

use super::fake::{FakeGateway, Reply};
use super::*;

fn event(name: &str) -> Incoming {
    Incoming::Event(Event { name: name.to_owned(), payload: json!({}) })
}

#[tokio::test]
async fn it_connects_as_the_command_line_with_the_token_of_the_home() {
    let gateway = FakeGateway::start(|_, _| vec![]).await;
    let client = Client::connect(gateway.home.path()).await.unwrap();
    assert_eq!(client.hello()["protocol"], 4);
    let (method, params) = gateway.requests().remove(0);
    assert_eq!(method, "connect");
    assert_eq!(
        (&params["client"]["id"], &params["client"]["mode"], &params["role"]),
        (&json!("cli"), &json!("cli"), &json!("operator"))
    );
    assert_eq!((&params["minProtocol"], &params["maxProtocol"]), (&json!(4), &json!(4)));
    assert_eq!(params["scopes"], json!(["operator.admin", "operator.read", "operator.write", "operator.approvals"]));
    assert_eq!(params["auth"]["token"], gateway.home.token().expose());
}

#[tokio::test]
async fn a_request_waits_for_its_answer_as_long_as_was_said() {
    let gateway = FakeGateway::start(|_, _| vec![]).await;
    let mut client = Client::connect(gateway.home.path()).await.unwrap();
    let err = client.call_within(Duration::from_millis(1), "status", json!({})).await.unwrap_err();
    assert_eq!(err.to_string(), "the host did not answer `status` within 0 s");
}

#[tokio::test]
async fn events_that_arrive_before_an_answer_are_kept_in_order() {
    let event_then_answer = |_: &str, _: &Value| {
        vec![Reply::Event("tick", json!({})), Reply::Event("health", json!({})), Reply::Ok(json!({ "ok": true }))]
    };
    let gateway = FakeGateway::start(event_then_answer).await;
    let mut client = Client::connect(gateway.home.path()).await.unwrap();
    assert_eq!(client.call("status", json!({})).await.unwrap(), json!({ "ok": true }));
    assert_eq!(client.next().await.unwrap(), event("tick"));
    assert_eq!(client.next().await.unwrap(), event("health"));
}

#[tokio::test]
async fn a_request_may_be_answered_twice() {
    let twice =
        |_: &str, _: &Value| vec![Reply::Ok(json!({ "status": "accepted" })), Reply::Ok(json!({ "status": "ok" }))];
    let gateway = FakeGateway::start(twice).await;
    let mut client = Client::connect(gateway.home.path()).await.unwrap();
    let request = client.send("agent", json!({})).await.unwrap();
    for status in ["accepted", "ok"] {
        let expected = Incoming::Response { id: request.clone(), result: Ok(json!({ "status": status })) };
        assert_eq!(client.next().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_failure_carries_the_words_of_the_host() {
    let refuse =
        |_: &str, _: &Value| vec![Reply::Failure { code: "FORBIDDEN", details: json!({ "code": "MISSING_SCOPE" }) }];
    let gateway = FakeGateway::start(refuse).await;
    let mut client = Client::connect(gateway.home.path()).await.unwrap();
    let err = client.call("sessions.reset", json!({})).await.unwrap_err();
    assert_eq!(err.to_string(), "`sessions.reset` failed: no (FORBIDDEN)");
    assert!(matches!(err, ClientError::Failed { failure, .. } if failure.is_refusal()));
}

#[tokio::test]
async fn a_wrong_token_is_a_refusal() {
    let gateway = FakeGateway::start(|_, _| vec![]).await;
    fs::write(gateway.home.token_path(), "a-token-that-is-long-enough").unwrap();
    let err = Client::connect(gateway.home.path()).await.unwrap_err();
    assert!(matches!(err, ClientError::Failed { failure, .. } if failure.is_refusal()));
}

#[tokio::test]
async fn a_closed_connection_says_why() {
    let gateway = FakeGateway::start(|_, _| vec![Reply::Close("service restart")]).await;
    let mut client = Client::connect(gateway.home.path()).await.unwrap();
    let err = client.call("status", json!({})).await.unwrap_err();
    assert_eq!(err.to_string(), "the host closed the connection: service restart (code 1012)");
}

#[tokio::test]
async fn a_frame_that_is_none_is_not_believed() {
    let gateway = FakeGateway::start(|_, _| vec![Reply::Raw("{\"type\":\"surprise\"}")]).await;
    let mut client = Client::connect(gateway.home.path()).await.unwrap();
    assert!(matches!(client.call("status", json!({})).await, Err(ClientError::Garbage { .. })));
}

#[tokio::test]
async fn without_a_host_it_says_that_none_runs() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Client::connect(folder.path()).await, Err(ClientError::NotRunning { .. })));
}

#[tokio::test]
async fn the_token_is_not_sent_where_a_dead_host_once_listened() {
    let gateway = FakeGateway::start(|_, _| vec![]).await;
    let path = gateway.home.file("run.json");
    let mut run_file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    run_file["pid"] = json!(i32::MAX);
    fs::write(&path, run_file.to_string()).unwrap();
    assert!(matches!(Client::connect(gateway.home.path()).await, Err(ClientError::Gone { .. })));
    assert!(gateway.requests().is_empty());
}

#[tokio::test]
async fn a_host_that_does_not_listen_cannot_be_reached() {
    let folder = tempfile::tempdir().unwrap();
    let home = crate::home::Home::open(folder.path()).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _announcement = home.announce(free).unwrap();
    assert!(matches!(Client::connect(folder.path()).await, Err(ClientError::Unreachable { .. })));
}
