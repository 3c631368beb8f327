//! Each of the sandbox's two walls holds with the other switched off, in a build that exists only for this.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::host::{Home, weakened};
use crate::vitals::children;

const GRANTS: &str = "{grants: {probe: ['fs workspace read-write']}}";

/// What a guest tries, with the places that a test of its own has prepared.
struct Canary {
    folder: tempfile::TempDir,
    server: TcpListener,
}

impl Canary {
    fn new() -> Canary {
        let folder = tempfile::Builder::new().prefix("canary-").tempdir().unwrap();
        std::fs::write(folder.path().join("secret.txt"), "canary").unwrap();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        Canary { folder, server }
    }

    fn steps(&self) -> Value {
        let secret = self.folder.path().join("secret.txt");
        let planted = self.folder.path().join("planted.txt");
        let address = self.server.local_addr().unwrap().to_string();
        json!([
            {"files": {"op": "read", "path": secret}},
            {"files": {"op": "write", "path": planted, "text": "planted"}},
            {"files": {"op": "list", "path": "/"}},
            {"files": {"op": "read", "path": "/etc/passwd"}},
            {"net": {"op": "tcp_connect", "address": address}},
            {"net": {"op": "tcp_listen", "address": "127.0.0.1:0"}},
            {"net": {"op": "udp_send", "from": "127.0.0.1:0", "to": address}},
            {"world": {"op": "spawn", "program": "/bin/true"}},
        ])
    }

    /// Nothing was written and nobody connected.
    #[track_caller]
    fn check_untouched(&self) {
        assert_eq!(std::fs::read_dir(self.folder.path()).unwrap().count(), 1);
        assert!(self.server.accept().is_err(), "somebody connected");
    }
}

async fn probe(home: &Home, run: &str, steps: &Value) -> Vec<Value> {
    let running = home.start();
    let mut client = running.connect().await;
    let answer = client.ask(run, &format!("tool probe {}", json!({ "steps": steps }))).await;
    let outcomes = answer.strip_prefix("probe: ").unwrap_or_else(|| panic!("{answer}"));
    serde_json::from_str(outcomes).unwrap_or_else(|err| panic!("{err}: {answer}"))
}

#[track_caller]
fn check_refused(steps: &Value, outcomes: &[Value]) {
    assert_eq!(outcomes.len(), steps.as_array().unwrap().len());
    for (step, outcome) in steps.as_array().unwrap().iter().zip(outcomes) {
        assert!(outcome.get("error").is_some(), "{step} gave {outcome}");
    }
}

// FS-01, FS-02, NET-01, NET-28
#[tokio::test]
async fn with_both_walls_a_guest_gets_nowhere() {
    let (canary, home) = (Canary::new(), Home::new().component("probe").config(GRANTS));
    let outcomes = probe(&home, "r1", &canary.steps()).await;
    check_refused(&canary.steps(), &outcomes);
    canary.check_untouched();
}

#[tokio::test]
async fn without_the_systems_wall_webassembly_holds() {
    let (canary, home) = (Canary::new(), Home::new().component("probe").config(GRANTS));
    let home = home.program(weakened()).env("OPENCLAW_TEST_ONLY_WALL", "wasm");
    let outcomes = probe(&home, "r1", &canary.steps()).await;
    check_refused(&canary.steps(), &outcomes);
    canary.check_untouched();
}

// P7: what native code in the worker could do after an escape.
#[tokio::test]
async fn without_webassembly_the_systems_wall_holds() {
    let (canary, home) = (Canary::new(), Home::new().component("probe").config(GRANTS));
    let home = home.program(weakened()).env("OPENCLAW_TEST_ONLY_WALL", "os").file("inside.txt", "inside");
    let outcomes = probe(&home, "r1", &canary.steps()).await;
    check_refused(&canary.steps(), &outcomes);
    canary.check_untouched();
    // The control: the steps do run natively, and the granted tree is reached.
    let inside = json!([{"files": {"op": "read", "path": home.workspace().join("inside.txt")}}]);
    assert_eq!(probe(&home, "r2", &inside).await, [json!({"ok": "inside"})]);
    let home_itself = json!([{"files": {"op": "read", "path": home.path().join("token")}}]);
    check_refused(&home_itself, &probe(&home, "r3", &home_itself).await);
}

#[tokio::test]
async fn the_live_worker_has_its_walls_up() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    client.ask("r1", "tool clock {}").await;
    let workers: Vec<u32> = children(running.pid());
    assert_eq!(workers.len(), 1, "one worker for one component");
    let status = std::fs::read_to_string(format!("/proc/{}/status", workers[0])).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}"));
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!((field("Seccomp:"), field("NoNewPrivs:")), ("2".to_owned(), "1".to_owned()));
    // EX-32, for workers: its socket, its own compiled code, and nothing of the host's. Its machinery is anonymous.
    for entry in std::fs::read_dir(format!("/proc/{}/fd", workers[0])).unwrap() {
        let entry = entry.unwrap();
        let target = std::fs::read_link(entry.path()).unwrap().to_string_lossy().into_owned();
        let own = ["socket:", "anon_inode:", "/dev/null", "pipe:"].iter().any(|kind| target.starts_with(kind));
        let harmless = own || target.ends_with(".cwasm");
        assert!(harmless, "descriptor {:?} is {target}", entry.file_name());
    }
    let environment = std::fs::read(format!("/proc/{}/environ", workers[0])).unwrap_or_default();
    assert!(environment.is_empty(), "its environment is empty");
}

// RS-23, P6
#[tokio::test]
async fn a_worker_that_dies_is_a_tool_error_and_the_next_call_gets_a_fresh_one() {
    let home = Home::new().component("spin_forever");
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "tool spin_forever {}").await;
    // The call runs once its worker says so.
    loop {
        let component = client.call("components.inspect", json!({"name": "spin_forever"})).await.unwrap();
        if component["worker"] == "running" && children(running.pid()).len() == 1 {
            break;
        }
    }
    let worker = i32::try_from(children(running.pid())[0]).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(worker).unwrap(), rustix::process::Signal::KILL)
        .unwrap();
    let answer = client.ended("r1").await.unwrap();
    assert!(answer.contains("E_TRAP") && answer.contains("worker"), "{answer}");
    assert!(client.ask("r2", "tool clock {}").await.contains("clock:"));
}

// AU-08
#[test]
fn the_self_test_finds_every_wall_in_its_place() {
    let home = Home::cold();
    let done = home.run(&["selftest", "--containment", "--json"]);
    let tested: Value = serde_json::from_slice(&done.stdout).unwrap();
    let results = tested["results"].as_array().unwrap();
    let (worker, program) =
        results.iter().partition::<Vec<_>, _>(|it| it["what"].as_str().unwrap().starts_with("worker: "));
    assert!(worker.len() > 50 && program.len() > 50, "{} and {}", worker.len(), program.len());
    let open: Vec<_> = results.iter().filter(|it| it["result"] != "pass").collect();
    assert!(open.is_empty(), "{open:#?}");
    assert_eq!(done.status.code(), Some(0));
}

// AU-06
#[test]
fn the_self_test_finds_a_wall_that_is_not_there() {
    let home = Home::cold().program(weakened()).env("OPENCLAW_TEST_WITHOUT", "worker-seccomp");
    let done = home.run(&["selftest", "--containment", "--json"]);
    let tested: Value = serde_json::from_slice(&done.stdout).unwrap();
    let of = |what: &str| {
        tested["results"].as_array().unwrap().iter().find(|it| it["what"] == what).unwrap()["result"].clone()
    };
    assert_eq!(of("worker: socket of IPv4, stream"), "fail");
    assert_eq!(of("worker: clone into a namespace"), "fail");
    assert_eq!(of("worker: open /etc/passwd"), "pass");
    assert_eq!(done.status.code(), Some(1));
}
