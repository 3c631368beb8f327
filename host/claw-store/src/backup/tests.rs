use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::fixture::*;
use crate::{Record, Stats};

/// The numbers of rows, by table.
fn rows(stats: &Stats) -> Vec<(String, u64)> {
    stats.tables.iter().map(|table| (table.name.clone(), table.rows)).collect()
}

async fn talk(store: &Store, number: usize) {
    let id = format!("r{number}");
    store.accept(inbound_to(&id, &format!("s{}", number % 7)), at(1)).await.unwrap();
    let record = Record { end: done(), ..entries([said(&id), said("more")]) };
    store.record(&run(&id), record, at(2)).await.unwrap();
}

fn copy_in(home: &tempfile::TempDir) -> PathBuf {
    home.path().join("copy.redb")
}

// ST-16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_while_others_write_is_one_state_with_all_that_was_durable_before() {
    let (home, store) = store();
    for number in 0..50 {
        talk(&store, number).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        async move {
            let mut number = 50;
            while !stop.load(Ordering::Relaxed) {
                talk(&store, number).await;
                number += 1;
            }
            number
        }
    });
    let path = copy_in(&home);
    let copying = tokio::task::spawn_blocking({
        let (store, path) = (store.clone(), path.clone());
        move || store.copy_to(&path)
    });
    copying.await.unwrap().unwrap();
    stop.store(true, Ordering::Relaxed);
    let written = writing.await.unwrap();
    let copy = Store::open(&path, key_of_seal()).unwrap();
    assert_eq!(copy.check().unwrap().faults, Vec::<String>::new());
    assert!((0..50).all(|number| copy.run(&run(&format!("r{number}"))).unwrap().is_some()));
    // The state of one moment: runs have arrived in order, so those that are there leave no gap.
    let there = (0..written).filter(|number| copy.run(&run(&format!("r{number}"))).unwrap().is_some()).count();
    assert!(copy.run(&run(&format!("r{}", there - 1))).unwrap().is_some(), "{there} of {written}");
    assert!(copy.verify_audit().unwrap().broken.is_none());
}

#[tokio::test]
async fn a_copy_of_a_store_at_rest_has_each_row_and_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (home, store) = store();
    for number in 0..20 {
        talk(&store, number).await;
    }
    let path = copy_in(&home);
    store.copy_to(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = Store::open(&path, key_of_seal()).unwrap();
    assert_eq!(rows(&copy.stats().unwrap()), rows(&store.stats().unwrap()));
    assert_eq!(copy.transcript(&key("s3")).unwrap(), store.transcript(&key("s3")).unwrap());
    assert_eq!(copy.verify_audit().unwrap(), store.verify_audit().unwrap());
}

#[tokio::test]
async fn nothing_is_copied_over_what_is_there_and_incognito_stays_out() {
    let (home, store) = store();
    let path = copy_in(&home);
    std::fs::write(&path, "somebody's").unwrap();
    let err = store.copy_to(&path).unwrap_err();
    assert!(matches!(err, StoreError::Open { .. }), "{err:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"somebody's");
    std::fs::remove_file(&path).unwrap();
    let secret = store.incognito();
    let words = "canary-of-the-copy";
    let inbound = claw_core::inbound::Inbound { text: words.to_owned(), ..inbound_to("r", "incognito:x") };
    secret.accept(inbound, at(1)).await.unwrap();
    store.copy_to(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(words.len()).any(|window| window == words.as_bytes()));
    store.close();
}
