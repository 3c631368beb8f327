use std::fs;
use std::os::unix::fs::PermissionsExt;

use redb::TableDefinition;
use tempfile::TempDir;

use super::*;
use crate::fixture::*;
use crate::{Record, Store};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A closed store with a few hundred entries, its path and its log.
async fn sound() -> (TempDir, PathBuf, Vec<String>) {
    let (home, store) = store();
    for n in 0..8 {
        let id = format!("r{n}");
        store.accept(inbound(&id), at(1)).await.unwrap();
        let entries = (0..20).map(|m| said(&format!("{n} {m} {}", "text ".repeat(40)))).collect();
        store.record(&run(&id), Record { entries, end: done(), ..Record::default() }, at(2)).await.unwrap();
    }
    let log = lines(&store.transcript(&key("main")).unwrap());
    store.close();
    let path = home.path().join("store.redb");
    (home, path, log)
}

#[test]
fn one_store_is_opened_by_one_host() {
    // ST-08; another process is tried in `store::tests::killed`.
    let (home, store) = store();
    let path = home.path().join("store.redb");
    let second = Store::open(&path, key_of_seal()).err().unwrap();
    assert!(
        matches!(&second, StoreError::AlreadyOpen { path: at, pid } if *at == path && *pid == Some(std::process::id())),
        "{second:?}"
    );
    let clone = store.clone();
    store.close();
    drop(Store::open(&path, key_of_seal()).unwrap());
    assert!(matches!(clone.unfinished_runs(), Err(StoreError::Closed)));
}

/// A killed host can leave a child that still has all its files, on its way to another program.
#[test]
fn a_lock_that_is_nobodys_any_more_is_waited_for() {
    let (home, store) = store();
    store.close();
    let path = home.path().join("store.redb");
    let script = r#"exec 9<>"$1"; flock 9; (exec sleep 0.1 >/dev/null) & echo ready"#;
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, "sh"]).arg(&path).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut ready = [0; 6];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
    // Only the shell in the background is left with the lock.
    child.wait().unwrap();
    drop(Store::open(&path, key_of_seal()).unwrap());
}

#[test]
fn the_file_is_private_from_the_start_and_made_private_if_it_is_not() {
    // ST-14
    let (home, store) = store();
    let path = home.path().join("store.redb");
    assert_eq!(mode(&path), 0o600);
    store.close();
    fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    drop(Store::open(&path, key_of_seal()).unwrap());
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn what_a_crash_left_of_a_new_store_is_replaced() {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("store.redb.new"), "half a store").unwrap();
    let path = home.path().join("store.redb");
    drop(Store::open(&path, key_of_seal()).unwrap());
    let names: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["store.redb"]);
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let missing = TempDir::new().unwrap().path().join("gone/store.redb");
    let err = Store::open(&missing, key_of_seal()).err().unwrap();
    assert!(matches!(&err, StoreError::Open { .. }), "{err:?}");
    assert!(err.to_string().contains("gone/store.redb"));
}

/// Puts `bytes` in the place of the store; it must be refused as damaged and stay as it is.
#[track_caller]
fn check_damaged(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    match Store::open(path, key_of_seal()) {
        Err(StoreError::Corrupt { path: at, .. }) => assert_eq!(at, path),
        Err(other) => panic!("expected damage, got {other:?}"),
        Ok(_) => panic!("a damaged store was opened"),
    }
    assert!(fs::read(path).unwrap() == bytes, "the damaged file was changed");
}

#[tokio::test]
async fn a_truncated_store_is_refused_and_left_as_it_is() {
    let (_home, path, _log) = sound().await;
    let bytes = fs::read(&path).unwrap();
    for len in [0, 1, 63, 320, 4096, bytes.len() / 2, bytes.len() - 4096, bytes.len() - 1] {
        check_damaged(&path, &bytes[..len]);
    }
}

#[tokio::test]
async fn something_else_in_the_place_of_the_store_is_refused() {
    let (home, path, _log) = sound().await;
    check_damaged(&path, b"#!/bin/sh\n");
    check_damaged(&path, &[0; 8192]);
    let other = home.path().join("other");
    let database = Database::create(&other).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(TableDefinition::<u64, u64>::new("numbers")).unwrap();
    txn.commit().unwrap();
    drop(database);
    check_damaged(&path, &fs::read(other).unwrap());
}

#[tokio::test]
async fn overwritten_content_is_refused_and_left_as_it_is() {
    // ST-06
    let (_home, path, _log) = sound().await;
    let bytes = fs::read(&path).unwrap();
    let canary = b"text text text";
    let places: Vec<usize> =
        bytes.windows(canary.len()).enumerate().filter(|(_, w)| w == canary).map(|(i, _)| i).collect();
    assert!(places.len() > 100);
    // Pages that the engine has freed hold old copies, so all of them are hit.
    let mut damaged = bytes.clone();
    for place in &places {
        damaged[*place] ^= 0x20;
    }
    check_damaged(&path, &damaged);
}

#[tokio::test]
async fn random_damage_is_refused_or_harmless() {
    // ST-06
    let (_home, path, log) = sound().await;
    let bytes = fs::read(&path).unwrap();
    let mut random: u64 = 42;
    let mut next = move || {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) as usize
    };
    let mut refused = 0;
    for round in 0..60 {
        let mut damaged = bytes.clone();
        // Every third round aims at the header, where a flip can do most.
        let range = if round % 3 == 0 { 320 } else { bytes.len() };
        for _ in 0..=next() % 100 {
            damaged[next() % range] ^= 1 << (next() % 8);
        }
        fs::write(&path, &damaged).unwrap();
        match Store::open(&path, key_of_seal()) {
            Err(StoreError::Corrupt { .. }) => {
                refused += 1;
                assert!(fs::read(&path).unwrap() == damaged, "round {round}: the damaged file was changed");
            }
            Err(other) => panic!("round {round}: {other:?}"),
            Ok(store) => assert_eq!(lines(&store.transcript(&key("main")).unwrap()), log, "round {round}"),
        }
    }
    assert!(refused > 30, "{refused}");
}

#[tokio::test]
async fn each_single_bit_of_the_header_is_refused_or_harmless() {
    let (_home, path, log) = sound().await;
    let bytes = fs::read(&path).unwrap();
    for bit in (0..320 * 8).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &damaged).unwrap();
        match Store::open(&path, key_of_seal()) {
            Err(StoreError::Corrupt { .. }) => assert!(fs::read(&path).unwrap() == damaged, "bit {bit}"),
            Err(other) => panic!("bit {bit}: {other:?}"),
            Ok(store) => assert_eq!(lines(&store.transcript(&key("main")).unwrap()), log, "bit {bit}"),
        }
    }
}

#[tokio::test]
async fn a_store_of_a_later_release_is_refused_and_left_as_it_is() {
    // ST-10
    let (_home, path, _log) = sound().await;
    let database = Database::create(&path).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(META).unwrap().insert(SCHEMA_KEY, SCHEMA + 1).unwrap();
    txn.commit().unwrap();
    drop(database);
    let bytes = fs::read(&path).unwrap();
    match Store::open(&path, key_of_seal()) {
        Err(StoreError::Newer { found, supported, .. }) => assert_eq!((found, supported), (SCHEMA + 1, SCHEMA)),
        other => panic!("{:?}", other.err()),
    }
    assert!(fs::read(&path).unwrap() == bytes, "the newer file was changed");
}

#[tokio::test]
async fn what_changed_in_a_file_too_large_to_be_verified_at_the_start_is_found_when_it_is_read() {
    // ST-06
    let (_home, path, log) = sound().await;
    let bytes = fs::read(&path).unwrap();
    let canary = b"text text text";
    let places: Vec<usize> =
        bytes.windows(canary.len()).enumerate().filter(|(_, w)| w == canary).map(|(i, _)| i).collect();
    let mut found = 0;
    for place in places.iter().step_by(97) {
        let mut damaged = bytes.clone();
        damaged[*place] ^= 0x20;
        fs::write(&path, &damaged).unwrap();
        let file = open_existing(&path).unwrap().unwrap();
        assert_eq!(check(&path, &file, 0).unwrap(), SCHEMA, "nothing of it is verified");
        let engine: Engine = Box::new(move || Ok(builder().create_file(file.try_clone().unwrap()).unwrap()));
        let store = Store::with_engine(&path, engine, key_of_seal()).unwrap();
        match store.transcript(&key("main")) {
            Ok(read) => assert_eq!(lines(&read), log, "a page that is no longer used was hit"),
            Err(StoreError::Row { .. } | StoreError::Corrupt { .. }) => found += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(found > 5, "{found}");
}
