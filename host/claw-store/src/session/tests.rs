use claw_core::id::{AgentId, Seq, SessionKey};

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
    let mut before = None;
    let mut pages = Vec::new();
    loop {
        let history = store.history(&key("main"), Page { before, limit: 4 }).unwrap();
        assert_eq!(history.total, 10);
        pages.push(history.entries.iter().map(|entry| entry.seq.0).collect::<Vec<_>>());
        if !history.more {
            break;
        }
        before = history.entries.first().map(|entry| entry.seq);
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
        let history = store.history(&key("main"), Page { before: before.map(Seq), limit }).unwrap();
        (history.entries.len(), history.more)
    };
    assert_eq!(page(None, 0), (1, true));
    assert_eq!(page(None, usize::MAX), (2, false));
    assert_eq!(page(Some(0), 5), (0, false));
    assert_eq!(page(Some(1), 5), (0, false));
    assert_eq!(page(Some(u64::MAX), 5), (2, false));
    let nobody = store.history(&key("nobody"), newest(5)).unwrap();
    assert_eq!((nobody.total, nobody.session_id.as_str()), (0, ""));
}

#[tokio::test]
async fn a_reset_hides_the_log_and_keeps_it() {
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
    let history = store.history(&key("main"), newest(9)).unwrap();
    assert_eq!((history.session_id.as_str(), history.total), ("second", 2));
    let (hidden, first_id) = store
        .read(|snapshot| {
            let hidden = epoch_entries(&snapshot.table(tables::ENTRIES)?, &key("main"), 1, 1..=u64::MAX)?;
            let epochs = snapshot.table(tables::EPOCHS)?;
            let first_id = epochs.get((key("main").as_str(), 1))?.map(|id| id.value().to_owned());
            Ok((hidden, first_id))
        })
        .unwrap();
    assert_eq!(hidden.len(), 5);
    assert_eq!(first_id.as_deref(), Some("a"));
}

#[tokio::test]
async fn sessions_are_listed_newest_first() {
    let (_home, store) = store();
    for (n, session) in ["one", "two", "agent:work:three"].into_iter().enumerate() {
        store.accept(inbound_to(&format!("r{n}"), session), at(n as u64 * 10)).await.unwrap();
    }
    store.record(&run("r0"), entries([said("  back\n again ")]), at(50)).await.unwrap();
    let list = |query| {
        let rows = store.sessions(query).unwrap();
        rows.into_iter().map(|row| row.key.to_string()).collect::<Vec<_>>()
    };
    let all = ["agent:main:one", "agent:work:three", "agent:main:two"];
    assert_eq!(list(SessionQuery::default()), all);
    assert_eq!(list(SessionQuery { limit: 0, ..SessionQuery::default() }), all[..1]);
    assert_eq!(list(SessionQuery { updated_since: Some(at(20)), ..SessionQuery::default() }), all[..2]);
    let work = Some(AgentId::parse("work").unwrap());
    assert_eq!(list(SessionQuery { agent: work, ..SessionQuery::default() }), all[1..2]);
    let row = store.session(&key("one")).unwrap().unwrap();
    assert_eq!((row.created, row.updated, row.entries, row.runs), (at(0), at(50), 2, 1));
    assert_eq!((row.session_id.as_str(), row.last_message.as_str()), ("r0", "back again"));
}

#[test]
fn a_preview_is_short_whatever_the_text() {
    assert_eq!(preview(" a \n\t b "), "a b");
    assert_eq!(preview(""), "");
    assert_eq!(preview(&"é".repeat(5000)).chars().count(), PREVIEW_CHARS);
    assert_eq!(preview(&"é ".repeat(5000)).chars().count(), PREVIEW_CHARS);
}

#[tokio::test]
async fn listing_a_page_costs_the_same_among_ten_thousand_sessions() {
    // ST-22
    let (_home, store) = store();
    let query = SessionQuery { limit: 50, ..SessionQuery::default() };
    let scanned = || store.read(|snapshot| Ok(list(snapshot, &query)?.scanned)).unwrap();
    let mut costs = Vec::new();
    let sessions: Vec<SessionKey> = (0..10_000).map(|n| key(&format!("s{n}"))).collect();
    for many in sessions.chunks(250) {
        let accept = |session: &SessionKey| {
            let inbound = inbound_to(session.as_str(), session.as_str());
            let store = store.clone();
            tokio::spawn(async move { store.accept(inbound, at(1)).await })
        };
        for accepted in many.iter().map(accept).collect::<Vec<_>>() {
            accepted.await.unwrap().unwrap();
        }
        costs.push(scanned());
    }
    assert_eq!(costs, vec![50; 40]);
}
