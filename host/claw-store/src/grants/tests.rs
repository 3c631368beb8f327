use claw_core::approval::{Always, Answer};
use claw_core::grant::{GrantRow, Terms};

use super::Spent;
use crate::fixture::*;
use crate::{Record, Store, StoreError};

fn row(grant: &str, uses: Option<u32>) -> GrantRow {
    GrantRow { grant: grant.to_owned(), terms: Terms { uses, ..Terms::default() }, by: "cli".to_owned(), at: at(1) }
}

fn texts(store: &Store, build: u8) -> Vec<String> {
    store.grants(&component(), &digest(build)).unwrap().into_iter().map(|row| row.grant).collect()
}

#[tokio::test]
async fn grants_belong_to_one_build_and_outlive_a_restart() {
    let (home, store) = store();
    let (a, b) = (row("net wss://a.example", None), row("net wss://b.example", None));
    let (component, build) = (component(), digest(1));
    let change = |add, remove| store.change_grants(&component, &build, add, remove, "host", at(1));
    change(vec![a.clone(), b.clone()], vec![]).await.unwrap();
    let left = change(vec![b.clone()], vec![a]).await.unwrap();
    assert_eq!(left, [b]);
    let store = reopen(&home, store);
    assert_eq!(texts(&store, 1), ["net wss://b.example"]);
    assert!(texts(&store, 2).is_empty());
}

#[tokio::test]
async fn a_grant_for_two_uses_is_used_twice() {
    let (_home, store) = store();
    store.accept(inbound("r"), at(1)).await.unwrap();
    let two = vec![row("exec true", Some(2))];
    store.change_grants(&component(), &digest(1), two, vec![], "host", at(1)).await.unwrap();
    let spent = Spent {
        component: component(),
        build: digest(1),
        grant: "exec true".to_owned(),
        terms: Terms { uses: Some(2), ..Terms::default() },
    };
    let record = || Record { spends: vec![spent.clone()], ..Record::default() };
    // What is used at the same time is counted one by one.
    let run = run("r");
    let use_it = || store.record(&run, record(), at(2));
    let (one, two, three) = tokio::join!(use_it(), use_it(), use_it());
    assert_eq!([&one, &two, &three].iter().filter(|used| used.is_ok()).count(), 2);
    let refused = [one, two, three].into_iter().find_map(Result::err).unwrap();
    assert!(matches!(refused, StoreError::NotGranted { .. }), "{refused}");
}

#[tokio::test]
async fn an_answer_for_good_gives_the_grant_with_it() {
    let (_home, store) = store();
    store.accept(inbound("r"), at(1)).await.unwrap();
    store.park(approval(0xabcd << 112, "r")).await.unwrap();
    let answer = |choice| Answer::Always(Always { choice, uses: Some(3), for_ms: Some(50) });
    assert!(store.resolve("abcd", answer(1), "ws:owner", at(10)).await.is_err());
    assert!(texts(&store, 1).is_empty());
    store.resolve("abcd", answer(0), "ws:owner", at(10)).await.unwrap();
    let rows = store.grants(&component(), &digest(1)).unwrap();
    let terms = Terms { uses: Some(3), until: Some(at(60)), ..Terms::default() };
    let expected = GrantRow { grant: "exec true".to_owned(), terms, by: "ws:owner".to_owned(), at: at(10) };
    assert_eq!(rows, [expected]);
}
