//! The record of what was decided and done, read back through the real program.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::Client;
use crate::host::{Home, Host, PROGRAM};

const NO_CLOCK: &str =
    r#"@id("no-clock") forbid (principal, action == Action::"tool.call", resource == Tool::"clock");"#;
const CANARY: &str = "audit-canary-5d41402abc4b2a76";

/// All entries, as `audit export` prints them.
#[track_caller]
fn export(home: &Home) -> Vec<Value> {
    let output = home.run(&["audit", "export"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The entries of one kind.
fn of<'a>(rows: &'a [Value], kind: &str) -> Vec<&'a Value> {
    rows.iter().map(|row| &row["entry"]).filter(|entry| entry["kind"] == kind).collect()
}

/// Checks the hashes as somebody would who has nothing but the export and its description.
#[track_caller]
fn check_hashes(rows: &[Value]) {
    let mut previous = rows[0]["previous"].clone();
    for row in rows {
        assert_eq!(row["previous"], previous);
        let text =
            format!("openclaw-host audit v1\n{}\n{}\n{}", previous.as_str().unwrap(), row["sequence"], row["entry"]);
        let hash: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(row["hash"], json!(hash));
        previous = row["hash"].clone();
    }
}

#[track_caller]
fn check_sound(home: &Home) {
    let verified = home.run(&["audit", "verify"]);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && said.starts_with("sound: "), "{said}");
}

/// Asks for a program and answers its card.
async fn answer(client: &mut Client, run: &str, argv: &[&str], decision: &str) -> (Value, String) {
    client.say("main", run, &format!("tool exec {}", json!({ "argv": argv }))).await;
    let card = client.card(run).await;
    client.call("exec.approval.resolve", json!({"id": card["id"], "decision": decision})).await.unwrap();
    (card, client.ended(run).await.unwrap())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

// AU-01
#[tokio::test]
async fn every_decision_answer_effect_and_change_is_on_record_and_the_record_is_sound() {
    let config = "{grants: {exec: ['exec touch **'], echo: []}, policy: {preset: 'cautious'}}";
    let home = Home::new().component("echo").config(config);
    std::fs::create_dir(home.path().join("policies")).unwrap();
    std::fs::set_permissions(home.path().join("policies"), std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(home.path().join("policies/mine.cedar"), NO_CLOCK).unwrap();
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("allowed", r#"tool exec {"argv":["touch","made"]}"#).await;
    client.ask("written", r#"tool write {"path":"a.md","content":"x"}"#).await;
    let refused = client.ask("refused", "tool clock {}").await;
    answer(&mut client, "no", &["wc", "AGENTS.md"], "deny").await;
    answer(&mut client, "yes", &["wc", "AGENTS.md"], "allow-once").await;
    // Refused before there is anything for a policy to decide about.
    client.ask("nonsense", r#"tool exec {"argv":["no-such-program-anywhere"]}"#).await;
    client.ask("outside", r#"tool exec {"argv":["touch","made"],"cwd":"../.."}"#).await;
    drop(running);
    // Away: a grant, a component and a setting. The rest is read from the store, as no host runs.
    std::fs::remove_file(home.path().join("components/echo.wasm")).unwrap();
    let home = home.config("{policy: {preset: 'trusting'}}");
    drop(home.start());

    let rows = export(&home);
    check_hashes(&rows);
    check_sound(&home);
    for row in &rows {
        let entry = &row["entry"];
        assert!(entry["at"].as_u64().is_some_and(|at| at > 0) && entry["actor"].is_string(), "{entry}");
        let kind = entry["kind"].as_str().unwrap();
        let (group, what) = kind.split_once('.').unwrap();
        let needs_digest = matches!(group, "decision" | "approval" | "policies") || kind == "effect.started";
        let needs_digest = needs_digest || matches!(kind, "component.installed" | "component.removed");
        assert!(!needs_digest || entry["digest"].as_str().is_some_and(|digest| digest.len() == 64), "{entry}");
        let needs_run = matches!(group, "decision" | "approval" | "effect" | "call");
        assert!(!needs_run || (entry["run"].is_string() && entry["call"].is_string()), "{entry}");
        assert!(what != "deny" || (entry["code"].is_string() && entry["outcome"].is_string()), "{entry}");
    }
    let one = |kind: &str, run: &str| {
        let found: Vec<_> = of(&rows, kind).into_iter().filter(|entry| entry["run"] == run).collect();
        let [entry] = found.as_slice() else { panic!("{kind} of {run}: {found:?}") };
        (*entry).clone()
    };
    let started = one("effect.started", "allowed");
    assert_eq!(started["subject"], format!("{} made", std::fs::canonicalize("/usr/bin/touch").unwrap().display()));
    assert_eq!((&started["action"], &started["decidedBy"]), (&json!("exec.run"), &json!(["granted-programs"])));
    assert_eq!(one("effect.ended", "allowed")["effect"], started["effect"]);
    assert_eq!(one("decision.allow", "written")["actor"], "component:files");
    assert_eq!(one("call.requested", "written")["subject"], "write");
    let denied = one("decision.deny", "refused");
    assert_eq!((&denied["decidedBy"], &denied["code"]), (&json!(["no-clock"]), &json!("E_POLICY_DENY")));
    assert_eq!(
        (one("approval.answered", "no")["outcome"].clone(), one("decision.deny", "no")["code"].clone()),
        (json!("denied"), json!("E_POLICY_DENY"))
    );
    let outside = one("decision.deny", "outside");
    assert_eq!((&outside["code"], &outside["subject"]), (&json!("E_EXEC_CWD"), &json!("exec touch made")));
    assert_eq!(one("decision.ask", "yes")["digest"], one("effect.started", "yes")["digest"]);
    assert_eq!(one("approval.used", "yes")["approval"], one("effect.started", "yes")["approval"]);
    // The refusal names its entry, and the entry is there.
    let number = refused.split("(decision #").nth(1).unwrap().split(')').next().unwrap();
    assert_eq!(home.json(&["audit", "show", number])["entry"], denied);

    let about =
        |kind: &str, name: &str| of(&rows, kind).into_iter().filter(|entry| entry.to_string().contains(name)).count();
    assert_eq!((about("component.installed", "echo"), about("component.removed", "echo")), (1, 1));
    assert_eq!((about("component.installed", "files"), about("component.removed", "files")), (1, 0));
    assert_eq!((about("grant.given", "exec touch **"), about("grant.removed", "exec touch **")), (1, 1));
    assert_eq!((about("grant.given", "fs workspace read-write"), about("config.changed", "policy.preset")), (1, 2));
    assert_eq!((of(&rows, "host.started").len(), about("policies.loaded", "mine.cedar")), (2, 2));
}

// AP-33
#[tokio::test]
async fn who_answered_what_when_and_where_and_what_came_of_it() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    let (card, _) = answer(&mut client, "yes", &["touch", "made"], "allow-once").await;
    let rows = export(&home);
    let of_card: Vec<_> = rows.iter().map(|row| &row["entry"]).filter(|it| it["approval"] == card["id"]).collect();
    let kinds: Vec<_> = of_card.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["approval.asked", "approval.answered", "approval.used", "effect.started"]);
    for entry in &of_card {
        assert_eq!(entry["digest"], card["request"]["digest"], "exactly the plan that was shown: {entry}");
        assert_eq!((&entry["session"], &entry["run"]), (&json!("agent:main:main"), &json!("yes")), "{entry}");
    }
    let [asked, answered, used, _] = of_card.as_slice() else { unreachable!() };
    assert_eq!(asked["at"], card["createdAtMs"]);
    assert_eq!((&answered["actor"], &answered["outcome"]), (&json!("ws:owner"), &json!("approved")));
    assert!(asked["at"].as_u64() <= answered["at"].as_u64() && answered["at"].as_u64() <= used["at"].as_u64());
    check_hashes(&rows);
    check_sound(&home);
}

// AU-03
#[tokio::test]
async fn what_strangers_write_is_one_escaped_and_bounded_line() {
    let home = Home::new().config("{policy: {preset: 'deny-all'}, logging: {level: 'debug'}}");
    let running = home.start();
    let nasty = format!("\u{1b}[31mred\r\nINFO all is well\u{202e}{}", "x".repeat(15 << 10));
    let user_agent = format!("probe {}", "y".repeat(15 << 10));
    let http = reqwest::Client::builder().user_agent(user_agent).build().unwrap();
    let tool = json!({"tool": "read", "args": {"path": nasty}, "sessionKey": "a\u{202e}b"});
    let sent = http.post(running.http("/tools/invoke")).bearer_auth(&running.token).json(&tool).send().await.unwrap();
    assert!(sent.status().is_client_error() || sent.status().is_success(), "{sent:?}");
    let mut client = running.connect().await;
    client.call("tools.invoke", json!({"name": nasty, "args": {}})).await.unwrap_err();
    client.call(&nasty, json!({})).await.unwrap_err();
    let exec = json!({"name": "exec", "args": {"argv": ["touch", nasty]}});
    assert_eq!(client.call("tools.invoke", exec).await.unwrap()["ok"], false);

    let exported = home.run(&["audit", "export"]).stdout;
    for line in exported.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        assert!(line.iter().all(|byte| (b' '..=b'~').contains(byte)), "{}", String::from_utf8_lossy(line));
        assert!(line.len() < 8 << 10, "{} bytes", line.len());
    }
    let denied = of(&export(&home), "decision.deny").into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(denied.len(), 2, "{denied:?}");
    let subject = denied[1]["subject"].as_str().unwrap();
    assert!(
        subject.starts_with("exec {\"argv\":[\"touch\",\"\\u001b[31mred\\r\\nINFO") && subject.ends_with("bytes more)"),
        "{subject}"
    );
    for args in [&["audit", "list"][..], &["audit", "show", "1"], &["--json", "audit", "list"]] {
        let printed = home.run(args).stdout;
        assert!(
            printed.iter().all(|byte| matches!(byte, b'\n' | b' '..=b'~')),
            "{}",
            String::from_utf8_lossy(&printed)
        );
    }
    let table = String::from_utf8(home.run(&["audit", "list"]).stdout).unwrap();
    assert_eq!(table.lines().count(), export(&home).len() + 1, "one line each: {table}");
    check_log(&home.path().join("logs"));
}

/// Each line of the log is one JSON object, printable and bounded.
#[track_caller]
fn check_log(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let log = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(log.lines().count() > 3, "{log}");
        for line in log.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
            assert!(!line.contains(['\u{1b}', '\u{202e}']) && line.len() < 8 << 10, "{line}");
        }
    }
}

#[tokio::test]
async fn no_secret_gets_into_the_record() {
    let home = Home::new().config("{grants: {exec: ['exec touch **']}}");
    let set = ["secret", "set", "api", "--for", "https://elsewhere.example"];
    let mut child = home.command(&set).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(CANARY.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let running = home.start();
    let mut client = running.connect().await;
    let name = format!("made-with-{CANARY}");
    for argv in [["touch", name.as_str()], ["wc", name.as_str()]] {
        let invoked = client.send("tools.invoke", json!({"name": "exec", "args": {"argv": argv}})).await;
        if argv[0] == "wc" {
            let card = client.event(|event| event["event"] == "exec.approval.requested").await;
            let no = json!({"id": card["payload"]["id"], "decision": "deny"});
            client.call("exec.approval.resolve", no).await.unwrap();
        }
        client.response(&invoked).await.unwrap();
    }
    assert!(home.workspace().join(&name).exists(), "what ran is what was asked for");
    let exported = String::from_utf8(home.run(&["audit", "export"]).stdout).unwrap();
    assert!(exported.contains("/touch made-with-<secret api>") && exported.contains("wc made-with-<secret api>"));
    assert!(!exported.contains(CANARY), "{exported}");
    drop(running);
    assert!(home.run(&["secret", "rm", "api"]).status.success());
    drop(home.start());
    let rows = export(&home);
    let [set, removed] = of(&rows, "secret.changed")[..] else { panic!("{rows:?}") };
    assert_eq!(
        (&set["subject"], &removed["subject"], &removed["outcome"]),
        (&json!("api"), &json!("api"), &json!("removed"))
    );
    assert!(set["outcome"].as_str().unwrap().contains("goes to https://elsewhere.example"), "{set}");
}

#[tokio::test]
async fn the_record_is_filtered_and_read_with_and_without_a_host() {
    let home = Home::new().config("{grants: {exec: ['exec touch **']}}");
    assert_eq!(home.run(&["audit", "verify"]).status.code(), Some(69), "there is no store yet");
    let running = home.start();
    let mut client = running.connect().await;
    for run in ["r1", "r2"] {
        client.ask(run, r#"tool exec {"argv":["touch","made"]}"#).await;
    }
    client.say("other", "r3", "tool clock {}").await;
    client.ended("r3").await.unwrap();
    let count = |args: &[&str]| home.json(&[&["audit", "list"], args].concat()).as_array().unwrap().len();
    let all = count(&[]);
    let check = |all| {
        assert_eq!(count(&["--run", "r1"]), 3, "decision, start and end");
        assert_eq!(count(&["--run", "r1", "--kind", "effect"]), 2);
        assert_eq!(count(&["--kind", "effect.started"]), 2);
        assert_eq!(count(&["--component", "clock", "--kind", "decision"]), 1);
        assert_eq!(count(&["--session", "other"]), 1);
        assert_eq!(count(&["--limit", "2"]), 2);
        assert_eq!((count(&["--since", "1d"]), count(&["--since", "2100-01-01"])), (all, 0));
    };
    check(all);
    let newest = home.json(&["audit", "list", "--limit", "1"]);
    assert_eq!(newest[0]["sequence"], json!(all), "the newest is the last");
    let file = home.path().join("record.jsonl");
    let path = file.display().to_string();
    assert!(home.run(&["audit", "export", &path]).status.success());
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), all);
    let again = home.run(&["audit", "export", &path]);
    assert!(again.status.code() == Some(1) && said(&again).contains("record.jsonl"), "{}", said(&again));
    assert_eq!(home.run(&["audit", "show", "9999"]).status.code(), Some(1));
    // Reading takes more than the right to read conversations.
    let mut reader = Client::open(&running.url).await;
    reader.event(|event| event["event"] == "connect.challenge").await;
    let mut params = crate::client::connect_params(&running.token);
    params["scopes"] = json!(["operator.read", "operator.write", "operator.approvals"]);
    reader.call("connect", params).await.unwrap();
    for (method, params) in
        [("audit.list", json!({})), ("audit.show", json!({"sequence": 1})), ("audit.verify", json!({}))]
    {
        assert!(reader.call(method, params).await.is_err(), "{method}");
    }
    drop(running);
    // What was refused is on record as well.
    check(all + 3);
    assert_eq!(home.run(&["audit", "show", "9999"]).status.code(), Some(1));
    check_sound(&home);
}

#[tokio::test]
async fn a_broken_record_is_found_located_and_not_mended_by_going_on() {
    let home = Home::new();
    drop(home.start());
    let last = export(&home).len();
    check_sound(&home);
    // A record that another host, or somebody without this host's key, has sealed.
    std::fs::write(home.path().join("audit.key"), [7; 32]).unwrap();
    let verified = home.run(&["audit", "verify"]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(said(&verified).contains(&format!("broken at entry {last}: the seal")), "{}", said(&verified));
    let running = home.start();
    let verified = home.json(&["audit", "verify"]);
    assert_eq!(verified["broken"]["sequence"], json!(last + 1), "{verified}");
    let log = home.stderr();
    drop(running);
    assert!(log.contains("the record of what was decided and done is broken"), "{log}");
}

#[tokio::test]
async fn what_is_younger_than_its_owner_wants_to_keep_stays() {
    let home = Home::new().config("{audit: {keepDays: 1}}");
    drop(home.start());
    let before = export(&home).len();
    drop(home.start());
    assert!(export(&home).len() > before && export(&home)[0]["sequence"] == 1);
    let bad = Home::cold().config("{audit: {keepDays: 0}}").run(&["config", "check"]);
    assert!(bad.status.code() == Some(64) && said(&bad).contains("audit.keepDays"), "{}", said(&bad));
}

/// Limits how large a file the host may write; 0 is as good as a full disk.
fn limit_files(host: &Host, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    let pid = libc::pid_t::try_from(host.pid()).unwrap();
    // SAFETY: the limit is valid for a read, and nothing is written.
    assert_eq!(unsafe { libc::prlimit(pid, libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()) }, 0);
}

/// A host that a full disk does not end: the signal that comes with the limit is none that a full disk sends.
fn unkillable(home: Home) -> Home {
    let wrapper = home.path().join("unkillable");
    std::fs::write(&wrapper, format!("#!/bin/sh\ntrap '' XFSZ\nexec '{PROGRAM}' \"$@\"\n")).unwrap();
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    home.program(wrapper)
}

// P17
#[tokio::test]
async fn an_effect_whose_record_cannot_be_kept_does_not_happen() {
    let home = unkillable(Home::new()).config("{grants: {exec: ['exec touch **']}}");
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "asked", r#"tool exec {"argv":["cp","AGENTS.md","copied"]}"#).await;
    let card = client.card("asked").await;
    limit_files(&running, 0);
    let yes = json!({"id": card["id"], "decision": "allow-once"});
    let refused = client.call("exec.approval.resolve", yes.clone()).await.unwrap_err();
    assert_eq!(refused["code"], "UNAVAILABLE", "{refused}");
    let granted = json!({"name": "exec", "args": {"argv": ["touch", "made"]}});
    client.call("tools.invoke", granted.clone()).await.unwrap_err();
    assert!(!home.workspace().join("copied").exists() && !home.workspace().join("made").exists());
    limit_files(&running, libc::RLIM_INFINITY);
    client.call("exec.approval.resolve", yes).await.unwrap();
    client.ended("asked").await.unwrap();
    assert!(home.workspace().join("copied").exists(), "once there is room, all goes on");
    assert_eq!(client.call("tools.invoke", granted).await.unwrap()["ok"], true);
    check_sound(&home);
}

// P17
#[tokio::test]
async fn a_request_whose_start_cannot_be_recorded_is_not_sent() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", server.local_addr().unwrap());
    let home = unkillable(Home::new().component("effects"));
    let home = home.config(&json!({"grants": {"effects": [format!("http {origin} GET")]}}).to_string());
    let running = home.start();
    let mut client = running.connect().await;
    let twice = json!({"name": "fetch", "args": {"url": format!("{origin}/"), "bytes": 2, "times": 2}});
    let asked = client.send("tools.invoke", twice).await;
    // The disk fills up between the first request and the second.
    let (mut socket, _) = server.accept().await.unwrap();
    let mut head = [0; 4096];
    assert!(socket.read(&mut head).await.unwrap() > 0);
    limit_files(&running, 0);
    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await.unwrap();
    drop(socket);
    tokio::select! {
        answer = client.response(&asked) => assert!(answer.is_err(), "{answer:?}"),
        _ = server.accept() => panic!("the second request was sent, and is not on record"),
    }
    limit_files(&running, libc::RLIM_INFINITY);
    client.call("tools.invoke", json!({"name": "clock", "args": {}})).await.unwrap();
    assert_eq!(of(&export(&home), "effect.started").len(), 1);
    check_sound(&home);
}
