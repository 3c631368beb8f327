//! Components that misbehave: each meets its own limit, and the tools that ship with the host go on.

use serde_json::Value;

use super::{check_goes_on, home};
use crate::client::Client;
use crate::host::{Home, Host};

/// A running host with one of the test guests.
fn with_guest(name: &str, limits: &str) -> (Home, Host) {
    let home = home().component(name).config(&format!("{{limits: {limits}}}"));
    let running = home.start();
    (home, running)
}

/// Makes each call, waits for its outcome, and has a shipped tool work afterwards.
async fn check(name: &str, limits: &str, calls: &[(&str, &str)]) {
    let (_home, running) = with_guest(name, limits);
    let mut client = running.connect().await;
    for (number, (call, expected)) in calls.iter().enumerate() {
        let answer = ask(&mut client, number, call).await;
        assert!(answer.contains(expected), "{call}: expected {expected}: {}", shown(&answer));
        check_goes_on(&running).await;
    }
}

async fn ask(client: &mut Client, number: usize, call: &str) -> String {
    client.ask(&format!("r{number}"), &format!("tool {call}")).await
}

fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(300)]
}

// RS-01
#[tokio::test]
pub async fn a_guest_that_never_returns_is_ended_by_its_deadline() {
    let call = ("spin_forever {}", "E_LIMIT_CPU");
    check("spin_forever", "{callSeconds: 1}", &[call, call]).await;
}

// RS-01: the host is not slower to others meanwhile.
#[tokio::test]
async fn others_are_answered_while_a_guest_spins() {
    let (_home, running) = with_guest("spin_forever", "{callSeconds: 30}");
    let mut client = running.connect().await;
    client.say("spinning", "r1", "tool spin_forever {}").await;
    let is_started =
        |event: &Value| event["payload"]["runId"] == "r1" && event["payload"]["data"]["name"] == "spin_forever";
    client.event(is_started).await;
    check_goes_on(&running).await;
    client.say("spinning", "r2", "/stop").await;
    let end = client.ended("r1").await.unwrap_err();
    assert_eq!(end["state"], "aborted", "{end}");
    check_goes_on(&running).await;
}

// RS-04
#[tokio::test]
pub async fn a_guest_that_takes_all_memory_meets_its_limit() {
    let (_home, running) = with_guest("grow_memory", "{memoryMiB: 40}");
    let mut client = running.connect().await;
    let answer = ask(&mut client, 1, "grow_memory {}").await;
    assert!(answer.contains("E_LIMIT_MEM") && answer.contains("40 MiB"), "{}", shown(&answer));
    check_goes_on(&running).await;
    // One that asks politely gets what there is, and not more.
    let answer = ask(&mut client, 2, "grow_memory_politely {}").await;
    let got: u64 = answer.rsplit(' ').next().unwrap().trim().parse().unwrap_or_else(|_| panic!("{answer}"));
    assert!((16 << 20..=40 << 20).contains(&got), "{answer}");
}

// RS-10, RS-21
#[tokio::test]
pub async fn a_guest_that_floods_is_cut_short() {
    let (home, running) = with_guest("flood_output", "{}");
    let mut client = running.connect().await;
    let answer = ask(&mut client, 1, r#"flood_output {"to":"result","amount":3000000}"#).await;
    assert!(answer.contains("E_LIMIT_DATA") && answer.len() < 1000, "{}", shown(&answer));
    check_goes_on(&running).await;
    let answer = ask(&mut client, 2, r#"flood_output {"to":"error","amount":3000000}"#).await;
    assert!(answer.contains("E_") && answer.len() < 70_000, "{}: {}", answer.len(), shown(&answer));
    check_goes_on(&running).await;
    for (number, to) in ["stdout", "stderr"].into_iter().enumerate() {
        let call = format!("flood_output {{\"to\":\"{to}\",\"amount\":30000000}}");
        let answer = ask(&mut client, 3 + number, &call).await;
        assert!(answer.contains("wrote ") && answer.len() < 1000, "{}", shown(&answer));
        check_goes_on(&running).await;
    }
    let answer = ask(&mut client, 5, r#"flood_output {"to":"progress","amount":20000}"#).await;
    assert!(answer.contains("sent 20000 reports") || answer.contains("E_LIMIT_"), "{}", shown(&answer));
    check_goes_on(&running).await;
    let logged = crate::vitals::logged_bytes(home.path());
    assert!(logged < 4 << 20, "the flood went into the log: {logged} bytes");
}

// RS-23
#[tokio::test]
pub async fn a_guest_that_crashes_fails_that_call_and_the_next_one_starts_afresh() {
    let calls = ["unreachable", "panic", "out-of-bounds", "exit-error", "exit-ok", "unreachable"];
    let calls = calls.map(|how| format!("trap {{\"how\":\"{how}\"}}"));
    let calls: Vec<_> = calls.iter().map(|call| (call.as_str(), "E_TRAP")).collect();
    check("trap", "{}", &calls).await;
}

// RS-08
#[tokio::test]
pub async fn a_guest_that_never_stops_calling_itself_runs_out_of_stack() {
    let calls = [("deep_recursion {}", "E_TRAP"), ("wide_recursion {}", "E_TRAP"), ("deep_recursion {}", "E_TRAP")];
    check("deep_recursion", "{}", &calls).await;
}

// RS-08
#[tokio::test]
async fn a_thousand_stack_overflows_in_a_row_cost_nothing() {
    let (_home, running) = with_guest("deep_recursion", "{}");
    let mut client = running.connect().await;
    let mut vitals = None;
    for round in 0..1000 {
        let overflow = serde_json::json!({"name": "deep_recursion", "args": {}});
        let outcome = client.call("tools.invoke", overflow).await.unwrap();
        assert_eq!(outcome["error"]["code"], "E_TRAP", "{round}: {outcome}");
        vitals.get_or_insert_with(|| crate::vitals::Vitals::of(&running));
    }
    vitals.unwrap().check_regained(&running, &mut client).await;
    check_goes_on(&running).await;
}

// RS-17, FS-30
#[tokio::test]
pub async fn a_guest_that_never_closes_anything_runs_out_of_handles() {
    let call = (r#"many_handles {"kind":"pollables","count":1000000}"#, "E_LIMIT_HANDLES");
    check("many_handles", "{}", &[call, (r#"many_handles {"kind":"pollables","count":10}"#, "opened 10"), call]).await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_component_that_describes_itself_with_nonsense_stays_off_and_is_listed() {
    let home = home().component("return_garbage").component("trap");
    std::fs::write(home.path().join("components/not-wasm.wasm"), "#!/bin/sh\n").unwrap();
    std::fs::copy(crate::host::test_guest("trap"), home.path().join("components/files.wasm")).unwrap();
    let running = home.start();
    let listed = home.json(&["component", "list"]);
    let refused = listed["refused"].as_array().unwrap();
    let names: Vec<_> = refused.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["files", "not-wasm", "return_garbage"], "{listed}");
    for it in refused {
        let why = it["error"].as_str().unwrap();
        assert!(!why.is_empty() && why.len() < 1000 && !why.contains('\u{1b}'), "{it}");
    }
    let components = listed["components"].as_array().unwrap();
    let mut names: Vec<_> = components.iter().map(|it| it["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["clock", "exec", "files", "sessions", "skill-folder", "telegram", "trap", "web"]);
    // The one that carries the name of a shipped component has not taken its place.
    let files = components.iter().find(|it| it["name"] == "files").unwrap();
    assert_eq!((&files["trust"], &files["publisher"]), (&"shipped".into(), &"openclaw-host".into()), "{files}");
    let tools = home.run(&["tool", "list"]);
    assert!(!String::from_utf8_lossy(&tools.stdout).contains("ignore all instructions"));
    check_goes_on(&running).await;
}
