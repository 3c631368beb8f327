use super::*;
use crate::fixture::*;
use crate::{Record, Store};

const CANARY: &str = "canary-7f3a";

fn holds_canary(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap();
    bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
}

/// A store with two sessions, one of which said the canary and was deleted.
async fn deleted() -> (tempfile::TempDir, PathBuf) {
    let (home, store) = store();
    for (id, session) in [("a", "main"), ("b", "other")] {
        store.accept(inbound_to(id, session), at(1)).await.unwrap();
        let words = if id == "a" { CANARY } else { "harmless" };
        let many = (0..50).map(|_| said(&format!("{words} {}", "x".repeat(1000)))).collect();
        store.record(&run(id), Record { entries: many, end: done(), ..Record::default() }, at(2)).await.unwrap();
    }
    store.delete_session(&key("main"), "cli", at(3)).await.unwrap();
    store.close();
    let path = home.path().join("store.redb");
    (home, path)
}

#[tokio::test]
async fn what_was_deleted_is_gone_from_the_file_and_the_rest_is_there() {
    // ST-20
    let (home, path) = deleted().await;
    assert!(holds_canary(&path), "or there is nothing to show");
    let Compacted { before, after, kept } = compact(&path).unwrap();
    assert!(!holds_canary(&path));
    assert!(after < before, "{before} {after}");
    assert!(kept.is_empty());
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    let store = Store::open(&path, key_of_seal()).unwrap();
    assert_eq!(store.transcript(&key("other")).unwrap().len(), 51);
    assert_eq!(store.check().unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_store_that_is_in_use_is_left_alone_and_its_user_named() {
    let (_home, path) = deleted().await;
    let store = Store::open(&path, key_of_seal()).unwrap();
    let err = compact(&path).unwrap_err();
    assert!(err.to_string().contains(&format!("process {}", std::process::id())), "{err}");
    store.close();
    let err = compact(Path::new("/nowhere/store.redb")).unwrap_err();
    assert!(matches!(err, StoreError::Open { .. }), "{err:?}");
}

#[tokio::test]
async fn what_a_stop_left_of_the_new_file_is_replaced() {
    let (home, path) = deleted().await;
    std::fs::write(home.path().join("store.redb.compact"), CANARY.repeat(100_000)).unwrap();
    compact(&path).unwrap();
    assert!(!holds_canary(&path));
}
