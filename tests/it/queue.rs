//! Messages that arrive while their conversation is at work.

use serde_json::{Value, json};

use crate::client::{Client, text_of};
use crate::host::{Home, Host, weakened};

/// Waits for an answer to its card, so that it works as long as the test wants.
const SLOW: &str = r#"tool exec {"argv":["echo","slow"]}"#;

fn home(mode: &str) -> Home {
    Home::new().config(&format!("{{queue: {{mode: '{mode}'}}, approvals: {{unattended: 'wait'}}}}"))
}

async fn answer(client: &mut Client, card: &Value) {
    let resolve = json!({"id": card["id"], "decision": "allow-once"});
    client.call("exec.approval.resolve", resolve).await.unwrap();
}

/// What was said, by whom.
async fn log(client: &mut Client) -> Vec<String> {
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    let line = |message: &Value| format!("{}: {}", message["role"].as_str().unwrap(), text_of(message));
    history["messages"].as_array().unwrap().iter().map(line).collect()
}

fn roles(log: &[String]) -> Vec<&str> {
    log.iter().map(|line| line.split(':').next().unwrap()).collect()
}

#[tokio::test]
async fn a_steering_message_joins_the_run_between_two_steps_and_its_sender_hears_which_one_answers() {
    // It is what a host does that was told nothing.
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", SLOW).await;
    let card = client.card("r1").await;
    client.say("main", "r2", "say and also this").await;
    answer(&mut client, &card).await;
    assert_eq!(client.ended("r2").await.unwrap(), "");
    assert_eq!(client.ended("r1").await.unwrap(), "and also this");
    let log = log(&mut client).await;
    assert_eq!(roles(&log), ["user", "assistant", "toolResult", "user", "assistant"], "{log:#?}");
    let waited = client.call("agent.wait", json!({"runId": "r2"})).await.unwrap();
    assert_eq!((&waited["text"], &waited["joinedRunId"]), (&json!("and also this"), &json!("r1")), "{waited}");
    // With nobody at work, each has a run of its own.
    assert_eq!(client.ask("r3", "say three").await, "three");
}

#[tokio::test]
async fn a_message_that_follows_up_has_a_run_of_its_own() {
    let home = home("followup");
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", SLOW).await;
    let card = client.card("r1").await;
    client.say("main", "r2", "say two").await;
    answer(&mut client, &card).await;
    assert!(client.ended("r1").await.unwrap().contains("slow"));
    assert_eq!(client.ended("r2").await.unwrap(), "two");
}

#[tokio::test]
async fn collected_messages_have_one_run_together() {
    let home = home("collect");
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", SLOW).await;
    let card = client.card("r1").await;
    for (run, text) in [("r2", "say two"), ("r3", "say three"), ("r4", "say four")] {
        client.say("main", run, text).await;
    }
    answer(&mut client, &card).await;
    assert!(client.ended("r1").await.unwrap().contains("slow"));
    assert_eq!(client.ended("r2").await.unwrap(), "four", "the rehearsal answers what was said last");
    assert_eq!(client.ended("r3").await.unwrap(), "");
    let log = log(&mut client).await;
    let expected = ["user", "assistant", "toolResult", "assistant", "user", "user", "user", "assistant"];
    assert_eq!(roles(&log), expected, "{log:#?}");
}

#[tokio::test]
async fn an_interrupting_message_ends_the_run() {
    let home = home("interrupt");
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", SLOW).await;
    client.card("r1").await;
    client.say("main", "r2", "say two").await;
    assert_eq!(client.ended("r1").await.unwrap_err()["state"], "aborted");
    assert_eq!(client.ended("r2").await.unwrap(), "two");
}

#[tokio::test]
async fn of_too_many_messages_the_oldest_are_left_out_and_the_model_is_told_how_they_began() {
    let home = Home::new().config("{queue: {mode: 'followup', cap: 2}}");
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", SLOW).await;
    let card = client.card("r1").await;
    for number in 2..=4 {
        client.say("main", &format!("r{number}"), &format!("say {number}")).await;
    }
    let left_out = client.ended("r2").await.unwrap_err();
    assert!(left_out["errorMessage"].as_str().unwrap().contains("queue.cap"), "{left_out}");
    answer(&mut client, &card).await;
    assert_eq!(client.ended("r4").await.unwrap(), "4");
    let log = log(&mut client).await;
    let lines: Vec<_> = log.iter().filter(|line| line.contains("say 2")).collect();
    assert!(lines.len() == 1 && lines[0].starts_with("user: [openclaw-host]"), "{log:#?}");
}

// ST-01: each of the messages ends once, and stands in the conversation once.
#[tokio::test]
async fn a_kill_while_messages_join_loses_none_and_says_none_twice() {
    for mode in ["steer", "collect"] {
        let mut places = Vec::new();
        for point in 1.. {
            assert!(point < 80, "the story never gets past its crash points");
            let home = home(mode).program(weakened()).env("OPENCLAW_TEST_CRASH_AT", point);
            let running = home.start();
            let mut client = running.connect().await;
            let mut acknowledged = Vec::new();
            let lived = tell(&mut client, &mut acknowledged).await.is_some();
            drop(running);
            places.extend(home.stderr().lines().rfind(|line| line.starts_with("crash point")).map(str::to_owned));
            let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
            let running = home.start();
            check(&running, &acknowledged, places.last()).await;
            if lived {
                break;
            }
        }
        for wanted in ["joining", "joined"] {
            assert!(
                places.iter().any(|place| place.ends_with(wanted)),
                "{mode}: `{wanted}` was not passed: {places:#?}"
            );
        }
    }
}

/// Sends three messages, the later ones while the first works; `None` if the host died.
async fn tell(client: &mut Client, acknowledged: &mut Vec<&'static str>) -> Option<()> {
    for (run, text) in [("r1", SLOW), ("r2", "say two"), ("r3", "say three")] {
        let params = json!({"sessionKey": "main", "message": text, "idempotencyKey": run});
        client.text(&json!({"type": "req", "id": run, "method": "chat.send", "params": params}).to_string()).await;
        frame(client, |frame| frame["id"] == run).await?;
        acknowledged.push(run);
        if run == "r1" {
            frame(client, |frame| frame["event"] == "exec.approval.requested").await?;
        }
    }
    let open = json!({"type": "req", "id": "open", "method": "exec.approval.list", "params": {}});
    client.text(&open.to_string()).await;
    let open = frame(client, |frame| frame["id"] == "open").await?;
    let params = json!({"id": open["payload"][0]["id"], "decision": "allow-once"});
    let resolve = json!({"type": "req", "id": "resolve", "method": "exec.approval.resolve", "params": params});
    client.text(&resolve.to_string()).await;
    let mut left = vec!["r1", "r2", "r3"];
    while !left.is_empty() {
        let ended = frame(client, |frame| frame["event"] == "chat" && frame["payload"]["state"] == "final").await?;
        left.retain(|run| ended["payload"]["runId"] != *run);
    }
    Some(())
}

async fn frame(client: &mut Client, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
    loop {
        let frame = client.frame().await?;
        if wanted(&frame) {
            return Some(frame);
        }
    }
}

async fn check(host: &Host, acknowledged: &[&str], place: Option<&String>) {
    let mut client = host.connect().await;
    for card in client.call("exec.approval.list", json!({})).await.unwrap().as_array().unwrap() {
        answer(&mut client, card).await;
    }
    for run in ["r1", "r2", "r3"] {
        let waited = loop {
            match client.call("agent.wait", json!({"runId": run, "timeoutMs": 200})).await {
                Ok(waited) if waited["status"] == "timeout" => {
                    // The question of a run that was taken up may come only now.
                    for card in client.call("exec.approval.list", json!({})).await.unwrap().as_array().unwrap() {
                        answer(&mut client, card).await;
                    }
                }
                Ok(waited) => break Some(waited),
                Err(_) => break None,
            }
        };
        match waited {
            Some(waited) => assert_eq!(waited["status"], "ok", "{place:?}: {waited}"),
            None => assert!(!acknowledged.contains(&run), "{place:?}: {run} is lost"),
        }
    }
    let log = log(&mut client).await;
    for (run, text) in [("r1", SLOW), ("r2", "say two"), ("r3", "say three")] {
        let times = log.iter().filter(|line| **line == format!("user: {text}")).count();
        assert!(times == 1 || (times == 0 && !acknowledged.contains(&run)), "{place:?}: {run}: {log:#?}");
    }
}

#[tokio::test]
async fn what_steered_a_run_is_taken_back_alone_and_what_it_steered_comes_next() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r0", "say zero").await;
    client.say("main", "r1", SLOW).await;
    let card = client.card("r1").await;
    client.say("main", "r2", "say and also this").await;
    answer(&mut client, &card).await;
    assert_eq!(client.ended("r1").await.unwrap(), "and also this");
    let undone = client.ask("c1", "/undo").await;
    assert!(undone.starts_with("taken back: say and also this\n2 messages are branch 1"), "{undone}");
    assert!(undone.ends_with("what you said before it has no answer now: `/undo` takes that back, too"), "{undone}");
    let said = log(&mut client).await;
    assert_eq!(roles(&said), ["user", "assistant", "user", "assistant", "toolResult"], "{said:#?}");
    // It can be said anew: the model sees what the tool did.
    assert_eq!(client.ask("r3", "say instead").await, "instead");
    client.ask("c2", "/undo").await;
    let undone = client.ask("c3", "/undo").await;
    assert!(undone.starts_with(&format!("taken back: {SLOW}")) && !undone.contains("has no answer"), "{undone}");
    assert_eq!(log(&mut client).await, ["user: say zero", "assistant: zero"]);
}

// ST-01: whichever of them is accepted.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_two_connections_bring_at_once_is_answered_once() {
    let home = Home::new();
    let running = home.start();
    let (mut one, mut other) = (running.connect().await, running.connect().await);
    for number in 0..60 {
        let (session, run) = (format!("s{number}"), format!("r{number}"));
        let params = json!({"sessionKey": session, "message": "say hello", "idempotencyKey": run});
        let (first, second) = tokio::join!(one.call("chat.send", params.clone()), other.call("chat.send", params));
        first.unwrap();
        second.unwrap();
        one.ended(&run).await.unwrap();
        let history = one.call("chat.history", json!({"sessionKey": session})).await.unwrap();
        assert_eq!(history["messages"].as_array().unwrap().len(), 2, "{history}");
    }
}
