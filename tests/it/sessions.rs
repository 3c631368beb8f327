//! The owner's conversations: going back in them, finding, exporting and deleting them.

use std::path::Path;

use serde_json::{Value, json};

use crate::client::Client;
use crate::host::Home;

const CANARY: &str = "canary-51fe";

/// Runs a command that must succeed, and gives what it prints.
#[track_caller]
fn told(home: &Home, args: &[&str]) -> String {
    let output = home.run(args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Runs a command that must fail, and gives its complaint.
#[track_caller]
fn refused(home: &Home, args: &[&str]) -> String {
    let output = home.run(args);
    assert!(!output.status.success(), "{args:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn holds_canary(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap();
    bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
}

fn messages(home: &Home, args: &[&str]) -> Vec<u64> {
    let history = home.json(args);
    let messages = history["messages"].as_array().unwrap().iter();
    messages.map(|message| message["__openclaw"]["seq"].as_u64().unwrap()).collect()
}

async fn turns(client: &mut Client) {
    client.ask("r1", "say one").await;
    client.ask("r2", r#"tool clock {}"#).await;
    client.ask("r3", "say three").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_back_and_branches_and_nothing_is_lost() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    turns(&mut client).await;
    let before = messages(&home, &["sessions", "show", "main"]);
    let rewound = home.json(&["sessions", "rewind", "main", "--turns", "1"]);
    assert_eq!((&rewound["editorText"], &rewound["branch"]), (&json!("say three"), &json!(1)), "{rewound}");
    assert_eq!(client.ask("r4", "say four").await, "four");
    let after = messages(&home, &["sessions", "show", "main"]);
    assert_eq!(after[..after.len() - 2], before[..before.len() - 2]);
    assert!(after.last() > before.last(), "{before:?} {after:?}");
    assert_eq!(messages(&home, &["sessions", "show", "main", "--branch", "1"]), before);
    // Between a call and its answer a conversation cannot end; the refusal says where it can.
    let call = home.json(&["sessions", "show", "main"])["messages"]
        .as_array()
        .unwrap()
        .iter()
        .position(|message| message["content"].as_array().unwrap().iter().any(|part| part["type"] == "toolCall"));
    let call = after[call.unwrap()];
    let why = refused(&home, &["sessions", "rewind", "main", "--after", &call.to_string()]);
    assert!(why.contains(&format!("it can end after {} or after {}", call - 1, call + 1)), "{why}");
    // Upstream's words for the same.
    let list = client.call("sessions.branches.list", json!({"sessionKey": "main"})).await.unwrap();
    let leaf = list["branches"][1]["leafEntryId"].clone();
    client.call("sessions.branches.switch", json!({"sessionKey": "main", "leafEntryId": leaf})).await.unwrap();
    assert_eq!(messages(&home, &["sessions", "show", "main"]), before);
    // A fork is a conversation of its own.
    told(&home, &["sessions", "fork", "main", "other", "--turns", "1"]);
    assert_eq!(client.ask_in("other", "r5", "say five").await, "five");
    assert_eq!(messages(&home, &["sessions", "show", "main"]), before);
    let other = client.call("sessions.describe", json!({"key": "other"})).await.unwrap();
    assert_eq!(other["session"]["forkedFrom"]["key"], "agent:main:main", "{other}");
    running.kill();
    let running = home.start();
    assert_eq!(messages(&home, &["sessions", "show", "main"]), before);
    drop(running);
    assert!(told(&home, &["db", "check"]).starts_with("sound: 2 conversations"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_found_by_its_label_and_by_what_was_said() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    turns(&mut client).await;
    client.ask_in("trip", "r4", "say the ferry leaves <b>at nine</b>").await;
    told(&home, &["sessions", "label", "trip", "summer  travel"]);
    let keys = |args: &[&str]| {
        let list = home.json(args);
        let rows = list["sessions"].as_array().unwrap().iter();
        rows.map(|row| row["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys(&["sessions", "list", "--label", "summer travel"]), ["agent:main:trip"]);
    assert_eq!(keys(&["sessions", "list", "--search", "SUMMER"]), ["agent:main:trip"]);
    assert_eq!(keys(&["sessions", "list"]), ["agent:main:trip", "agent:main:main"]);
    let first = home.json(&["sessions", "list", "--limit", "1"]);
    let cursor = first["nextCursor"].as_str().unwrap();
    assert_eq!(keys(&["sessions", "list", "--cursor", cursor]), ["agent:main:main"]);
    let resolved = client.call("sessions.resolve", json!({"label": "summer travel"})).await.unwrap();
    assert_eq!(resolved["key"], "agent:main:trip");
    let found = home.json(&["sessions", "search", "FERRY"]);
    let roles: Vec<_> = found["results"].as_array().unwrap().iter().map(|found| &found["role"]).collect();
    assert_eq!(roles, ["assistant", "user"], "{found}");
    // Exports: one file, nobody else's, with nothing of what was said as mark-up.
    let page = home.path().join("trip.html");
    told(&home, &["sessions", "export", "trip", page.to_str().unwrap(), "--format", "html"]);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("summer travel") && html.contains("&lt;b&gt;at nine"), "{html}");
    assert!(refused(&home, &["sessions", "export", "trip", page.to_str().unwrap()]).contains("cannot create"));
    assert!(told(&home, &["sessions", "export", "trip"]).contains("the ferry leaves <b>at nine</b>"));
    let lines = told(&home, &["sessions", "export", "main", "--format", "jsonl"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), messages(&home, &["sessions", "show", "main"]).len());
    let refused = client.call("sessions.patch", json!({"key": "main", "label": "x", "icon": "y"})).await.unwrap_err();
    assert!(refused["message"].as_str().unwrap().contains("unknown field `icon`"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone_from_the_file_once_it_is_compacted() {
    // ST-20
    let home = Home::new().file("note.md", CANARY);
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r1", "say kept").await;
    client.ask_in("gone", "r2", &format!("say {CANARY}")).await;
    client.ask_in("gone", "r3", r#"tool read {"path":"note.md"}"#).await;
    let store = home.path().join("host.redb");
    assert!(told(&home, &["sessions", "delete", "gone"]).contains("db compact"));
    assert!(told(&home, &["sessions", "delete", "gone"]).contains("no conversation"));
    assert!(client.call("runs.show", json!({"runId": "r2"})).await.is_err());
    let why = refused(&home, &["db", "compact"]);
    assert!(why.contains(&format!("(process {})", running.pid())), "{why}");
    running.kill();
    assert!(holds_canary(&store), "or there is nothing to show");
    told(&home, &["db", "compact"]);
    assert!(!holds_canary(&store));
    assert!(told(&home, &["db", "check"]).starts_with("sound: 1 conversations"));
    let stats = home.json(&["db", "stats"]);
    assert_eq!((&stats["sessions"], &stats["schema"]), (&json!(1), &json!(3)), "{stats}");
    let _running = home.start();
    assert!(told(&home, &["sessions", "show", "main"]).contains("kept"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_kept_is_deleted_at_the_start_and_when_the_owner_says_so() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    for n in 1..=4 {
        client.ask_in(&format!("s{n}"), &format!("r{n}"), "say hi").await;
    }
    let keys = |home: &Home| {
        let list = home.json(&["sessions", "list"]);
        let rows = list["sessions"].as_array().unwrap().iter();
        rows.map(|row| row["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(told(&home, &["sessions", "prune"]).contains("all conversations are kept"));
    let dry = told(&home, &["sessions", "prune", "--keep", "3", "--dry-run"]);
    assert!(dry.contains("would be deleted") && dry.contains("agent:main:s1"), "{dry}");
    assert_eq!(keys(&home).len(), 4);
    assert!(told(&home, &["sessions", "prune", "--keep", "3"]).contains("deleted 1"));
    assert_eq!(keys(&home), ["agent:main:s4", "agent:main:s3", "agent:main:s2"]);
    drop(client);
    running.kill();
    let home = home.config("{ sessions: { keepCount: 1 } }");
    let running = home.start();
    let mut client = running.connect().await;
    client.call("sessions.subscribe", json!({})).await.unwrap();
    while keys(&home).len() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(keys(&home), ["agent:main:s4"]);
    let record = home.json(&["audit", "list", "--kind", "session.deleted"]);
    assert_eq!(record.as_array().unwrap().len(), 3, "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_in_the_chat_is_the_file_that_the_command_line_writes() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    turns(&mut client).await;
    for form in ["md", "jsonl", "html"] {
        let told = client.ask(form, &format!("/export {form}")).await;
        let (count, path) = told.split_once(" messages are in ").unwrap_or_else(|| panic!("{told}"));
        let path = Path::new(path);
        assert_eq!(count, "8");
        assert!(path.starts_with(home.workspace()) && path.extension().unwrap() == form, "{told}");
        let expected = told_by(&home, form);
        assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    assert!(client.ask("c1", "/export pdf").await.starts_with("write `/export md`"));
    // Who may only write gets no file.
    let mut writer = Client::with_scopes(&running.url, &running.token, &["operator.write"]).await;
    let before = std::fs::read_dir(home.workspace()).unwrap().count();
    writer.ask("c2", "/export").await;
    assert_eq!(std::fs::read_dir(home.workspace()).unwrap().count(), before);
}

fn told_by(home: &Home, form: &str) -> String {
    told(home, &["sessions", "export", "main", "--format", form])
}
