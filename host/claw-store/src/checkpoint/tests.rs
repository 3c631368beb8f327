use claw_core::checkpoint::{FileState, Node, Touched};

use super::*;
use crate::fixture::*;
use crate::{AuditEntry, Record};

fn known(version: u64) -> Known {
    let state = FileState { inode: version, bytes: 3, mode: 0o644, modified: 1, changed: 2 };
    let byte = u8::try_from(version).unwrap();
    Known { version, node: Node::File(state), content: Content::Kept { digest: digest(byte), settled: true } }
}

fn checkpoint(of: &str, path: &str, before: u64) -> Checkpoint {
    let touched = Touched { before: Some(known(before)), after: None, shared: false };
    let mut checkpoint = Checkpoint::new(run(of), key("main"), "/ws".to_owned(), at(1));
    checkpoint.touched.insert(path.into(), touched);
    checkpoint
}

fn looked(files: &[(&str, Option<Known>)], checkpoints: Vec<Checkpoint>) -> Looked {
    let files = files.iter().map(|(path, known)| ((*path).into(), known.clone())).collect();
    Looked { folder: "/ws".to_owned(), files, checkpoints, keep: 2 }
}

async fn turn(store: &Store, id: &str) {
    store.accept(inbound(id), at(1)).await.unwrap();
    let record = Record { entries: vec![said("ok")], end: done(), ..Record::default() };
    store.record(&run(id), record, at(2)).await.unwrap();
}

fn names(store: &Store) -> Vec<u8> {
    store.named_blobs().unwrap().into_iter().map(|digest| digest.0[0]).collect()
}

#[tokio::test]
async fn what_was_seen_and_changed_outlasts_a_restart_and_names_its_blobs() {
    let (home, store) = store();
    assert_eq!((store.watched("/ws").unwrap().len(), names(&store)), (0, vec![]), "no file is too old");
    let first = looked(&[("a", Some(known(1))), ("b", Some(known(2)))], vec![checkpoint("a", "gone", 3)]);
    store.looked(first).await.unwrap();
    store.looked(Looked { folder: "/ws2".to_owned(), ..looked(&[("z", Some(known(9)))], vec![]) }).await.unwrap();
    store.looked(looked(&[("a", None), ("b", Some(known(4)))], vec![])).await.unwrap();
    let store = reopen(&home, store);
    assert_eq!(store.watched("/ws").unwrap(), BTreeMap::from([(b"b".to_vec(), known(4))]));
    assert_eq!(names(&store), [3, 4, 9]);
    assert_eq!(store.checkpoint(&run("a")).unwrap(), Some(checkpoint("a", "gone", 3)));
    store.watch_only(vec!["/ws".to_owned()]).await.unwrap();
    assert_eq!(names(&store), [3, 4]);
    // The oldest one goes when there are more than are kept.
    let more = vec![checkpoint("b", "x", 5), checkpoint("c", "x", 6), checkpoint("b", "x", 7)];
    store.looked(looked(&[], more)).await.unwrap();
    assert_eq!(names(&store), [4, 6, 7]);
    assert_eq!(store.check().unwrap().faults, Vec::<String>::new());
    store.watch_only(vec![]).await.unwrap();
    assert_eq!(names(&store), Vec::<u8>::new());
}

#[tokio::test]
async fn a_turn_goes_back_once_and_its_files_are_to_follow_until_they_have() {
    let (home, store) = store();
    turn(&store, "a").await;
    turn(&store, "b").await;
    store.looked(looked(&[], vec![checkpoint("b", "x", 5)])).await.unwrap();
    let Undoing::Begun(turn_back) = store.undo_turn(&key("main"), "test", at(3)).await.unwrap() else { panic!() };
    assert_eq!((&turn_back.runs[..], turn_back.dropped, turn_back.partly.clone()), (&[run("b")][..], 2, None));
    check_log(&store, &["1 a user", "2 a ok"]);
    // Killed here: the next time the files follow, and nothing else goes back.
    let store = reopen(&home, store);
    let again = store.undo_turn(&key("main"), "test", at(4)).await.unwrap();
    assert_eq!(again, Undoing::GoesOn(turn_back.clone()));
    check_log(&store, &["1 a user", "2 a ok"]);
    let entry = AuditEntry::new(AuditKind::SessionUndone, "test", at(5));
    store.undone(&key("main"), turn_back, vec![looked(&[("x", Some(known(5)))], vec![])], entry).await.unwrap();
    assert_eq!((store.checkpoint(&run("b")).unwrap(), names(&store)), (None, vec![5]));
    // The turn before has changed nothing.
    let Undoing::Done(turn_back) = store.undo_turn(&key("main"), "test", at(6)).await.unwrap() else { panic!() };
    assert_eq!(turn_back.runs, [run("a")]);
    let Undoing::Done(turn_back) = store.undo_turn(&key("main"), "test", at(7)).await.unwrap() else { panic!() };
    assert_eq!((turn_back.branch, turn_back.runs), (None, vec![]));
    assert_eq!(store.check().unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_run_that_began_before_goes_back_only_in_part_and_a_busy_one_not_at_all() {
    let (_home, store) = store();
    store.accept(inbound("a"), at(1)).await.unwrap();
    store.record(&run("a"), entries([asks(&["1"])]), at(2)).await.unwrap();
    let busy = store.undo_turn(&key("main"), "test", at(3)).await.unwrap_err();
    assert!(matches!(busy, StoreError::Busy { .. }), "{busy:?}");
    // Another message joins it.
    store.accept(inbound("b"), at(3)).await.unwrap();
    let joined = Record { entries: vec![answers("1")], joins: vec![run("b")], ..Record::default() };
    store.record(&run("a"), joined, at(4)).await.unwrap();
    store.record(&run("a"), Record { end: done(), ..entries([said("ok")]) }, at(5)).await.unwrap();
    store.looked(looked(&[], vec![checkpoint("a", "x", 5)])).await.unwrap();
    let Undoing::Done(turn_back) = store.undo_turn(&key("main"), "test", at(6)).await.unwrap() else { panic!() };
    assert_eq!((turn_back.runs, turn_back.partly), (vec![run("b")], Some(run("a"))));
    let Undoing::Begun(turn_back) = store.undo_turn(&key("main"), "test", at(7)).await.unwrap() else { panic!() };
    assert_eq!((turn_back.runs, turn_back.partly), (vec![run("a")], None));
}

#[tokio::test]
async fn what_a_conversation_s_runs_have_changed_is_deleted_with_it() {
    let (_home, store) = store();
    turn(&store, "a").await;
    store.looked(looked(&[], vec![checkpoint("a", "x", 5)])).await.unwrap();
    store.undo_turn(&key("main"), "test", at(3)).await.unwrap();
    store.delete_session(&key("main"), "test", at(4)).await.unwrap();
    assert_eq!((store.checkpoint(&run("a")).unwrap(), names(&store)), (None, vec![]));
    turn(&store, "b").await;
    let Undoing::Done(turn_back) = store.undo_turn(&key("main"), "test", at(6)).await.unwrap() else { panic!() };
    assert_eq!(turn_back.runs, [run("b")]);
}
