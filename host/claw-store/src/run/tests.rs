use crate::fixture::*;
use crate::{Record, RunState, StoreError};

#[tokio::test]
async fn unfinished_runs_come_in_order_of_arrival() {
    let (home, store) = store();
    for id in ["z", "a", "m"] {
        store.accept(inbound(id), at(1)).await.unwrap();
    }
    store.record(&run("a"), Record { end: done(), ..Record::default() }, at(2)).await.unwrap();
    store.accept(inbound("b"), at(3)).await.unwrap();
    let store = reopen(&home, store);
    let ids: Vec<_> = store.unfinished_runs().unwrap().into_iter().map(|row| row.run.to_string()).collect();
    assert_eq!(ids, ["z", "m", "b"]);
}

#[tokio::test]
async fn a_run_shows_what_it_is_and_how_it_ended() {
    let (home, store) = store();
    store.accept(inbound("r1"), at(5)).await.unwrap();
    assert_eq!(store.begin_attempt(&run("r1"), at(6)).await.unwrap(), 1);
    let store = reopen(&home, store);
    assert_eq!(store.begin_attempt(&run("r1"), at(7)).await.unwrap(), 2);
    store.record(&run("r1"), Record { end: done(), ..Record::default() }, at(8)).await.unwrap();
    let row = store.run(&run("r1")).unwrap().unwrap();
    assert_eq!((row.source, row.text), (inbound("r1").source, inbound("r1").text));
    assert_eq!((row.state, row.attempts), (RunState::Ended(done().unwrap()), 2));
    assert_eq!((row.received_at, row.ended_at), (at(5), Some(at(8))));
    assert!(matches!(store.begin_attempt(&run("r1"), at(9)).await, Err(StoreError::Superseded { .. })));
    assert!(matches!(store.begin_attempt(&run("r2"), at(9)).await, Err(StoreError::UnknownRun { .. })));
}
