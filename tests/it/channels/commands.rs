//! Commands, whenever the host is killed: each has one answer, and none is done twice.

use serde_json::{Value, json};

use super::board::Board;
use super::home;
use crate::client::text_of;
use crate::host::{Home, Host, weakened};

const KEY: &str = "agent:main:board:direct:c1";
const UNKNOWN: &str = "nobody knows whether it was done";

async fn said(host: &Host, key: &str) -> Vec<String> {
    let history = host.connect().await.call("chat.history", json!({"sessionKey": key})).await.unwrap();
    history["messages"].as_array().unwrap().iter().map(text_of).collect()
}

async fn killed(running: &mut Host, done: impl Future<Output = ()>) -> bool {
    let ended = async {
        while !running.has_ended() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = ended => true,
        () = done => false,
    }
}

// ST-01, CH-06
#[tokio::test(flavor = "multi_thread")]
async fn whenever_the_host_is_killed_a_command_of_a_chat_is_answered_and_done_at_most_once() {
    let mut unknown = 0;
    for command in ["/undo", "/whoami"] {
        for point in 1.. {
            assert!(point < 40, "the story never gets past its crash points");
            let board = Board::start().await;
            let home = home(&board, "").program(weakened());
            let running = home.start();
            for word in ["one", "two"] {
                board.say("c1", &format!("say {word}"));
                board.until(word).await;
            }
            running.stop();
            let home = home.env("OPENCLAW_TEST_CRASH_AT", point);
            board.say("c1", command);
            let mut running = home.start();
            let died = killed(&mut running, async { drop(board.sent(3).await) }).await;
            running.kill();
            let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
            let running = home.start();
            let sent = board.sent(3).await;
            board.say("c1", "say three");
            let all = board.until("three").await;
            // What was sent at the moment of the kill comes once more, and says so.
            let answers: Vec<_> = all[2..].iter().filter(|line| !line.text.contains("three")).collect();
            let plain = answers.iter().filter(|line| !line.text.starts_with("(Sent once more")).count();
            assert!(plain <= 1 && !answers.is_empty() && answers.len() <= 2, "point {point}: {all:?}");
            let said = said(&running, KEY).await;
            assert!(said.contains(&"one".to_owned()), "point {point}: `{command}` was done twice: {said:?}");
            let is_unknown = sent[2].text.contains(UNKNOWN);
            match command {
                "/undo" => assert!(is_unknown || !said.contains(&"two".to_owned()), "point {point}: {said:?}"),
                _ => assert!(answers.iter().all(|line| line.text.contains("board:ada, the owner")), "{answers:?}"),
            }
            unknown += u32::from(is_unknown);
            if !died {
                break;
            }
        }
    }
    assert!(unknown >= 2, "the kills never met a command at work");
}

async fn send(home: &Home, host: &Host, text: &str) -> Option<Value> {
    let _ = home;
    let mut client = host.connect().await;
    let params = json!({"sessionKey": "main", "message": text, "idempotencyKey": "c1"});
    let frame = json!({"type": "req", "id": "send", "method": "chat.send", "params": params});
    client.text(&frame.to_string()).await;
    loop {
        match client.frame().await {
            Some(frame) if frame["type"] == "res" && frame["id"] == "send" => return Some(frame["payload"].clone()),
            Some(_) => {}
            None => return None,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_gives_the_same_answer_after_a_kill_and_a_restart() {
    let mut unknown = 0;
    for point in 1.. {
        assert!(point < 40, "the story never gets past its crash points");
        let home = Home::new().program(weakened());
        let running = home.start();
        let mut client = running.connect().await;
        client.ask("r1", "say one").await;
        client.ask("r2", "say two").await;
        running.stop();
        let home = home.env("OPENCLAW_TEST_CRASH_AT", point);
        let running = home.start();
        let survived = send(&home, &running, "/undo").await.is_some();
        running.kill();
        let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
        let mut answers = Vec::new();
        for _ in 0..2 {
            let running = home.start();
            send(&home, &running, "/undo").await.unwrap();
            let mut client = running.connect().await;
            let waited = client.call("agent.wait", json!({"runId": "c1", "timeoutMs": 30_000})).await.unwrap();
            answers.push(waited["text"].as_str().unwrap_or_else(|| panic!("{waited}")).to_owned());
            let said = said(&running, "main").await;
            assert!(said.contains(&"one".to_owned()), "point {point}: it was done twice: {said:?}");
            let is_unknown = answers[0].contains(UNKNOWN);
            assert!(is_unknown || !said.contains(&"two".to_owned()), "point {point}: {said:?}");
            running.stop();
        }
        assert_eq!(answers[0], answers[1], "point {point}");
        unknown += u32::from(answers[0].contains(UNKNOWN));
        if survived {
            break;
        }
    }
    assert!(unknown >= 1, "the kills never met a command at work");
}
