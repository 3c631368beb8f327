use std::time::Duration;

use claw_core::audit::{AuditFrom, AuditQuery};

use super::*;
use crate::fixture::*;
use crate::{AuditRow, Received, Record, Retention};

mod model;

fn telegram() -> Source {
    Source { channel: "telegram".to_owned(), account: "default".to_owned() }
}

fn to(chat: &str, text: &str) -> Outgoing {
    let to = Chat { source: telegram(), id: chat.to_owned() };
    Outgoing {
        to,
        content: Content::Text(text.to_owned()),
        reply_to: None,
        replaces: None,
        ttl: Duration::from_millis(1000),
    }
}

fn failed(why: &str, again: Option<u64>) -> Attempt {
    Attempt::Failed { why: why.to_owned(), unsure: false, again: again.map(Timestamp) }
}

fn sent() -> Attempt {
    Attempt::Sent { message: "77".to_owned() }
}

async fn claim(store: &Store, limit: usize, when: u64) -> Vec<u64> {
    let claimed = store.claim(&telegram(), limit, at(when)).await.unwrap();
    assert!(claimed.expired.is_empty());
    claimed.to_send.into_iter().map(|row| row.id).collect()
}

/// Numbers, states and attempts.
fn rows(store: &Store) -> Vec<(u64, &'static str, u32)> {
    let rows = store.outbox(None, 0, 1000).unwrap();
    rows.into_iter().map(|row| (row.id, row.state.as_str(), row.attempts)).collect()
}

fn on_record(store: &Store, kind: &str) -> Vec<AuditRow> {
    let query = AuditQuery {
        from: AuditFrom::After(0),
        limit: 1000,
        since: None,
        kind: Some(kind.to_owned()),
        component: None,
        run: None,
        session: None,
    };
    store.audit_page(&query).unwrap().rows
}

/// A run that a message of a chat has started, which ends and says these texts.
async fn answer(store: &Store, id: &str, session: &str, texts: &[&str]) {
    let inbound = claw_core::inbound::Inbound { source: telegram(), ..inbound_to(id, session) };
    let message = Received { inbound, chat: session.to_owned(), labels: Default::default(), own: Default::default() };
    store.receive(&telegram(), vec![message], Vec::new(), id.into(), at(1)).await.unwrap();
    let outbox = texts.iter().map(|text| to(session, text)).collect();
    let record = Record { entries: vec![said("all")], end: done(), outbox, ..Record::default() };
    store.record(&run(id), record, at(2)).await.unwrap();
}

#[tokio::test]
async fn what_a_run_says_is_in_the_outbox_with_its_end_or_not_at_all() {
    let (home, store) = store();
    answer(&store, "a", "x", &["one", "two"]).await;
    assert_eq!(store.shared().commits(), 2);
    let again = Record { outbox: vec![to("x", "again")], ..Record::default() };
    assert!(matches!(store.record(&run("a"), again, at(3)).await, Err(StoreError::Superseded { .. })));
    let store = reopen(&home, store);
    let rows = store.outbox(None, 0, 9).unwrap();
    assert_eq!(rows.iter().map(|row| row.content.words()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!((rows[0].run.clone(), rows[0].session.clone()), (Some(run("a")), Some(key("x"))));
    assert_eq!((rows[0].created, rows[0].expires, rows[0].attempts), (at(2), at(1002), 0));
    assert_ne!(rows[0].key(), rows[1].key());
}

#[tokio::test]
async fn a_chat_goes_in_order_one_at_a_time_and_others_do_not_wait_for_it() {
    let (_home, store) = store();
    store.post(None, vec![to("x", "1"), to("x", "2"), to("y", "3"), to("x", "4"), to("y", "5")], at(10)).await.unwrap();
    assert_eq!(store.next_due(&telegram()).unwrap(), Some(at(10)));
    assert_eq!(claim(&store, 9, 9).await, [0; 0], "not before its time");
    assert_eq!(claim(&store, 9, 10).await, [1, 3]);
    assert_eq!(claim(&store, 9, 10).await, [0; 0]);
    assert_eq!(store.next_due(&telegram()).unwrap(), None);
    assert!(store.settle(3, sent(), at(11)).await.unwrap());
    assert!(store.settle(1, failed("busy", Some(50)), at(11)).await.unwrap());
    assert_eq!(store.next_due(&telegram()).unwrap(), Some(at(10)));
    assert_eq!(claim(&store, 9, 49).await, [5], "the one that waits holds back those of its chat");
    assert_eq!(store.next_due(&telegram()).unwrap(), Some(at(50)));
    assert_eq!(claim(&store, 9, 50).await, [1]);
    assert!(store.settle(1, failed("blocked", None), at(51)).await.unwrap());
    assert_eq!(claim(&store, 9, 51).await, [2], "a dead one holds back nothing");
    assert_eq!(rows(&store), [(1, "dead", 2), (2, "sending", 1), (4, "waiting", 0), (5, "sending", 1)]);
    assert_eq!(store.outgoing(1).unwrap().unwrap().why.as_deref(), Some("blocked"));
    assert!(!store.settle(1, sent(), at(52)).await.unwrap(), "it is not being sent");
    let other = Source { account: "other".to_owned(), ..telegram() };
    assert_eq!(store.next_due(&other).unwrap(), None);
    assert_eq!((on_record(&store, "outbox.sent").len(), on_record(&store, "outbox.dead").len()), (1, 1));
    assert_eq!(store.stats().unwrap().outbox, [("waiting", 1), ("sending", 2), ("dead", 1)]);
    assert!(store.check().unwrap().faults.is_empty());
}

#[tokio::test]
async fn what_was_being_sent_when_the_host_stopped_waits_again_and_says_so() {
    let (home, store) = store();
    store.post(None, vec![to("x", "1"), to("x", "2"), to("y", "3")], at(10)).await.unwrap();
    assert_eq!(claim(&store, 1, 10).await, [1]);
    let before = store.outgoing(1).unwrap().unwrap();
    let store = reopen(&home, store);
    assert_eq!(claim(&store, 9, 11).await, [3], "it still holds back its chat");
    assert!(store.settle(3, sent(), at(11)).await.unwrap());
    assert_eq!(store.resume_outbox(at(20)).await.unwrap(), 1);
    assert_eq!(store.resume_outbox(at(20)).await.unwrap(), 0);
    let row = store.outgoing(1).unwrap().unwrap();
    assert!(row.unsure && row.why.clone().unwrap().contains("host stopped"));
    assert_eq!((row.key(), row.attempts), (before.key(), 1));
    assert_eq!(claim(&store, 9, 20).await, [1]);
    // What became of an earlier attempt stays unknown, whatever comes of this one.
    store.settle(1, failed("no network", Some(30)), at(21)).await.unwrap();
    assert!(store.outgoing(1).unwrap().unwrap().unsure);
    let unknown = Attempt::Failed { why: "it broke off".to_owned(), unsure: true, again: None };
    assert!(!store.outgoing(2).unwrap().unwrap().unsure);
    assert_eq!(claim(&store, 9, 30).await, [1]);
    store.settle(1, sent(), at(31)).await.unwrap();
    assert_eq!(claim(&store, 9, 31).await, [2]);
    store.settle(2, unknown, at(32)).await.unwrap();
    assert!(store.outgoing(2).unwrap().unwrap().unsure);
}

#[tokio::test]
async fn what_could_not_be_sent_in_time_is_dead_and_makes_way() {
    let (_home, store) = store();
    store.post(None, vec![to("x", "old"), to("x", "also old")], at(0)).await.unwrap();
    store.post(None, vec![to("x", "new")], at(500)).await.unwrap();
    assert_eq!(claim(&store, 9, 999).await, [1]);
    store.settle(1, failed("no network", Some(1000)), at(999)).await.unwrap();
    for id in [1, 2] {
        let claimed = store.claim(&telegram(), 9, at(1000)).await.unwrap();
        assert_eq!(claimed.expired.iter().map(|row| row.id).collect::<Vec<_>>(), [id]);
        assert!(claimed.to_send.is_empty());
        assert_eq!(store.next_due(&telegram()).unwrap(), Some(at(if id == 1 { 0 } else { 500 })));
    }
    assert_eq!(claim(&store, 9, 1000).await, [3]);
    let why = store.outgoing(1).unwrap().unwrap().why.unwrap();
    assert_eq!(why, "it could not be sent in time; the last attempt: no network");
    assert_eq!(on_record(&store, "outbox.dead").len(), 2);
}

#[tokio::test]
async fn the_owner_retries_and_drops() {
    let (_home, store) = store();
    store.post(None, vec![to("x", "1"), to("x", "2"), to("x", "3"), to("y", "4")], at(0)).await.unwrap();
    for id in [1, 2] {
        assert_eq!(claim(&store, 1, 5).await, [id]);
        store.settle(id, failed("blocked", None), at(5)).await.unwrap();
    }
    assert_eq!(claim(&store, 1, 5).await, [3]);
    let dead: Vec<_> = store.outbox(Some("dead"), 0, 9).unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(dead, [1, 2]);
    assert_eq!(store.outbox(Some("dead"), 1, 9).unwrap().len(), 1);
    assert_eq!(store.outbox(Some("dead"), 0, 1).unwrap().len(), 1);
    assert_eq!(store.outbox(None, 2, 9).unwrap().len(), 2);
    // Only what is dead; what is being sent, waits or is not there stays as it is.
    assert_eq!(store.retry_outgoing(vec![2, 1, 1, 3, 4, 99], "cli", at(2000)).await.unwrap(), [2, 1]);
    let row = store.outgoing(2).unwrap().unwrap();
    assert_eq!((row.state, row.attempts, row.expires), (OutgoingState::Waiting { next: at(2000) }, 0, at(3000)));
    store.post(None, vec![to("x", "5")], at(2000)).await.unwrap();
    store.settle(3, sent(), at(2000)).await.unwrap();
    assert_eq!(store.drop_outgoing(vec![4, 4, 99], "cli", at(2000)).await.unwrap(), [4]);
    let mut order = Vec::new();
    while let [id] = claim(&store, 1, 2000).await[..] {
        store.settle(id, sent(), at(2000)).await.unwrap();
        order.push(id);
    }
    assert_eq!(order, [2, 1, 7], "in the order of the request, and places are numbers too");
    assert_eq!(rows(&store), []);
    assert_eq!((on_record(&store, "outbox.retried").len(), on_record(&store, "outbox.dropped").len()), (2, 1));
}

#[tokio::test]
async fn what_is_being_sent_is_not_dropped_and_what_waits_behind_it_stays() {
    let (_home, store) = store();
    store.post(None, vec![to("x", "1"), to("x", "2"), to("x", "3")], at(0)).await.unwrap();
    assert_eq!(claim(&store, 1, 1).await, [1]);
    assert_eq!(store.drop_outgoing(vec![1, 2], "cli", at(2)).await.unwrap(), [2]);
    store.settle(1, sent(), at(2)).await.unwrap();
    assert_eq!(claim(&store, 1, 2).await, [3]);
    assert!(store.check().unwrap().faults.is_empty());
}

#[tokio::test]
async fn what_is_to_be_sent_goes_with_its_conversation_and_that_is_on_record() {
    let (_home, store) = store();
    answer(&store, "a", "x", &["1", "2"]).await;
    answer(&store, "b", "y", &["3"]).await;
    store.post(Some(&key("x")), vec![to("x", "4")], at(3)).await.unwrap();
    let nowhere = store.post(Some(&key("nowhere")), vec![to("x", "5")], at(3)).await;
    assert!(matches!(nowhere, Err(StoreError::UnknownSession { .. })));
    // Nobody is asked when a conversation is too old: what waits, is waited for.
    let all = Retention { age: None, count: Some(0) };
    let stale = |when| store.stale_sessions(all, at(when)).unwrap().len();
    assert_eq!(stale(1001), 0);
    assert_eq!(stale(1002), 1, "but for what is not worth sending any more");
    assert_eq!(stale(1003), 2);
    assert_eq!(claim(&store, 1, 5).await, [1]);
    assert!(store.delete_session(&key("x"), "cli", at(6)).await.unwrap());
    assert_eq!(rows(&store), [(3, "waiting", 0)]);
    assert!(!store.settle(1, sent(), at(7)).await.unwrap());
    let deleted = on_record(&store, "session.deleted");
    assert!(deleted[0].text.contains("messages that were not sent: 3"), "{}", deleted[0].text);
    assert!(store.check().unwrap().faults.is_empty());
}

#[tokio::test]
async fn what_nobody_sends_dies_in_time_and_the_dead_do_not_pile_up() {
    let (_home, store) = store();
    store.post(None, vec![to("x", "1"), to("x", "2"), to("y", "3")], at(10)).await.unwrap();
    let (month, many) = (Duration::from_millis(5000), 100);
    assert_eq!(store.sweep_outbox(month, many, at(1009)).await.unwrap(), (0, 0));
    assert_eq!(store.sweep_outbox(month, many, at(1010)).await.unwrap(), (3, 0));
    assert_eq!(rows(&store), [(1, "dead", 0), (2, "dead", 0), (3, "dead", 0)]);
    assert_eq!(on_record(&store, "outbox.dead").len(), 3);
    assert_eq!(store.sweep_outbox(month, 2, at(1011)).await.unwrap(), (0, 1), "the oldest goes");
    assert_eq!(rows(&store).first(), Some(&(2, "dead", 0)));
    assert_eq!(store.sweep_outbox(month, many, at(6009)).await.unwrap(), (0, 0));
    assert_eq!(store.sweep_outbox(month, many, at(6010)).await.unwrap(), (0, 2));
    assert_eq!(on_record(&store, "outbox.dropped").len(), 3);
    assert!(store.check().unwrap().faults.is_empty());
}

#[tokio::test]
async fn what_was_put_off_can_be_hurried() {
    let (_home, store) = store();
    store.post(None, vec![to("x", "1")], at(10)).await.unwrap();
    assert_eq!(claim(&store, 9, 10).await, [1]);
    store.settle(1, failed("not granted", Some(1010)), at(11)).await.unwrap();
    assert_eq!(claim(&store, 9, 12).await, [0; 0]);
    store.hurry_outbox(&telegram(), at(12)).await.unwrap();
    assert_eq!(claim(&store, 9, 12).await, [1]);
}

#[tokio::test]
async fn a_file_is_named_as_long_as_it_is_to_be_sent() {
    let (home, store) = store();
    let file =
        OutgoingFile { name: "a.png".to_owned(), media_type: "image/png".to_owned(), digest: digest(7), bytes: 9 };
    let message = |file: &OutgoingFile| Outgoing { content: Content::File(file.clone()), ..to("x", "") };
    let other = OutgoingFile { digest: digest(8), ..file.clone() };
    store.accept(inbound_to("a", "x"), at(1)).await.unwrap();
    let outbox = vec![message(&file), message(&other)];
    store.record(&run("a"), Record { outbox, end: done(), ..Record::default() }, at(2)).await.unwrap();
    let store = reopen(&home, store);
    let rows = store.outbox(None, 0, 9).unwrap();
    assert_eq!(rows[0].content, Content::File(file));
    assert_ne!(rows[0].key(), rows[1].key());
    assert_eq!(store.named_blobs().unwrap(), [digest(7), digest(8)].into());
    let first = store.claim(&telegram(), 1, at(3)).await.unwrap().to_send.remove(0);
    store.settle(first.id, sent(), at(4)).await.unwrap();
    assert_eq!(store.named_blobs().unwrap(), [digest(8)].into());
    // On record is what the file was.
    assert!(on_record(&store, "outbox.sent")[0].text.contains(&digest(7).to_string()));
    store.delete_session(&key("x"), "cli", at(5)).await.unwrap();
    assert_eq!(store.named_blobs().unwrap(), [].into());
}
