//! Killed between any two steps of a run, or without room on the disk: nothing that was acknowledged is lost, and no
//! effect happens twice.

use serde_json::{Value, json};

use crate::client::{Client, text_of};
use crate::host::{Home, Host, weakened};

mod full;
mod random;
mod small_disk;

const MESSAGE: &str = r#"tool exec {"argv":["tee","-a","effects.log"],"stdin":"effect\n"}"#;

/// Sends the message; true if the host acknowledged it before it died.
async fn send(client: &mut Client, run: &str, text: &str) -> bool {
    let params = json!({"sessionKey": "main", "message": text, "idempotencyKey": run});
    let frame = json!({"type": "req", "id": "send", "method": "chat.send", "params": params});
    client.text(&frame.to_string()).await;
    loop {
        match client.frame().await {
            Some(frame) if frame["type"] == "res" && frame["id"] == "send" => return frame["ok"] == true,
            Some(_) => {}
            None => return false,
        }
    }
}

/// Waits until the run has ended or the host has died; true if it ended.
async fn lives_until_the_end(client: &mut Client) -> bool {
    while let Some(frame) = client.frame().await {
        let payload = &frame["payload"];
        if frame["event"] == "chat" && payload["runId"] == "r1" && payload["state"] == "final" {
            return true;
        }
    }
    false
}

/// What the conversation says of the run, checked for being whole.
async fn check_conversation(home: &Home, host: &Host, acknowledged: bool) -> Option<String> {
    let mut client = host.connect().await;
    let waited = client.call("agent.wait", json!({"runId": "r1", "timeoutMs": 30_000})).await;
    let Ok(waited) = waited else {
        // Not acknowledged and not there: the client knows that it has to send it again.
        assert!(!acknowledged, "an acknowledged message is lost: {waited:?}");
        assert_eq!(effects(home), 0, "an effect of a message that was never accepted");
        return None;
    };
    assert_eq!(waited["status"], "ok", "{waited}");
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await.unwrap();
    let is_notice = |message: &&Value| message["__openclaw"]["kind"] == "notice";
    let (notices, messages): (Vec<_>, Vec<_>) = history["messages"].as_array().unwrap().iter().partition(is_notice);
    let roles: Vec<_> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "toolResult", "assistant"], "{history}");
    let result = text_of(messages[2]);
    let effects = effects(home);
    let unknown = result.contains("E_OUTCOME_UNKNOWN");
    // A person hears of it too, and of nothing else.
    assert_eq!(notices.len(), usize::from(unknown), "{history}");
    assert!(notices.iter().all(|notice| text_of(notice).contains("`exec` ran: it may or may not")), "{history}");
    assert!(unknown || effects == 1, "the result says that it ran, but {effects} effects are there: {result}");
    Some(result)
}

fn effects(home: &Home) -> usize {
    std::fs::read_to_string(home.workspace().join("effects.log")).map_or(0, |log| log.lines().count())
}

// ST-01
#[tokio::test]
async fn a_kill_between_any_two_steps_loses_nothing_and_repeats_nothing() {
    let mut places = Vec::new();
    for point in 1.. {
        assert!(point < 40, "the run never gets past its crash points");
        let home = Home::new().program(weakened()).config("{policy: {preset: 'trusting'}}");
        let home = home.env("OPENCLAW_TEST_CRASH_AT", point);
        let running = home.start();
        let mut client = running.connect().await;
        let acknowledged = send(&mut client, "r1", MESSAGE).await;
        let lived = lives_until_the_end(&mut client).await;
        drop(running);
        let place = home.stderr().lines().rfind(|line| line.starts_with("crash point")).map(str::to_owned);
        let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
        let running = home.start();
        check_conversation(&home, &running, acknowledged).await;
        assert!(effects(&home) <= 1, "{place:?}: the effect happened twice");
        // And once more: a second restart changes nothing.
        let before = effects(&home);
        running.kill();
        let running = home.start();
        check_conversation(&home, &running, acknowledged).await;
        assert_eq!(effects(&home), before);
        if lived {
            break;
        }
        places.push(place.expect("the host says where it died"));
    }
    assert!(places.len() >= 10, "the walk must pass every step: {places:#?}");
}

// ST-01
#[tokio::test]
async fn a_run_that_is_given_up_names_the_calls_whose_outcome_nobody_knows() {
    let home = Home::new().program(weakened()).config("{policy: {preset: 'trusting'}}");
    // Dies with the call begun, and then each time that the run has begun anew.
    let home = home.env("OPENCLAW_TEST_CRASH_AT", "outcome");
    let running = home.start();
    let mut client = running.connect().await;
    assert!(send(&mut client, "r1", MESSAGE).await);
    lives_until_the_end(&mut client).await;
    drop(running);
    let home = home.env("OPENCLAW_TEST_CRASH_AT", "started");
    for _ in 0..3 {
        home.run(&["run", "--port", "0"]);
    }
    let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
    let running = home.start();
    let mut client = running.connect().await;
    let waited = client.call("agent.wait", json!({"runId": "r1", "timeoutMs": 30_000})).await.unwrap();
    assert_eq!(waited["status"], "error", "{waited}");
    let why = waited["error"].as_str().unwrap();
    assert!(why.contains("it is not tried again") && why.contains("whether they took effect: `exec` ("), "{why}");
    assert_eq!(effects(&home), 1);
}

// AP-18
#[tokio::test]
async fn a_waiting_approval_survives_a_kill_and_its_answer_counts_once() {
    let home = Home::new();
    let running = home.start();
    let mut client = running.connect().await;
    assert!(send(&mut client, "r1", MESSAGE).await);
    let card = client.card("r1").await;
    running.kill();
    assert_eq!(effects(&home), 0);
    let running = home.start();
    let mut client = running.connect().await;
    let open = client.call("exec.approval.list", json!({})).await.unwrap();
    assert_eq!(open[0]["id"], card["id"], "{open}");
    assert_eq!(open[0]["expiresAtMs"], card["expiresAtMs"], "its time goes on, it does not start anew");
    let resolve = json!({"id": card["id"], "decision": "allow-once"});
    client.call("exec.approval.resolve", resolve).await.unwrap();
    let result = check_conversation(&home, &running, true).await;
    assert!(!result.unwrap().contains("E_OUTCOME_UNKNOWN"));
    assert_eq!(effects(&home), 1);
}

/// Answers over HTTP, as somebody does who holds no connection; true if the host lived to say that it counts.
async fn allow_over_http(host: &Host, card: &Value) -> bool {
    let url = host.http(&format!("/v1/approvals/{}", card["id"].as_str().unwrap()));
    let answer = json!({"decision": "allow-once"});
    let sent = reqwest::Client::new().post(url).bearer_auth(&host.token).json(&answer).send().await;
    sent.is_ok_and(|response| response.status().is_success())
}

// AP-18: after a restart nobody is there to be asked, and what has asked before goes on all the same.
#[tokio::test]
async fn a_call_that_has_asked_goes_on_after_a_restart_with_nobody_there() {
    for is_answered in [false, true] {
        let home = Home::new().program(weakened()).env("OPENCLAW_TEST_CRASH_AT", "answer kept");
        let running = home.start();
        let mut client = running.connect().await;
        assert!(send(&mut client, "r1", MESSAGE).await);
        let card = client.card("r1").await;
        if is_answered {
            assert!(!allow_over_http(&running, &card).await, "the host was to die of it");
        }
        running.kill();
        assert_eq!(effects(&home), 0);

        let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
        let running = home.start();
        if !is_answered {
            assert!(allow_over_http(&running, &card).await);
        }
        let mut client = Client::with_scopes(&running.url, &running.token, &["operator.read", "operator.write"]).await;
        let waited = client.call("agent.wait", json!({"runId": "r1", "timeoutMs": 30_000})).await.unwrap();
        assert_eq!((&waited["status"], effects(&home)), (&json!("ok"), 1), "answered before: {is_answered}");
        // What has not asked before is refused.
        let refused = client.ask("r2", MESSAGE).await;
        assert!(refused.contains("E_APPR_UNAVAILABLE"), "{refused}");
        assert_eq!(effects(&home), 1);
    }
}

/// For good, but only for so many effects.
const USES: usize = 2;

fn always(card: &Value) -> Value {
    json!({"id": card["id"], "decision": "allow-always", "uses": USES})
}

/// Has the program run once: asked about and answered with `always`, or in silence. True if the host lived through it.
async fn live_through(client: &mut Client, run: &str) -> bool {
    send(client, run, MESSAGE).await;
    while let Some(frame) = client.frame().await {
        let payload = &frame["payload"];
        if frame["event"] == "exec.approval.requested" {
            let answer = json!({
                "type": "req", "id": "answer", "method": "exec.approval.resolve", "params": always(payload),
            });
            client.text(&answer.to_string()).await;
        }
        if frame["event"] == "chat" && payload["runId"] == run && payload["state"] == "final" {
            return true;
        }
    }
    false
}

/// Waits for the end of a run that was cut off, if the host ever took it, and answers what it still asks.
async fn finish(client: &mut Client, run: &str) {
    while let Ok(waited) = client.call("agent.wait", json!({"runId": run, "timeoutMs": 100})).await {
        if waited["status"] != "timeout" {
            assert_eq!(waited["status"], "ok", "{waited}");
            return;
        }
        for card in client.call("exec.approval.list", json!({})).await.unwrap().as_array().unwrap() {
            client.call("exec.approval.resolve", always(card)).await.unwrap();
        }
    }
}

/// What the record says: answers with `always`, grants that came of them, and effects without an approval of their own.
#[track_caller]
fn on_record(home: &Home) -> [usize; 3] {
    let output = home.run(&["audit", "export"]);
    assert!(output.status.success(), "{output:?}");
    let rows = String::from_utf8(output.stdout).unwrap();
    let entries: Vec<Value> =
        rows.lines().map(|row| serde_json::from_str::<Value>(row).unwrap()["entry"].clone()).collect();
    let count = |wanted: &dyn Fn(&Value) -> bool| entries.iter().filter(|entry| wanted(entry)).count();
    [
        count(&|entry| {
            entry["kind"] == "approval.answered" && entry["outcome"].as_str().unwrap().contains("from now on")
        }),
        count(&|entry| entry["kind"] == "grant.given" && entry["actor"] == "ws:owner"),
        count(&|entry| entry["kind"] == "effect.started" && entry["approval"].is_null()),
    ]
}

/// How often each grant of `exec` may still be used.
async fn uses_left(client: &mut Client) -> Vec<usize> {
    let list = client.call("components.grants", json!({"name": "exec"})).await.unwrap();
    let rows = list["grants"].as_array().unwrap().iter().map(|row| row["shown"].as_str().unwrap());
    let left = |shown: &str| {
        let (_, end) = shown.rsplit_once(", ").unwrap();
        end.split(' ').next().unwrap().parse().unwrap()
    };
    rows.map(left).collect()
}

// AP-18, CG-12: the answer and its grant are one step, and so are an effect and the use that it takes.
#[tokio::test]
async fn a_kill_around_an_answer_for_good_leaves_both_or_neither_and_no_use_counts_twice() {
    let mut places = Vec::new();
    for point in 1.. {
        assert!(point < 60, "the story never gets past its crash points");
        // Whoever comes back after the restart finds the card there.
        let home = Home::new().program(weakened()).config("{approvals: {unattended: 'wait'}}");
        let home = home.env("OPENCLAW_TEST_CRASH_AT", point);
        let running = home.start();
        let mut client = running.connect().await;
        let lived = live_through(&mut client, "asked").await && live_through(&mut client, "silent").await;
        drop(running);
        let place = home.stderr().lines().rfind(|line| line.starts_with("crash point")).map(str::to_owned);
        let [answered, given, _] = on_record(&home);
        assert_eq!(answered, given, "{place:?}: an answer without its grant, or a grant without its answer");

        let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
        let running = home.start();
        let mut client = running.connect().await;
        finish(&mut client, "asked").await;
        finish(&mut client, "silent").await;
        let left = uses_left(&mut client).await;
        let [answered, given, used] = on_record(&home);
        assert_eq!([answered, given], [left.len(); 2], "{place:?}: {left:?}");
        assert!(left.len() <= 1, "{place:?}: {left:?}");
        let left = left.first().copied().unwrap_or_else(|| {
            assert_eq!(used, 0, "{place:?}: an effect without a grant");
            USES
        });
        assert_eq!(used + left, USES, "{place:?}: each use is an effect, and each effect a use");
        if given == 1 {
            for number in 0..left {
                assert!(live_through(&mut client, &format!("more-{number}")).await);
            }
            assert_eq!(uses_left(&mut client).await, [0], "{place:?}");
            // No effect is left: the next one is asked about.
            client.say("main", "one-too-many", MESSAGE).await;
            let card = client.card("one-too-many").await;
            client.call("exec.approval.resolve", json!({"id": card["id"], "decision": "deny"})).await.unwrap();
            client.ended("one-too-many").await.unwrap();
            // One by the answer itself, the others by the grant; one that was cut off may not have happened.
            let made = effects(&home);
            assert!((USES..=1 + USES).contains(&made), "{place:?}: {made} effects");
        }
        if lived {
            break;
        }
        places.push(place.expect("the host says where it died"));
    }
    for wanted in ["question kept", "answered", "answer kept", "answer in force", "effect noted", "effect done"] {
        let times = places.iter().filter(|place| place.ends_with(wanted)).count();
        assert!(times >= 1, "`{wanted}` was not passed: {places:#?}");
    }
}
