//! Killed between any two steps of a run: nothing that was acknowledged is lost, and no effect happens twice.

use serde_json::json;

use crate::client::{Client, text_of};
use crate::host::{Home, Host, weakened};

const MESSAGE: &str = r#"tool exec {"argv":["tee","-a","effects.log"],"stdin":"effect\n"}"#;

/// Sends the message; true if the host acknowledged it before it died.
async fn send(client: &mut Client, text: &str) -> bool {
    let params = json!({"sessionKey": "main", "message": text, "idempotencyKey": "r1"});
    let frame = json!({"type": "req", "id": "send", "method": "chat.send", "params": params});
    client.text(&frame.to_string()).await;
    loop {
        match client.frame().await {
            Some(frame) if frame["type"] == "res" && frame["id"] == "send" => return frame["ok"] == true,
            Some(_) => {}
            None => return false,
        }
    }
}

/// Waits until the run has ended or the host has died; true if it ended.
async fn lives_until_the_end(client: &mut Client) -> bool {
    while let Some(frame) = client.frame().await {
        let payload = &frame["payload"];
        if frame["event"] == "chat" && payload["runId"] == "r1" && payload["state"] == "final" {
            return true;
        }
    }
    false
}

/// What the conversation says of the run, checked for being whole.
async fn check_conversation(home: &Home, host: &Host, acknowledged: bool) -> Option<String> {
    let mut client = host.connect().await;
    let waited = client.call("agent.wait", json!({"runId": "r1", "timeoutMs": 30_000})).await;
    let Ok(waited) = waited else {
        // Not acknowledged and not there: the client knows that it has to send it again.
        assert!(!acknowledged, "an acknowledged message is lost: {waited:?}");
        assert_eq!(effects(home), 0, "an effect of a message that was never accepted");
        return None;
    };
    assert_eq!(waited["status"], "ok", "{waited}");
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    let messages = history["messages"].as_array().unwrap();
    let roles: Vec<_> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "toolResult", "assistant"], "{history}");
    let result = text_of(&messages[2]);
    let effects = effects(home);
    let unknown = result.contains("E_OUTCOME_UNKNOWN");
    assert!(unknown || effects == 1, "the result says that it ran, but {effects} effects are there: {result}");
    Some(result)
}

fn effects(home: &Home) -> usize {
    std::fs::read_to_string(home.workspace().join("effects.log")).map_or(0, |log| log.lines().count())
}

// ST-06
#[tokio::test]
async fn a_kill_between_any_two_steps_loses_nothing_and_repeats_nothing() {
    let mut places = Vec::new();
    for point in 1.. {
        assert!(point < 40, "the run never gets past its crash points");
        let home = Home::new().program(weakened()).config("{policy: {preset: 'trusting'}}");
        let home = home.env("OPENCLAW_TEST_CRASH_AT", point);
        let running = home.start();
        let mut client = running.connect().await;
        let acknowledged = send(&mut client, MESSAGE).await;
        let lived = lives_until_the_end(&mut client).await;
        drop(running);
        let place = home.stderr().lines().rfind(|line| line.starts_with("crash point")).map(str::to_owned);
        let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
        let running = home.start();
        check_conversation(&home, &running, acknowledged).await;
        assert!(effects(&home) <= 1, "{place:?}: the effect happened twice");
        // And once more: a second restart changes nothing.
        let before = effects(&home);
        running.kill();
        let running = home.start();
        check_conversation(&home, &running, acknowledged).await;
        assert_eq!(effects(&home), before);
        if lived {
            break;
        }
        places.push(place.expect("the host says where it died"));
    }
    assert!(places.len() >= 10, "the walk must pass every step: {places:#?}");
}

// AP-18
#[tokio::test]
async fn a_waiting_approval_survives_a_kill_and_its_answer_counts_once() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    assert!(send(&mut client, MESSAGE).await);
    let card = client.card("r1").await;
    running.kill();
    assert_eq!(effects(&home), 0);
    let running = home.start();
    let mut client = running.connect().await;
    let open = client.call("exec.approval.list", json!({})).await.unwrap();
    assert_eq!(open[0]["id"], card["id"], "{open}");
    assert_eq!(open[0]["expiresAtMs"], card["expiresAtMs"], "its time goes on, it does not start anew");
    let resolve = json!({"id": card["id"], "decision": "allow-once"});
    client.call("exec.approval.resolve", resolve).await.unwrap();
    let result = check_conversation(&home, &running, true).await;
    assert!(!result.unwrap().contains("E_OUTCOME_UNKNOWN"));
    assert_eq!(effects(&home), 1);
}
