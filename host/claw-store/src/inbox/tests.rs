use crate::fixture::*;
use crate::{Accepted, Record, RunState, StoreError};

#[tokio::test]
async fn a_message_is_accepted_once_and_still_known_after_a_restart() {
    // CH-06
    let (home, store) = store();
    assert_eq!(store.accept(inbound("r1"), at(1)).await.unwrap(), Accepted::New);
    assert_eq!(store.accept(inbound("r1"), at(2)).await.unwrap(), Accepted::Duplicate(RunState::Received));
    let store = reopen(&home, store);
    assert_eq!(store.accept(inbound("r1"), at(3)).await.unwrap(), Accepted::Duplicate(RunState::Received));
    store.record(&run("r1"), entries([notice("x")]), at(4)).await.unwrap();
    assert_eq!(store.accept(inbound("r1"), at(5)).await.unwrap(), Accepted::Duplicate(RunState::Running));
    store.record(&run("r1"), Record { end: done(), ..Record::default() }, at(6)).await.unwrap();
    let ended = RunState::Ended(done().unwrap());
    assert_eq!(store.accept(inbound("r1"), at(7)).await.unwrap(), Accepted::Duplicate(ended));
    assert_eq!(store.session(&key("main")).unwrap().unwrap().runs, 1);
}

#[tokio::test]
async fn two_deliveries_of_one_message_in_the_same_commit_start_one_run() {
    let (_home, store) = store();
    let (first, second) = tokio::join!(store.accept(inbound("r1"), at(1)), store.accept(inbound("r1"), at(1)));
    assert_eq!(first.unwrap(), Accepted::New);
    assert_eq!(second.unwrap(), Accepted::Duplicate(RunState::Received));
    assert_eq!(store.unfinished_runs().unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_id_of_another_source_or_session_is_refused() {
    let (_home, store) = store();
    store.accept(inbound("r1"), at(1)).await.unwrap();
    let mut elsewhere = inbound("r1");
    elsewhere.source.account = "mallory".to_owned();
    for taken in [elsewhere, inbound_to("r1", "other")] {
        assert!(matches!(store.accept(taken, at(2)).await, Err(StoreError::RunTaken { .. })));
    }
    assert!(store.session(&key("other")).unwrap().is_none());
}
