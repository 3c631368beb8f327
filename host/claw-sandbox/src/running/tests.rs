use std::os::unix::net::UnixStream as StdStream;

use claw_core::effect::MessageRequest;
use claw_core::id::ComponentName;

use super::*;
use crate::handle::tests::worker;
use crate::limits::{HELD_BYTES, WorkerLimits};
use crate::turnstile::Turnstile;

/// A call whose worker says what the test says, and the body of its request 7.
async fn streaming() -> (Running, BodySource, StdStream) {
    let (worker, socket) = worker(WorkerLimits::default());
    let worker = Arc::new(worker);
    let (id, signals) = worker.register().unwrap();
    let place = Turnstile::new(1, 1).enter(&ComponentName::parse("probe").unwrap()).await.unwrap();
    let running = Running::new(worker, id, signals, Duration::from_secs(1), place);
    let source = running.answerer().body(7).await;
    (running, source, socket)
}

fn say(running: &mut Running, effect: u32, part: BodyPart) {
    assert!(take(running, FromWorker::RequestPart { id: 1, effect, part }, 1).is_none());
}

/// Takes a frame as one of so many bytes.
fn take(running: &mut Running, frame: FromWorker, bytes: usize) -> Option<Signal> {
    let delivered = running.answerer.worker.hold(frame, bytes).expect("there is room");
    running.take(Some(delivered))
}

fn chunk(bytes: usize) -> BodyPart {
    BodyPart::Chunk(vec![7; bytes])
}

fn is_ended(running: &Running) -> bool {
    running.answerer.worker.is_closed()
}

#[tokio::test]
async fn a_worker_that_sends_more_than_it_has_credit_for_is_ended() {
    let (mut running, mut source, _socket) = streaming().await;
    for _ in 0..REQUEST_PARTS {
        say(&mut running, 7, chunk(REQUEST_PART_BYTES));
    }
    assert_eq!(source.next().await.unwrap().unwrap().len(), REQUEST_PART_BYTES);
    say(&mut running, 7, chunk(1));
    assert!(!is_ended(&running), "it had credit for all of them");
    say(&mut running, 7, chunk(1));
    assert!(is_ended(&running));
    for wrong in [0, REQUEST_PART_BYTES + 1] {
        let (mut running, _source, _socket) = streaming().await;
        say(&mut running, 7, chunk(wrong));
        assert!(is_ended(&running), "a part of {wrong} bytes");
    }
}

#[tokio::test]
async fn parts_that_nobody_waits_for_are_thrown_away() {
    let (mut running, mut source, _socket) = streaming().await;
    say(&mut running, 7, chunk(5));
    say(&mut running, 7, BodyPart::End);
    for effect in [7, 8] {
        for _ in 0..2 * REQUEST_PARTS {
            say(&mut running, effect, chunk(5));
        }
        say(&mut running, effect, BodyPart::End);
    }
    assert_eq!(source.next().await.unwrap().unwrap().len(), 5);
    assert_eq!(source.next().await, Ok(None));
    assert!(!is_ended(&running));
}

#[tokio::test]
async fn a_body_without_an_end_is_broken() {
    let (mut running, mut source, _socket) = streaming().await;
    say(&mut running, 7, chunk(5));
    say(&mut running, 7, BodyPart::Broken(EffectError::Cancelled));
    assert_eq!(source.next().await.unwrap().unwrap().len(), 5);
    assert_eq!(source.next().await, Err(EffectError::Cancelled));
    let (running, mut source, _socket) = streaming().await;
    drop(running);
    assert_eq!(source.next().await, Err(EffectError::Cancelled));
}

fn effect(effect: u32) -> FromWorker {
    let request = EffectRequest::Message(MessageRequest { to: "session".to_owned(), text: "hello".to_owned() });
    FromWorker::Effect { id: 1, effect, request }
}

#[tokio::test]
async fn the_host_holds_so_much_of_a_workers_requests_and_no_more() {
    let (mut running, _source, _socket) = streaming().await;
    let worker = Arc::clone(&running.answerer.worker);
    let half = HELD_BYTES / 2;
    for number in 0..2 {
        assert!(matches!(take(&mut running, effect(number), half), Some(Signal::Effect { .. })));
    }
    assert!(worker.hold(effect(2), 1).is_none(), "none was answered");
    running.answerer().answer(0, Ok(EffectReply::Message)).await;
    assert!(worker.hold(effect(2), half).is_some(), "one was answered");
    drop(running);
    assert!(worker.hold(effect(2), HELD_BYTES).is_some(), "the call has ended");
}

#[tokio::test]
async fn a_worker_that_gives_two_requests_one_number_is_ended() {
    let (mut running, _source, _socket) = streaming().await;
    assert!(take(&mut running, effect(1), 1).is_some());
    assert!(take(&mut running, effect(1), 1).is_none());
    assert!(is_ended(&running));
}
