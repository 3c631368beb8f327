//! Guests that make the host work: huge values, endless cheap calls, handles of every type, and calls that are stopped.

use serde_json::{Value, json};

use super::{check_goes_on, home};
use crate::client::Client;
use crate::host::{Home, Host, weakened};
use crate::vitals::{Vitals, children, descriptors, logged_bytes, memory_kib};

/// A running host with the guest that floods, and with its worker started.
struct Flooded {
    home: Home,
    running: Host,
    client: Client,
    vitals: Vitals,
}

impl Flooded {
    async fn new(limits: &str) -> Flooded {
        let config = format!("{{grants: {{flood_host: ['fs workspace read-write']}}, limits: {limits}}}");
        let home = home().component("flood_host").config(&config);
        let running = home.start();
        let mut client = running.connect().await;
        let first = invoke(&mut client, "flood_host", json!({"with": "clock", "count": 1})).await;
        assert_eq!(first["ok"], true, "{first}");
        let vitals = Vitals::of(&running);
        Flooded { home, running, client, vitals }
    }

    async fn flood(&mut self, with: Value, count: u64) -> Value {
        invoke(&mut self.client, "flood_host", json!({"with": with, "count": count})).await
    }

    /// Floods once and names the outcome: `ok`, or the code of the error.
    #[track_caller]
    fn expect(&self, with: &Value, outcome: &Value, codes: &[&str]) {
        let code = outcome["error"]["code"].as_str().unwrap_or("ok");
        assert!(codes.contains(&code), "{with}: expected {codes:?}: {}", shown(outcome));
    }

    fn worker(&self) -> u32 {
        let workers = children(self.running.pid());
        assert_eq!(workers.len(), 1, "the worker of `flood_host` lives, and no other");
        workers[0]
    }

    async fn check_unharmed(mut self) {
        self.vitals.check_regained(&self.running, &mut self.client).await;
        check_goes_on(&self.running).await;
    }
}

/// Calls a tool past the model.
async fn invoke(client: &mut Client, tool: &str, args: Value) -> Value {
    client.call("tools.invoke", json!({"name": tool, "args": args})).await.unwrap_or_else(|err| panic!("{tool}: {err}"))
}

fn shown(outcome: &Value) -> String {
    outcome.to_string().chars().take(300).collect()
}

// RS-10, RS-11
#[tokio::test]
pub async fn a_value_too_large_to_take_is_refused_before_it_is_copied() {
    let mut flooded = Flooded::new("{}").await;
    let worker = flooded.worker();
    // What the guest itself takes of its memory for the attack, in MiB, and what the host may take on top.
    let (large, on_top) = (20, 16);
    let attacks = [
        (json!("shared_bytes"), 1000, 1),
        (json!({"value": "message"}), large << 20, large),
        (json!({"value": "stdin"}), large << 20, large),
        (json!({"value": "file"}), large << 20, large),
        (json!("long_line"), large << 20, large),
        (json!("empty_texts"), 2_000_000, 48),
    ];
    let memory = || memory_kib(worker, "VmHWM:").expect("the worker lives on");
    let mut most = memory();
    for (with, count, in_guest) in attacks {
        let before = memory();
        let outcome = flooded.flood(with.clone(), count).await;
        flooded.expect(&with, &outcome, &["E_LIMIT_DATA"]);
        let after = memory();
        most = most.max(before + ((in_guest + on_top) << 10));
        assert!(after <= most, "{with}: the worker grew from {before} to {after} KiB");
    }
    flooded.check_unharmed().await;
}

// RS-13, RS-35
#[tokio::test]
async fn a_guest_that_only_calls_imports_is_ended_by_its_deadline() {
    let mut flooded = Flooded::new("{callSeconds: 1}").await;
    let loops = [
        json!("clock"),
        json!("random_byte"),
        json!("is_cancelled"),
        json!("empty_log"),
        json!({"no_bytes": "stdout"}),
        json!({"no_bytes": "file"}),
        json!({"no_bytes": "body"}),
    ];
    for with in loops {
        // A worker that does not stop its call in time is ended with it.
        let started = flooded.flood(json!("clock"), 1).await;
        assert_eq!(started["ok"], true, "{with}: {started}");
        let worker = flooded.worker();
        let before = memory_kib(worker, "VmHWM:").expect("an idle worker lives");
        let outcome = flooded.flood(with.clone(), u64::from(u32::MAX)).await;
        flooded.expect(&with, &outcome, &["E_LIMIT_CPU"]);
        // RS-35: nothing was gathered on the way.
        let after = memory_kib(worker, "VmHWM:").unwrap_or(before);
        assert!(after < before + (16 << 10), "{with}: the worker grew from {before} to {after} KiB");
    }
    flooded.check_unharmed().await;
}

// RS-15
#[tokio::test]
async fn random_numbers_come_in_measured_amounts() {
    let mut flooded = Flooded::new("{}").await;
    let with = json!("random_bytes");
    let outcome = flooded.flood(with.clone(), u64::from(u32::MAX)).await;
    flooded.expect(&with, &outcome, &["E_TRAP", "E_LIMIT_DATA"]);
    let outcome = flooded.flood(with, 64 << 10).await;
    assert_eq!(outcome["output"], "got 65536 bytes", "{outcome}");
    flooded.check_unharmed().await;
}

// RS-16
#[tokio::test]
async fn headers_end_at_their_limit() {
    let mut flooded = Flooded::new("{}").await;
    let attacks = [
        ("append", 32_769, "E_LIMIT_DATA"),
        ("long", 200 << 10, "E_LIMIT_DATA"),
        ("from_list", 500_000, "E_LIMIT_DATA"),
        ("clone", 100_000, "E_LIMIT_HANDLES"),
    ];
    for (how, count, code) in attacks {
        let with = json!({"headers": how});
        let outcome = flooded.flood(with.clone(), count).await;
        flooded.expect(&with, &outcome, &[code]);
    }
    let outcome = flooded.flood(json!({"headers": "append"}), 100).await;
    assert_eq!(outcome["output"], "built 100", "{outcome}");
    flooded.check_unharmed().await;
}

// RS-17
#[tokio::test]
async fn handles_of_every_type_run_out_and_come_back() {
    let mut flooded = Flooded::new("{}").await;
    let worker = flooded.worker();
    let mut after_each = Vec::new();
    for _ in 0..5 {
        for kind in ["fields", "requests", "input_streams", "output_streams", "networks"] {
            let with = json!({"handle": kind});
            let outcome = flooded.flood(with.clone(), 1_000_000).await;
            flooded.expect(&with, &outcome, &["E_LIMIT_HANDLES"]);
            let outcome = flooded.flood(with, 50).await;
            assert_eq!(outcome["ok"], true, "{kind}: {outcome}");
        }
        // Of these there is not even one: the worker may not open sockets.
        for kind in ["tcp_sockets", "udp_sockets"] {
            let outcome = flooded.flood(json!({"handle": kind}), 10_000).await;
            assert_eq!(outcome["ok"], true, "{kind}: {outcome}");
        }
        after_each.push(descriptors(worker));
    }
    assert!(after_each.windows(2).all(|pair| pair[0] == pair[1]), "descriptors of the worker: {after_each:?}");
    flooded.check_unharmed().await;
}

// RS-21
#[tokio::test]
async fn a_million_log_lines_are_few_lines_in_the_log() {
    let mut flooded = Flooded::new("{}").await;
    let before = logged_bytes(flooded.home.path());
    let outcome = flooded.flood(json!("log_lines"), 1_000_000).await;
    assert_eq!(outcome["ok"], true, "{outcome}");
    let outcome = flooded.flood(json!("empty_log"), 100_000).await;
    assert_eq!(outcome["ok"], true, "{outcome}");
    let grown = logged_bytes(flooded.home.path()) - before;
    assert!(grown < 512 << 10, "the flood went into the log: {grown} bytes");
    flooded.check_unharmed().await;
}

// RS-26
#[tokio::test]
pub async fn what_a_call_leaves_in_memory_is_gone_in_the_next() {
    let home = home().component("keep_state");
    let running = home.start();
    let mut client = running.connect().await;
    for (number, session) in ["main", "other", "main"].into_iter().enumerate() {
        let run = client.say(session, &format!("r{number}"), "tool keep_state {}").await;
        let answer = client.ended(&run).await.unwrap();
        assert!(answer.contains("call 1, remembers []"), "{session}: {answer}");
    }
    check_goes_on(&running).await;
}

// RS-32
#[tokio::test]
async fn a_call_can_be_stopped_at_any_point() {
    let mut flooded = Flooded::new("{callSeconds: 30}").await;
    let endless = json!({"with": "is_cancelled", "count": u32::MAX});
    for point in 0..40 {
        let run = format!("stopped-{point}");
        let client = &mut flooded.client;
        client.say("stopping", &run, &format!("tool flood_host {endless}")).await;
        // Each question takes the call a little further before it is stopped.
        for _ in 0..point {
            client.call("health", json!({})).await.unwrap();
        }
        client.say("stopping", &format!("stop-{point}"), "/stop").await;
        let end = client.ended(&run).await.unwrap_err();
        assert_eq!(end["state"], "aborted", "{point}: {end}");
    }
    let outcome = flooded.flood(json!("clock"), 10).await;
    assert_eq!(outcome["ok"], true, "{outcome}");
    flooded.check_unharmed().await;
}

// RS-30, P6
#[tokio::test]
async fn a_bug_in_the_hosts_own_import_fails_that_call_alone() {
    let home = home().component("probe").program(weakened());
    let running = home.start();
    let mut client = running.connect().await;
    let line = |message: &str| {
        let log = json!({"op": "log", "level": "info", "context": "", "message": message});
        json!({"steps": [{"families": log}]})
    };
    assert_eq!(invoke(&mut client, "probe", line("hello")).await["ok"], true);
    let before = Vitals::of(&running);
    for _ in 0..3 {
        let outcome = invoke(&mut client, "probe", line("openclaw-host test: panic in this import")).await;
        assert_eq!(outcome["error"]["code"], "E_TRAP", "{outcome}");
        assert!(outcome["error"]["message"].as_str().unwrap().contains("a fault of the host's"), "{outcome}");
    }
    // A component that goes on like this is left alone for a while; nobody else notices.
    let outcome = invoke(&mut client, "probe", line("hello")).await;
    assert_eq!(outcome["ok"], false, "{outcome}");
    assert!(outcome["error"]["message"].as_str().unwrap().contains("crashed 3 times"), "{outcome}");
    before.check_regained(&running, &mut client).await;
    check_goes_on(&running).await;
}
