use claw_core::inbound::Chat;
use claw_core::label::Labels;
use claw_core::message::Message;
use redb::Table;

use super::*;
use crate::fixture::*;
use crate::open;
use crate::row::{StoredEntry, StoredSending, encode};
use crate::tables::{
    AUDIT_HEAD, CURSORS, ENTRIES, META, OUTBOX, OUTBOX_CHATS, OUTBOX_DUE, OUTBOX_KEY, OUTBOX_OF, OUTBOX_STATES,
    PENDING, RECENT, ROUTES, RUNS, SCHEMA, SUB_AGENTS, TASK_LISTS, TASKS, TITLES, UNFINISHED,
};
use crate::{Attempt, Content, Outgoing, Point, Received, Record};

/// A sound store with something of everything that is checked.
async fn sound() -> (tempfile::TempDir, std::path::PathBuf) {
    let (home, store) = store();
    for id in ["a", "b", "c"] {
        store.accept(inbound(id), at(1)).await.unwrap();
        let said = vec![asks(&["1"]), answers("1"), said("done")];
        let record = Record { entries: said, recordings: vec![(call("1"), vec![1])], end: done(), ..Record::default() };
        store.record(&run(id), record, at(2)).await.unwrap();
    }
    store.rewind(&key("main"), Point::Turns(1), at(3)).await.unwrap();
    store.title_session(&key("main"), Some("mine")).await.unwrap();
    store.accept(inbound_to("open", "other"), at(4)).await.unwrap();
    store.record(&run("open"), entries([asks(&["1"])]), at(4)).await.unwrap();
    store.park(approval(1, "open")).await.unwrap();
    let source = inbound("a").source;
    let message = |n| Outgoing {
        to: Chat { source: source.clone(), id: "X".to_owned() },
        content: Content::Text(format!("message {n}")),
        reply_to: None,
        replaces: None,
        ttl: std::time::Duration::from_secs(1),
    };
    store.post(Some(&key("main")), (1..=3).map(message).collect(), at(5)).await.unwrap();
    store.claim(&source, 1, at(5)).await.unwrap();
    let again = Attempt::Failed { why: "busy".to_owned(), unsure: false, again: Some(at(9)) };
    store.settle(1, again, at(6)).await.unwrap();
    let received = Received {
        inbound: inbound_to("d", "side"),
        chat: "X".to_owned(),
        labels: Labels::default(),
        own: crate::Preferences::default(),
    };
    store.receive(&source, vec![received], Vec::new(), b"cursor".to_vec(), at(6)).await.unwrap();
    store.close();
    let path = home.path().join("store.redb");
    (home, path)
}

#[tokio::test]
async fn a_sound_store_has_no_faults() {
    let (_home, path) = sound().await;
    let store = Store::open_unchanged(&path, key_of_seal()).unwrap();
    let expected = Checked { sessions: 3, entries: 8 + 12 + 2, faults: Vec::new() };
    assert_eq!(store.check().unwrap(), expected);
    let stats = store.stats().unwrap();
    assert_eq!((stats.schema, stats.sessions, stats.entries), (SCHEMA, 3, 14));
    assert!(stats.tables.iter().all(|table| table.page_bytes >= table.bytes));
    assert!(stats.file_bytes > 0);
}

/// Damages the store by hand and looks for a fault with these words.
async fn check_fault(damage: impl FnOnce(&redb::WriteTransaction), words: &str) {
    let (_home, path) = sound().await;
    let database = open::builder().create(&path).unwrap();
    let txn = database.begin_write().unwrap();
    damage(&txn);
    txn.commit().unwrap();
    drop(database);
    let store = Store::open_unchanged(&path, key_of_seal()).unwrap();
    let faults = store.check().unwrap().faults;
    assert!(faults.iter().any(|fault| fault.contains(words)), "expected `{words}` in {faults:?}");
}

const MAIN: &str = "agent:main:main";

#[tokio::test]
async fn an_index_that_does_not_fit_its_rows_is_a_fault() {
    check_fault(|txn| drop(txn.open_table(RECENT).unwrap().remove((3, MAIN)).unwrap()), "not in the list").await;
    check_fault(|txn| drop(txn.open_table(RECENT).unwrap().insert((9, MAIN), ()).unwrap()), "lead nowhere").await;
    check_fault(|txn| drop(txn.open_table(TITLES).unwrap().remove(("mine", MAIN)).unwrap()), "by its label").await;
    check_fault(|txn| drop(txn.open_table(PENDING).unwrap().insert("f", ()).unwrap()), "pending and is not").await;
    check_fault(|txn| drop(txn.open_table(PENDING).unwrap().pop_first().unwrap()), "pending and not listed").await;
    check_fault(|txn| drop(txn.open_table(UNFINISHED).unwrap().pop_first().unwrap()), "does not wait").await;
    check_fault(|txn| drop(txn.open_table(UNFINISHED).unwrap().insert(9, "a").unwrap()), "does not say so").await;
    check_fault(|txn| drop(txn.open_table(TASKS).unwrap().insert("x", [1].as_slice()).unwrap()), "run that is not")
        .await;
    check_fault(|txn| drop(txn.open_table(TASK_LISTS).unwrap().insert(("", 1, "x"), ()).unwrap()), "lead nowhere")
        .await;
}

#[tokio::test]
async fn an_outbox_that_does_not_fit_its_indexes_is_a_fault() {
    let (ws, owner) = ("ws", "owner");
    check_fault(
        |txn| drop(txn.open_table(OUTBOX_STATES).unwrap().remove(("waiting", 2)).unwrap()),
        "not listed as waiting",
    )
    .await;
    check_fault(|txn| drop(txn.open_table(OUTBOX_STATES).unwrap().insert(("dead", 2), ()).unwrap()), "by state").await;
    check_fault(
        |txn| drop(txn.open_table(OUTBOX_CHATS).unwrap().remove((ws, owner, "X", 2)).unwrap()),
        "not in the queue",
    )
    .await;
    check_fault(|txn| drop(txn.open_table(OUTBOX_CHATS).unwrap().insert((ws, owner, "Y", 2), 2).unwrap()), "by chat")
        .await;
    check_fault(|txn| drop(txn.open_table(OUTBOX_OF).unwrap().remove((MAIN, 3)).unwrap()), "by its conversation").await;
    check_fault(|txn| drop(txn.open_table(OUTBOX_OF).unwrap().insert((MAIN, 4), ()).unwrap()), "by conversation").await;
    check_fault(|txn| drop(txn.open_table(OUTBOX_DUE).unwrap().pop_first().unwrap()), "never due").await;
    check_fault(|txn| drop(txn.open_table(OUTBOX_DUE).unwrap().insert((ws, owner, 5, 2), 2).unwrap()), "are due").await;
    check_fault(|txn| drop(txn.open_table(META).unwrap().insert(OUTBOX_KEY, 2).unwrap()), "not given yet").await;
    check_fault(|txn| drop(txn.open_table(OUTBOX).unwrap().remove(2).unwrap()), "lead nowhere").await;
    check_fault(
        |txn| drop(txn.open_table(ROUTES).unwrap().insert("gone", [1].as_slice()).unwrap()),
        "belongs to a chat",
    )
    .await;
    // Two of a chat at a time, or the second before the first.
    let change = |txn: &redb::WriteTransaction, id, change: &dyn Fn(&mut StoredOutgoing)| {
        let mut table = txn.open_table(OUTBOX).unwrap();
        let mut row: StoredOutgoing = decode("", table.get(id).unwrap().unwrap().value()).unwrap();
        change(&mut row);
        table.insert(id, encode(&row).as_slice()).unwrap();
    };
    check_fault(|txn| change(txn, 2, &|row| row.state = StoredSending::Sending), "before those in front of it").await;
    check_fault(|txn| change(txn, 2, &|row| row.session = Some(key("gone"))), "which is not there").await;
}

#[tokio::test]
async fn a_row_that_has_changed_is_a_fault() {
    let cut = |mut table: Table<'_, &'static str, Bytes>| {
        let mut bytes = table.get("a").unwrap().unwrap().value().to_vec();
        bytes[3] ^= 1;
        table.insert("a", bytes.as_slice()).unwrap();
    };
    check_fault(|txn| cut(txn.open_table(RUNS).unwrap()), "the run row of `a`").await;
    let put = |mut table: Table<'_, &'static str, Bytes>| drop(table.insert("a", [1, 2, 3, 4, 5].as_slice()).unwrap());
    check_fault(|txn| put(txn.open_table(TASKS).unwrap()), "the task row of `a`").await;
    check_fault(|txn| put(txn.open_table(SUB_AGENTS).unwrap()), "the sub-agent row of `a`").await;
    check_fault(|txn| put(txn.open_table(ROUTES).unwrap()), "the route row of `a`").await;
    let cursor = |txn: &redb::WriteTransaction| {
        drop(txn.open_table(CURSORS).unwrap().insert(("ws", "owner"), [1, 2, 3, 4, 5].as_slice()).unwrap());
    };
    check_fault(cursor, "the cursor row of").await;
    check_fault(
        |txn| drop(txn.open_table(OUTBOX).unwrap().insert(7, [1, 2, 3, 4, 5].as_slice()).unwrap()),
        "the outbox row of `7`",
    )
    .await;
    check_fault(|txn| drop(txn.open_table(AUDIT_HEAD).unwrap().pop_first().unwrap()), "the record breaks").await;
}

#[tokio::test]
async fn a_log_that_no_model_accepts_is_a_fault() {
    check_fault(|txn| drop(txn.open_table(ENTRIES).unwrap().remove((MAIN, 1, 6)).unwrap()), "entry 6 is missing").await;
    let replace = |txn: &redb::WriteTransaction, message: Message| {
        let entry = Entry { seq: claw_core::id::Seq(7), at: at(1), run: run("b"), message };
        let bytes = encode(&StoredEntry::from(&entry));
        txn.open_table(ENTRIES).unwrap().insert((MAIN, 1, 7), bytes.as_slice()).unwrap();
    };
    check_fault(|txn| replace(txn, said("too early")), "entry 7: tool call `1` has no answer yet").await;
    check_fault(|txn| drop(txn.open_table(RUNS).unwrap().remove("open").unwrap()), "left a tool call").await;
}
