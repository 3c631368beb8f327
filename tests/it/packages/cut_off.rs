//! A host that is killed while a package is installed, updated, taken back or removed: after the next start it is old or
//! new, whole, and nothing else lies around.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{NAME, ask_store, package, with_tail};
use crate::client::Client;
use crate::host::{Home, Host, weakened};

/// What is done to a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Install,
    Update,
    RollBack,
    Remove,
}

/// Version 1 was given its store, version 2 nothing: so a call tells which one has its grants.
fn version(number: u8) -> Vec<u8> {
    with_tail(package(&[]), number)
}

/// A home on which all is done that comes before a step.
fn before(step: Step) -> Home {
    let home = Home::new();
    let running = home.start();
    if step != Step::Install {
        home.ok(&["skill", "install", &home.source(&version(1)), "--yes", "--grant", "kv notes"]);
        let folder = home.path().join("scratch/components").join(NAME);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("kept.txt"), "kept").unwrap();
    }
    if step == Step::RollBack {
        home.ok(&["skill", "install", &home.source(&version(2)), "--yes", "--grant-none"]);
    }
    drop(running);
    home
}

/// The same once more.
fn again(home: &Home) -> Home {
    let copy = Home::cold();
    copy_tree(home.path(), copy.path());
    copy
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            fs::create_dir(&to).unwrap();
            fs::set_permissions(&to, entry.metadata().unwrap().permissions()).unwrap();
            copy_tree(&entry.path(), &to);
        } else if kind.is_file() {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Does the step; says whether the host lived to say so.
async fn take(step: Step, home: &Home, running: &Host) -> bool {
    let mut client = running.connect().await;
    let (bytes, grants) = match step {
        Step::Install => (version(1), json!(["kv notes"])),
        Step::Update => (version(2), json!([])),
        Step::RollBack => return answer(&mut client, "packages.rollback", json!({"name": NAME})).await.is_some(),
        Step::Remove => return answer(&mut client, "packages.remove", json!({"name": NAME})).await.is_some(),
    };
    let source = home.source(&bytes);
    let Some(offer) = answer(&mut client, "packages.prepare", json!({"source": source})).await else { return false };
    let params = json!({"digest": offer["digest"], "grants": grants});
    answer(&mut client, "packages.install", params).await.is_some()
}

/// The answer to a request; `None` if the connection breaks first.
async fn answer(client: &mut Client, method: &str, params: Value) -> Option<Value> {
    let id = client.send(method, params).await;
    loop {
        let frame = client.frame().await?;
        if frame["type"] == "res" && frame["id"] == id {
            assert_eq!(frame["ok"], true, "{frame}");
            return Some(frame["payload"].clone());
        }
    }
}

/// Which version counts after a start, if one does; it is whole, and nothing but what is kept lies around.
async fn version_of(home: &Home) -> Option<u8> {
    let running = home.start();
    let list = home.json(&["skill", "list"]);
    let package = &list["packages"][0];
    assert_eq!(package["error"], Value::Null, "{list}");
    let versions = package["versions"].as_array().map_or(0, Vec::len);
    assert_eq!(home.packages().len(), versions, "{:?}", home.packages());
    assert!(home.packages().iter().all(|path| path.extension().is_some_and(|end| end == "wasm")));
    let folders = fs::read_dir(home.path().join("scratch/components")).into_iter().flatten();
    let folders: Vec<_> = folders.map(|entry| entry.unwrap().file_name()).collect();
    let called = json!({"name": "ask", "args": {"times": 1}});
    if package.is_null() {
        assert!(folders.is_empty(), "{folders:?}");
        assert!(running.connect().await.call("tools.invoke", called).await.map_or(true, |it| it["ok"] == false));
        return None;
    }
    assert!(folders.iter().all(|folder| folder == NAME), "{folders:?}");
    let works = ask_store(&mut running.connect().await).await["ok"] == true;
    assert_eq!(package["given"].as_array().map(Vec::len), Some(usize::from(works)), "{list}");
    Some(if works { 1 } else { 2 })
}

/// Cuts a step off at each of its points; gives how many there are and how often it was done all the same.
async fn cut_off(step: Step, old: Option<u8>, new: Option<u8>) -> (usize, usize) {
    let before = before(step);
    let (mut points, mut done) = (0, 0);
    loop {
        let home = again(&before).program(weakened()).env("OPENCLAW_TEST_CRASH_AT", points + 1);
        let running = home.start();
        let lived = take(step, &home, &running).await;
        drop(running);
        let home = home.without_env("OPENCLAW_TEST_CRASH_AT");
        let found = version_of(&home).await;
        assert!(found == old || found == new, "{step:?}, point {points}: {found:?}");
        if step == Step::Remove && found == old {
            let kept = home.path().join("scratch/components").join(NAME).join("kept.txt");
            assert_eq!(fs::read_to_string(kept).unwrap(), "kept", "point {points}");
        }
        if lived {
            assert_eq!(found, new, "what was said to be done is");
            return (points, done);
        }
        done += usize::from(found == new);
        points += 1;
    }
}

// SU-15
#[tokio::test]
async fn an_install_that_is_cut_off_is_whole_or_not_there() {
    let (points, done) = cut_off(Step::Install, None, Some(1)).await;
    assert!(points >= 5 && done >= 2, "{points} points, {done} of them too late to undo");
}

// SU-15
#[tokio::test]
async fn an_update_that_is_cut_off_is_the_old_version_or_the_new_one_with_its_own_grants() {
    let (points, done) = cut_off(Step::Update, Some(1), Some(2)).await;
    assert!(points >= 5 && done >= 2, "{points} points, {done} of them too late to undo");
}

// SU-15
#[tokio::test]
async fn a_way_back_that_is_cut_off_is_gone_or_not_gone() {
    let (points, done) = cut_off(Step::RollBack, Some(2), Some(1)).await;
    assert!(points >= 3 && done >= 2, "{points} points, {done} of them too late to undo");
}

// SU-15
#[tokio::test]
async fn a_removal_that_is_cut_off_leaves_all_or_nothing() {
    let (points, done) = cut_off(Step::Remove, Some(1), None).await;
    assert!(points >= 4 && done >= 2, "{points} points, {done} of them too late to undo");
}
