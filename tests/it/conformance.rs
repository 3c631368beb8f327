//! The same calls and failures in every language (`tests/conformance/README.md`), and the same results.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::client::Client;
use crate::host::{Home, Host, sdk_guest, test_guest};

/// The component under test, by its file and its name.
const NAME: &str = "conformance";
/// The second component of the suite.
const SERVICES: &str = "services";

/// A secret that must reach its server, and nobody else.
const SECRET: &str = "conformance-canary-5be1";

/// The largest integer that JSON carries exactly between any two programs (RFC 8259, section 6).
const MAX_INTEGER: i64 = (1 << 53) - 1;

const WHY: &str = "because of the test";

#[tokio::test]
async fn rust_does_what_every_sdk_must() {
    check(&test_guest(NAME)).await;
}

#[tokio::test]
async fn python_does_what_every_sdk_must() {
    check(&sdk_guest("conformance-python")).await;
}

#[tokio::test]
async fn javascript_does_what_every_sdk_must() {
    check(&sdk_guest("conformance-js")).await;
}

#[tokio::test]
async fn javascript_on_starlingmonkey_does_what_every_sdk_must() {
    check(&sdk_guest("conformance-starlingmonkey")).await;
}

#[tokio::test]
async fn c_does_what_every_sdk_must() {
    check(&sdk_guest("conformance-c")).await;
}

#[tokio::test]
async fn go_does_what_every_sdk_must() {
    check(&sdk_guest("conformance-go")).await;
}

#[tokio::test]
async fn the_helpers_of_rust_reach_the_services_of_the_host() {
    check_services(&test_guest(SERVICES)).await;
}

#[tokio::test]
async fn the_helpers_of_python_reach_the_services_of_the_host() {
    check_services(&sdk_guest("services-python")).await;
}

#[tokio::test]
async fn the_helpers_of_javascript_reach_the_services_of_the_host() {
    check_services(&sdk_guest("services-js")).await;
    check_services(&sdk_guest("services-starlingmonkey")).await;
}

#[tokio::test]
async fn the_helpers_of_c_reach_the_services_of_the_host() {
    check_services(&sdk_guest("services-c")).await;
}

#[tokio::test]
async fn the_helpers_of_go_reach_the_services_of_the_host() {
    check_services(&sdk_guest("services-go")).await;
}

/// What the second component does, and what each of its calls fails with.
pub async fn check_services(component: &Path) {
    let grants = [
        "fs workspace read-write",
        "exec echo tea",
        "llm default",
        "message session",
        "kv cache",
        "sessions read-write",
    ];
    let config = json!({"grants": {SERVICES: grants}, "components": {SERVICES: {"config": {"language": "de"}}}});
    let home = Home::new().component_from(SERVICES, component).config(&config.to_string());
    let running = home.start();
    let mut client = connect(&running).await;
    client.ask_in(SERVICES, "r1", "say first").await;
    let answer = given(&mut client, SERVICES, json!({})).await;
    let expected = json!({
        "program": [0, "tea\n"],
        "answer": ["hello", false],
        "store": [[2, 3], ["k", "n"], ["n"]],
        "part": ["tea", 9],
        "listed": [["a/b.txt", 9]],
        "found": ["a/b.txt"],
        "hits": [["a/b.txt", 2, "tea"]],
        "settings": {"language": "de"},
        "sessions": [1, "tea", true, true, false, true],
        "said": [["user", "say first"], ["assistant", "first"]],
        "pages": [1, true, false],
        "run": ["owner", true, false],
    });
    assert_eq!(answer, expected, "{answer:#}");

    let long = "x".repeat((16 << 10) + 1);
    let calls = [
        ("run", "tea", "coffee", "E_POLICY_DENY"),
        ("ask", "default", "other", "E_POLICY_DENY"),
        ("send", "hello", &long, "E_MODEL_ARGS"),
        ("read-range", "a/b.txt", "no/such.md", "E_NOT_FOUND"),
        ("commit", "new.txt", "../new.txt", "E_POLICY_DENY"),
        ("grep", "tea", "(", "E_MODEL_ARGS"),
        ("history", SERVICES, "nobody", "E_NOT_FOUND"),
    ];
    for (call, right, wrong, expected) in calls {
        assert_eq!(done(&mut client, "attempt", json!({"call": call, "given": right})).await, "done", "{call}");
        let (code, message) = refused(&mut client, "attempt", json!({"call": call, "given": wrong})).await;
        assert_eq!(code, expected, "{call}: {message}");
    }
    drop(running);

    let home = home.config("{}");
    let running = home.start();
    let mut client = connect(&running).await;
    for (call, right, ..) in calls {
        let (code, message) = refused(&mut client, "attempt", json!({"call": call, "given": right})).await;
        assert_eq!(code, "E_POLICY_DENY", "{call}: {message}");
    }
}

/// Runs the whole suite on one home: compiling a component can take seconds, and is done once.
async fn check(component: &Path) {
    let (port, served) = server();
    let url = format!("http://127.0.0.1:{port}/tea");
    let home = Home::new().component_from(NAME, component).file("notes.md", "milk\neggs ü\n");
    put_secret(&home, &format!("http://127.0.0.1:{port}"));
    let grants =
        json!(["fs workspace read-write", format!("http http://127.0.0.1:{port} GET"), "secret canary", "kv cache"]);
    let config = json!({"grants": {NAME: grants}, "components": {NAME: {"config": {"language": "de"}}}, "logging": {"level": "debug"}});
    let home = home.config(&config.to_string());
    let running = home.start();
    let mut client = connect(&running).await;

    check_manifest(&home);
    check_arguments(&mut client).await;
    check_errors(&mut client).await;
    check_files(&mut client, &home).await;
    check_requests(&mut client, &url).await;
    check_run(&mut client).await;
    check_store(&mut client).await;
    check_ends(&mut client).await;
    drop(running);
    assert!(served.join().unwrap().contains(&format!("x-key: {SECRET}\r\n")), "the server did not get the secret");
    check_log(&home);

    let home = home.config("{}");
    let running = home.start();
    check_nothing_granted(&mut connect(&running).await, &url).await;
}

// === What it says about itself ===

fn check_manifest(home: &Home) {
    let list = home.json(&["component", "list"]);
    assert_eq!(list["refused"], json!([]), "{list}");
    let shown = home.json(&["component", "inspect", NAME]);
    let expected: Value = serde_json::from_str(include_str!("../conformance/manifest.json")).unwrap();
    for part in ["name", "version", "summary", "scopes"] {
        assert_eq!(shown[part], expected[part], "{part}");
    }
    let tools = shown["tools"].as_array().unwrap();
    let names: BTreeSet<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, expected["tools"].as_object().unwrap().keys().map(String::as_str).collect());
    for tool in tools {
        let name = tool["name"].as_str().unwrap();
        assert!(tool["description"].as_str().is_some_and(|text| text.ends_with('.')), "{tool}");
        check_schema(name, &tool["schema"], &expected["tools"][name]);
    }
}

/// Whether a schema is an object of exactly these members, each of which says what it is. Those that may be null are not
/// required. What an SDK says beyond that, e.g. the width of a number, is its own affair.
#[track_caller]
fn check_schema(tool: &str, schema: &Value, expected: &Value) {
    let members = expected.as_object().unwrap();
    assert_eq!(
        (&schema["type"], &schema["additionalProperties"]),
        (&json!("object"), &json!(false)),
        "{tool}: {schema}"
    );
    let found = schema["properties"].as_object().cloned().unwrap_or_default();
    assert_eq!(found.keys().collect::<BTreeSet<_>>(), members.keys().collect(), "{tool}: {schema}");
    for (name, member) in members {
        assert!(found[name]["description"].is_string(), "{tool}: `{name}` is not described");
        for (keyword, value) in member.as_object().unwrap() {
            assert_eq!(&found[name][keyword], value, "{tool}: {name}");
        }
    }
    let required: BTreeSet<_> = schema["required"].as_array().into_iter().flatten().flat_map(Value::as_str).collect();
    let needed = members.iter().filter(|(_, member)| member["type"].is_string()).map(|(name, _)| name.as_str());
    assert_eq!(required, needed.collect(), "{tool}: {schema}");
}

// === Arguments and results ===

async fn check_arguments(client: &mut Client) {
    let whole = json!({"text": "tea \"ü\" \n\u{1f375}\\", "count": -7, "note": "n", "tags": ["a", "", "ü"]});
    assert_eq!(given(client, "echo", whole.clone()).await, whole);
    let least = json!({"text": "", "count": MAX_INTEGER, "tags": []});
    let filled = json!({"text": "", "count": MAX_INTEGER, "note": null, "tags": []});
    assert_eq!(given(client, "echo", least).await, filled);
    assert_eq!(given(client, "echo", filled.clone()).await, filled);
    for wrong in [
        json!({"text": "a", "count": 1}),
        json!({"text": 1, "count": 1, "tags": []}),
        json!({"text": "a", "count": 1.5, "tags": []}),
        json!({"text": "a", "count": 1, "tags": [1]}),
        json!({"text": "a", "count": 1, "tags": [], "more": 1}),
    ] {
        let (code, _) = refused(client, "echo", wrong.clone()).await;
        assert_eq!(code, "E_MODEL_ARGS", "{wrong}");
    }
    let answer = client.ask("malformed", "tool echo {\"text\":").await;
    assert!(answer.contains("E_MODEL_ARGS"), "{answer}");
    assert_eq!(refused(client, "no_such_tool", json!({})).await.0, "E_TOOL_UNKNOWN");
}

async fn check_errors(client: &mut Client) {
    for (kind, expected) in [
        ("invalid-arguments", "E_MODEL_ARGS"),
        ("denied", "E_POLICY_DENY"),
        ("not-found", "E_NOT_FOUND"),
        ("limit", "E_LIMIT_DATA"),
        ("cancelled", "E_CANCELLED"),
        ("unavailable", "E_UNAVAILABLE"),
        ("failed", "E_TOOL"),
        ("failed-after-sending", "E_TOOL"),
    ] {
        let (code, message) = refused(client, "fail", json!({"kind": kind})).await;
        assert_eq!(code, expected, "{kind}: {message}");
        assert!(kind == "cancelled" || message.contains(WHY), "{kind}: {message}");
        assert_eq!(kind == "failed-after-sending", message.contains("may have taken effect"), "{kind}: {message}");
        assert!(kind != "denied" || message.contains("E_TEST"), "{kind}: {message}");
    }
    assert_eq!(refused(client, "fail", json!({"kind": "other"})).await.0, "E_MODEL_ARGS");
}

// === The host's services, granted ===

async fn check_files(client: &mut Client, home: &Home) {
    assert_eq!(done(client, "read_file", json!({"path": "notes.md"})).await, "milk\neggs ü\n");
    assert_eq!(done(client, "write_file", json!({"path": "new.txt", "text": "long"})).await, "written");
    assert_eq!(done(client, "write_file", json!({"path": "new.txt", "text": "ü"})).await, "written");
    assert_eq!(std::fs::read_to_string(home.workspace().join("new.txt")).unwrap(), "ü");
    let (code, message) = refused(client, "read_file", json!({"path": "no/such.md"})).await;
    assert_eq!(code, "E_NOT_FOUND", "{message}");
    assert!(message.contains("no/such.md"), "{message}");
    let (code, message) = refused(client, "read_file", json!({"path": "../config.json5"})).await;
    assert_eq!(code, "E_POLICY_DENY", "{message}");
}

async fn check_requests(client: &mut Client, url: &str) {
    let answer = given(client, "fetch", json!({"url": url, "secret": "canary"})).await;
    assert_eq!(answer, json!({"status": 203, "body": "two cups of ü"}));
    let (code, message) = refused(client, "fetch", json!({"url": "http://127.0.0.1:1/"})).await;
    assert_eq!(code, "E_POLICY_DENY", "{message}");
    let (code, message) = refused(client, "fetch", json!({"url": url, "secret": "other"})).await;
    assert_eq!(code, "E_POLICY_DENY", "{message}");
    assert!(message.contains("E_SECRET_SCOPE"), "{message}");
    let (code, message) = refused(client, "fetch", json!({"url": "no-url"})).await;
    assert_eq!(code, "E_MODEL_ARGS", "{message}");
}

async fn check_run(client: &mut Client) {
    assert_eq!(done(client, "setting", json!({"key": "language"})).await, "de");
    assert_eq!(done(client, "setting", json!({"key": "other"})).await, "not set");
    assert_eq!(done(client, "report", json!({"message": "the tea is ready ü"})).await, "reported");
}

/// What was reported stands in the log, once as what the tool said and once as its progress.
fn check_log(home: &Home) {
    let logs = std::fs::read_dir(home.path().join("logs")).unwrap().flatten();
    let logged: String = logs.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect();
    // The log of the day may be there under two names.
    let lines: BTreeSet<_> = logged.lines().filter(|line| line.contains("the tea is ready ü")).collect();
    let said = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!((said("tool says"), said("tool progress")), (1, 1), "{lines:?}");
}

async fn check_store(client: &mut Client) {
    for (value, before) in [(json!("tea"), json!(null)), (json!("ü"), json!("tea")), (json!(null), json!("ü"))] {
        let answer = given(client, "remember", json!({"key": "drink", "value": value})).await;
        assert_eq!(answer, json!({ "before": before }));
    }
}

// === Large, broken and refused ===

async fn check_ends(client: &mut Client) {
    assert_eq!(done(client, "flood", json!({"bytes": 1 << 20})).await.len(), 1 << 20);
    assert_eq!(refused(client, "flood", json!({"bytes": (1 << 20) + 1})).await.0, "E_LIMIT_DATA");
    let (code, message) = refused(client, "crash", json!({})).await;
    assert_eq!(code, "E_TRAP", "{message}");
    assert_eq!(done(client, "flood", json!({"bytes": 3})).await, "xxx", "the next call starts afresh");
}

async fn check_nothing_granted(client: &mut Client, url: &str) {
    for (tool, args) in [
        ("read_file", json!({"path": "notes.md"})),
        ("write_file", json!({"path": "new.txt", "text": "x"})),
        ("fetch", json!({"url": url})),
        ("fetch", json!({"url": url, "secret": "canary"})),
        ("remember", json!({"key": "drink"})),
    ] {
        let (code, message) = refused(client, tool, args).await;
        assert_eq!(code, "E_POLICY_DENY", "{tool}: {message}");
    }
    assert_eq!(done(client, "setting", json!({"key": "language"})).await, "not set");
}

// === Help ===

/// A client that approves nothing: what is not granted is refused at once.
async fn connect(running: &Host) -> Client {
    Client::with_scopes(&running.url, &running.token, &["operator.read", "operator.write"]).await
}

/// Each tool has a conversation of its own: what one has read must not make another one ask.
async fn invoke(client: &mut Client, tool: &str, args: Value) -> Value {
    client.call("tools.invoke", json!({"name": tool, "args": args, "sessionKey": tool})).await.unwrap()
}

/// The text that a call gives.
async fn done(client: &mut Client, tool: &str, args: Value) -> String {
    let shown = args.to_string();
    let answer = invoke(client, tool, args).await;
    assert_eq!(answer["ok"], true, "{tool} {shown}: {answer}");
    answer["output"].as_str().unwrap().to_owned()
}

/// The JSON that a call gives.
async fn given(client: &mut Client, tool: &str, args: Value) -> Value {
    let text = done(client, tool, args).await;
    let text = text.split("\n[a secret").next().unwrap();
    serde_json::from_str(text).unwrap_or_else(|err| panic!("{tool}: {err}: {text}"))
}

/// Code and message of a call that gives nothing.
async fn refused(client: &mut Client, tool: &str, args: Value) -> (String, String) {
    let shown = args.to_string();
    let answer = invoke(client, tool, args).await;
    assert_eq!(answer["ok"], false, "{tool} {shown}: {answer}");
    let part = |name: &str| answer["error"][name].as_str().unwrap().to_owned();
    (part("code"), part("message"))
}

/// Answers one request, and gives its head.
fn server() -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            head.push(byte[0]);
        }
        let body = "two cups of ü";
        let answer = format!("HTTP/1.1 203 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(head).unwrap()
    });
    (port, served)
}

fn put_secret(home: &Home, origin: &str) {
    let mut command = home.command(&["secret", "set", "canary", "--for", origin]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(SECRET.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}
