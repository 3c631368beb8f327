//! The owner's policies while the host runs.

use serde_json::{Value, json};

use crate::client::Client;
use crate::host::Home;

const NO_CLOCK: &str =
    r#"@id("no-clock") forbid (principal, action == Action::"tool.call", resource == Tool::"clock");"#;

/// Calls `clock` and asks for the status until `wanted` says yes to both; a test that waits for ever is ended.
async fn until(client: &mut Client, wanted: impl Fn(&Value, &Value) -> bool) -> Value {
    loop {
        let outcome = client.call("tools.invoke", json!({"name": "clock", "args": {}})).await.unwrap();
        let status = client.call("status", json!({})).await.unwrap();
        if wanted(&outcome, &status) {
            return status;
        }
    }
}

// CG-06
#[tokio::test]
async fn a_changed_policy_holds_at_once_and_a_broken_one_changes_nothing() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    let file = |name: &str| home.path().join("policies").join(name);
    until(&mut client, |outcome, status| outcome["ok"] == true && status["policyError"] == Value::Null).await;

    std::fs::write(file("mine.cedar"), NO_CLOCK).unwrap();
    until(&mut client, |outcome, _| outcome["ok"] == false && outcome.to_string().contains("no-clock")).await;

    // As editors save: beside it, and then in its place.
    std::fs::write(file("new"), "forbid (principal, action, resource) when { context.nonsense };").unwrap();
    std::fs::rename(file("new"), file("other.cedar")).unwrap();
    let status = until(&mut client, |outcome, status| {
        assert_eq!(outcome["ok"], false, "the last set stays in force");
        status["policyError"] != Value::Null
    });
    let error = status.await["policyError"].as_str().unwrap().to_owned();
    assert!(error.contains("`other.cedar`") && error.contains("line 1"), "{error}");
    // Each conversation is told once.
    let told = |event: &Value| event["payload"]["deltaText"].to_string().contains("[openclaw-host] the policies");
    for (session, run) in [("main", "r1"), ("main", "r2"), ("other", "r3")] {
        client.say(session, run, "hello").await;
        client.ended(run).await.unwrap();
        let notices = client.seen().iter().filter(|event| told(event)).count();
        assert_eq!(notices, if run == "r3" { 2 } else { 1 }, "{run}");
    }

    std::fs::remove_file(file("other.cedar")).unwrap();
    std::fs::remove_file(file("mine.cedar")).unwrap();
    until(&mut client, |outcome, status| outcome["ok"] == true && status["policyError"] == Value::Null).await;
}

#[test]
fn policies_are_checked_before_they_count() {
    let home =
        Home::new().config("{policy: {preset: 'trusting'}}").file("mine.cedar", NO_CLOCK).file("odd.cedar", "permit (");
    let path = |name: &str| home.workspace().join(name).display().to_string();
    let checked = home.json(&["policy", "check", &path("mine.cedar")]);
    assert_eq!(checked["preset"], "trusting");
    let last = checked["policies"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["id"], &last["effect"]), (&json!("no-clock"), &json!("forbid")));
    let failed = home.run(&["policy", "check", &path("mine.cedar"), &path("odd.cedar")]);
    let said = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(64));
    assert!(said.contains("odd.cedar`, line 1, column"), "{said}");
}

#[tokio::test]
async fn a_card_is_taken_back_when_the_policies_change_and_the_call_is_decided_anew() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", r#"tool exec {"argv":["touch","made"]}"#).await;
    let old = client.card("r1").await;
    let write = |name: &str, text: &str| std::fs::write(home.path().join("policies").join(name), text).unwrap();
    write("mine.cedar", NO_CLOCK);
    let new = client.card("r1").await;
    assert_ne!((&old["id"], &old["request"]["digest"]), (&new["id"], &new["request"]["digest"]));
    let resolve = |card: &Value| json!({"id": card["id"], "decision": "allow-once"});
    let late = client.call("exec.approval.resolve", resolve(&old)).await.unwrap_err();
    assert!(late.to_string().contains("withdrawn"), "{late}");
    assert!(!home.workspace().join("made").exists());
    client.call("exec.approval.resolve", resolve(&new)).await.unwrap();
    client.ended("r1").await.unwrap();
    assert!(home.workspace().join("made").exists());

    // What the new policies forbid is not asked about any more.
    client.say("main", "r2", r#"tool exec {"argv":["touch","more"]}"#).await;
    client.card("r2").await;
    write("mine.cedar", r#"@id("no-exec") forbid (principal, action == Action::"exec.run", resource);"#);
    let answer = client.ended("r2").await.unwrap();
    assert!(answer.contains("no-exec") && !home.workspace().join("more").exists(), "{answer}");
}
