use claw_core::id::Seq;

use super::*;
use crate::fixture::*;
use crate::{Record, Store};

async fn talk(store: &Store, id: &str, answers: usize) {
    store.accept(inbound(id), at(1)).await.unwrap();
    let entries = (0..answers).map(|n| said(&format!("answer {n}"))).collect();
    store.record(&run(id), Record { entries, end: done(), ..Record::default() }, at(2)).await.unwrap();
}

#[tokio::test]
async fn a_log_is_read_backwards_by_the_page() {
    let (_home, store) = store();
    talk(&store, "a", 9).await;
    let mut end = PageEnd::Newest;
    let mut pages = Vec::new();
    loop {
        let history = store.history(&key("main"), None, Page { end, limit: 4 }).unwrap();
        assert_eq!(history.total, 10);
        pages.push(history.entries.iter().map(|entry| entry.seq.0).collect::<Vec<_>>());
        if !history.more {
            break;
        }
        end = PageEnd::Before(history.entries[0].seq);
    }
    assert_eq!(pages, [vec![7, 8, 9, 10], vec![3, 4, 5, 6], vec![1, 2]]);
}

#[tokio::test]
async fn what_a_model_sees_begins_where_the_last_summary_says() {
    let (_home, store) = store();
    let seen = || lines(&store.context(&key("main")).unwrap());
    let summary = |text: &str, kept_from| Message::Summary { text: text.to_owned(), kept_from: Seq(kept_from) };
    assert_eq!(seen(), [""; 0]);
    talk(&store, "a", 3).await;
    assert_eq!(seen().len(), 4);
    store.accept(inbound("b"), at(3)).await.unwrap();
    store.record(&run("b"), entries([summary("first", 3), said("one")]), at(3)).await.unwrap();
    let first = ["3 a answer 1", "4 a answer 2", "5 b user", "6 b summary first, kept from 3", "7 b one"];
    assert_eq!(seen(), first);
    store.record(&run("b"), entries([summary("second", 7), said("two")]), at(3)).await.unwrap();
    assert_eq!(seen(), ["7 b one", "8 b summary second, kept from 7", "9 b two"]);
}

#[tokio::test]
async fn a_page_of_any_size_and_place_is_answered() {
    let (_home, store) = store();
    talk(&store, "a", 1).await;
    let page = |before: Option<u64>, limit| {
        let end = before.map_or(PageEnd::Newest, |before| PageEnd::Before(Seq(before)));
        let history = store.history(&key("main"), None, Page { end, limit }).unwrap();
        (history.entries.len(), history.more)
    };
    let skipped = |count| store.history(&key("main"), None, Page { end: PageEnd::Skip(count), limit: 9 }).unwrap();
    assert_eq!([0, 1, 2, u64::MAX].map(|count| skipped(count).entries.len()), [2, 1, 0, 0]);
    assert_eq!(page(None, 0), (1, true));
    assert_eq!(page(None, usize::MAX), (2, false));
    assert_eq!(page(Some(0), 5), (0, false));
    assert_eq!(page(Some(1), 5), (0, false));
    assert_eq!(page(Some(u64::MAX), 5), (2, false));
    let nobody = store.history(&key("nobody"), None, newest(5)).unwrap();
    assert_eq!((nobody.total, nobody.session_id.as_str()), (0, ""));
}

#[tokio::test]
async fn a_reset_begins_anew_and_keeps_what_was_said_as_a_branch() {
    let (home, store) = store();
    talk(&store, "a", 1).await;
    store.accept(inbound("begun"), at(3)).await.unwrap();
    store.record(&run("begun"), entries([said("working")]), at(3)).await.unwrap();
    store.accept(inbound("waiting"), at(4)).await.unwrap();
    assert!(store.reset_session(&key("main"), "second".to_owned(), at(5)).await.unwrap());
    assert!(!store.reset_session(&key("nobody"), "x".to_owned(), at(5)).await.unwrap());
    check_log(&store, &[]);
    store
        .record(&run("begun"), Record { entries: vec![said("unseen")], end: done(), ..Record::default() }, at(6))
        .await
        .unwrap();
    store.record(&run("waiting"), entries([said("fresh")]), at(7)).await.unwrap();
    let store = reopen(&home, store);
    check_log(&store, &["1 waiting user", "2 waiting fresh"]);
    let history = store.history(&key("main"), None, newest(9)).unwrap();
    assert_eq!((history.session_id.as_str(), history.total), ("second", 2));
    // What the run that had begun went on to say is on the branch that it began on.
    let before = store.history(&key("main"), Some(1), newest(9)).unwrap();
    assert_eq!((before.session_id.as_str(), before.total), ("a", 5));
    let expected = ["1 a user", "2 a answer 0", "3 begun user", "4 begun working", "5 begun unseen"];
    assert_eq!(lines(&before.entries), expected);
    let unknown = store.history(&key("main"), Some(2), newest(9));
    assert!(matches!(unknown, Err(StoreError::UnknownBranch { branch: 2, .. })), "{unknown:?}");
}

#[test]
fn a_preview_is_short_whatever_the_text() {
    assert_eq!(preview(" a \n\t b "), "a b");
    assert_eq!(preview(""), "");
    assert_eq!(preview(&"é".repeat(5000)).chars().count(), PREVIEW_CHARS);
    assert_eq!(preview(&"é ".repeat(5000)).chars().count(), PREVIEW_CHARS);
}
