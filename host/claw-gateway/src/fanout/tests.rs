use claw_core::id::{AgentId, SessionKey, Timestamp};
use serde_json::Value;

use super::*;
use crate::outbox::Next;
use crate::scope::{Scope, Scopes};

fn changed() -> HostEvent {
    let session = SessionKey::parse("main", &AgentId::parse("main").unwrap()).unwrap();
    HostEvent::SessionChanged { session, reason: "reset", at: Timestamp(1) }
}

async fn next(outbox: &Outbox) -> (String, u64) {
    let Next::Text(text) = outbox.next().await else { panic!("an event") };
    let frame: Value = serde_json::from_str(&text).unwrap();
    (frame["event"].as_str().unwrap().to_owned(), frame["seq"].as_u64().unwrap())
}

#[tokio::test]
async fn lost_events_are_a_gap_for_everybody() {
    let (events, heard) = broadcast::channel(2);
    let audience = Arc::new(Audience::default());
    let outbox = Outbox::new(Scopes::of(&[Scope::Read]), false, 10_000);
    let _seat = audience.join(&outbox);
    (0..5).for_each(|_| drop(events.send(changed())));
    drop(events);
    run(audience, heard).await;
    assert_eq!(next(&outbox).await, ("sessions.changed".to_owned(), 2));
}

#[tokio::test]
async fn the_end_is_told_once() {
    let (events, heard) = broadcast::channel(2);
    let audience = Arc::new(Audience::default());
    let outbox = Outbox::new(Scopes::NONE, false, 10_000);
    let _seat = audience.join(&outbox);
    events.send(HostEvent::Shutdown { reason: "update" }).unwrap();
    drop(events);
    run(Arc::clone(&audience), heard).await;
    audience.dismiss();
    assert_eq!(next(&outbox).await, ("shutdown".to_owned(), 1));
    assert!(matches!(outbox.next().await, Next::Close(close) if close.code == 1012));
}

#[test]
fn who_has_left_hears_nothing() {
    let audience = Arc::new(Audience::default());
    let outbox = Outbox::new(Scopes::NONE, false, 10_000);
    drop(audience.join(&outbox));
    audience.dismiss();
    assert!(outbox.is_empty());
    assert!(audience.outboxes.lock().unwrap().is_empty());
}
