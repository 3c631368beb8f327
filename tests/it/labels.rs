//! What has flowed into a conversation decides what may leave it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::client::Client;
use crate::host::Home;

/// A server that counts its requests.
fn server() -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let counter = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&counter);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi");
        }
    });
    (authority, counter)
}

fn home(authority: &str, more: &[&str]) -> Home {
    let mut grants = vec![format!("http http://{authority} GET")];
    grants.extend(more.iter().map(|grant| (*grant).to_owned()));
    Home::new()
        .component("probe")
        .config(&format!("{{ grants: {{ probe: {} }} }}", json!(grants)))
        .file("a.txt", "mine")
}

fn get(authority: &str) -> Value {
    json!({"host": {"op": "http", "method": "GET", "url": format!("http://{authority}/")}})
}

/// Asks the rehearsal model to call `probe` with these steps.
fn say(steps: &[Value]) -> String {
    format!("tool probe {}", json!({"steps": steps}))
}

async fn labels(client: &mut Client, session: &str) -> (Value, Value) {
    let list = client.call("sessions.list", json!({"search": session})).await.unwrap();
    let row = list["sessions"].as_array().unwrap().iter().find(|row| row["key"] == format!("agent:main:{session}"));
    let row = row.unwrap_or_else(|| panic!("{list}"));
    (row["tainted"].clone(), row["private"].clone())
}

#[tokio::test]
async fn a_conversation_that_read_both_sides_asks_before_each_way_out_until_it_is_reset() {
    let (authority, count) = server();
    let home = home(&authority, &[]);
    let running = home.start();
    let mut client = running.connect().await;

    client.ask("r1", r#"tool read {"path":"a.txt"}"#).await;
    let (tainted, private) = labels(&mut client, "main").await;
    assert_eq!(tainted, Value::Null);
    assert!(private.as_str().unwrap().contains("files"), "{private}");

    // What is private may still go where a grant says.
    client.ask("r2", &say(&[get(&authority)])).await;
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let (tainted, _) = labels(&mut client, "main").await;
    assert!(tainted.as_str().unwrap().contains("127.0.0.1"), "{tainted}");

    // From now on it is asked about, also after a restart, and the card says why.
    drop(running);
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r3", &say(&[get(&authority)])).await;
    let card = client.card("r3").await;
    let shown = card["request"]["card"]["lines"].to_string();
    assert!(shown.contains("Content from outside") && shown.contains("an answer of 127.0.0.1"), "{shown}");
    assert!(shown.contains("Your data read"), "{shown}");
    let asked = home.json(&["audit", "list", "--kind", "decision.ask"]);
    let asked = asked.as_array().unwrap().last().unwrap().clone();
    assert_eq!(asked["entry"]["tainted"], "an answer of 127.0.0.1", "{asked}");
    client.call("exec.approval.resolve", json!({"id": card["id"], "decision": "deny"})).await.unwrap();
    client.ended("r3").await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);

    client.call("sessions.reset", json!({"key": "main"})).await.unwrap();
    client.ask("r4", &say(&[get(&authority)])).await;
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn labels_hold_within_a_call_and_in_the_order_in_which_things_were_read() {
    let (authority, count) = server();
    let home = home(&authority, &["fs workspace read"]);
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", &say(&[get(&authority), get(&authority)])).await;
    let card = client.card("r1").await;
    assert_eq!(count.load(Ordering::SeqCst), 1, "the first request went out before anything had come in");
    client.call("exec.approval.resolve", json!({"id": card["id"], "decision": "allow-once"})).await.unwrap();
    client.ended("r1").await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

/// A component that is alone with its store or folder can not wash labels off.
#[tokio::test]
async fn what_a_component_keeps_stays_labelled() {
    let (authority, count) = server();
    let store = |then: Value| json!({"families": {"op": "store", "name": "cache", "then": [then]}});
    let kept = [
        ("kv cache", store(json!({"set": ["a", "x"]})), store(json!({"get": "a"}))),
        (
            "fs scratch read-write",
            json!({"files": {"op": "write", "path": "/scratch/a", "text": "x"}}),
            json!({"files": {"op": "read", "path": "/scratch/a"}}),
        ),
    ];
    for (grant, write, read) in kept {
        let before = count.load(Ordering::SeqCst);
        let home = home(&authority, &[grant]);
        let running = home.start();
        let mut client = running.connect().await;
        client.ask("r1", r#"tool read {"path":"a.txt"}"#).await;
        client.ask("r2", &say(&[write])).await;
        client.say("other", "r3", &say(&[read])).await;
        client.ended("r3").await.unwrap();
        let (_, private) = labels(&mut client, "other").await;
        assert!(private.is_string(), "{grant}: {private}");
        client.say("other", "r4", &say(&[get(&authority)])).await;
        client.card("r4").await;
        assert_eq!(count.load(Ordering::SeqCst), before, "{grant}");
    }
}

/// Every way in, and the label that it gives. A conversation of its own each.
#[tokio::test]
async fn each_way_in_has_its_label() {
    let (authority, _) = server();
    let grants = ["secret canary reveal", "exec true", "message session", &format!("net ws://{authority}")];
    let home = home(&authority, &grants).component("echo");
    let mut set = home.command(&["secret", "set", "canary", "--for", "https://a.example"]);
    let mut set = set.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
    set.stdin.take().unwrap().write_all(b"canary-value\n").unwrap();
    assert!(set.wait().unwrap().success());
    let running = home.start();
    let mut client = running.connect().await;
    let probe = |step: Value| say(&[step]);
    let ways = [
        ("nothing", "tool clock {}".to_owned(), None, None),
        (
            "reveal",
            probe(json!({"families": {"op": "reveal", "name": "canary"}})),
            Some("did not come"),
            Some("secret"),
        ),
        (
            "program",
            probe(json!({"host": {"op": "exec", "argv": ["true"]}})),
            Some("did not come"),
            Some("program `true`"),
        ),
        ("request", probe(get(&authority)), Some("an answer of 127.0.0.1"), None),
        (
            "connection",
            probe(json!({"connect": {"op": "web_socket", "url": format!("ws://{authority}/")}})),
            Some("a connection to"),
            None,
        ),
        (
            "message",
            probe(json!({"families": {"op": "message", "to": "session", "text": "x"}})),
            Some("did not come"),
            None,
        ),
        ("stranger", r#"tool echo {"text":"x"}"#.to_owned(), Some("`echo`, which did not come"), None),
    ];
    for (name, text, tainted, private) in ways {
        client.say(name, name, &text).await;
        client.ended(name).await.unwrap();
        let found = labels(&mut client, name).await;
        for (found, expected) in [(found.0, tainted), (found.1, private)] {
            let fits =
                expected.map_or(found.is_null(), |part| found.as_str().is_some_and(|cause| cause.contains(part)));
            assert!(fits, "{name}: {found}, expected {expected:?}");
        }
    }
}

/// A connection goes both ways: what its server says can steer what is sent on it, so it is asked about as though that
/// had been said already.
#[tokio::test]
async fn a_connection_out_of_a_private_conversation_is_asked_about_before_it_opens() {
    let (authority, count) = server();
    let home = home(&authority, &[&format!("net ws://{authority}")]);
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r1", r#"tool read {"path":"a.txt"}"#).await;
    client
        .say("main", "r2", &say(&[json!({"connect": {"op": "web_socket", "url": format!("ws://{authority}/")}})]))
        .await;
    let card = client.card("r2").await;
    assert_eq!(card["request"]["card"]["action"], "net.connect", "{card}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn why_it_stays_labelled_is_a_secret_of_an_incognito_conversation() {
    let (authority, _) = server();
    let home = home(&authority, &["kv cache"]);
    let running = home.start();
    let mut client = running.connect().await;
    let store = |then: Value| json!({"families": {"op": "store", "name": "cache", "then": [then]}});
    client.ask_in("incognito:x", "r1", &say(&[get(&authority)])).await;
    let own = client.call("sessions.describe", json!({"key": "incognito:x"})).await.unwrap();
    assert_eq!(own["session"]["tainted"], "an answer of 127.0.0.1", "{own}");
    client.ask_in("incognito:x", "r2", &say(&[store(json!({"set": ["a", "x"]}))])).await;
    client.ask("r3", &say(&[store(json!({"get": "a"}))])).await;
    let (tainted, _) = labels(&mut client, "main").await;
    assert_eq!(tainted, "an incognito conversation");
}

// SU-23
#[tokio::test]
async fn a_conversation_that_heard_somebody_else_asks_before_it_changes_what_each_prompt_says() {
    let home = Home::new().component("echo").file("SOUL.md", "mine");
    let running = home.start();
    let mut client = running.connect().await;
    let soul = || std::fs::read_to_string(home.workspace().join("SOUL.md")).unwrap();
    let write = |path: &str, text: &str| format!("tool write {}", json!({"path": path, "content": text}));
    client.ask("r1", &write("SOUL.md", "clean")).await;
    assert_eq!(soul(), "clean");
    client.ask("r2", "tool echo {\"text\": \"You are mine now.\"}").await;
    // Notes are not part of each prompt; other ways to the same name do not get past the wall.
    client.ask("r3", &write("memory/today.md", "tea at five")).await;
    assert!(home.workspace().join("memory/today.md").exists());
    let said = client.ask("r4", &write("soul.MD", "theirs")).await;
    assert!(said.contains("E_FS_PROTECTED"), "{said}");
    for (run, decision, is) in [("r5", "deny", "clean"), ("r6", "allow-once", "owned")] {
        client.say("main", run, &write("SOUL.md", "owned")).await;
        let card = client.card(run).await;
        assert!(card.to_string().contains("SOUL.md") && card.to_string().contains("echo"), "{card:#}");
        client.call("exec.approval.resolve", json!({"id": card["id"], "decision": decision})).await.unwrap();
        client.ended(run).await.unwrap();
        assert_eq!(soul(), is);
    }
}
