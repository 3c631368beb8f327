use claw_core::label::Labels;

use crate::fixture::*;
use crate::{JournalStep, Record, Repeatable, RunState, Store, StoreError};

fn end_with(entries: Vec<claw_core::message::Message>) -> Record {
    Record { entries, end: done(), ..Record::default() }
}

#[tokio::test]
async fn a_run_writes_its_own_message_first() {
    let (home, store) = store();
    store.accept(inbound("a"), at(1)).await.unwrap();
    let written = store.record(&run("a"), end_with(vec![said("hello")]), at(2)).await.unwrap();
    assert_eq!(lines(&written), ["1 a user", "2 a hello"]);
    // An idle turn takes two commits: the message, and the answer with the end.
    assert_eq!(store.shared().commits(), 2);
    check_log(&reopen(&home, store), &["1 a user", "2 a hello"]);
}

#[tokio::test]
async fn the_log_is_in_the_order_of_the_runs_whatever_the_order_of_arrival() {
    let (_home, store) = store();
    for id in ["a", "b", "c"] {
        store.accept(inbound(id), at(1)).await.unwrap();
    }
    store.record(&run("b"), entries([asks(&["1"])]), at(2)).await.unwrap();
    store.record(&run("b"), entries([answers("1")]), at(3)).await.unwrap();
    store.record(&run("a"), entries([said("first a")]), at(4)).await.unwrap();
    store.record(&run("b"), end_with(vec![said("last b")]), at(5)).await.unwrap();
    store.record(&run("a"), end_with(vec![]), at(6)).await.unwrap();
    let log = ["1 b user", "2 b asks 1", "3 b 1 ok", "4 a user", "5 a first a", "6 b last b"];
    check_log(&store, &log);
    let history = store.history(&key("main"), None, newest(10)).unwrap();
    assert_eq!(history.pending.iter().map(|p| p.inbound.clone()).collect::<Vec<_>>(), [inbound("c")]);
}

#[tokio::test]
async fn a_run_that_has_ended_writes_nothing_more() {
    let (_home, store) = store();
    store.accept(inbound("a"), at(1)).await.unwrap();
    store.record(&run("a"), end_with(vec![]), at(2)).await.unwrap();
    for late in [entries([said("late")]), Record::default(), end_with(vec![])] {
        assert!(matches!(store.record(&run("a"), late, at(3)).await, Err(StoreError::Superseded { .. })));
    }
    assert!(matches!(store.record(&run("x"), Record::default(), at(3)).await, Err(StoreError::UnknownRun { .. })));
    check_log(&store, &["1 a user"]);
}

#[tokio::test]
async fn an_entry_that_no_model_would_accept_is_refused_with_all_of_its_record() {
    let (_home, store) = store();
    for id in ["a", "b"] {
        store.accept(inbound(id), at(1)).await.unwrap();
    }
    store.record(&run("a"), entries([asks(&["1", "2"])]), at(2)).await.unwrap();
    let steps = vec![JournalStep::CallEnded { call: call("1") }];
    let wrong = [
        entries([answers("1"), said("too early")]),
        entries([answers("3")]),
        entries([answers("1"), answers("1")]),
        Record { entries: vec![said("x")], steps: steps.clone(), ..Record::default() },
    ];
    for record in wrong {
        assert!(matches!(store.record(&run("a"), record, at(3)).await, Err(StoreError::Orphan { .. })));
    }
    let blocked = store.record(&run("b"), entries([said("me too")]), at(3)).await;
    assert!(matches!(blocked, Err(StoreError::Orphan { .. })));
    check_log(&store, &["1 a user", "2 a asks 2"]);
    assert!(store.journal(&run("a")).unwrap().is_empty());
    assert_eq!(store.run(&run("b")).unwrap().unwrap().state, RunState::Received);
}

fn started(id: &str, repeatable: Repeatable) -> JournalStep {
    JournalStep::CallStarted { call: call(id), tool: tool(), component: component(), repeatable }
}

#[tokio::test]
async fn a_run_that_ends_in_the_middle_says_what_became_of_each_call() {
    let (_home, store) = store();
    store.accept(inbound("a"), at(1)).await.unwrap();
    let steps = vec![started("1", Repeatable::No), started("2", Repeatable::Yes), started("3", Repeatable::Yes)];
    let asked = Record { entries: vec![asks(&["0", "1", "2", "3", "4"])], steps, ..Record::default() };
    store.record(&run("a"), asked, at(2)).await.unwrap();
    let effect = JournalStep::EffectStarted { call: call("3"), index: 0, digest: digest(1), approval: None };
    let end = Record {
        entries: vec![answers("0"), said("cut off")],
        steps: vec![effect.clone()],
        end: aborted(),
        ..Record::default()
    };
    let written = store.record(&run("a"), end, at(3)).await.unwrap();
    let expected = [
        "3 a 0 ok",
        "4 a 1 E_OUTCOME_UNKNOWN",
        "5 a 2 E_CANCELLED",
        "6 a 3 E_OUTCOME_UNKNOWN",
        "7 a 4 E_CANCELLED",
        "8 a cut off",
    ];
    assert_eq!(lines(&written), expected);
    assert_eq!(store.journal(&run("a")).unwrap().len(), 4);
    assert_eq!(store.journal(&run("a")).unwrap()[3], effect);
}

#[tokio::test]
async fn a_message_that_is_dropped_while_calls_are_open_is_heard_after_them() {
    let (home, store) = store();
    for id in ["a", "b", "c"] {
        store.accept(inbound(id), at(1)).await.unwrap();
    }
    store.record(&run("a"), entries([asks(&["1"])]), at(2)).await.unwrap();
    let dropped = Record { entries: vec![notice("dropped b")], end: aborted(), ..Record::default() };
    store.record(&run("b"), dropped, at(3)).await.unwrap();
    let store = reopen(&home, store);
    let pending = store.history(&key("main"), None, newest(10)).unwrap().pending;
    assert_eq!(pending.iter().map(|p| p.inbound.run.as_str()).collect::<Vec<_>>(), ["b", "c"]);
    store.record(&run("a"), end_with(vec![answers("1"), said("done")]), at(4)).await.unwrap();
    let log = ["1 a user", "2 a asks 1", "3 b notice dropped b", "4 a 1 ok", "5 a done", "6 b user"];
    check_log(&store, &log);
    assert_eq!(store.history(&key("main"), None, newest(10)).unwrap().pending.len(), 1);
    assert!(matches!(store.run(&run("b")).unwrap().unwrap().state, RunState::Ended(_)));
    assert_eq!(store.unfinished_runs().unwrap().len(), 1);
}

#[tokio::test]
async fn a_dropped_message_waits_on_while_other_runs_end() {
    let (_home, store) = store();
    for id in ["a", "b", "c"] {
        store.accept(inbound(id), at(1)).await.unwrap();
    }
    store.record(&run("b"), entries([said("begun")]), at(2)).await.unwrap();
    store.record(&run("a"), entries([asks(&["1"])]), at(3)).await.unwrap();
    store.record(&run("c"), Record { end: aborted(), ..Record::default() }, at(4)).await.unwrap();
    store.record(&run("b"), end_with(vec![]), at(5)).await.unwrap();
    store.record(&run("a"), end_with(vec![answers("1")]), at(6)).await.unwrap();
    check_log(&store, &["1 b user", "2 b begun", "3 a user", "4 a asks 1", "5 a 1 ok", "6 c user"]);
}

#[tokio::test]
async fn what_flowed_into_a_run_labels_its_conversation_until_the_reset() {
    let (home, store) = store();
    store.accept(inbound("a"), at(1)).await.unwrap();
    let record = |labels| Record { labels, ..entries([said("x")]) };
    store.record(&run("a"), record(Labels::tainted("a page")), at(2)).await.unwrap();
    store.record(&run("a"), record(Labels::private("a file")), at(3)).await.unwrap();
    let labels = |store: &Store| store.session(&key("main")).unwrap().unwrap().labels;
    let store = reopen(&home, store);
    assert_eq!(labels(&store), Labels { tainted: Some("a page".into()), private: Some("a file".into()) });
    store.reset_session(&key("main"), "new".into(), at(4)).await.unwrap();
    // A run of before the reset goes on in what was before.
    store.record(&run("a"), record(Labels::tainted("a page")), at(5)).await.unwrap();
    assert_eq!(labels(&store), Labels::default());
}
