//! Stress: much of everything against one host, for as long as a soak lasts.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::timeout_at;

use crate::client::PATIENCE;
use crate::host::Home;
use crate::vitals::{Vitals, memory_kib};

/// Rounds in ordinary tests, and rounds after which what a host holds is taken as its usual.
const ROUNDS: usize = 6;
const WARM_ROUNDS: usize = 3;
/// Calls of one round, each with what its answer contains.
const CALLS: [(&str, &str); 7] = [
    (r#"trap {"how":"unreachable"}"#, "E_TRAP"),
    ("grow_memory {}", "E_LIMIT_MEM"),
    ("deep_recursion {}", "E_TRAP"),
    (r#"many_handles {"kind":"pollables","count":1000000}"#, "E_LIMIT_HANDLES"),
    (r#"flood_output {"to":"result","amount":3000000}"#, "E_LIMIT_DATA"),
    (r#"flood_output {"to":"stdout","amount":3000000}"#, "wrote "),
    (r#"read {"path":"notes.md"}"#, "milk"),
];

// RS-20: after any number of hostile calls, the host holds what it held after a few.
#[tokio::test]
async fn a_host_holds_no_more_after_many_hostile_calls_than_after_a_few() {
    let guests = ["trap", "grow_memory", "deep_recursion", "many_handles", "flood_output"];
    let home = guests.iter().fold(Home::new().file("notes.md", "milk\n"), |home, guest| home.component(guest));
    let home = home.config("{limits: {memoryMiB: 40}}");
    let running = home.start();
    let soak = claw_fuzz::soak_time();
    #[expect(clippy::disallowed_methods, reason = "only bounds how much is tested")]
    let started = Instant::now();
    let goes_on = |round: usize, elapsed: Duration| round < ROUNDS || soak.is_some_and(|time| elapsed < time);
    let mut usual = None;
    let mut round = 0;
    while goes_on(round, started.elapsed()) {
        let mut client = running.connect().await;
        for (number, (call, expected)) in CALLS.iter().enumerate() {
            let answer = client.ask(&format!("round-{round}-{number}"), &format!("tool {call}")).await;
            let shown = &answer[..answer.floor_char_boundary(300)];
            assert!(answer.contains(expected), "round {round}: {call}: {shown}");
        }
        drop(client);
        round += 1;
        if round == WARM_ROUNDS {
            usual = Some(Vitals::of(&running));
        }
    }
    println!("soak: {round} rounds; from {usual:?} to {:?}", Vitals::of(&running));
    let usual = usual.expect("there are more rounds than warm ones");
    usual.check_regained(&running, &mut running.connect().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_many_runs_at_once_took_goes_back_to_the_system_when_they_are_over() {
    let home = Home::new();
    let running = home.start();
    let mut talking = tokio::task::JoinSet::new();
    for number in 0..50 {
        let mut client = running.connect().await;
        let text = format!("say {}", "a word and another one ".repeat(2_000));
        talking.spawn(async move {
            for turn in 0..3 {
                client.ask_in(&format!("s{number}"), &format!("r{number}-{turn}"), &text).await;
            }
        });
    }
    while let Some(talked) = talking.join_next().await {
        talked.unwrap();
    }
    let own = || memory_kib(running.pid(), "RssAnon:").expect("the host runs");
    let after = own();
    let until = tokio::time::Instant::now() + PATIENCE;
    let mut client = running.connect().await;
    while own() > after / 3 * 2 {
        let asked = timeout_at(until, client.call("health", json!({}))).await;
        asked.unwrap_or_else(|_| panic!("{after} KiB after the runs, {} KiB later", own())).unwrap();
    }
}
