//! Killed at random times, again and again, while several conversations are at work.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Client, text_of};
use crate::host::{Home, environment};

/// Kills in ordinary tests.
const ROUNDS: u64 = 12;
const CONVERSATIONS: [&str; 3] = ["main", "second", "third"];
/// Messages of one life.
const MESSAGES: u64 = 12;
/// A life ends within this, from its first message on.
const LONGEST_MICROS: u64 = 120_000;

/// A generator whose seed repeats what it gave.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn number(variable: &str, usual: u64) -> u64 {
    environment(variable).and_then(|text| text.to_str()?.parse().ok()).unwrap_or(usual)
}

/// Sends a message; `None` if the host died before it said whether it has it.
async fn send(client: &mut Client, session: &str, run: &str, text: &str) -> Option<bool> {
    let params = json!({"sessionKey": session, "message": text, "idempotencyKey": run});
    client.text(&json!({"type": "req", "id": run, "method": "chat.send", "params": params}).to_string()).await;
    loop {
        let frame = client.frame().await?;
        if frame["type"] == "res" && frame["id"] == run {
            return Some(frame["ok"] == true);
        }
    }
}

// ST-01
#[tokio::test(flavor = "multi_thread")]
async fn kills_at_random_times_lose_no_acknowledged_message_and_repeat_no_effect() {
    let (rounds, seed) = (number("OPENCLAW_TEST_KILLS", ROUNDS), number("OPENCLAW_TEST_SEED", 11).max(1));
    println!("{rounds} kills with seed {seed}");
    let mut chance = Chance(seed);
    let home = Home::new().config("{policy: {preset: 'trusting'}, queue: {mode: 'followup', cap: 1000}}");
    let mut sent: BTreeMap<String, bool> = BTreeMap::new();
    for round in 0..rounds {
        let running = home.start();
        let mut client = running.connect().await;
        let (pid, life) = (libc::pid_t::try_from(running.pid()).unwrap(), chance.below(LONGEST_MICROS));
        let killer = std::thread::spawn(move || {
            // The one thing here that is about time itself.
            std::thread::sleep(Duration::from_micros(life));
            // SAFETY: gives a signal to a child that nobody has waited for yet.
            unsafe { libc::kill(pid, libc::SIGKILL) }
        });
        for index in 0..MESSAGES {
            let run = format!("r{round}-{index}");
            let session = CONVERSATIONS[chance.below(CONVERSATIONS.len() as u64) as usize];
            let text = match chance.below(2) {
                0 => format!(r#"tool exec {{"argv":["tee","-a","effects.log"],"stdin":"{run}\n"}}"#),
                _ => format!("say {run}"),
            };
            let taken = send(&mut client, session, &run, &text).await;
            sent.insert(run, taken == Some(true));
            if taken.is_none() {
                break;
            }
        }
        while client.frame().await.is_some() {}
        assert_eq!(killer.join().unwrap(), 0);
    }

    let running = home.start();
    let mut client = running.connect().await;
    let (mut answered, mut failed, mut unknown) = (0, 0, 0);
    for (run, is_acknowledged) in &sent {
        match client.call("agent.wait", json!({"runId": run, "timeoutMs": 120_000})).await {
            Ok(ended) if ended["status"] == "ok" => answered += 1,
            // It was at work at so many kills that it is not tried again, and says so.
            Ok(ended) if ended["status"] == "error" => failed += 1,
            Ok(ended) => panic!("{run} has no end: {ended}"),
            Err(_) if !is_acknowledged => unknown += 1,
            Err(err) => panic!("`{run}` was acknowledged and is lost: {err}"),
        }
    }
    println!("{} messages: {answered} answered, {failed} failed with a reason, {unknown} never taken", sent.len());
    let log = std::fs::read_to_string(home.workspace().join("effects.log")).unwrap_or_default();
    let effects = |run: &str| log.lines().filter(|line| *line == run).count();
    for run in sent.keys() {
        assert!(effects(run) <= 1, "the effect of {run} happened {} times", effects(run));
    }
    for session in CONVERSATIONS {
        check(&mut client, session, &effects).await;
    }
    drop(running);
    let checked = home.run(&["db", "check"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// Each result says truly whether the effect happened, or that nobody knows.
async fn check(client: &mut Client, session: &str, effects: &impl Fn(&str) -> usize) {
    let mut before = Value::Null;
    loop {
        let mut params = json!({"sessionKey": session, "limit": 200});
        if !before.is_null() {
            params["before"] = before;
        }
        let page = client.call("chat.history", params).await.unwrap();
        let messages = page["messages"].as_array().unwrap();
        for message in messages.iter().filter(|message| message["role"] == "toolResult") {
            let (run, said) = (message["__openclaw"]["runId"].as_str().unwrap(), text_of(message));
            let is_true = match effects(run) {
                _ if said.contains("E_OUTCOME_UNKNOWN") => true,
                0 => said.contains("it has changed nothing"),
                happened => happened == 1 && !said.contains("it has changed nothing"),
            };
            assert!(is_true, "{run}: {} effects, but: {said}", effects(run));
        }
        let first = messages.first().map(|message| message["__openclaw"]["seq"].clone());
        match first {
            Some(first) if first != 1 => before = first,
            _ => return,
        }
    }
}
