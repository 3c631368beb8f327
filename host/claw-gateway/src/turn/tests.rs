use std::sync::Arc;

use claw_core::id::{AgentId, SessionKey};
use claw_core::inbound::Source;
use tokio::sync::mpsc;

use super::*;
use crate::call::Command;
use crate::scope::Scopes;

fn run() -> RunId {
    RunId::parse("r").unwrap()
}

fn caller() -> Caller {
    let source = Source { channel: "ws".to_owned(), account: "owner".to_owned() };
    Caller { source, scopes: Scopes::NONE, device: None }
}

fn run_ended(run: RunId, at: u64) -> HostEvent {
    let session = SessionKey::parse("main", &AgentId::parse("main").unwrap()).unwrap();
    let end = RunEnd::Done { text: "hi".to_owned(), usage: Usage::default() };
    HostEvent::RunEnded { run, session, end: Arc::new(end), at: Timestamp(at) }
}

/// A host that answers each `AgentWait` with the next of `replies`.
fn host(mut replies: Vec<Value>) -> (HostLink, broadcast::Sender<HostEvent>) {
    let (commands, mut calls) = mpsc::channel::<Command>(4);
    let (events, _) = broadcast::channel(2);
    tokio::spawn(async move {
        while let Some(command) = calls.recv().await {
            assert!(matches!(command.call, Call::AgentWait { .. }));
            let _ = command.reply.send(Ok(replies.remove(0)));
        }
    });
    (HostLink::new(commands, events.clone()), events)
}

#[test]
fn the_status_of_the_reply_says_whether_events_will_come() {
    assert_eq!(Acceptance::of(&json!({"status": "accepted"})), Acceptance::Running);
    assert_eq!(Acceptance::of(&json!({"status": "accepted", "duplicate": true})), Acceptance::Over);
    assert_eq!(Acceptance::of(&json!({"status": "in_flight"})), Acceptance::InFlight);
    assert_eq!(Acceptance::of(&json!({"status": "ok"})), Acceptance::Over);
    assert_eq!(Acceptance::of(&json!({})), Acceptance::Over);
}

#[tokio::test]
async fn a_run_is_over_only_when_its_own_end_is_told() {
    let (link, events) = host(Vec::new());
    let mut heard = link.subscribe();
    events.send(run_ended(RunId::parse("other").unwrap(), 1)).unwrap();
    events.send(run_ended(run(), 2)).unwrap();
    let ended = watch(&link, &caller(), &run(), &mut heard).await.unwrap();
    assert_eq!(ended.end, RunEnd::Done { text: "hi".to_owned(), usage: Usage::default() });
}

#[tokio::test]
async fn who_missed_events_asks_until_the_run_has_ended() {
    let working = json!({"runId": "r", "status": "timeout"});
    let over = json!({
        "runId": "r", "status": "ok", "text": "late", "startedAt": 10, "endedAt": 35,
        "usage": {"input": 3, "output": 4},
    });
    let (link, events) = host(vec![working, over]);
    let mut heard = link.subscribe();
    (0..5).for_each(|at| drop(events.send(run_ended(RunId::parse("other").unwrap(), at))));
    let ended = watch(&link, &caller(), &run(), &mut heard).await.unwrap();
    let usage = Usage { input_tokens: 3, output_tokens: 4, ..Usage::default() };
    assert_eq!(ended.end, RunEnd::Done { text: "late".to_owned(), usage });
    assert_eq!(ended.duration, Duration::from_millis(25));
}

#[test]
fn a_run_that_ran_out_of_time_is_not_one_that_still_works() {
    assert_eq!(ended(&json!({"status": "timeout"})), None);
    let over = ended(&json!({"status": "timeout", "endedAt": 5})).unwrap();
    assert!(matches!(over.end, RunEnd::Failed { kind, .. } if kind == "timeout"));
}

#[test]
fn each_end_has_its_final_payload() {
    let of = |end: RunEnd| Ended { end, duration: Duration::from_millis(7) }.payload(&run());
    let (good, none) = of(RunEnd::Done {
        text: "hi".to_owned(),
        usage: Usage { input_tokens: 1, output_tokens: 2, ..Usage::default() },
    });
    assert_eq!(none, None);
    assert_eq!(
        good,
        json!({
            "runId": "r", "status": "ok", "summary": "completed",
            "result": {
                "payloads": [{"text": "hi"}],
                "meta": {"durationMs": 7, "agentMeta": {"usage": {"input": 1, "output": 2, "total": 3}}},
            },
        })
    );
    let (sent, _) = of(RunEnd::Done { text: "here\nMEDIA:a.png\nMEDIA:b.png".to_owned(), usage: Usage::default() });
    let payloads = json!([{"text": "here", "mediaUrl": "a.png", "mediaUrls": ["a.png", "b.png"]}]);
    assert_eq!(sent["result"]["payloads"], payloads);
    let failed = |kind: &str| of(RunEnd::Failed { kind: kind.to_owned(), message: "why".to_owned() });
    let (late, none) = failed("timeout");
    assert_eq!((late["status"].as_str(), none), (Some("timeout"), None));
    let (bad, error) = failed("auth");
    assert_eq!((bad["status"].as_str(), bad["summary"].as_str()), (Some("error"), Some("why")));
    assert_eq!(error.unwrap().details.unwrap()["errorKind"], "auth");
    assert_eq!(of(RunEnd::Aborted { text: String::new() }).0["summary"], "aborted");
}
