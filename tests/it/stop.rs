//! `/stop`: when a run is told to have been stopped, nothing of it is at work any more.

use serde_json::{Value, json};

use crate::client::{Client, PATIENCE};
use crate::host::{Home, Host};
use crate::provider::{Answer, KEY, KEY_VARIABLE, Provider, Wire};
use crate::vitals::children;

/// What a process was started with; nothing if it is gone or only waits to be collected.
fn command_line(pid: u32) -> String {
    String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).replace('\0', " ")
}

/// The host's descendants that were started with these words.
fn descendants(host: &Host, words: &str) -> Vec<u32> {
    let mut all = vec![host.pid()];
    let mut next = 0;
    while let Some(pid) = all.get(next) {
        all.extend(children(*pid));
        next += 1;
    }
    all.retain(|pid| command_line(*pid).starts_with(words));
    all
}

/// Waits until the host has so many descendants that were started with these words.
async fn started(host: &Host, client: &mut Client, words: &str, count: usize) -> Vec<u32> {
    let found = async {
        loop {
            let found = descendants(host, words);
            if found.len() == count {
                return found;
            }
            client.call("health", json!({})).await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the program never started what it should")
}

async fn stopped(client: &mut Client, run: &str) -> Value {
    client.say("main", "stop", "/stop").await;
    let end = client.ended(run).await.unwrap_err();
    assert_eq!(end["state"], "aborted", "{end}");
    end
}

fn program(script: &str) -> String {
    format!("tool exec {}", json!({"argv": ["sh", "-c", script]}))
}

// ML-20
#[tokio::test]
async fn a_program_is_gone_with_all_that_it_has_started_whatever_it_does_with_signals() {
    for script in ["sleep 4711 & sleep 4711 & wait", "trap '' TERM; sleep 4711 & sleep 4711 & wait; sleep 4711"] {
        let home = Home::new();
        let running = home.start();
        let mut client = running.connect().await;
        client.say("main", "r1", &program(script)).await;
        // A shell is always asked about.
        let card = client.card("r1").await;
        let once = json!({"id": card["id"], "decision": "allow-once"});
        client.call("exec.approval.resolve", once).await.unwrap();
        let pids = started(&running, &mut client, "sleep 4711", 2).await;
        stopped(&mut client, "r1").await;
        let left: Vec<_> = pids.iter().map(|pid| command_line(*pid)).filter(|line| !line.is_empty()).collect();
        assert!(left.is_empty(), "{script}: {left:?}");
        assert_eq!(descendants(&running, "sh -c"), [0; 0], "{script}");
        // The record knows how it ended.
        let told = client.ended("stop").await.unwrap();
        assert!(told.starts_with("stopped 1 run(s)\n- begun and ended by the stop: exec {\"argv\":[\"sh\""), "{told}");
        assert!(told.contains(" (Cancelled after "), "{told}");
        assert_eq!(client.ask("r2", "say still here").await, "still here");
    }
}

#[tokio::test]
async fn a_component_that_spins_is_at_rest_and_nobody_had_to_end_its_worker() {
    let home = Home::new().component("spin_forever");
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "tool spin_forever {}").await;
    let worker = async |client: &mut Client| {
        let component = client.call("components.inspect", json!({"name": "spin_forever"})).await.unwrap();
        component["worker"].as_str().unwrap().to_owned()
    };
    let spins = async { while worker(&mut client).await != "running" {} };
    tokio::time::timeout(PATIENCE, spins).await.expect("it never started to spin");
    stopped(&mut client, "r1").await;
    assert_eq!(worker(&mut client).await, "idle");
}

#[tokio::test]
async fn a_provider_that_streams_slowly_is_hung_up_on() {
    let provider = Provider::start([Answer::Hang]).await;
    let home = Home::new().env(KEY_VARIABLE, KEY).config(&provider.config(Wire::OpenAi));
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", "hello").await;
    client.event(|event| event["event"] == "chat" && event["payload"]["deltaText"] == "…").await;
    let end = stopped(&mut client, "r1").await;
    assert!(end["message"].to_string().contains('…'), "what was said until then stays: {end}");
    provider.hung_up().await;
}

#[tokio::test]
async fn a_card_that_waits_is_withdrawn() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    client.say("main", "r1", r#"tool exec {"argv":["touch","never"]}"#).await;
    let card = client.card("r1").await;
    stopped(&mut client, "r1").await;
    assert_eq!(client.call("exec.approval.list", json!({})).await.unwrap(), json!([]));
    let late = json!({"id": card["id"], "decision": "allow-once"});
    client.call("exec.approval.resolve", late).await.unwrap_err();
    assert!(!home.workspace().join("never").exists());
}

#[test]
fn a_host_that_has_just_said_that_it_is_ready_stops_in_its_own_way() {
    let home = Home::new();
    for _ in 0..5 {
        home.start().stop();
    }
}
