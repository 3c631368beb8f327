use std::time::Duration;

use claw_core::event::HostEvent;
use claw_core::id::{RunId, Timestamp};
use claw_gateway::GatewayLimits;
use expect_test::expect;
use serde_json::{Value, json};

use crate::harness::{TestHost, approval, session};

const SCOPES: [&str; 8] = ["read", "write", "admin", "approvals", "questions", "pairing", "talk", "talk.secrets"];

// GW-21
#[tokio::test]
async fn each_method_needs_exactly_its_scope() {
    let host = TestHost::start().await;
    let mut client = host.client().await;
    let hello = client.request("connect", crate::harness::connect(&[], &[])).await;
    let methods = hello["payload"]["features"]["methods"].as_array().unwrap().clone();
    let mut open: Vec<Vec<&str>> = vec![Vec::new(); methods.len()];
    for scope in std::iter::once(None).chain(SCOPES.into_iter().map(Some)) {
        let mut client = host.connected(scope.as_slice(), &[]).await;
        for (method, open) in methods.iter().zip(&mut open).skip(1) {
            let answer = client.request(method.as_str().unwrap(), json!({})).await;
            let forbidden = answer["error"]["code"] == "FORBIDDEN";
            assert!(!forbidden || answer["error"]["details"]["code"] == "MISSING_SCOPE", "{answer}");
            if !forbidden {
                open.push(scope.unwrap_or("nothing"));
            }
        }
    }
    let row = |(method, open): (&Value, &Vec<&str>)| format!("{}: {}\n", method.as_str().unwrap(), open.join(" "));
    let table: String = methods.iter().zip(&open).skip(1).map(row).collect();
    expect![[r#"
        health: read write admin
        status: read write admin
        chat.send: write admin
        chat.history: read write admin
        chat.abort: write admin
        agent: write admin
        agent.wait: write admin
        agent.identity.get: read write admin
        agents.list: read write admin
        channels.status: read write admin
        models.list: read write admin
        sessions.list: read write admin
        sessions.describe: read write admin
        sessions.resolve: read write admin
        sessions.search: read write admin
        sessions.create: write admin
        sessions.patch: write admin
        sessions.branches.list: read write admin
        sessions.branches.switch: admin
        sessions.rewind: admin
        sessions.undo: admin
        sessions.fork: write admin
        sessions.delete: admin
        sessions.cleanup: admin
        sessions.subscribe: read write admin
        sessions.messages.subscribe: read write admin
        sessions.messages.unsubscribe: read write admin
        sessions.reset: admin
        exec.approval.list: admin approvals
        exec.approval.get: admin approvals
        exec.approval.resolve: admin approvals
        approval.resolve: admin approvals
        tools.catalog: read write admin
        tools.invoke: write admin
        components.list: read write admin
        components.inspect: read write admin
        components.grants: read write admin
        components.grants.change: admin
        components.pause: admin
        components.resume: admin
        packages.list: read write admin
        packages.prepare: admin
        packages.install: admin
        packages.rollback: admin
        packages.pin: admin
        packages.unpin: admin
        packages.remove: admin
        packages.verify: admin
        packages.revoke: admin
        packages.unrevoke: admin
        packages.revocations: admin
        hub.search: admin
        hub.prepare: admin
        hub.install: admin
        hub.list: read write admin
        hub.rollback: admin
        hub.pin: admin
        hub.unpin: admin
        hub.remove: admin
        hub.verify: admin
        tasks.list: read write admin
        tasks.get: read write admin
        tasks.cancel: write admin
        outbox.list: read write admin
        outbox.retry: admin
        outbox.drop: admin
        backup.create: admin
        runs.show: read write admin
        runs.replay: admin
        audit.list: admin
        audit.show: admin
        audit.verify: admin
        question.list: admin questions
        plugin.approval.list: admin approvals
        taskSuggestions.list: read write admin
        commands.list: read write admin
        models.status: read write admin
        secrets.reload: admin
        skills.status: read write admin
    "#]]
    .assert_eq(&table);
}

// GW-15
#[tokio::test]
async fn bad_frames_are_answered_and_the_connection_stays() {
    let host = TestHost::start().await;
    let mut client = host.connected(&["read"], &[]).await;
    for (text, id) in [
        ("{", "invalid"),
        ("[]", "invalid"),
        (r#"{"type":"req","id":"x"}"#, "x"),
        (r#"{"type":"req","id":"x","method":"health","params":1e999}"#, "invalid"),
    ] {
        client.send(text).await;
        let answer = client.response(id).await;
        assert_eq!(answer["error"]["code"], "INVALID_REQUEST");
        assert!(answer["error"]["message"].as_str().unwrap().starts_with("invalid request frame: "), "{answer}");
    }
    client.send("[".repeat(100_000)).await;
    client.response("invalid").await;
    let unknown = client.request("cron.list", json!({})).await;
    assert_eq!(unknown["error"]["message"], "unknown method: cron.list");
    let bad = client.request("chat.history", json!({"sessionKey": 7})).await;
    assert!(bad["error"]["message"].as_str().unwrap().starts_with("invalid chat.history params: "), "{bad}");
    assert_eq!(client.request("health", json!({})).await["ok"], true);
}

#[tokio::test]
async fn an_agent_call_is_answered_when_accepted_and_when_ended() {
    let host = TestHost::start().await;
    let mut client = host.connected(&["write"], &[]).await;
    let first = client.request("agent", json!({"message": "hi", "idempotencyKey": "run-1"})).await;
    assert_eq!(first["payload"], json!({"runId": "run-1", "sessionKey": "agent:main:main", "status": "accepted"}));
    let second = client.response("q2").await;
    assert_eq!(
        second["payload"],
        json!({
            "runId": "run-1", "status": "ok", "summary": "completed",
            "result": {
                "payloads": [{"text": "Hello"}],
                "meta": {"durationMs": 250, "agentMeta": {"usage": {"input": 5, "output": 2, "total": 7}}},
            },
        })
    );
}

#[tokio::test]
async fn a_failed_agent_call_says_so_in_its_second_answer() {
    let host = TestHost::start().await;
    let mut client = host.connected(&["write"], &[]).await;
    client.request("agent", json!({"message": "fail", "idempotencyKey": "r"})).await;
    let second = client.response("q2").await;
    assert_eq!((&second["ok"], &second["payload"]["status"]), (&json!(false), &json!("error")));
    assert_eq!(second["error"]["details"]["errorKind"], "rate_limit");
}

#[tokio::test]
async fn a_repeated_agent_call_gets_the_result_from_before() {
    let host = TestHost::start().await;
    let mut client = host.connected(&["write"], &[]).await;
    let first = client.request("agent", json!({"message": "again", "idempotencyKey": "r"})).await;
    assert_eq!(first["payload"]["status"], "accepted");
    let second = client.response("q2").await;
    assert_eq!(second["payload"]["result"]["payloads"][0]["text"], "from before");
    let twice = client.request("agent", json!({"message": "twice", "idempotencyKey": "r"})).await;
    assert_eq!(twice["payload"]["status"], "in_flight");
}

#[tokio::test]
async fn a_run_reaches_every_reader_with_numbers_without_gaps() {
    let host = TestHost::start().await;
    let mut reader = host.connected(&["read"], &[]).await;
    let mut writer = host.connected(&["write"], &[]).await;
    writer.request("agent", json!({"message": "ask", "idempotencyKey": "r"})).await;
    let last = |event: &Value| event["payload"]["stream"] == "lifecycle" && event["payload"]["data"]["phase"] == "end";
    reader.event(last).await;
    let seqs: Vec<u64> = reader.events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert!(reader.events.iter().all(|event| event["event"] != "exec.approval.requested"));
    let chat: Vec<&Value> = reader.events.iter().filter(|event| event["event"] == "chat").collect();
    let card = chat.iter().any(|event| event["payload"]["deltaText"].as_str().is_some_and(|d| d.contains("May I")));
    assert!(card, "the card shows in the chat");
    let end = &chat.last().unwrap()["payload"];
    assert_eq!((&end["state"], &end["message"]["content"][0]["text"]), (&json!("final"), &json!("Hello")));
}

#[tokio::test]
async fn an_approval_is_told_to_who_may_answer_it() {
    let host = TestHost::start().await;
    let mut owner = host.connected(&["approvals"], &[]).await;
    let run = RunId::parse("r").unwrap();
    let approvals = [approval(&run, &session("main"))].into();
    host.events.send(HostEvent::ApprovalRequested { approvals, card: "May I?".into() }).unwrap();
    let requested = owner.event(|event| event["event"] == "exec.approval.requested").await;
    assert_eq!(requested["payload"]["request"]["commandArgv"], json!(["ls"]));
    let id = requested["payload"]["id"].clone();
    let answer = owner.request("exec.approval.resolve", json!({"id": id, "decision": "allow-once"})).await;
    assert_eq!(answer["ok"], true, "{answer}");
    assert!(owner.events.iter().all(|event| event["event"] != "chat"), "the chat needs another scope");
}

#[tokio::test]
async fn a_connection_with_too_many_open_calls_is_told_to_wait() {
    let limits = GatewayLimits { pending_calls: 0, ..GatewayLimits::default() };
    let host = TestHost::with(limits, Duration::from_secs(30)).await;
    let mut client = host.connected(&["read"], &[]).await;
    let answer = client.request("health", json!({})).await;
    assert_eq!((&answer["error"]["code"], &answer["error"]["retryable"]), (&json!("UNAVAILABLE"), &json!(true)));
    assert_eq!(host.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn sessions_that_change_are_told() {
    let host = TestHost::start().await;
    let mut client = host.connected(&["read"], &[]).await;
    let subscribed = client.request("sessions.subscribe", json!({})).await;
    assert_eq!(subscribed["payload"], json!({"subscribed": true}));
    let changed = HostEvent::SessionChanged { session: session("main"), reason: "reset", at: Timestamp(5) };
    host.events.send(changed).unwrap();
    let told = client.event(|event| event["event"] == "sessions.changed").await;
    assert_eq!(
        told["payload"],
        json!({"sessionKey": "agent:main:main", "agentId": "main", "reason": "reset", "ts": 5})
    );
}

#[tokio::test]
async fn calls_reach_the_host_in_the_order_in_which_they_were_sent() {
    let host = TestHost::start().await;
    let mut client = host.connected(&["write"], &[]).await;
    for number in 0..20 {
        let params = json!({"sessionKey": "main", "message": "m", "idempotencyKey": format!("n{number}")});
        let id = format!("i{number}");
        client.send(json!({"type": "req", "id": id, "method": "chat.send", "params": params}).to_string()).await;
    }
    for _ in 0..20 {
        client.frame().await.unwrap();
    }
    for (number, call) in host.calls().iter().enumerate() {
        assert!(call.contains(&format!("RunId(\"n{number}\")")), "{call}");
    }
}
