//! The whole way of a message: WebSocket, HTTP and command line, through the real components.

use std::process::Stdio;

use serde_json::json;

use crate::host::{Home, Host};
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire, say};

const NOTES: &str = "milk\neggs\nbread\n";

fn home() -> Home {
    Home::new().file("notes.md", NOTES)
}

#[tokio::test]
async fn a_message_is_answered_and_kept() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    assert_eq!(client.ask("r1", "say hello").await, "hello");
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    let messages = history["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2, "{history}");
    assert_eq!(messages[0]["idempotencyKey"], "r1:user");
    assert_eq!(messages[1]["content"][0]["text"], "hello");
}

#[tokio::test]
async fn a_file_is_read_through_the_component() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    let answer = client.ask("r1", "tool read {\"path\":\"notes.md\"}").await;
    assert!(answer.contains("eggs"), "{answer}");
    let components = host.json(&["component", "list"]);
    let files = components["components"].as_array().unwrap().iter().find(|it| it["name"] == "files").unwrap();
    assert_eq!(files["worker"], "idle", "the call went through a worker: {files}");
}

#[tokio::test]
async fn files_are_written_edited_patched_listed_and_searched() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    client.ask("r1", r#"tool write {"path":"a/b.txt","content":"one\ntwo\n"}"#).await;
    client.ask("r2", r#"tool edit {"path":"a/b.txt","edits":[{"oldText":"two","newText":"three"}]}"#).await;
    let patch = "*** Begin Patch\n*** Add File: c.txt\n+new\n*** Update File: notes.md\n@@\n-eggs\n+ham\n*** End Patch";
    let patched = client.ask("r3", &format!("tool apply_patch {}", json!({ "input": patch }))).await;
    assert!(patched.contains("c.txt") && patched.contains("notes.md"), "{patched}");
    let read = |name: &str| std::fs::read_to_string(host.workspace().join(name)).unwrap();
    assert_eq!((read("a/b.txt"), read("c.txt")), ("one\nthree\n".to_owned(), "new\n".to_owned()));
    assert_eq!(read("notes.md"), "milk\nham\nbread\n");
    assert!(client.ask("r4", r#"tool list {"path":"a"}"#).await.contains("b.txt"));
    assert!(client.ask("r5", r#"tool glob {"pattern":"**/*.txt"}"#).await.contains("a/b.txt"));
    assert!(client.ask("r6", r#"tool grep {"pattern":"thr.e"}"#).await.contains("a/b.txt"));
    assert!(client.ask("r7", "tool clock {}").await.contains("Z"));
}

// AP-01, AP-08
#[tokio::test]
async fn a_program_runs_only_after_its_card_was_answered_in_the_chat() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    client.say("main", "r1", r#"tool exec {"argv":["touch","made-by-exec"]}"#).await;
    let card = client.card("r1").await;
    assert_eq!(card["request"]["commandArgv"], json!(["touch", "made-by-exec"]));
    // The same card stands in the chat, with the words to answer it.
    let id = card["id"].as_str().unwrap().to_owned();
    let shown = client
        .event(|event| event["event"] == "chat" && event["payload"]["deltaText"].to_string().contains("/approve"))
        .await;
    let text = shown["payload"]["deltaText"].as_str().unwrap();
    assert!(text.contains("touch") && text.contains(&id[..8]), "{text}");
    assert!(!host.workspace().join("made-by-exec").exists(), "it ran before the answer");
    let answered = client.ask("r2", &format!("/approve {} once", &id[..8])).await;
    assert!(answered.contains("approved"), "{answered}");
    let answer = client.ended("r1").await.unwrap();
    assert!(host.workspace().join("made-by-exec").exists(), "{answer}");
    client.event(|event| event["event"] == "exec.approval.resolved" && event["payload"]["id"] == id.as_str()).await;
    // One yes is for one run: the same wish asks again.
    client.say("main", "r3", r#"tool exec {"argv":["touch","made-by-exec"]}"#).await;
    let again = client.card("r3").await;
    assert_ne!(again["id"], card["id"]);
}

#[tokio::test]
async fn a_denied_program_does_not_run_and_the_model_is_told() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    client.say("main", "r1", r#"tool exec {"argv":["touch","never"]}"#).await;
    let id = client.card("r1").await["id"].as_str().unwrap().to_owned();
    let params = json!({"id": id, "decision": "deny"});
    client.call("exec.approval.resolve", params.clone()).await.unwrap();
    let answer = client.ended("r1").await.unwrap();
    assert!(answer.contains("E_POLICY_DENY"), "{answer}");
    assert!(!host.workspace().join("never").exists());
    // AP-05: an answer counts once.
    let again = client.call("exec.approval.resolve", json!({"id": id, "decision": "allow-once"})).await.unwrap_err();
    assert_eq!(again["details"]["reason"], "APPROVAL_ALREADY_RESOLVED", "{again}");
}

// AP-07
#[tokio::test]
async fn nobody_answering_is_a_denial() {
    let host = home().config("{approvals: {expirySeconds: 10}}");
    let running = host.start();
    let mut client = running.connect().await;
    client.say("main", "r1", r#"tool exec {"argv":["touch","never"]}"#).await;
    client.card("r1").await;
    let answer = client.ended("r1").await.unwrap();
    assert!(answer.contains("E_APPR_EXPIRED"), "{answer}");
    assert!(!host.workspace().join("never").exists());
}

#[tokio::test]
async fn stop_ends_a_waiting_run_and_withdraws_its_card() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    client.say("main", "r1", r#"tool exec {"argv":["touch","never"]}"#).await;
    client.card("r1").await;
    client.ask("r2", "/stop").await;
    let end = client.ended("r1").await.unwrap_err();
    assert_eq!(end["state"], "aborted", "{end}");
    let open = client.call("exec.approval.list", json!({})).await.unwrap();
    assert_eq!(open, json!([]));
    assert_eq!(client.ask("r3", "say still here").await, "still here");
}

#[tokio::test]
async fn a_client_may_want_less_time_than_the_host_allows() {
    let host = Home::new().component("spin_forever");
    let running = host.start();
    let mut client = running.connect().await;
    let message = json!({
        "sessionKey": "main", "message": "tool spin_forever {}", "idempotencyKey": "r1", "timeoutMs": 300,
    });
    client.call("chat.send", message).await.unwrap();
    let end = client.ended("r1").await.unwrap_err();
    assert_eq!(end["errorKind"], "timeout", "{end}");
    assert_eq!(client.ask("r2", "say next").await, "next");
}

#[tokio::test]
async fn a_repeated_message_starts_no_second_run() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    client.ask("same", r#"tool write {"path":"n.txt","content":"1"}"#).await;
    let params = json!({"sessionKey": "main", "message": "say again", "idempotencyKey": "same"});
    let second = client.call("chat.send", params).await.unwrap();
    assert_eq!(second["duplicate"], true, "{second}");
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    assert_eq!(history["totalMessages"], 4, "{history}");
}

fn chat(running: &Host, body: serde_json::Value) -> reqwest::RequestBuilder {
    reqwest::Client::new().post(running.http("/v1/chat/completions")).bearer_auth(&running.token).json(&body)
}

#[tokio::test]
async fn the_http_api_answers_with_and_without_streaming() {
    let host = home();
    let running = host.start();
    let ask = |stream: bool, text: &str| {
        chat(&running, json!({"model": "openclaw", "stream": stream, "messages": [{"role": "user", "content": text}]}))
    };
    let answer: serde_json::Value = ask(false, "say over http").send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "over http", "{answer}");
    let read = ask(false, r#"tool read {"path":"notes.md"}"#).send().await.unwrap().text().await.unwrap();
    assert!(read.contains("bread"), "{read}");
    let streamed = ask(true, "say in pieces").send().await.unwrap().text().await.unwrap();
    let text: String = streamed
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str::<serde_json::Value>(data).ok())
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert!(text == "in pieces" && streamed.contains("data: [DONE]"), "{streamed}");
    let health = reqwest::get(running.http("/healthz")).await.unwrap();
    assert!(health.status().is_success());
    let models = reqwest::get(running.http("/v1/models")).await.unwrap();
    assert_eq!(models.status(), 401, "the API needs the token");
}

#[tokio::test]
async fn a_request_over_http_stays_open_while_its_card_waits() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    let text = r#"tool exec {"argv":["echo","through http"]}"#;
    let body = json!({"model": "openclaw", "stream": true, "messages": [{"role": "user", "content": text}]});
    let request = tokio::spawn(chat(&running, body).send());
    let approvals = client.event(|event| event["event"] == "exec.approval.requested").await;
    let id = approvals["payload"]["id"].as_str().unwrap().to_owned();
    // From the command line: the whole call, and the answer.
    let listed = host.json(&["approvals", "list"]);
    let listed = listed.as_array().cloned().unwrap_or_else(|| listed["approvals"].as_array().unwrap().clone());
    assert_eq!(listed[0]["call"]["argv"], json!(["echo", "through http"]), "{listed:?}");
    let resolved = host.run(&["approvals", "resolve", &id, "once"]);
    assert!(resolved.status.success(), "{resolved:?}");
    let body = request.await.unwrap().unwrap().text().await.unwrap();
    assert!(body.contains("through http") && body.contains("/approve") && body.contains("[DONE]"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_reaches_everything() {
    let host = home();
    let running = host.start();
    let agent = host.run(&["agent", "-m", "say from the shell"]);
    assert_eq!(String::from_utf8_lossy(&agent.stdout).trim(), "from the shell");
    let called = host.json(&["tool", "call", "read", r#"{"path":"notes.md"}"#]);
    assert!(called["output"].as_str().unwrap().contains("milk"), "{called}");
    let tools = host.run(&["tool", "list"]);
    let tools = String::from_utf8_lossy(&tools.stdout).into_owned();
    for name in ["read", "write", "edit", "apply_patch", "list", "glob", "grep", "exec", "web_fetch", "clock"] {
        assert!(tools.contains(name), "{name}: {tools}");
    }
    assert_eq!(host.json(&["component", "inspect", "exec"])["grants"], json!([]));
    let sessions = host.run(&["sessions", "list"]);
    assert!(String::from_utf8_lossy(&sessions.stdout).contains("agent:main:main"));
    assert!(host.run(&["sessions", "reset", "main"]).status.success());
    assert!(host.run(&["status"]).status.success());
    drop(running);
    let gone = host.run(&["status"]);
    assert_eq!(gone.status.code(), Some(69), "{gone:?}");
}

#[test]
fn one_message_needs_no_running_host() {
    let host = home();
    let local = |text: &str| host.run(&["agent", "--local", "-m", text]);
    for text in ["one", "two"] {
        let agent = local(&format!("say {text}"));
        assert_eq!(String::from_utf8_lossy(&agent.stdout).trim(), text, "{agent:?}");
    }
    assert_eq!(host.run(&["status"]).status.code(), Some(69), "it has ended with the answer");
    // It is the same conversation as ever, and no second host works on it.
    let running = host.start();
    let sessions = host.run(&["sessions", "show", "main"]);
    assert!(String::from_utf8_lossy(&sessions.stdout).contains("say two"), "{sessions:?}");
    let refused = local("say three");
    assert_eq!(refused.status.code(), Some(75), "{refused:?}");
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(why.contains(&running.pid().to_string()), "it names the host that runs: {why}");
    drop(running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_for_one_message_listens_nowhere() {
    let provider = Provider::start([Answer::Held(say(&["Begun", " and done."]))]).await;
    let host = Home::new().env(KEY_VARIABLE, KEY).config(&provider.config(Wire::OpenAi));
    let mut local = host.command(&["agent", "--local", "-m", "hi"]).stdout(Stdio::piped()).spawn().unwrap();
    // It is at work: the model has been asked, and has not answered all.
    while provider.asked().is_empty() {
        assert!(local.try_wait().unwrap().is_none(), "it has ended");
        tokio::task::yield_now().await;
    }
    assert_eq!(listening(local.id()), Vec::<String>::new());
    assert!(!host.path().join("run.json").exists(), "nobody is told of it");
    assert_eq!(host.run(&["run", "--port", "0"]).status.code(), Some(75), "the home is taken");
    provider.release();
    let output = local.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "Begun and done.");
    // The look would see a port.
    let running = host.start();
    assert_eq!(listening(running.pid()).len(), 1);
}

/// The sockets of a process and of those that it started on which others could connect to it.
fn listening(pid: u32) -> Vec<String> {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().filter_map(Result::ok);
    let open: Vec<_> = open.filter_map(|fd| std::fs::read_link(fd.path()).ok()).collect();
    let own = |inode: &str| open.iter().any(|target| target.as_os_str() == format!("socket:[{inode}]").as_str());
    let mut found = Vec::new();
    // Where the state stands, what it is of one that listens, and where the inode stands.
    for (table, state, listens, inode) in [("tcp", 3, "0A", 9), ("tcp6", 3, "0A", 9), ("unix", 3, "00010000", 6)] {
        let lines = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in lines.lines().skip(1) {
            let words: Vec<_> = line.split_whitespace().collect();
            if words[state] == listens && own(words[inode]) {
                found.push(line.to_owned());
            }
        }
    }
    found
}

#[tokio::test]
async fn the_conversation_survives_a_kill() {
    let host = home();
    let running = host.start();
    let mut client = running.connect().await;
    client.ask("r1", "say one").await;
    running.kill();
    let running = host.start();
    let mut client = running.connect().await;
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    assert_eq!(history["messages"][1]["content"][0]["text"], "one", "{history}");
    assert_eq!(client.ask("r2", "say two").await, "two");
}
