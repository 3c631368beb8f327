use claw_core::inbound::Source;
use tokio::time::Instant;

use super::*;
use crate::frame::ErrorCode;
use crate::scope::Scopes;

fn caller() -> Caller {
    let source = Source { channel: "ws".to_owned(), account: "owner".to_owned() };
    Caller { source, scopes: Scopes::NONE, device: None }
}

fn link() -> (HostLink, mpsc::Receiver<Command>) {
    let (commands, received) = mpsc::channel(1);
    (HostLink::new(commands, broadcast::channel(1).0), received)
}

#[tokio::test(start_paused = true)]
async fn a_busy_host_is_waited_for_and_then_the_call_is_refused() {
    let (link, _received) = link();
    let _first = link.enqueue(caller(), Call::Health).await.unwrap();
    let before = Instant::now();
    let refused = link.enqueue(caller(), Call::Health).await.unwrap_err();
    assert_eq!((refused.code, refused.retryable, before.elapsed()), (ErrorCode::Unavailable, true, ENQUEUE));
}

#[tokio::test]
async fn a_call_that_nobody_answers_is_not_left_waiting() {
    let (link, mut received) = link();
    let owed = link.enqueue(caller(), Call::Health).await.unwrap();
    drop(received.recv().await.unwrap().reply);
    assert_eq!(owed.answer().await.unwrap_err().code, ErrorCode::Unavailable);
    drop(received);
    assert_eq!(link.ask(caller(), Call::Health).await.unwrap_err().message, "the host is stopping");
}
