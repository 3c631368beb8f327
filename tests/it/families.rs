//! Each capability family works with its grant and does nothing without it, through the real program.
//!
//! What nothing granted means for every single import is the matter of `imports`; here each grant has its pair.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::client::Client;
use crate::host::Home;

/// A secret that must show up nowhere but at its server.
const SECRET: &str = "family-canary-9c41d7e2";

fn home(grants: &[&str]) -> Home {
    let grants = serde_json::to_string(grants).unwrap();
    Home::new().component("probe").config(&format!(
        "{{ grants: {{ probe: {grants} }}, components: {{ probe: {{ config: {{ language: 'de' }}, \
         limits: {{ storeMiB: 1 }} }} }} }}"
    ))
}

/// What the steps give, one by one.
async fn probe(client: &mut Client, steps: Value) -> Vec<Value> {
    let arguments = json!({"name": "probe", "args": {"steps": steps}});
    let answer = client.call("tools.invoke", arguments).await.unwrap();
    assert_eq!(answer["ok"], true, "{answer}");
    let text = answer["output"].as_str().unwrap();
    let text = text.split("\n[a secret").next().unwrap();
    serde_json::from_str(text).unwrap_or_else(|err| panic!("{err}: {text}"))
}

async fn once(home: &Home, step: Value) -> Value {
    let running = home.start();
    probe(&mut running.connect().await, json!([step])).await.remove(0)
}

fn is_denied(outcome: &Value, code: &str) -> bool {
    outcome["error"]["kind"] == "denied" && outcome["error"]["code"] == code
}

/// Answers one request with its own head, and gives that head.
fn echo_server() -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head = read_head(&mut stream);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{head}", head.len());
        stream.write_all(answer.as_bytes()).unwrap();
        head
    });
    (port, served)
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn put_secret(home: &Home, args: &[&str]) {
    let mut command = home.command(&[&["secret", "set", "canary"], args].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(SECRET.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn a_store_keeps_values_over_calls_and_restarts_and_has_a_quota() {
    let home = home(&["kv cache"]);
    let store = |then: Value| json!({"families": {"op": "store", "name": "cache", "then": then}});
    let first = once(&home, store(json!([{"set": ["k", "v"]}, {"increment": ["n", 3]}, {"exists": "k"}]))).await;
    assert_eq!(first["ok"], json!([null, 3, true]), "{first}");
    let second = once(&home, store(json!([{"get": "k"}, {"increment": ["n", 4]}, {"keys": null}]))).await;
    assert_eq!(second["ok"], json!(["v", 7, {"keys": ["k", "n"], "cursor": null}]), "{second}");
    let large = "x".repeat(400 << 10);
    let full = once(&home, store(json!([{"set": ["a", large]}, {"set": ["b", large]}, {"set": ["c", large]}]))).await;
    assert!(full["error"]["text"].as_str().unwrap().contains("may hold 1048576 bytes"), "{full}");
}

#[tokio::test]
async fn a_store_needs_its_grant() {
    let other = once(&home(&["kv other"]), json!({"families": {"op": "store", "name": "cache"}})).await;
    assert!(other["error"].is_object(), "{other}");
    // Granted, but not declared.
    let undeclared = once(&home(&["kv other"]), json!({"families": {"op": "store", "name": "other"}})).await;
    assert!(undeclared["error"].is_object(), "{undeclared}");
}

#[tokio::test]
async fn a_model_answers_with_its_grant_and_at_most_eight_times_a_call() {
    let question = json!({"families": {"op": "complete", "model": "default", "text": "say hello", "max_tokens": 50}});
    let granted = home(&["llm default"]);
    let running = granted.start();
    let mut client = running.connect().await;
    let answers = probe(&mut client, Value::from(vec![question.clone(); 9])).await;
    assert!(answers[..8].iter().all(|answer| answer["ok"]["text"] == "hello"), "{answers:?}");
    assert_eq!(answers[8]["error"]["kind"], "limit", "{}", answers[8]);
    drop(running);
    assert!(is_denied(&once(&home(&[]), question).await, "E_POLICY_DENY"));
}

// ML-18
#[tokio::test]
async fn links_in_a_message_lead_nowhere_once_private_data_and_content_from_outside_have_met() {
    let text = "see https://evil.test/?d=1 at named.test/x";
    let message = json!({"families": {"op": "message", "to": "session", "text": text}});
    let named = format!("tool probe {}", json!({"steps": [message]}));
    // Escaped, so that the owner does not name the server by asking for it.
    let unnamed = named.replace("evil.test", r"evil\u002etest");
    let granted = home(&["message session"]).file("USER.md", "mine");
    let running = granted.start();
    let mut client = running.connect().await;
    for (session, ask, said) in
        [("one", &unnamed, "see `hxxps://evil.test/?d=1` at named.test/x"), ("two", &named, text)]
    {
        client.ask_in(session, session, ask).await;
        let history = client.call("chat.history", json!({"sessionKey": session})).await.unwrap();
        let texts = history["messages"].as_array().unwrap().iter().map(crate::client::text_of);
        let notice = texts.filter(|text| text.contains("message from `probe`")).collect::<Vec<_>>().join("");
        assert!(notice.ends_with(said), "{history}");
        assert_eq!(notice.contains("lead nowhere") && notice.contains("named evil.test"), session == "one", "{notice}");
    }
}

#[tokio::test]
async fn a_message_stands_in_the_conversation_under_its_senders_name() {
    let message = json!({"families": {"op": "message", "to": "session", "text": "the tea is ready"}});
    let granted = home(&["message session"]);
    let running = granted.start();
    let mut client = running.connect().await;
    client.say("main", "r1", &format!("tool probe {}", json!({"steps": [message]}))).await;
    let shown = client.event(|event| event["payload"]["deltaText"].to_string().contains("tea is ready")).await;
    assert!(
        shown["payload"]["deltaText"].as_str().unwrap().contains("[openclaw-host] message from `probe`"),
        "{shown}"
    );
    client.ended("r1").await.unwrap();
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    let messages = history["messages"].as_array().unwrap();
    assert!(
        messages.iter().any(|it| it.to_string().contains("[openclaw-host] message from `probe`:\\nthe tea is ready")),
        "{history}"
    );
}

#[tokio::test]
async fn settings_are_read_and_what_is_logged_is_one_line() {
    let home = home(&[]);
    let running = home.start();
    let mut client = running.connect().await;
    let line =
        json!({"families": {"op": "log", "level": "warn", "context": "tea", "message": "ready\n{\"level\":\"x\"}"}});
    let outcomes = probe(
        &mut client,
        json!([
            {"families": {"op": "config", "key": "language"}},
            {"families": {"op": "config", "key": "other"}},
            {"families": {"op": "all_config"}},
            line,
            {"families": {"op": "budget"}},
        ]),
    )
    .await;
    assert_eq!(outcomes[0]["ok"], "de");
    assert_eq!(outcomes[1]["ok"], Value::Null);
    assert_eq!(outcomes[2]["ok"], json!([["language", "de"]]));
    assert!(outcomes[4]["ok"]["cpu_ms"].as_u64().unwrap() > 1000 && outcomes[4]["ok"]["effects"].as_u64().unwrap() > 0);
    drop(running);
    let logs = std::fs::read_dir(home.path().join("logs")).unwrap().flatten();
    let logged: String = logs.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect();
    // The log of the day may be there under two names.
    let lines: BTreeSet<_> = logged.lines().filter(|line| line.contains("tool says")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let lines: Vec<_> = lines.into_iter().collect();
    assert!(lines[0].contains(r"ready\\n") || lines[0].contains(r"ready\n"), "{}", lines[0]);
}

// SE-06
#[tokio::test]
async fn a_secret_is_sent_to_its_server_and_never_comes_back() {
    let (port, served) = echo_server();
    let origin = format!("http://127.0.0.1:{port}");
    let home = home(&["secret canary", &format!("http {origin} GET")]);
    put_secret(&home, &["--for", &origin]);
    let running = home.start();
    let mut client = running.connect().await;
    let outcomes = probe(
        &mut client,
        json!([
            {"families": {"op": "secret", "name": "canary"}},
            {"host": {"op": "http", "url": origin, "headers": [["authorization", "Bearer {{secret:canary}}"]]}},
            {"families": {"op": "reveal", "name": "canary"}},
        ]),
    )
    .await;
    assert_eq!(outcomes[0]["ok"], "{{secret:canary}}");
    assert!(served.join().unwrap().contains(&format!("Bearer {SECRET}")), "the server did not get it");
    assert!(outcomes[1]["ok"]["body"].as_str().unwrap().contains("<secret canary>"), "{}", outcomes[1]);
    assert!(is_denied(&outcomes[2], "E_SECRET_SCOPE"), "revealing needs a grant of its own: {}", outcomes[2]);
    drop(running);
    check_nowhere(home.path(), SECRET);
}

// SE-06
#[tokio::test]
async fn a_secret_in_a_path_is_sent_to_its_server_alone_and_never_comes_back() {
    let (port, served) = echo_server();
    let origin = format!("http://127.0.0.1:{port}");
    let on_path = format!("http {origin} GET /bot{{{{secret:canary}}}}/");
    let home = home(&["secret canary", &on_path]);
    put_secret(&home, &["--for", &origin]);
    let running = home.start();
    let mut client = running.connect().await;
    let request = |path: &str| json!({"host": {"op": "http", "url": format!("{origin}{path}")}});
    let outcomes = probe(
        &mut client,
        json!([
            request("/other/{{secret:canary}}/me"),
            request("/me?token={{secret:canary}}"),
            request("/bot{{secret:canary}}/me"),
        ]),
    )
    .await;
    for refused in &outcomes[..2] {
        assert!(refused["error"].to_string().to_lowercase().contains("denied"), "{refused}");
    }
    assert!(served.join().unwrap().starts_with(&format!("GET /bot{SECRET}/me HTTP/1.1")), "the server did not get it");
    let body = outcomes[2]["ok"]["body"].as_str().unwrap();
    assert!(body.contains("/bot<secret canary>/me"), "{body}");
    drop(running);
    check_nowhere(home.path(), SECRET);
    // The same with an owner who has named another server.
    let elsewhere = self::home(&["secret canary", &format!("http {origin} GET")]);
    put_secret(&elsewhere, &["--for", "https://api.example.com"]);
    let refused = once(&elsewhere, request("/bot{{secret:canary}}/me")).await;
    assert!(refused["error"].to_string().to_lowercase().contains("denied"), "{refused}");
}

// SE-06, SE-08
#[tokio::test]
async fn a_secret_goes_to_no_other_server_and_to_no_other_component() {
    let (port, _served) = echo_server();
    let origin = format!("http://127.0.0.1:{port}");
    let request = json!({"host": {"op": "http", "url": origin, "headers": [["x-key", "{{secret:canary}}"]]}});
    let get = json!({"families": {"op": "secret", "name": "canary"}});
    let elsewhere = home(&["secret canary", &format!("http {origin} GET")]);
    put_secret(&elsewhere, &["--for", "https://api.example.com"]);
    let refused = once(&elsewhere, request.clone()).await;
    assert!(refused["error"].to_string().to_lowercase().contains("denied"), "{refused}");
    let others = home(&["secret canary"]);
    put_secret(&others, &["--for", &origin, "--component", "files"]);
    let of_others = once(&others, get.clone()).await;
    let unknown = once(&home(&["secret canary"]), get).await;
    assert!(is_denied(&unknown, "E_SECRET_SCOPE"), "{unknown}");
    // The number of a decision only counts what is on record, and what the owner did is, too.
    let without_number = |refused: &Value| {
        let text = refused["error"]["text"].as_str().unwrap();
        text.split(" (decision #").next().unwrap().to_owned()
    };
    assert_eq!(without_number(&of_others), without_number(&unknown), "that there is one must not be told");
    assert_eq!(of_others["error"]["code"], unknown["error"]["code"]);
}

// SE-25
#[tokio::test]
async fn a_secret_that_a_program_prints_is_masked_everywhere() {
    // With an undo, a copy of the file itself would be kept.
    let config = "{grants: {probe: ['exec cat leaked.txt']}, undo: {files: false}}";
    let home = Home::new().component("probe").config(config).file("leaked.txt", SECRET);
    put_secret(&home, &["--for", "https://api.example.com"]);
    let running = home.start();
    let mut client = running.connect().await;
    let step = json!({"steps": [{"host": {"op": "exec", "argv": ["cat", "leaked.txt"]}}]});
    let answer = client.ask("r1", &format!("tool probe {step}")).await;
    assert!(answer.contains("<secret canary>") && !answer.contains(SECRET), "{answer}");
    assert!(answer.contains("was masked"), "{answer}");
    drop(running);
    std::fs::remove_file(home.workspace().join("leaked.txt")).unwrap();
    check_nowhere(home.path(), SECRET);
}

#[tokio::test]
async fn a_revealed_secret_is_seen_by_its_component_and_by_nobody_else() {
    let home = home(&["secret canary reveal"]);
    put_secret(&home, &["--for", "https://api.example.com"]);
    let outcome = once(&home, json!({"families": {"op": "reveal", "name": "canary"}})).await;
    assert_eq!(outcome["ok"], "<secret canary>", "the component got it; its result is masked: {outcome}");
    check_nowhere(home.path(), SECRET);
}

/// Looks for a text in every file of a home.
fn check_nowhere(folder: &std::path::Path, text: &str) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            check_nowhere(&path, text);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!found, "`{}` holds it", path.display());
        }
    }
}

#[tokio::test]
async fn a_connection_is_open_to_its_granted_server_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut word = [0; 4];
        stream.read_exact(&mut word).unwrap();
        stream.write_all(&word).unwrap();
    });
    let echo = json!([{"write": "ping"}, {"read": [100, 5000]}]);
    let step = json!({"connect": {"op": "tcp", "host": "127.0.0.1", "port": port, "tls": false, "then": echo}});
    let granted = once(&home(&[&format!("net tcp://127.0.0.1:{port}")]), step.clone()).await;
    assert!(granted["ok"][1].to_string().contains("ping"), "{granted}");
    served.join().unwrap();
    let other = once(&home(&[&format!("net tcp://127.0.0.1:{}", port.wrapping_add(1).max(1))]), step).await;
    assert!(is_denied(&other, "E_NET_ADDR"), "{other}");
}

#[tokio::test]
async fn a_background_program_outlives_its_call_and_ends_with_the_host() {
    let home = home(&["exec cat"]);
    let running = home.start();
    let mut client = running.connect().await;
    let started =
        probe(&mut client, json!([{"process": {"op": "start", "argv": ["cat"], "ttl_ms": 60000, "then": ["id"]}}]))
            .await
            .remove(0);
    let id = started["ok"][0].as_str().unwrap_or_else(|| panic!("{started}")).to_owned();
    let write = json!({"process": {"op": "attach", "id": id, "then": [{"write": {"text": "tea\n", "end": false}}, {"poll": 5000}]}});
    let polled = probe(&mut client, json!([write])).await.remove(0);
    assert!(polled.to_string().contains("tea"), "{polled}");
    let pids = programs("cat", running.pid());
    assert!(!pids.is_empty(), "it runs");
    running.kill();
    // The supervisor notices the end of its host by itself.
    let deadline = std::time::Duration::from_secs(10);
    let gone = || pids.iter().all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists());
    tokio::time::timeout(deadline, async {
        while !gone() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("nothing of it is left");
}

/// Processes of this name below a process.
fn programs(name: &str, below: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for child in crate::vitals::children(below) {
        let comm = std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        if comm.trim() == name {
            found.push(child);
        }
        found.extend(programs(name, child));
    }
    found
}
