//! Guests whose core module attacks before any of their own functions is called: made from a harmless guest by adding to
//! its sections.

mod surgery;

use serde_json::{Value, json};

use self::surgery::{Body, Patch};
use super::{check_goes_on, home};
use crate::client::Client;
use crate::host::{Home, Host, test_guest};
use crate::vitals::Vitals;

/// `with` for `from`, wherever it stands; both are equally long.
pub fn replace(bytes: &[u8], from: &[u8], with: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), with.len());
    let mut replaced = bytes.to_vec();
    let places: Vec<_> = bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from).collect();
    assert!(!places.is_empty(), "nothing to replace");
    for (at, _) in places {
        replaced[at..at + from.len()].copy_from_slice(with);
    }
    replaced
}

/// A home with the guest `keep_state`, changed.
fn patched(patch: Patch) -> Home {
    let home = home();
    let wasm = patch.apply(&std::fs::read(test_guest("keep_state")).unwrap());
    std::fs::create_dir_all(home.path().join("components")).unwrap();
    std::fs::write(home.path().join("components/keep_state.wasm"), wasm).unwrap();
    home
}

/// Starts the host; gives why the guest stays off, if it does.
async fn install(home: &Home) -> (Host, Client, Option<String>) {
    let running = home.start();
    let mut client = running.connect().await;
    let listed = client.call("components.list", json!({})).await.unwrap();
    let refused = listed["refused"].as_array().into_iter().flatten();
    let why = refused.filter(|it| it["name"] == "keep_state").map(|it| it["error"].as_str().unwrap().to_owned()).next();
    (running, client, why)
}

#[track_caller]
fn check_off(why: Option<&str>, part: &str) {
    check_off_by_one_of(why, &[part]);
}

#[track_caller]
fn check_off_by_one_of(why: Option<&str>, parts: &[&str]) {
    let why = why.expect("the guest was installed");
    let is_named = parts.iter().any(|part| why.contains(part));
    assert!(is_named && why.len() < 2500, "expected one of {parts:?}: {why}");
}

async fn call(client: &mut Client) -> Value {
    client.call("tools.invoke", json!({"name": "keep_state", "args": {}})).await.unwrap()
}

// RS-02
#[tokio::test]
async fn a_guest_that_spins_in_its_start_function_is_not_installed() {
    let home = patched(Patch { start: Some(Body::Spin), ..Patch::default() });
    let (running, mut client, why) = install(&home).await;
    // On a busy machine its time is up before its share of the processor is.
    check_off_by_one_of(why.as_deref(), &["E_LIMIT_CPU", "takes too long"]);
    Vitals::of(&running).check_regained(&running, &mut client).await;
    check_goes_on(&running).await;
}

// RS-02
#[tokio::test]
pub async fn a_guest_that_spins_before_its_own_code_runs_is_ended() {
    let home = home().component("spin_at_start").config("{limits: {callSeconds: 1}}");
    let running = home.start();
    let mut client = running.connect().await;
    for _ in 0..2 {
        let outcome = client.call("tools.invoke", json!({"name": "spin_at_start", "args": {}})).await.unwrap();
        assert_eq!(outcome["error"]["code"], "E_LIMIT_CPU", "{outcome}");
        check_goes_on(&running).await;
    }
}

// RS-04
#[tokio::test]
async fn a_guest_that_begins_with_more_memory_than_its_limit_is_not_installed() {
    let home = patched(Patch { first_memory: Some(1 << 12), ..Patch::default() });
    let (running, _client, why) = install(&home).await;
    check_off(why.as_deref(), "memory");
    check_goes_on(&running).await;
}

// RS-04
#[tokio::test]
async fn a_guest_whose_module_has_several_memories_is_not_installed() {
    for memories in [vec![1], vec![1; 60]] {
        let home = patched(Patch { memories, ..Patch::default() });
        let (running, _client, why) = install(&home).await;
        check_off(why.as_deref(), "memories");
        check_goes_on(&running).await;
    }
}

// RS-06
#[tokio::test]
async fn a_table_that_grows_without_end_is_refused_and_the_guest_goes_on() {
    let home = patched(Patch { start: Some(Body::GrowTable { elements: 1_000_000_000 }), ..Patch::default() });
    let (running, mut client, why) = install(&home).await;
    assert_eq!(why, None);
    let outcome = call(&mut client).await;
    assert_eq!(outcome["ok"], true, "{outcome}");
    check_goes_on(&running).await;
}

// RS-06
#[tokio::test]
async fn tables_too_many_or_too_large_keep_a_guest_from_being_installed() {
    for tables in [vec![1; 10_000], vec![9_000_000], vec![1]] {
        let home = patched(Patch { tables, ..Patch::default() });
        let (running, _client, why) = install(&home).await;
        check_off(why.as_deref(), "");
        check_goes_on(&running).await;
    }
}

// RS-06
#[tokio::test]
async fn a_million_elements_do_no_harm() {
    let home = patched(Patch { elements: 1_000_000, ..Patch::default() });
    let (running, mut client, why) = install(&home).await;
    if why.is_none() {
        let outcome = call(&mut client).await;
        assert!(outcome["ok"].is_boolean(), "{outcome}");
    }
    Vitals::of(&running).check_regained(&running, &mut client).await;
    check_goes_on(&running).await;
}
