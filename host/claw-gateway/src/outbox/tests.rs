use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::*;
use crate::scope::Scope;

fn event(scope: Option<Scope>, audience: Audience, urgency: Urgency) -> Arc<EventFrame> {
    EventFrame::new("x", &json!("0123456789".repeat(10)), scope, audience, urgency)
}

fn open(limit: usize) -> Arc<Outbox> {
    Outbox::new(Scopes::of(&[Scope::Read]), false, limit)
}

/// What would be written next, if anything: `7` for an event with that number, else the text or the close reason.
fn written(outbox: &Outbox) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(next) = outbox.take() {
        match next {
            Next::Text(text) => {
                let seq = text.rsplit_once("\"seq\":").map(|(_, seq)| seq.trim_end_matches('}').to_owned());
                all.push(seq.unwrap_or(text));
            }
            Next::Ping => all.push("ping".to_owned()),
            Next::Close(close) => {
                all.push(format!("close {} {}", close.code, close.reason));
                break;
            }
        }
    }
    all
}

// GW-41
#[test]
fn a_client_sees_and_counts_only_what_it_may() {
    let outbox = open(10_000);
    outbox.offer(&event(Some(Scope::Approvals), Audience::Everybody, Urgency::Kept));
    outbox.offer(&event(Some(Scope::Read), Audience::ToolEvents, Urgency::Kept));
    outbox.offer(&event(Some(Scope::Read), Audience::Everybody, Urgency::Kept));
    outbox.offer(&event(None, Audience::Everybody, Urgency::Kept));
    assert_eq!(written(&outbox), ["1", "2"]);

    let all = Outbox::new(Scopes::of(&[Scope::Read, Scope::Approvals]), true, 10_000);
    all.offer(&event(Some(Scope::Approvals), Audience::Everybody, Urgency::Kept));
    all.offer(&event(Some(Scope::Read), Audience::ToolEvents, Urgency::Kept));
    assert_eq!(written(&all), ["1", "2"]);
}

#[test]
fn what_is_queued_keeps_its_order_and_comes_before_the_close() {
    let outbox = open(10_000);
    outbox.reply("hello".to_owned());
    outbox.offer(&event(None, Audience::Everybody, Urgency::Kept));
    outbox.ping();
    outbox.close(1012, "service restart");
    outbox.close(1008, "too late");
    outbox.reply("after the close".to_owned());
    assert_eq!(written(&outbox), ["hello", "1", "ping", "close 1012 service restart"]);
}

#[test]
fn a_slow_client_loses_deltas_first_and_sees_the_gap() {
    // One event has about 150 bytes: a quarter of the limit takes two of them.
    let outbox = open(1400);
    for _ in 0..5 {
        outbox.offer(&event(None, Audience::Everybody, Urgency::Droppable));
    }
    outbox.offer(&event(None, Audience::Everybody, Urgency::Kept));
    assert_eq!(written(&outbox), ["1", "2", "6"]);
}

#[test]
fn queued_deltas_give_way_to_what_must_arrive() {
    let outbox = open(1400);
    outbox.offer(&event(None, Audience::Everybody, Urgency::Droppable));
    outbox.reply("x".repeat(1350));
    assert_eq!(written(&outbox), ["x".repeat(1350)]);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_given_up_with_its_reason() {
    let outbox = open(1400);
    for _ in 0..20 {
        outbox.offer(&event(None, Audience::Everybody, Urgency::Kept));
    }
    timeout(Duration::from_secs(10), outbox.given_up()).await.unwrap();
    assert_eq!(outbox.next().await, Next::Close(Close { code: 1008, reason: "slow consumer".to_owned() }));
}

#[test]
fn lost_events_show_as_a_gap() {
    let outbox = open(10_000);
    outbox.offer(&event(None, Audience::Everybody, Urgency::Kept));
    outbox.skip();
    outbox.offer(&event(None, Audience::Everybody, Urgency::Kept));
    assert_eq!(written(&outbox), ["1", "3"]);
}
