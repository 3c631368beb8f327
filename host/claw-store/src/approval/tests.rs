use claw_core::approval::{Answer, Approval, ApprovalState};
use claw_core::id::{ApprovalId, CallId};

use crate::fixture::*;
use crate::{ApprovalFilter, JournalStep, Record, Refusal, ResolveError, Store, StoreError};

const ID: u128 = 0xabcd_0000_0000_0000_0000_0000_0000_0001;

async fn parked() -> (tempfile::TempDir, Store) {
    let (home, store) = store();
    store.accept(inbound("r"), at(1)).await.unwrap();
    store.park(approval(ID, "r")).await.unwrap();
    (home, store)
}

fn effect(id: u128, call_id: &str, byte: u8) -> Record {
    let step = JournalStep::EffectStarted {
        call: call(call_id),
        index: 0,
        digest: digest(byte),
        approval: Some(ApprovalId::from_random(id)),
    };
    Record { steps: vec![step], ..Record::default() }
}

fn state(store: &Store) -> ApprovalState {
    store.approval(&ApprovalId::from_random(ID)).unwrap().unwrap().state
}

/// Brings a parked approval into the state of that name.
async fn bring(store: &Store, state: &str) {
    match state {
        "pending" => {}
        "approved" => drop(store.resolve("abcd", Answer::Once, "ws:owner", at(10)).await.unwrap()),
        "denied" => drop(store.resolve("abcd", Answer::Deny, "ws:owner", at(10)).await.unwrap()),
        "expired" => drop(store.expire(&ApprovalId::from_random(ID), at(10)).await.unwrap()),
        "withdrawn" => drop(store.withdraw(&run("r"), at(10)).await.unwrap()),
        "used" => {
            store.resolve("abcd", Answer::Once, "ws:owner", at(10)).await.unwrap();
            store.record(&run("r"), effect(ID, "c", 7), at(11)).await.unwrap();
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_move_from_every_state_ends_where_the_diagram_says() {
    // AP-05 AP-07 AP-17. Columns: once, deny, late answer, expire, withdraw, use.
    let table = [
        ("pending", ["approved", "denied", "expired", "expired", "withdrawn", "pending"]),
        ("approved", ["approved", "approved", "approved", "approved", "approved", "used"]),
        ("denied", ["denied"; 6]),
        ("expired", ["expired"; 6]),
        ("withdrawn", ["withdrawn"; 6]),
        ("used", ["used"; 6]),
    ];
    for (from, expected) in table {
        for (column, to) in expected.into_iter().enumerate() {
            let (home, store) = parked().await;
            bring(&store, from).await;
            assert_eq!(state(&store).as_str(), from);
            match column {
                0 => drop(store.resolve("abcd", Answer::Once, "cli", at(20)).await),
                1 => drop(store.resolve("abcd", Answer::Deny, "cli", at(20)).await),
                2 => drop(store.resolve("abcd", Answer::Once, "cli", at(1000)).await),
                3 => drop(store.expire(&ApprovalId::from_random(ID), at(20)).await.unwrap()),
                4 => drop(store.withdraw(&run("r"), at(20)).await.unwrap()),
                _ => drop(store.record(&run("r"), effect(ID, "c", 7), at(20)).await),
            }
            let store = reopen(&home, store);
            assert_eq!(state(&store).as_str(), to, "{from}, column {column}");
            let pending = store.approvals(ApprovalFilter::Pending).unwrap();
            assert_eq!(pending.len(), usize::from(to == "pending"), "{from}, column {column}");
        }
    }
}

#[tokio::test]
async fn the_first_answer_wins_and_the_second_learns_who_gave_it() {
    // AP-19
    let (_home, store) = parked().await;
    let (first, second) = tokio::join!(
        store.resolve("abcd", Answer::Once, "ws:one", at(10)),
        store.resolve("abcd", Answer::Deny, "ws:two", at(10))
    );
    let given = ApprovalState::Approved { by: "ws:one".to_owned(), at: at(10), always: None };
    assert_eq!(first.unwrap().state, given);
    assert!(matches!(second, Err(ResolveError::Already(approval)) if approval.state == given));
}

#[tokio::test]
async fn an_answer_after_its_time_is_stored_as_expired() {
    let (_home, store) = parked().await;
    let late = store.resolve("abcd", Answer::Once, "ws:owner", at(1000)).await;
    assert!(matches!(late, Err(ResolveError::Expired(approval)) if approval.state == ApprovalState::Expired));
    assert_eq!(state(&store), ApprovalState::Expired);
    let again = store.resolve("abcd", Answer::Once, "ws:owner", at(5)).await;
    assert!(matches!(again, Err(ResolveError::Expired(_))));
}

#[tokio::test]
async fn a_prefix_counts_while_it_means_one_pending_approval() {
    let (_home, store) = parked().await;
    store.park(approval(ID + 1, "r")).await.unwrap();
    let ambiguous = store.resolve("ABCD", Answer::Once, "cli", at(10)).await;
    assert!(matches!(ambiguous, Err(ResolveError::Ambiguous { candidates, .. }) if candidates.len() == 2));
    for nothing in ["abc", "", "abce", "zzzz", &"a".repeat(33), "abcd*", "é123"] {
        let found = store.resolve(nothing, Answer::Once, "cli", at(10)).await;
        assert!(matches!(found, Err(ResolveError::NotFound { .. })), "{nothing:?}");
    }
    let whole = ApprovalId::from_random(ID);
    assert_eq!(store.resolve(whole.as_str(), Answer::Deny, "cli", at(10)).await.unwrap().id, whole);
    let other = store.resolve(" abcd ", Answer::Once, "cli", at(10)).await.unwrap();
    assert_eq!(other.id, ApprovalId::from_random(ID + 1));
}

#[track_caller]
fn refused(result: Result<Vec<claw_core::message::Entry>, StoreError>, expected: &Refusal) {
    match result {
        Err(StoreError::NotApproved { refusal, .. }) => assert_eq!(refusal, *expected),
        other => panic!("expected {expected:?}, got {other:?}"),
    }
}

#[tokio::test]
async fn an_effect_without_its_approval_writes_nothing() {
    // AP-08
    let (_home, store) = parked().await;
    store.accept(inbound_to("other", "elsewhere"), at(2)).await.unwrap();
    let (r, other) = (run("r"), run("other"));
    refused(store.record(&r, effect(ID, "c", 7), at(9)).await, &Refusal::NotGiven(ApprovalState::Pending));
    bring(&store, "approved").await;
    refused(store.record(&r, effect(ID + 5, "c", 7), at(9)).await, &Refusal::Missing);
    refused(store.record(&r, effect(ID, "d", 7), at(9)).await, &Refusal::OtherCall);
    refused(store.record(&other, effect(ID, "c", 7), at(9)).await, &Refusal::OtherCall);
    refused(store.record(&r, effect(ID, "c", 8), at(9)).await, &Refusal::OtherDigest);
    let mut twice = effect(ID, "c", 7);
    twice.steps.extend(effect(ID, "c", 7).steps);
    twice.entries.push(said("never"));
    refused(store.record(&r, twice, at(9)).await, &Refusal::AlreadyUsed);
    assert!(store.journal(&r).unwrap().is_empty());
    check_log(&store, &[]);
    assert_eq!(state(&store).as_str(), "approved");
}

#[tokio::test]
async fn an_approval_is_used_once_even_by_two_records_of_one_commit() {
    // AP-19
    let (_home, store) = parked().await;
    bring(&store, "approved").await;
    let r = run("r");
    let (first, second) =
        tokio::join!(store.record(&r, effect(ID, "c", 7), at(20)), store.record(&r, effect(ID, "c", 7), at(20)));
    first.unwrap();
    refused(second, &Refusal::AlreadyUsed);
    assert_eq!(state(&store), ApprovalState::Used { at: at(20) });
    assert_eq!(store.journal(&r).unwrap().len(), 1);
}

#[tokio::test]
async fn only_a_fresh_pending_approval_of_a_live_run_is_parked() {
    let (_home, store) = parked().await;
    let not_parkable = |result| matches!(result, Err(StoreError::NotParkable { .. }));
    assert!(not_parkable(store.park(approval(ID, "r")).await));
    let expired = Approval { state: ApprovalState::Expired, ..approval(ID + 1, "r") };
    assert!(not_parkable(store.park(expired).await));
    assert!(matches!(store.park(approval(ID + 1, "nobody")).await, Err(StoreError::UnknownRun { .. })));
    store.record(&run("r"), Record { end: done(), ..Record::default() }, at(3)).await.unwrap();
    assert!(matches!(store.park(approval(ID + 1, "r")).await, Err(StoreError::Superseded { .. })));
}

#[tokio::test]
async fn the_latest_approval_for_exactly_this_plan_is_found() {
    let (_home, store) = parked().await;
    store.accept(inbound("r2"), at(1)).await.unwrap();
    store.park(approval(5, "r2")).await.unwrap();
    let later = Approval { created: at(3), ..approval(ID - 1, "r") };
    store.park(later.clone()).await.unwrap();
    let find = |byte, id| store.find_approval(&run("r"), &call(id), &digest(byte)).unwrap();
    assert_eq!(find(7, "c"), Some(later.clone()));
    assert_eq!(find(8, "c"), None);
    assert_eq!(find(7, "d"), None);
    assert_eq!(store.approvals(ApprovalFilter::All).unwrap().len(), 3);
    assert_eq!(store.approvals(ApprovalFilter::All).unwrap()[2], later);
    assert_eq!(store.withdraw(&run("r"), at(4)).await.unwrap().len(), 2);
    assert_eq!(store.approvals(ApprovalFilter::Pending).unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_that_has_asked_waits_until_its_yes_is_used() {
    let (_home, store) = store();
    store.accept(inbound("r"), at(1)).await.unwrap();
    let asked = approval(0xabcd << 112, "r");
    let (run, call, digest) = (asked.run.clone(), asked.call.clone(), asked.digest);
    let waits = |store: &Store| store.waits_or_may(&run, &call).unwrap();
    assert!(!waits(&store));
    store.park(asked).await.unwrap();
    assert!(waits(&store));
    assert!(!store.waits_or_may(&run, &CallId::parse("another").unwrap()).unwrap());
    let yes = store.resolve("abcd", Answer::Once, "cli", at(2)).await.unwrap();
    assert!(waits(&store));
    let step = JournalStep::EffectStarted { call: call.clone(), index: 0, digest, approval: Some(yes.id) };
    store.record(&run, Record { steps: vec![step], ..Record::default() }, at(3)).await.unwrap();
    assert!(!waits(&store));
}
