use claw_core::message::Message;
use redb::Table;

use super::*;
use crate::fixture::*;
use crate::open;
use crate::row::{StoredEntry, encode};
use crate::tables::{
    AUDIT_HEAD, ENTRIES, PENDING, RECENT, RUNS, SCHEMA, SUB_AGENTS, TASK_LISTS, TASKS, TITLES, UNFINISHED,
};
use crate::{Point, Record};

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
    store.close();
    let path = home.path().join("store.redb");
    (home, path)
}

#[tokio::test]
async fn a_sound_store_has_no_faults() {
    let (_home, path) = sound().await;
    let store = Store::open_unchanged(&path, key_of_seal()).unwrap();
    let expected = Checked { sessions: 2, entries: 8 + 12 + 2, faults: Vec::new() };
    assert_eq!(store.check().unwrap(), expected);
    let stats = store.stats().unwrap();
    assert_eq!((stats.schema, stats.sessions, stats.entries), (SCHEMA, 2, 14));
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
