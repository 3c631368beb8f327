//! `/mode suggest`: the owner wants proposals and nothing done.

use serde_json::{Value, json};

use crate::client::Client;
use crate::host::Home;

const EXEC: &str = r#"tool exec {"argv":["touch","made"]}"#;
const WRITE: &str = r#"tool write {"path":"made.md","content":"x"}"#;
const READ: &str = r#"tool read {"path":"note.md"}"#;

fn home() -> Home {
    Home::new().config("{policy: {preset: 'trusting'}}").file("note.md", "canary")
}

/// Tries to act and to look, and fails unless only looking works.
async fn only_looks(home: &Home, client: &mut Client, session: &str, run: &str) {
    let before = std::fs::read_dir(home.workspace()).unwrap().count();
    for (number, act) in [EXEC, WRITE].into_iter().enumerate() {
        let answer = client.ask_in(session, &format!("{run}-{number}"), act).await;
        assert!(answer.contains("E_MODE_SUGGEST") && answer.contains("Describe exactly"), "{act}: {answer}");
    }
    assert_eq!(std::fs::read_dir(home.workspace()).unwrap().count(), before);
    let looked = client.ask_in(session, &format!("{run}-look"), READ).await;
    assert!(looked.contains("canary") && !looked.contains("E_MODE"), "{looked}");
}

// ML-22
#[tokio::test]
async fn a_conversation_that_only_suggests_does_so_after_a_summary_and_a_restart_until_its_owner_says_otherwise() {
    let home = home();
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r0", EXEC).await;
    std::fs::remove_file(home.workspace().join("made")).expect("it acts to begin with");
    assert!(client.ask("c1", "/mode suggest").await.contains("only suggests"));
    only_looks(&home, &mut client, "main", "a").await;
    let compacted = client.ask("c2", "/compact").await;
    assert!(!compacted.contains("E_"), "{compacted}");
    only_looks(&home, &mut client, "main", "b").await;
    assert!(client.ask("c3", "/status").await.contains("\nmode: suggest (chosen here)"));
    client.ask("c4", "/new").await;
    running.stop();
    let running = home.start();
    let mut client = running.connect().await;
    only_looks(&home, &mut client, "main", "c").await;
    // Elsewhere nothing has changed, and words of the conversation change nothing.
    assert!(client.ask_in("other", "r1", WRITE).await.contains("wrote"));
    client.ask("r2", "say /mode act").await;
    only_looks(&home, &mut client, "main", "d").await;
    // Who may write may take the right to act away, and not give it.
    let mut writer = Client::with_scopes(&running.url, &running.token, &["operator.write"]).await;
    writer.ask("r3", "/mode act").await;
    let refused = writer.call("sessions.patch", json!({"key": "main", "mode": "act"})).await.unwrap_err();
    assert_eq!(refused["code"], "FORBIDDEN", "{refused}");
    writer.call("sessions.patch", json!({"key": "other", "mode": "suggest"})).await.unwrap();
    only_looks(&home, &mut client, "other", "e").await;
    let unknown = client.call("sessions.patch", json!({"key": "main", "mode": "loud"})).await.unwrap_err();
    assert!(unknown.to_string().contains("act, suggest"), "{unknown}");
    let patched = client.call("sessions.patch", json!({"key": "main", "mode": null})).await.unwrap();
    assert_eq!(patched["entry"]["mode"], Value::Null, "{patched}");
    client.ask("r4", EXEC).await;
    assert!(home.workspace().join("made").exists());
}

// ML-22
#[tokio::test]
async fn a_sub_agent_of_a_conversation_that_only_suggests_does_no_more() {
    let home = home().config("{policy: {preset: 'trusting'}, grants: {sessions: ['sessions read-write']}}");
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("c1", "/mode suggest").await;
    let spawn = json!({"task": format!("{WRITE}\n{EXEC}\n{READ}")});
    let started = client.ask("r1", &format!("tool sessions_spawn {spawn}")).await;
    let line = started.lines().find(|line| line.contains(" task `")).unwrap_or_else(|| panic!("{started}"));
    let words: Vec<_> = line.split('`').collect();
    let (child, task) = (words[1].to_owned(), words[3]);
    client.ended(&format!("{task}-end")).await.unwrap();
    let history = client.call("chat.history", json!({"sessionKey": child})).await.unwrap().to_string();
    assert!(history.matches("E_MODE_SUGGEST").count() >= 2 && history.contains("canary"), "{history}");
    assert!(!home.workspace().join("made").exists() && !home.workspace().join("made.md").exists());
    // What is told to another conversation is done there, and that one acts.
    let send = r#"tool sessions_send {"sessionKey":"other","message":"do it"}"#;
    let said = client.ask("r3", send).await;
    assert!(said.contains("E_MODE_SUGGEST") || said.contains("E_MODEL_ARGS"), "{said}");
    // Nor does it when it is told so itself.
    client.ask_in(&child, "c2", "/mode act").await;
    only_looks(&home, &mut client, &child, "a").await;
    client.ask("c3", "/mode act").await;
    assert!(client.ask_in(&child, "r2", WRITE).await.contains("wrote"));
}
