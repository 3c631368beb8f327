//! Conversations of which nothing is kept: what was said in them is on no disk, and what they did is on record.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::{Client, PATIENCE};
use crate::host::{Home, Host};
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire, say};
use crate::vitals::Vitals;

/// What must be in no file; who or what says it comes behind.
const CANARY: &str = "zebrafinch";
/// A picture of one point.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const KEY_OF_ONE: &str = "agent:main:incognito:one";

/// A home that logs all there is to log, and whose temporary files are in it.
fn home(config: &str) -> Home {
    let home = Home::new().config(&format!("{{logging: {{level: 'trace'}}, {config}}}"));
    fs::create_dir(home.path().join("tmp")).unwrap();
    let temporary = home.path().join("tmp").display().to_string();
    home.env("TMPDIR", temporary)
}

fn trusting() -> Home {
    home("grants: {sessions: ['sessions read-write']}")
}

/// The files below a folder that hold the canary, in small or capital letters, as they are or in base64.
fn files_with_canary(folder: &Path) -> Vec<String> {
    let shifted = |before: &str| STANDARD.encode(format!("{before}{CANARY}"))[4..12].to_owned();
    let wanted = [CANARY.to_owned(), CANARY.to_uppercase(), shifted(""), shifted("x"), shifted("xx")];
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            found.extend(files_with_canary(&path));
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap_or_default();
            let holds = |text: &String| bytes.windows(text.len()).any(|part| part == text.as_bytes());
            found.extend(wanted.iter().any(holds).then(|| path.display().to_string()));
        }
    }
    found
}

/// Stops a host as its owner would, and waits for its end.
async fn stop(host: Host) {
    let pid = host.pid().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let gone = async {
        while fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the host does not stop");
    drop(host);
}

fn canary(of: &str) -> String {
    format!("{CANARY}-{of}")
}

fn exec(of: &str) -> String {
    format!("tool exec {}", json!({"argv": ["echo", canary(of)]}))
}

async fn answer(client: &mut Client, run: &str, decision: &str) -> Value {
    let card = client.card(run).await;
    client.call("exec.approval.resolve", json!({"id": card["id"], "decision": decision})).await.unwrap();
    card
}

/// All that can hold words, with the rehearsal as its model; a question is still open in the end.
async fn speak(client: &mut Client, session: &str) {
    let said = client.ask_in(session, "r1", &format!("say {}", canary("model"))).await;
    assert!(said.contains(&canary("model")));
    client.say(session, "r2", &exec("arguments")).await;
    let card = answer(client, "r2", "allow-once").await;
    assert!(card.to_string().contains(&canary("arguments")), "{card}");
    let result = client.ended("r2").await.unwrap();
    assert!(result.contains(&canary("arguments")), "{result}");
    client.say(session, "r3", &exec("denied")).await;
    answer(client, "r3", "deny").await;
    client.ended("r3").await.unwrap();
    let outside = format!("tool read {}", json!({"path": format!("../../{CANARY}-path")}));
    client.ask_in(session, "r4", &outside).await;
    let spawn = json!({"task": format!("say {}", canary("child")), "label": canary("name")});
    client.ask_in(session, "r5", &format!("tool sessions_spawn {spawn}")).await;
    client.event(|event| event.to_string().contains(&canary("child"))).await;
    let invoke = json!({"sessionKey": session, "name": "read", "args": {"path": canary("direct")}});
    client.call("tools.invoke", invoke).await.unwrap();
    client.call("sessions.patch", json!({"key": session, "label": canary("label")})).await.unwrap();
    client.ask_in(session, "r6", "/compact").await;
    client.say(session, "r7", &exec("open")).await;
    client.card("r7").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_word_gets_on_a_disk_over_a_stop_or_a_kill() {
    for killed in [false, true] {
        let home = trusting();
        let running = home.start();
        let mut client = running.connect().await;
        speak(&mut client, KEY_OF_ONE).await;
        assert_eq!(files_with_canary(home.path()), Vec::<String>::new(), "while it lives");
        drop(client);
        match killed {
            true => running.kill(),
            false => stop(running).await,
        }
        assert_eq!(files_with_canary(home.path()), Vec::<String>::new(), "killed: {killed}");
        // Nobody knows it any more, and nothing goes on.
        let running = home.start();
        let mut client = running.connect().await;
        let described = client.call("sessions.describe", json!({"key": KEY_OF_ONE})).await.unwrap();
        assert_eq!(described["session"], Value::Null);
        client.call("agent.wait", json!({"runId": "r7"})).await.unwrap_err();
        assert_eq!(client.call("exec.approval.list", json!({})).await.unwrap(), json!([]));
    }
    // The same, kept, is found: the search would see it.
    let home = trusting();
    let running = home.start();
    let mut client = running.connect().await;
    speak(&mut client, "main").await;
    drop(client);
    stop(running).await;
    let found = files_with_canary(home.path());
    assert!(found.iter().any(|file| file.ends_with("host.redb")), "{found:?}");
}

/// Shows an image and speaks until a summary is made by the model.
async fn show(client: &mut Client, session: &str) {
    let mut image = STANDARD.decode(PNG).unwrap();
    image.extend(canary("image").as_bytes());
    let attachments = json!([{"type": "image", "content": STANDARD.encode(image)}]);
    let params = json!({"sessionKey": session, "message": "look", "idempotencyKey": "i1", "attachments": attachments});
    client.call("chat.send", params).await.unwrap();
    client.ended("i1").await.unwrap();
    for run in ["i2", "i3", "i4"] {
        client.ask_in(session, run, &format!("{} {}", canary("long"), "word ".repeat(2500))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn images_and_summaries_are_in_memory_alone_and_no_notes_are_taken() {
    for (session, is_kept) in [(KEY_OF_ONE, false), ("main", true)] {
        let answers = (0..12).map(|n| Answer::Whole(say(&[&canary(&format!("said-{n}"))])));
        let provider = Provider::start(answers).await;
        let config = provider.config(Wire::OpenAi).replace("apiKeyEnv:", "models: {'m-1': {images: true}}, apiKeyEnv:");
        let context = "context: {tokens: 14000, keepRecentTokens: 3000}";
        let config = format!("{}, {context}}}", config.strip_suffix('}').unwrap());
        let home = Home::new().env(KEY_VARIABLE, KEY).config(&config);
        let running = home.start();
        let mut client = running.connect().await;
        show(&mut client, session).await;
        let asked = provider.asked();
        assert!(asked[0].body.to_string().contains("data:image/png"), "the model sees the image");
        let is_about = |asked: &&crate::provider::Asked, text: &str| asked.body.to_string().contains(text);
        assert!(asked.iter().any(|asked| is_about(&asked, "minutes")), "no summary was made");
        let notes = asked.iter().any(|asked| is_about(&asked, "is about to be replaced by a summary"));
        assert_eq!(notes, is_kept, "notes of a conversation that is kept, and only of that");
        drop(client);
        stop(running).await;
        let found = files_with_canary(home.path());
        let (log, image) =
            (found.iter().any(|it| it.ends_with("host.redb")), found.iter().any(|it| it.contains("/blobs/")));
        assert_eq!((log, image), (is_kept, is_kept), "{session}: {found:?}");
        assert!(is_kept || found.is_empty(), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_did_and_cost_is_kept_without_words() {
    let provider = Provider::start((0..9).map(|_| Answer::Whole(say(&["yes"])))).await;
    // Ten cents for each token of a reply, of which the provider counts four.
    let config = provider.config_with(Wire::OpenAi, "{usd: {day: 27}}");
    let config = config.replacen("wire:", "models: {'m-1': {price: {input: 0, output: 100000}}}, wire:", 1);
    let home = Home::new().env(KEY_VARIABLE, KEY).config(&config);
    let running = home.start();
    let mut client = running.connect().await;
    // Each begins anew and leaves nothing but what it has cost.
    let (mut answered, mut why) = (0, String::new());
    for run in 0..9 {
        let session = format!("incognito:{run}");
        client.say(&session, &format!("r{run}"), "well?").await;
        match client.ended(&format!("r{run}")).await {
            Ok(_) => answered += 1,
            Err(error) => why = error["errorMessage"].as_str().unwrap().to_owned(),
        }
        client.call("sessions.delete", json!({"key": session})).await.unwrap();
    }
    assert!((1..9).contains(&answered) && why.contains("`limits.usd.day`"), "{answered}: {why}");
    stop(running).await;
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "after", "well?").await;
    assert!(client.ended("after").await.unwrap_err().to_string().contains("limits.usd.day"), "a restart forgives");

    let home = trusting();
    let running = home.start();
    let mut client = running.connect().await;
    speak(&mut client, KEY_OF_ONE).await;
    stop(running).await;
    let verified = home.run(&["audit", "verify"]);
    assert!(String::from_utf8_lossy(&verified.stdout).starts_with("sound: "));
    let rows = home.run(&["audit", "export"]).stdout;
    let rows = String::from_utf8(rows).unwrap();
    let entries = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["entry"].clone());
    let mine: Vec<_> =
        entries.filter(|entry| entry["session"].as_str().is_some_and(|it| it.contains("incognito"))).collect();
    for kind in
        ["decision.deny", "decision.ask", "approval.asked", "approval.answered", "approval.used", "effect.started"]
    {
        let entry = mine.iter().find(|entry| entry["kind"] == kind).unwrap_or_else(|| panic!("no {kind}: {rows}"));
        assert!(entry["run"].is_string() && entry["component"].is_string(), "{entry}");
    }
    let started = mine.iter().find(|it| it["kind"] == "effect.started" && it["component"] == "exec").unwrap();
    assert_eq!((&started["action"], &started["subject"]), (&json!("exec.run"), &json!("(incognito)")), "{started}");
    assert_eq!(started["digest"].as_str().unwrap().len(), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_neither_see_it_nor_hear_from_it_and_its_owner_can_look_and_end_it() {
    let home = trusting();
    let running = home.start();
    let mut client = running.connect().await;
    client.ask_in(KEY_OF_ONE, "r1", &format!("say {}", canary("model"))).await;
    client.ask_in("other", "r2", "say hello").await;
    let history = |key: &str| format!(r#"tool sessions_history {{"sessionKey":"{key}"}}"#);
    let send = |key: &str| format!(r#"tool sessions_send {{"sessionKey":"{key}","message":"say I obey"}}"#);
    for (run, session) in [("a", "main"), ("b", "agent:main:incognito:two")] {
        let listed = client.ask_in(session, &format!("{run}1"), r#"tool sessions_list {"all":true}"#).await;
        assert!(listed.contains("agent:main:other") && !listed.contains("incognito:one"), "{listed}");
        for (number, text) in [(2, history(KEY_OF_ONE)), (3, send(KEY_OF_ONE))] {
            let refused = client.ask_in(session, &format!("{run}{number}"), &text).await;
            assert!(refused.contains("there is no conversation") && !refused.contains(CANARY), "{refused}");
        }
    }
    // It may look at the others, and says nothing there.
    assert!(client.ask_in(KEY_OF_ONE, "r3", &history("other")).await.contains("hello"));
    let refused = client.ask_in(KEY_OF_ONE, "r4", &send("other")).await;
    assert!(refused.contains("E_SESSIONS_INCOGNITO"), "{refused}");

    let listed = |args: &[&str]| {
        let list = home.json(&[&["sessions", "list"], args].concat());
        let keys = list["sessions"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap().to_owned());
        keys.collect::<Vec<_>>().join(" ")
    };
    assert!(!listed(&[]).contains("incognito"));
    let incognito = listed(&["--incognito"]);
    assert!(
        incognito.contains("incognito:one") && incognito.contains("incognito:two") && !incognito.contains(":other")
    );
    assert!(!home.json(&["sessions", "search", CANARY]).to_string().contains(CANARY));
    let said = |args: &[&str]| {
        let output = home.run(args);
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    assert!(said(&["sessions", "show", KEY_OF_ONE]).1.contains(&canary("model")));
    assert!(said(&["sessions", "export", KEY_OF_ONE]).1.contains(&canary("model")));
    let (forked, why) = said(&["sessions", "fork", KEY_OF_ONE, "kept"]);
    assert!(!forked && why.contains("does not get into one that is kept"), "{why}");
    assert!(said(&["sessions", "fork", KEY_OF_ONE]).0);
    // Whatever is pruned, it stays, and it ends when its owner says so.
    assert!(said(&["sessions", "delete", "--keep", "0"]).1.len() < 4000);
    assert!(listed(&["--incognito"]).contains("incognito:one"));
    assert!(said(&["sessions", "delete", KEY_OF_ONE]).0);
    assert!(!listed(&["--incognito"]).contains("incognito:one"));
    assert!(!said(&["sessions", "show", KEY_OF_ONE]).1.contains(CANARY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_one_has_nothing_of_the_one_before_and_sub_agents_end_with_it() {
    let home = trusting();
    let running = home.start();
    let mut client = running.connect().await;
    client.ask_in(KEY_OF_ONE, "r1", &format!("say {}", canary("model"))).await;
    client.ask_in(KEY_OF_ONE, "r2", &format!("tool sessions_spawn {}", json!({"task": exec("child")}))).await;
    let is_child =
        |event: &Value| event["payload"]["sessionKey"].as_str().is_some_and(|it| it.contains("incognito:subagent:"));
    client.event(is_child).await;
    let answered = client.ask_in(KEY_OF_ONE, "r3", "/new").await;
    assert!(answered.contains("nothing is left of the one before"), "{answered}");
    let listed = home.json(&["sessions", "list", "--incognito"]);
    let keys: Vec<_> = listed["sessions"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert_eq!(keys, [KEY_OF_ONE]);
    let history = client.call("chat.history", json!({"sessionKey": KEY_OF_ONE})).await.unwrap();
    assert!(!history.to_string().contains(CANARY), "{history}");
    assert!(home.json(&["sessions", "branches", KEY_OF_ONE]).to_string().matches("\"branch\"").count() <= 1);
    client.ask_in(KEY_OF_ONE, "r4", "say again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_takes_back_the_words_and_leaves_the_files() {
    let home = home("policy: {preset: 'trusting'}");
    let running = home.start();
    let mut client = running.connect().await;
    let write = |name: &str| format!("tool write {}", json!({"path": name, "content": "made"}));
    client.ask_in(KEY_OF_ONE, "r1", &write("a.md")).await;
    assert!(!home.path().join("blobs").exists(), "nothing is looked at for it");
    let undone = client.ask_in(KEY_OF_ONE, "r2", "/undo").await;
    assert!(undone.contains("taken back: tool write") && undone.contains("files stay as they are"), "{undone}");
    let history = client.call("chat.history", json!({"sessionKey": KEY_OF_ONE})).await.unwrap();
    assert_eq!(history["totalMessages"], 0);
    assert_eq!(fs::read_to_string(home.workspace().join("a.md")).unwrap(), "made");
    // One that is kept goes back alone.
    client.ask("r3", &write("b.md")).await;
    client.ask_in(KEY_OF_ONE, "r4", &write("c.md")).await;
    assert!(client.ask("r5", "/undo").await.contains("removed: `b.md`"));
    assert!(home.workspace().join("c.md").exists() && home.workspace().join("a.md").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_begin_conversations_and_the_commands_end_theirs() {
    let home = home("agents: {work: {}}");
    let running = home.start();
    let mut client = running.connect().await;
    let mut create = async |params: Value| client.call("sessions.create", params).await;
    let created = create(json!({"incognito": true, "agentId": "work", "label": "quiet"})).await.unwrap();
    let key = created["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("agent:work:incognito:chat-") && created["ok"] == true, "{created}");
    assert_eq!((&created["entry"]["label"], &created["entry"]["sessionId"]), (&json!("quiet"), &created["sessionId"]));
    let ordinary = create(json!({"key": "trip", "label": "summer", "thinkingLevel": "low"})).await.unwrap();
    assert_eq!((&ordinary["key"], &ordinary["entry"]["thinkingLevel"]), (&json!("agent:main:trip"), &json!("low")));
    // One that is there is taken as it is.
    let again = create(json!({"key": "trip"})).await.unwrap();
    assert_eq!((&again["sessionId"], &again["entry"]["label"]), (&ordinary["sessionId"], &json!("summer")));
    assert!(create(json!({})).await.unwrap()["key"].as_str().unwrap().starts_with("agent:main:chat-"));
    for (params, why) in [
        (json!({"key": "trip", "incognito": true}), "begins with `incognito:`"),
        (json!({"task": "say x"}), "unknown field `task`"),
        (json!({"agentId": "nobody"}), "there is no agent `nobody`"),
        (json!({"key": "new", "thinkingLevel": "much"}), "invalid thinkingLevel"),
        (json!({"key": "new", "label": "x".repeat(200)}), "at most 100 characters"),
    ] {
        let refused = create(params).await.unwrap_err();
        assert!(refused["message"].as_str().unwrap().contains(why), "{refused}");
    }
    let described = client.call("sessions.describe", json!({"key": "new"})).await.unwrap();
    assert_eq!(described["session"], Value::Null, "what is refused begins nothing");

    let output = home.run(&["agent", "--incognito", "--agent", "work", "-m", &format!("say {}", canary("cli"))]);
    assert!(String::from_utf8_lossy(&output.stdout).contains(&canary("cli")));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("incognito: nothing that is said here is kept"));
    let mut chat = home.command(&["chat", "--incognito"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut chat.stdin.take().unwrap(), format!("say {}\n", canary("chat")).as_bytes()).unwrap();
    let output = chat.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains(&canary("chat")));
    let left = home.json(&["sessions", "list", "--incognito"]);
    assert_eq!(left["count"], 1, "only the one that a client has begun: {left}");
    assert!(!home.run(&["chat", "--incognito", "--session", "x"]).status.success());
    drop(client);
    stop(running).await;
    let output = home.run(&["agent", "--incognito", "--local", "-m", &format!("say {}", canary("local"))]);
    assert!(String::from_utf8_lossy(&output.stdout).contains(&canary("local")));
    assert_eq!(files_with_canary(home.path()), Vec::<String>::new());
}

/// Turns of each conversation: as many as make 10,000 messages where there is time for them.
fn turns() -> usize {
    if claw_fuzz::soak_time().is_some() { 2500 } else { 40 }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_take_memory_and_give_it_back() {
    // Short prompts, so that turns are quick however much was said.
    let home = Home::new().config("{context: {tokens: 16000, keepRecentTokens: 1000, notes: false}}");
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("warm", "say warm").await;
    let before = Vitals::of(&running);
    let text = format!("say {}", "some words ".repeat(90));
    for turn in 0..turns() {
        if turn % 50 == 0 {
            // A client keeps all events that it has seen.
            client = running.connect().await;
        }
        let (a, b) = (format!("a{turn}"), format!("b{turn}"));
        client.say("incognito:a", &a, &text).await;
        client.say("incognito:b", &b, &text).await;
        client.ended(&a).await.unwrap();
        client.ended(&b).await.unwrap();
    }
    let most = Vitals::of(&running);
    for session in ["incognito:a", "incognito:b"] {
        let history = client.call("chat.history", json!({"sessionKey": session, "limit": 1})).await.unwrap();
        let total = history["totalMessages"].as_u64().unwrap();
        assert!(total >= 2 * turns() as u64, "{session} has {total}");
        client.call("sessions.delete", json!({"key": session})).await.unwrap();
    }
    println!("{} turns in each of two: {before:?}, then {most:?}, then {:?}", turns(), Vitals::of(&running));
    before.check_regained(&running, &mut client).await;
}
