//! What a run did, and running it again.

use serde_json::json;

use crate::client::Client;
use crate::host::Home;

fn home() -> Home {
    Home::new().file("notes.md", "milk\neggs\n").config(r#"{ grants: { exec: ["exec touch **"] } }"#)
}

async fn ask(client: &mut Client, run: &str, tool: &str, arguments: serde_json::Value) -> String {
    client.ask(run, &format!("tool {tool} {arguments}")).await
}

#[tokio::test]
async fn a_run_is_shown_with_its_calls_and_effects() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    ask(&mut client, "r1", "exec", json!({"argv": ["touch", "made"]})).await;
    let shown = host.json(&["runs", "show", "r1"]);
    assert_eq!((&shown["state"], &shown["calls"][0]["tool"]), (&json!("done"), &json!("exec")), "{shown}");
    let effect = &shown["calls"][0]["effects"][0];
    assert_eq!((&effect["what"], &effect["result"]), (&json!("exec touch made"), &json!("done")), "{shown}");
    assert_eq!(host.run(&["runs", "show", "nothing"]).status.code(), Some(1));
}

#[tokio::test]
async fn a_replay_gives_the_same_bytes_and_does_nothing() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    ask(&mut client, "r1", "read", json!({"path": "notes.md"})).await;
    ask(&mut client, "r2", "exec", json!({"argv": ["touch", "made"]})).await;
    ask(&mut client, "r3", "clock", json!({})).await;
    ask(&mut client, "r4", "write", json!({"path": "new.txt", "content": "x"})).await;
    std::fs::remove_file(host.workspace().join("made")).unwrap();
    std::fs::write(host.workspace().join("new.txt"), "changed since").unwrap();
    for run in ["r1", "r2", "r3", "r4"] {
        let replayed = host.json(&["runs", "replay", run]);
        assert_eq!((&replayed["same"], &replayed["calls"][0]["result"]), (&json!(true), &json!("same")), "{replayed}");
    }
    assert!(!host.workspace().join("made").exists(), "the replay ran the program");
    let text = std::fs::read_to_string(host.workspace().join("new.txt")).unwrap();
    assert_eq!(text, "changed since", "the replay wrote to the workspace");
    // A copy of the workspace is thrown away with its replay.
    let left: Vec<_> =
        std::fs::read_dir(host.path().join("scratch")).unwrap().flatten().map(|it| it.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("replay-")), "{left:?}");
}

#[tokio::test]
async fn a_replay_tells_the_first_difference() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    ask(&mut client, "r1", "read", json!({"path": "notes.md"})).await;
    std::fs::write(host.workspace().join("notes.md"), "milk\nham\n").unwrap();
    let replayed = host.json(&["runs", "replay", "r1"]);
    assert_eq!(replayed["calls"][0]["result"], "differs", "{replayed}");
    let detail = replayed["calls"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("eggs") && detail.contains("ham"), "{detail}");
    assert_eq!(host.run(&["runs", "replay", "r1"]).status.code(), Some(1));
}
