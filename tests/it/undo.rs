//! Taking the last turn back, with the files that it has changed: by real components and programs, over restarts, kills
//! and what others do meanwhile.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, PATIENCE};
use crate::host::{Home, weakened};

const TRUSTING: &str = "{policy: {preset: 'trusting'}}";

fn write(path: &str, content: &str) -> String {
    format!("tool write {}", json!({"path": path, "content": content}))
}

fn exec(argv: &[&str], stdin: &str) -> String {
    format!("tool exec {}", json!({"argv": argv, "stdin": stdin}))
}

fn read(home: &Home, name: &str) -> String {
    fs::read_to_string(home.workspace().join(name)).unwrap_or_else(|err| err.kind().to_string())
}

/// Runs a command that must succeed, and gives what it prints.
#[track_caller]
fn told(home: &Home, args: &[&str]) -> String {
    let output = home.run(args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn blobs(home: &Home) -> usize {
    let folders = fs::read_dir(home.path().join("blobs")).into_iter().flatten().flatten();
    folders.map(|folder| fs::read_dir(folder.path()).map_or(0, Iterator::count)).sum()
}

/// Waits until something is so.
async fn patiently(mut is_so: impl FnMut() -> bool) {
    let so = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, so).await.expect("it never came to be so");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tools_and_programs_changed_comes_back_with_the_conversation() {
    let home = Home::new().config(TRUSTING).file("a.md", "one").file("gone.txt", "two").file("run.sh", "three");
    fs::set_permissions(home.workspace().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r1", "say hello").await;
    assert!(!home.path().join("blobs").exists(), "nobody was about to write");
    let steps = [
        write("a.md", "changed by a tool"),
        write("new/b.md", "made by a tool"),
        exec(&["tee", "run.sh"], "changed by a program"),
        exec(&["rm", "gone.txt"], ""),
        exec(&["chmod", "600", "run.sh"], ""),
    ];
    client.ask("r2", &steps.join("\n")).await;
    assert_eq!(["a.md", "gone.txt"].map(|name| read(&home, name)), ["changed by a tool", "entity not found"]);
    // Also after a restart.
    drop(client);
    running.kill();
    let running = home.start();
    let mut client = running.connect().await;
    let undone = client.ask("c1", "/undo").await;
    let files = "\nas before again: `a.md`, `run.sh`\nbrought back: `gone.txt`\nremoved: `new/b.md`, `new`\nwhat was there is in ";
    assert!(undone.starts_with("taken back: tool write") && undone.contains(files), "{undone}");
    assert_eq!(["a.md", "gone.txt", "run.sh"].map(|name| read(&home, name)), ["one", "two", "three"]);
    assert!(!home.workspace().join("new").exists());
    let mode = |name: &str| fs::metadata(home.workspace().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("run.sh"), 0o755);
    let trash = undone.split("what was there is in ").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(fs::read_to_string(Path::new(trash).join("new/b.md")).unwrap(), "made by a tool");
    assert_eq!(fs::metadata(home.path().join("trash")).unwrap().permissions().mode() & 0o777, 0o700);
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    assert_eq!(history["totalMessages"], 2, "{history}");
    let record = home.json(&["audit", "list", "--kind", "session.undone"]);
    let record = &record[0]["entry"];
    assert_eq!(record["actor"], "ws:owner", "{record}");
    assert!(record["outcome"].as_str().unwrap().contains("brought back: `gone.txt`; removed"), "{record}");
    // The turn before has changed nothing.
    assert!(told(&home, &["sessions", "undo", "main"]).contains("\nno changes of files were noted for it\n"));
    drop(running);
    assert!(told(&home, &["db", "check"]).starts_with("sound"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_have_changed_stays_and_is_named() {
    let home = Home::new().config(TRUSTING).file("mine.md", "old").file("theirs.md", "old").file("both.md", "old");
    let running = home.start();
    let mut client = running.connect().await;
    let all: Vec<_> = ["mine.md", "theirs.md", "both.md"].iter().map(|name| write(name, "new")).collect();
    client.ask("r1", &all.join("\n")).await;
    // Its owner, and another conversation.
    fs::write(home.workspace().join("theirs.md"), "newer").unwrap();
    client.ask_in("other", "r2", &write("both.md", "newest")).await;
    let undone: Value = home.json(&["sessions", "undo", "main"]);
    assert_eq!(undone["files"]["restored"], json!(["mine.md"]), "{undone}");
    let left: Vec<_> = undone["files"]["left"].as_array().unwrap().iter().map(|left| &left["path"]).collect();
    assert_eq!(left, ["both.md", "theirs.md"], "{undone}");
    assert_eq!(["mine.md", "theirs.md", "both.md"].map(|name| read(&home, name)), ["old", "newer", "newest"]);
    // The other one goes back to what it found.
    assert!(told(&home, &["sessions", "undo", "other"]).contains("as before again: `both.md`"));
    assert_eq!(read(&home, "both.md"), "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_agent_goes_back_in_its_own_workspace_and_what_sub_agents_wrote_is_named() {
    let config = "{policy: {preset: 'trusting'}, grants: {sessions: ['sessions read-write']}, agents: {other: {}}}";
    let home = Home::new().config(config).file("a.md", "old");
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r1", &write("a.md", "new")).await;
    client.ask_in("agent:other:main", "r2", &write("a.md", "theirs")).await;
    let other = home.path().join("workspace-other/a.md");
    assert_eq!(fs::read_to_string(&other).unwrap(), "theirs");
    assert!(told(&home, &["sessions", "undo", "agent:other:main"]).contains("\nremoved: `a.md`\n"));
    assert!(!other.exists());
    assert_eq!(read(&home, "a.md"), "new");
    assert!(client.ask("c1", "/undo").await.contains("\nas before again: `a.md`\n"));
    // What a sub-agent does is done in a conversation of its own.
    let spawn = format!("tool sessions_spawn {}", json!({"task": write("b.md", "by a sub-agent")}));
    client.say("main", "r3", &spawn).await;
    client.ended("r3").await.unwrap();
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap().to_string();
    let word = |before: &str| history.split(before).nth(1).unwrap().split('`').next().unwrap().to_owned();
    let (sub_agent, task) = (word("`agent:main:subagent:"), word(" task `"));
    client.ended(&format!("{task}-end")).await.unwrap();
    // What it has said to its parent, and then what it was started with.
    client.ask("c2", "/undo").await;
    let undone = client.ask("c3", "/undo").await;
    let hint = format!("`openclaw-host sessions undo agent:main:subagent:{sub_agent}` takes it back");
    assert!(undone.contains(&hint), "{undone}");
    assert_eq!(read(&home, "b.md"), "by a sub-agent");
    told(&home, &["sessions", "undo", &format!("agent:main:subagent:{sub_agent}")]);
    assert_eq!(read(&home, "b.md"), "entity not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_takes_a_turn_back() {
    let home = Home::new().config(TRUSTING).file("a.md", "old");
    let running = home.start();
    running.connect().await.ask("r1", &write("a.md", "new")).await;
    let mut writer = Client::with_scopes(&running.url, &running.token, &["operator.write"]).await;
    writer.ask("r2", "/undo").await;
    let refused = writer.call("sessions.undo", json!({"key": "main"})).await.unwrap_err();
    assert_eq!(refused["code"], "FORBIDDEN", "{refused}");
    assert_eq!(read(&home, "a.md"), "new");
}

/// A link in the place of a folder that the turn has changed leads to what is nobody's here; gives what that holds then.
async fn planted(home: Home) -> (String, String) {
    let outside = tempfile::Builder::new().prefix("undo-").tempdir().unwrap();
    let canary = outside.path().join("a.md");
    let home = home.config(TRUSTING).file("sub/a.md", "old");
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r1", &exec(&["rm", "sub/a.md"], "")).await;
    fs::rename(home.workspace().join("sub"), home.workspace().join("away")).unwrap();
    symlink(outside.path(), home.workspace().join("sub")).unwrap();
    let answer = client.ask("c1", "/undo").await;
    (fs::read_to_string(canary).unwrap_or_default(), answer)
}

// FS-15
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_planted_since_leads_an_undo_nowhere() {
    let (outside, answer) = planted(Home::new().program(weakened())).await;
    assert_eq!(outside, "", "{answer}");
    assert!(answer.contains("left as it is: `sub/a.md`: its folder is not there, or is a link now"), "{answer}");
    // Without the guard it does.
    let home = Home::new().program(weakened()).env("OPENCLAW_TEST_WITHOUT", "fs-links");
    let (outside, answer) = planted(home).await;
    assert_eq!(outside, "old", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_files_are_looked_at_in_no_time_and_what_is_too_much_is_said() {
    let home = Home::new().config(TRUSTING);
    for number in 0..5_000 {
        let path = home.workspace().join(format!("d{}/f{number}.txt", number % 50));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("file {number}")).unwrap();
    }
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r1", &write("first.md", "x")).await;
    let begun = Instant::now();
    client.ask("r2", &exec(&["rm", "-r", "d7", "d8"], "")).await;
    let turn = begun.elapsed();
    let begun = Instant::now();
    let undone = client.ask("c1", "/undo").await;
    println!("a turn in 5,000 files takes {turn:?}, bringing 200 of them back {:?}", begun.elapsed());
    assert!(undone.contains("\nbrought back: `d7`, `d7/f1007.txt`") && undone.contains(" and 182 more\n"), "{undone}");
    assert_eq!(read(&home, "d8/f4958.txt"), "file 4958");
    assert!(turn < Duration::from_secs(10), "{turn:?}");
    // With bounds that it does not fit into, the turn works as before.
    drop(client);
    running.kill();
    let home = home.config("{policy: {preset: 'trusting'}, undo: {maxFiles: 1000}}");
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r3", &write("second.md", "x")).await;
    assert_eq!(read(&home, "second.md"), "x");
    let undone = client.ask("c2", "/undo").await;
    assert!(undone.contains("there are more than 1000 files and folders in the workspace"), "{undone}");
    assert_eq!(read(&home, "second.md"), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_is_killed_anywhere_is_ended_by_the_next_one() {
    let mut places = Vec::new();
    for point in 1.. {
        assert!(point < 60, "the undo never gets past its crash points");
        let home = Home::new().config(TRUSTING).file("a.md", "one").file("b.md", "two").program(weakened());
        let running = home.start();
        let mut client = running.connect().await;
        client.ask("r1", "say hello").await;
        let steps = [write("a.md", "1"), exec(&["rm", "b.md"], ""), write("c.md", "3")];
        client.ask("r2", &steps.join("\n")).await;
        drop(client);
        running.kill();
        let home = home.env("OPENCLAW_TEST_CRASH_AT", point);
        let running = home.start();
        let mut client = running.connect().await;
        let undo = json!({"type": "req", "id": "undo", "method": "sessions.undo", "params": {"key": "main"}});
        client.text(&undo.to_string()).await;
        let lived = loop {
            match client.frame().await {
                Some(frame) if frame["type"] == "res" && frame["id"] == "undo" => break true,
                Some(_) => {}
                None => break false,
            }
        };
        drop(running);
        let place = home.stderr().lines().rfind(|line| line.starts_with("crash point")).map(str::to_owned);
        let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
        let running = home.start();
        let mut client = running.connect().await;
        let ended = place.as_ref().is_some_and(|place| place.ends_with("undone"));
        if !lived && !ended {
            let text = client.ask("c1", "/undo").await;
            assert!(text.contains("tool write"), "{place:?}: {text}");
        }
        let now = ["a.md", "b.md", "c.md"].map(|name| read(&home, name));
        assert_eq!(now, ["one", "two", "entity not found"], "{place:?}");
        let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
        assert_eq!(history["totalMessages"], 2, "{place:?}: {history}");
        let left = fs::read_dir(home.workspace()).unwrap().flatten();
        let left: Vec<_> = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(".claw-tmp")).collect();
        assert!(left.is_empty(), "{place:?}: {left:?}");
        let mut kept = Vec::new();
        for undo in fs::read_dir(home.path().join("trash")).unwrap().flatten() {
            kept.extend(fs::read_dir(undo.path()).unwrap().flatten().map(|entry| entry.path()));
        }
        let kept: Vec<_> = kept.into_iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        assert!(["1", "3"].iter().all(|text| kept.iter().any(|kept| kept == text)), "{place:?}: {kept:?}");
        if lived {
            break;
        }
        places.push(place.expect("the host says where it died"));
    }
    assert!(places.len() >= 6, "{places:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_wrote_that_was_killed_with_the_host_goes_back_with_it() {
    let home = Home::new().config(TRUSTING).file("a.md", "old");
    let running = home.start();
    let mut client = running.connect().await;
    // The program goes on until the host is killed.
    client.say("main", "r1", &exec(&["sh", "-c", "echo new > a.md; sleep 60"], "")).await;
    // A shell is always asked about.
    let card = client.card("r1").await;
    let once = json!({"id": card["id"], "decision": "allow-once"});
    client.call("exec.approval.resolve", once).await.unwrap();
    patiently(|| read(&home, "a.md") == "new\n").await;
    running.kill();
    let running = home.start();
    let mut client = running.connect().await;
    client.call("agent.wait", json!({"runId": "r1", "timeoutMs": 30_000})).await.unwrap();
    let undone = client.ask("c1", "/undo").await;
    assert!(undone.contains("\nas before again: `a.md`\n"), "{undone}");
    assert_eq!(read(&home, "a.md"), "old");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_names_any_more_leaves_the_disk() {
    let home = Home::new().config(TRUSTING).file("a.md", "canary-77aa");
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r1", &write("a.md", "new")).await;
    // Seen once more, so that the new content is known and the old one named by the turn alone.
    client.ask_in("other", "r2", &write("b.md", "b")).await;
    let before = blobs(&home);
    client.call("sessions.delete", json!({"key": "main"})).await.unwrap();
    patiently(|| blobs(&home) < before).await;
    let holds = |path: &Path| fs::read(path).is_ok_and(|bytes| bytes == b"canary-77aa");
    let folders = fs::read_dir(home.path().join("blobs")).unwrap().flatten();
    let mut files = folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
    assert!(!files.any(|file| holds(&file.path())));
    // Turned off, nothing is kept at all.
    drop(client);
    running.kill();
    let home = home.config("{policy: {preset: 'trusting'}, undo: {files: false}}");
    let running = home.start();
    let mut client = running.connect().await;
    patiently(|| blobs(&home) == 0).await;
    client.ask("r3", &write("a.md", "newer")).await;
    assert!(client.ask("c1", "/undo").await.contains("files stay as they are: `undo.files` is off"));
    assert_eq!(blobs(&home), 0);
}
