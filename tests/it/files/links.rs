//! Paths, links, names and kinds of files.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::*;

// FS-01, FS-02
#[tokio::test]
async fn no_path_leads_out_of_a_granted_folder() {
    let site = Site::new();
    let inside = site.home.workspace().join("kept.md");
    let secret = site.secret().join("canary.txt");
    let paths = ["../secret/canary.txt", "a/../../secret/canary.txt", "..", "/etc/passwd", "/workspace/kept.md"];
    let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    let absolute = [secret, inside].map(|path| path.display().to_string());
    let open = |path: &String| json!({"raw": {"op": "open", "path": path, "access": ["read"]}});
    let steps: Value = paths.iter().chain(&absolute).map(open).collect();
    check_refused(&steps, &site.probe(steps.clone()).await, "not-permitted");
    site.check_untouched();
}

#[tokio::test]
async fn what_stays_inside_works_however_it_is_written() {
    let site = Site::new();
    let steps = json!([
        {"files": {"op": "create_dir", "path": "/workspace/a"}},
        {"files": {"op": "write", "path": "/workspace/a/../b.txt", "text": "b"}},
        {"files": {"op": "append", "path": "/workspace/b.txt", "text": "c"}},
        {"files": {"op": "rename", "from": "/workspace/b.txt", "to": "/workspace/a/c.txt"}},
        {"files": {"op": "read", "path": "/workspace/./a//c.txt"}},
        {"files": {"op": "list", "path": "/workspace/a/"}},
        {"files": {"op": "stat", "path": "/workspace/a/c.txt"}},
        {"files": {"op": "set_len", "path": "/workspace/a/c.txt", "len": 1}},
        {"files": {"op": "write_at", "path": "/workspace/a/c.txt", "offset": 3}},
        {"raw": {"op": "set_times", "path": "a/c.txt", "seconds": 1000, "nanoseconds": 0}},
        {"files": {"op": "remove_file", "path": "/workspace/a/c.txt"}},
        {"files": {"op": "remove_dir", "path": "/workspace/a"}},
    ]);
    let outcomes = site.probe(steps).await;
    check_done(&outcomes);
    assert_eq!(outcomes[4]["ok"], "bc");
    assert_eq!(outcomes[5]["ok"], json!(["c.txt"]));
    assert_eq!(outcomes[6]["ok"], json!({"kind": "file", "size": 2}));
}

// FS-03, FS-06, FS-08, AP-35
#[tokio::test]
async fn no_link_leads_out_of_a_granted_folder() {
    let site = Site::new();
    site.link(site.secret(), "d");
    site.link(site.secret().join("canary.txt"), "f");
    site.link(site.secret().join("created.txt"), "new");
    site.link("/etc", "abs");
    let open = |path: &str, how: Value, access: Value| json!({"raw": {"op": "open", "path": path, "links": "follow", "how": how, "access": access}});
    let mut steps =
        vec![json!({"raw": {"op": "read_link", "path": "d"}}), json!({"raw": {"op": "read_link", "path": "abs"}})];
    for path in ["d", "d/", "d//", "f", "f/", "abs/passwd", "d/canary.txt", "new"] {
        steps.push(open(path, json!([]), json!(["read"])));
        steps.push(open(path, json!(["create"]), json!(["write"])));
        steps.push(open(path, json!(["create", "truncate"]), json!(["write"])));
        steps.push(json!({"raw": {"op": "stat", "path": path, "links": "follow"}}));
        steps.push(json!({"raw": {"op": "set_times", "path": path, "seconds": 1, "nanoseconds": 0}}));
    }
    for path in ["d/", "d//", "f/", "d/canary.txt"] {
        steps.push(json!({"raw": {"op": "unlink", "path": path}}));
        steps.push(json!({"raw": {"op": "remove_dir", "path": path}}));
        steps.push(json!({"raw": {"op": "rename", "from": path, "to": "moved"}}));
    }
    steps.push(json!({"raw": {"op": "create_dir", "path": "d/created"}}));
    steps.push(json!({"raw": {"op": "rename", "from": "kept.md", "to": "d/created.txt"}}));
    steps.push(json!({"files": {"op": "list", "path": "/workspace/d"}}));
    let steps = Value::from(steps);
    check_refused(&steps, &site.probe(steps.clone()).await, "not-permitted");
    // `exclusive` alone may say that something is there; it makes nothing either.
    let exclusive = json!([open("new", json!(["create", "exclusive"]), json!(["write"]))]);
    assert!(site.probe(exclusive).await[0].get("error").is_some());
    site.check_untouched();
}

#[tokio::test]
async fn a_link_that_stays_inside_can_be_read_and_not_written_through() {
    let site = Site::new();
    let site = Site { home: site.home.file("deep/a.txt", "a"), ..site };
    site.link("deep", "alias");
    let read = json!([
        {"files": {"op": "read", "path": "/workspace/alias/a.txt"}},
        {"files": {"op": "list", "path": "/workspace/alias"}},
        {"raw": {"op": "read_link", "path": "alias"}},
        {"raw": {"op": "open_below", "outer": "alias", "inner": "a.txt", "access": ["read"]}},
    ]);
    let outcomes = site.probe(read).await;
    check_done(&outcomes);
    assert_eq!(outcomes[0]["ok"], "a");
    let write = json!([
        {"raw": {"op": "open", "path": "alias/a.txt", "access": ["write"]}},
        {"raw": {"op": "open", "path": "alias/b.txt", "how": ["create"], "access": ["write"]}},
        {"raw": {"op": "open_below", "outer": "alias", "inner": "a.txt", "access": ["write"]}},
        {"raw": {"op": "open_below", "outer": "alias", "inner": "b.txt", "how": ["create"], "access": ["write"]}},
        {"raw": {"op": "unlink", "path": "alias/a.txt"}},
    ]);
    check_refused(&write, &site.probe(write.clone()).await, "not-permitted");
    assert_eq!(std::fs::read_to_string(site.home.workspace().join("deep/a.txt")).unwrap(), "a");
}

// FS-04
#[tokio::test]
async fn a_guest_makes_no_links() {
    let site = Site::new();
    let steps = json!([
        {"raw": {"op": "symlink", "target": "/etc/passwd", "path": "l1"}},
        {"raw": {"op": "symlink", "target": "../secret", "path": "l2"}},
        {"raw": {"op": "symlink", "target": "kept.md", "path": "l3"}},
        {"raw": {"op": "hard_link", "from": "kept.md", "to": "l4"}},
    ]);
    check_refused(&steps, &site.probe(steps.clone()).await, "not-permitted");
    assert_eq!(std::fs::read_dir(site.home.workspace()).unwrap().count(), 1);
}

// FS-14
#[tokio::test]
async fn a_file_with_a_second_name_outside_can_be_read_and_not_changed() {
    let site = Site::new();
    std::fs::hard_link(site.secret().join("canary.txt"), site.home.workspace().join("linked")).unwrap();
    let steps = json!([
        {"raw": {"op": "open", "path": "linked", "access": ["write"]}},
        {"raw": {"op": "open", "path": "linked", "how": ["truncate"], "access": ["read"]}},
        {"raw": {"op": "open", "path": "linked", "how": ["create", "truncate"], "access": ["write"]}},
        {"raw": {"op": "set_times", "path": "linked", "seconds": 1, "nanoseconds": 0}},
        {"files": {"op": "append", "path": "/workspace/linked", "text": "x"}},
        {"files": {"op": "set_len", "path": "/workspace/linked", "len": 0}},
    ]);
    check_refused(&steps, &site.probe(steps.clone()).await, "not-permitted");
    site.check_untouched();
    let read = site.probe(json!([{"files": {"op": "read", "path": "/workspace/linked"}}])).await;
    assert_eq!(read[0]["ok"], CANARY);
}

// FS-15
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_turns_into_a_link_while_it_is_opened_shows_nothing() {
    let site = Site::new();
    let site = Site { home: site.home.file("flip/real/canary.txt", "harmless"), ..site };
    let folder = site.home.workspace().join("flip");
    symlink(site.secret(), folder.join("link")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let flipping = std::thread::spawn({
        let (stop, folder) = (Arc::clone(&stop), folder.clone());
        move || {
            let mut flips = 0u32;
            let exchange = rustix::fs::RenameFlags::EXCHANGE;
            while !stop.load(Ordering::Relaxed) {
                let (real, link) = (folder.join("real"), folder.join("link"));
                rustix::fs::renameat_with(rustix::fs::CWD, &real, rustix::fs::CWD, &link, exchange).unwrap();
                flips += 1;
            }
            flips
        }
    });
    let read = json!([{"files": {"op": "read_often", "path": "/workspace/flip/real/canary.txt", "count": 20000}}]);
    let outcomes = site.probe(read).await;
    stop.store(true, Ordering::Relaxed);
    let flips = flipping.join().unwrap();
    let seen = outcomes[0]["ok"].as_array().unwrap_or_else(|| panic!("{outcomes:?}"));
    assert!(flips > 1000 && seen.len() > 1, "{flips} flips were met: {seen:?}");
    assert!(seen.iter().all(|text| text != CANARY), "{seen:?}");
    site.check_untouched();
}

// AP-35: a folder's grant is for the directory that was opened when the call began. Whoever turns the path into a
// link meanwhile, or makes one in the workspace, shows the call nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_keeps_the_directory_that_was_opened_for_it_wherever_its_path_leads_now() {
    let site = Site::new();
    std::fs::write(site.notes().join("canary.txt"), "harmless").unwrap();
    let running = site.home.start();
    let steps = json!([
        {"files": {"op": "write", "path": "/scratch/begun", "text": "x"}},
        {"files": {"op": "read_often", "path": "/notes/canary.txt", "count": 20000}},
        {"files": {"op": "list", "path": "/notes"}},
    ]);
    let mut call = std::pin::pin!(probe(&running, "r1", steps));
    let turned = async {
        let begun = site.scratch().join("begun");
        while !begun.exists() {
            tokio::task::yield_now().await;
        }
        std::fs::rename(site.notes(), site.outside.path().join("was-notes")).unwrap();
        symlink(site.secret(), site.notes()).unwrap();
    };
    tokio::select! {
        () = turned => {}
        outcomes = &mut call => panic!("the call ended before its folder was turned into a link: {outcomes:?}"),
    }
    let outcomes = call.await;
    check_done(&outcomes);
    assert_eq!(outcomes[1]["ok"], json!(["harmless"]), "{outcomes:?}");
    assert_eq!(outcomes[2]["ok"], json!(["canary.txt", "plan.md"]), "{outcomes:?}");
}

// AP-35: what a card shows of a program is the file behind the link, and a directory behind one is never entered.
#[tokio::test]
async fn a_card_names_what_a_link_leads_to() {
    let site = Site::new();
    let touch = std::fs::canonicalize("/usr/bin/touch").unwrap();
    site.link(&touch, "tool");
    site.link(site.secret(), "out");
    site.link(".", "in");
    let running = site.home.start();
    let mut client = running.connect().await;
    let tool = site.home.workspace().canonicalize().unwrap().join("tool").display().to_string();
    client.say("main", "r1", &format!("tool exec {}", json!({"argv": [tool, "made"]}))).await;
    let card = client.card("r1").await;
    let line = |label: &str| {
        let lines = card["request"]["card"]["lines"].as_array().unwrap();
        lines.iter().find(|line| line[0] == label).unwrap_or_else(|| panic!("{card}"))[1].as_str().unwrap().to_owned()
    };
    assert_eq!(line("argv[0]"), tool);
    assert!(line("Program").starts_with(&format!("{}, sha256 ", touch.display())), "{card}");
    client.call("exec.approval.resolve", json!({"id": card["id"], "decision": "deny"})).await.unwrap();
    client.ended("r1").await.unwrap();
    for (run, directory) in [("r2", "out"), ("r3", "in")] {
        let refused = client.ask(run, &format!("tool exec {}", json!({"argv": ["ls"], "cwd": directory}))).await;
        assert!(refused.contains("E_EXEC_CWD") && refused.contains("reached through a link"), "{refused}");
    }
}

// FS-20
#[tokio::test]
async fn pipes_and_sockets_are_not_opened_and_keep_nobody_waiting() {
    let site = Site::new();
    let pipe = site.home.workspace().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o600), 0)
        .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(site.home.workspace().join("socket")).unwrap();
    let open = |path: &str, access: &str| json!({"raw": {"op": "open", "path": path, "access": [access]}});
    let steps: Value = ["pipe", "socket"].iter().flat_map(|path| [open(path, "read"), open(path, "write")]).collect();
    check_refused(&steps, &site.probe(steps.clone()).await, "not-permitted");
}

// FS-22
#[tokio::test]
async fn names_that_no_file_can_have_are_refused_and_never_cut() {
    let site = Site::new();
    let longest = "n".repeat(255);
    let open = |path: &str| json!({"raw": {"op": "open", "path": path, "how": ["create"], "access": ["write"]}});
    let bad = [
        String::new(),
        "n".repeat(256),
        "x".repeat(100_000),
        "d/".repeat(10_000),
        "a\0b".to_owned(),
        "a\nb".to_owned(),
        "a/\u{9b}b".to_owned(),
    ];
    let mut steps: Vec<Value> = bad.iter().map(|path| open(path)).collect();
    steps.extend(bad.iter().map(|path| json!({"raw": {"op": "rename", "from": "kept.md", "to": path}})));
    steps.extend([".", "./"].map(open));
    let outcomes = site.probe(Value::from(steps.clone())).await;
    for (step, outcome) in steps.iter().zip(&outcomes) {
        assert!(outcome.get("error").is_some(), "{step} gave {outcome}");
    }
    check_done(&site.probe(json!([open(&longest), open("...")])).await);
    let mut names: Vec<_> =
        std::fs::read_dir(site.home.workspace()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["...", "kept.md", longest.as_str()]);
}

// FS-26
#[tokio::test]
async fn protected_names_stay_as_they_are_inside_of_a_writable_folder() {
    let site = Site::with("grants: {probe: ['fs workspace read-write', 'fs notes read-write']}");
    let site = Site { home: site.home.file(".git/hooks/pre-commit", "#!/bin/sh\n").file(".env", "A=1\n"), ..site };
    let create = |path: &str| json!({"raw": {"op": "open", "path": path, "how": ["create"], "access": ["write"]}});
    let mut steps = vec![
        json!({"raw": {"op": "open", "path": ".git/hooks/pre-commit", "access": ["write"]}}),
        json!({"raw": {"op": "open", "path": ".env", "how": ["truncate"], "access": ["read"]}}),
        json!({"raw": {"op": "unlink", "path": ".env"}}),
        json!({"raw": {"op": "rename", "from": "kept.md", "to": ".env"}}),
        json!({"raw": {"op": "rename", "from": ".git/hooks", "to": "hooks"}}),
        json!({"raw": {"op": "rename", "from": ".git", "to": "git"}}),
        json!({"raw": {"op": "hard_link", "from": "kept.md", "to": ".openclaw.json"}}),
        json!({"raw": {"op": "create_dir", "path": "sub/.git"}}),
        json!({"raw": {"op": "open_below", "outer": ".git/hooks", "inner": "new", "how": ["create"], "access": ["write"]}}),
        json!({"raw": {"op": "open_below", "outer": ".git", "inner": "x/../hooks/new", "how": ["create"], "access": ["write"]}}),
        json!({"raw": {"op": "set_times", "path": ".env", "seconds": 1, "nanoseconds": 0}}),
    ];
    steps.extend([".env.local", ".ENV", ".openclaw", ".git/config", "a/.git/hooks/x", ".git/x/../hooks/y"].map(create));
    let steps = Value::from(steps);
    check_refused(&steps, &site.probe(steps.clone()).await, "not-permitted");
    // A directory that brings its own hooks to where Git would find them.
    let brought = json!([
        {"files": {"op": "create_dir", "path": "/workspace/x"}},
        {"files": {"op": "create_dir", "path": "/workspace/x/hooks"}},
        {"files": {"op": "write", "path": "/workspace/x/hooks/pre-commit", "text": "#!/bin/sh\n"}},
        {"raw": {"op": "rename", "from": "x", "to": ".git/modules"}},
    ]);
    let outcomes = site.probe(brought).await;
    check_done(&outcomes[..3]);
    assert_eq!(outcomes[3]["error"]["code"], "not-permitted", "{outcomes:?}");
    // In a folder of the owner's also what a shell or a login reads.
    let write = |path: &str| json!({"files": {"op": "write", "path": format!("/notes/{path}"), "text": "x"}});
    let people: Value =
        [".bashrc", ".ssh/authorized_keys", "authorized_keys", ".config/x", ".env"].into_iter().map(write).collect();
    std::fs::create_dir(site.notes().join(".ssh")).unwrap();
    check_refused(&people, &site.probe(people.clone()).await, "not-permitted");
    assert_eq!(std::fs::read_to_string(site.home.workspace().join(".env")).unwrap(), "A=1\n");
    site.check_untouched();
}

// The model reads why, although WASI has only a number for it.
#[tokio::test]
async fn the_hosts_own_words_reach_the_model_when_the_tool_fails() {
    let site = Site::new();
    let running = site.home.start();
    let mut client = running.connect().await;
    let steps =
        json!([{"files": {"op": "write", "path": "/workspace/.env", "text": "A=2"}}, {"world": {"op": "fail"}}]);
    let answer = client.ask("r1", &format!("tool probe {}", json!({ "steps": steps }))).await;
    assert!(answer.contains("E_FS_PROTECTED: `.env` is protected"), "{answer}");
}
