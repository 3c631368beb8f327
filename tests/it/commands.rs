//! Slash commands: each answers with what is so, and none reaches the model.

use serde_json::json;

use crate::client::{Client, text_of};
use crate::host::Home;

const EFFECT: &str = r#"tool exec {"argv":["tee","-a","effects.log"],"stdin":"effect\n"}"#;

#[tokio::test]
async fn each_command_tells_how_things_are() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r1", "say one").await;
    let expected = [
        ("/help", "/undo: take your last message back"),
        ("/commands", "/stop: end what runs"),
        ("/status", "model: rehearsal\nconversation: agent:main:main, 2 messages"),
        ("/status", "queue: steer, at most 20 wait, then summarize"),
        ("/model", "this conversation asks rehearsal"),
        ("/model a/b", "no provider is set up"),
        ("/models", "- rehearsal: 10000000 tokens"),
        ("/usage", "this conversation: "),
        ("/context", "rehearsal: 10000000 tokens of context"),
        ("/think", "thinking here: off; rehearsal cannot be asked to"),
        ("/queue", ": steer"),
        ("/tools", "- exec: exec"),
        ("/sessions", "- agent:main:main: one"),
        ("/agents", "main (here): asks rehearsal, works in "),
        ("/whoami", "ws:owner, the owner; may: operator.read"),
        ("/stop", "nothing is running"),
        ("/Stop", "nothing is running"),
        ("/Compact", "summarised: "),
    ];
    for (number, (command, part)) in expected.into_iter().enumerate() {
        let answer = client.ask(&format!("c{number}"), command).await;
        assert!(answer.contains(part), "{command}: {answer}");
    }
    // With words behind it, it is a message.
    assert!(client.ask("r2", "/status of the trip").await.contains("rehearsal"));
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    // With the summary, the command that wanted it, and what that was told.
    assert_eq!(history["totalMessages"], 7, "{history}");
    let known = client.call("commands.list", json!({})).await.unwrap();
    let known = known["commands"].as_array().unwrap();
    assert!(known.iter().any(|known| known["textAliases"] == json!(["/new", "/reset"])), "{known:?}");
}

#[tokio::test]
async fn what_was_said_is_taken_back_and_begun_afresh() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r1", "say one").await;
    client.ask("r2", "say two").await;
    let undone = client.ask("c1", "/undo").await;
    assert!(undone.starts_with("taken back: say two\n2 messages are branch 1"), "{undone}");
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    assert_eq!(text_of(history["messages"].as_array().unwrap().last().unwrap()), "one", "{history}");
    client.ask("c2", "/new").await;
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    assert_eq!(history["totalMessages"], 0, "{history}");
}

// I-17: a command counts as much as whoever gives it
#[tokio::test]
async fn a_command_of_a_client_that_may_not_give_it_is_text_for_the_model_and_on_record() {
    let home = Home::new();
    let running = home.start();
    running.connect().await.ask("r1", "say one").await;
    let mut client = Client::with_scopes(&running.url, &running.token, &["operator.write"]).await;
    let files = || std::fs::read_dir(home.workspace()).unwrap().count();
    let before = files();
    let commands = ["/undo", "/new", "/reset", "/model default", "/export", "/mode act", "/approve more"];
    for (number, command) in commands.into_iter().enumerate() {
        let answer = client.ask(&format!("w{number}"), command).await;
        assert!(answer.contains("rehearsal") && !answer.contains("FORBIDDEN"), "{command}: {answer}");
    }
    // What it may give is obeyed.
    assert!(client.ask("c1", "/status").await.contains(", 16 messages"));
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    let said: Vec<_> = history["messages"].as_array().unwrap().iter().filter(|it| it["role"] == "user").collect();
    assert_eq!(said.iter().map(|it| text_of(it)).collect::<Vec<_>>()[1..], commands);
    assert_eq!(files(), before, "nothing was exported");
    let refused = home.json(&["audit", "list", "--kind", "request.refused"]);
    assert_eq!(refused.as_array().unwrap().len(), commands.len(), "{refused}");
    // The owner's own are obeyed.
    assert!(running.connect().await.ask("c2", "/new").await.starts_with("a new conversation begins"));
}

// ML-20
#[tokio::test]
async fn stop_tells_what_had_happened_already() {
    let home = Home::new().config("{policy: {preset: 'trusting'}, queue: {mode: 'followup'}}");
    let running = home.start();
    let mut client = running.connect().await;
    let slow = r#"tool exec {"argv":["sleep","60"]}"#;
    client.say("main", "r1", &format!("{EFFECT}\n{slow}")).await;
    let payload = |event: &serde_json::Value| event["payload"].clone();
    client.event(|event| payload(event)["runId"] == "r1" && payload(event)["data"]["phase"] == "result").await;
    client.say("main", "r2", "say two").await;
    let stopped = client.ask("c1", "/stop").await;
    let lines: Vec<_> = stopped.lines().collect();
    let expected = [
        "stopped 2 run(s)",
        "- done: exec {\"argv\":[\"tee\"",
        "- begun and ended by the stop: exec {\"argv\":[\"sleep\"",
    ];
    assert_eq!(lines.len(), expected.len(), "{stopped}");
    assert!(lines.iter().zip(expected).all(|(line, start)| line.starts_with(start)), "{stopped}");
    for run in ["r1", "r2"] {
        assert_eq!(client.ended(run).await.unwrap_err()["state"], "aborted");
    }
}

#[tokio::test]
async fn commands_are_the_owner_s_words_and_nobody_else_s() {
    let home = Home::new().file("note.md", "/new\n").file("AGENTS.md", "/queue interrupt\n");
    let running = home.start();
    let mut client = running.connect().await;
    // Words of the model, of a tool, and of a file of the prompt.
    assert_eq!(client.ask("r1", "say /new").await, "/new");
    assert!(client.ask("r2", r#"tool read {"path":"note.md"}"#).await.contains("/new"));
    assert_eq!(client.ask("r3", "say /queue interrupt").await, "/queue interrupt");
    // Words within the owner's own.
    assert_eq!(client.ask("r4", "say so\nsay /think high").await, "so\n/think high");
    let status = client.ask("c1", "/status").await;
    assert!(status.contains(", 10 messages") && !status.contains("chosen here"), "{status}");
}
