use claw_core::effect::{KvOperation, KvReply, KvRequest};
use claw_core::grant::Terms;
use claw_core::label::Labels;

use super::*;
use crate::fixture::*;
use crate::{KvLimits, LabelledPlace};

fn receipt(byte: u8) -> Receipt {
    Receipt {
        version: format!("1.0.{byte}"),
        digest: digest(byte),
        key: (byte > 4).then(|| format!("RW{byte}")),
        source: format!("file {byte}.wasm"),
        manifest: None,
        described: Description::Digest(digest(byte)),
        by: "cli".to_owned(),
        at: at(u64::from(byte)),
    }
}

fn grant(text: &str) -> GrantRow {
    GrantRow { grant: text.to_owned(), terms: Terms::default(), by: "cli".to_owned(), at: at(1) }
}

async fn install(store: &Store, byte: u8, grants: &[&str]) -> Package {
    let grants = grants.iter().map(|text| grant(text)).collect();
    store.install(&component(), receipt(byte), grants).await.unwrap()
}

#[tokio::test]
async fn the_last_versions_are_kept_to_go_back_to_with_their_grants() {
    let (home, store) = store();
    for byte in 1..=6 {
        install(&store, byte, &[&format!("kv v{byte}")]).await;
    }
    let store = reopen(&home, store);
    let [package] = &store.packages().unwrap()[..] else { panic!() };
    let versions: Vec<_> = package.versions.iter().map(|receipt| receipt.digest).collect();
    assert_eq!(versions, [3, 4, 5, 6].map(digest));
    for back in [5, 4, 3] {
        let package = store.roll_back(&component(), "cli", at(9)).await.unwrap().unwrap();
        assert_eq!(package.receipt().digest, digest(back));
        assert_eq!(package.receipt().publisher(), if back == 5 { "minisign RW5" } else { "unsigned" });
        assert_eq!(store.package(&component()).unwrap().unwrap(), package);
        assert_eq!(store.grants(&component(), &package.current).unwrap()[0].grant, format!("kv v{back}"));
    }
    assert_eq!(store.roll_back(&component(), "cli", at(9)).await.unwrap(), None);
    // What is accepted again is the newest again, with what it is given now.
    let package = install(&store, 5, &[]).await;
    assert_eq!(package.receipt().digest, digest(5));
    assert_eq!(package.previous().unwrap().digest, digest(6));
    assert!(store.grants(&component(), &digest(5)).unwrap().is_empty());
    assert!(store.pin(&component(), true).await.unwrap().unwrap().is_pinned);
    assert!(install(&store, 7, &[]).await.is_pinned, "it stays so");
}

#[tokio::test]
async fn a_description_takes_the_place_of_its_digest_and_of_nothing_else() {
    let (home, store) = store();
    install(&store, 1, &[]).await;
    install(&store, 2, &["kv v2"]).await;
    let text = |text: &str| Description::Text(text.to_owned());
    store.keep_description(&component(), digest(1), "one".to_owned()).await.unwrap();
    store.keep_description(&component(), digest(1), "two".to_owned()).await.unwrap();
    store.keep_description(&component(), digest(3), "three".to_owned()).await.unwrap();
    let other = ComponentName::parse("other").unwrap();
    store.keep_description(&other, digest(1), "four".to_owned()).await.unwrap();
    let store = reopen(&home, store);
    let [package] = &store.packages().unwrap()[..] else { panic!() };
    let described: Vec<_> = package.versions.iter().map(|receipt| receipt.described.clone()).collect();
    assert_eq!(described, [text("one"), Description::Digest(digest(2))]);
    assert_eq!(package.current, digest(2));
    assert_eq!(store.grants(&component(), &digest(2)).unwrap().len(), 1);
}

// SU-24
#[tokio::test]
async fn what_is_removed_leaves_nothing_that_another_of_its_name_could_have() {
    let (_home, store) = store();
    install(&store, 1, &["kv notes"]).await;
    install(&store, 2, &["kv notes"]).await;
    let neighbour = ComponentName::parse("probe-2").unwrap();
    let set = |operation| KvRequest { store: "notes".to_owned(), operation };
    for name in [component(), neighbour.clone()] {
        let request = set(KvOperation::Set { key: "k".to_owned(), value: b"v".to_vec() });
        store.kv(&name, request, KvLimits::default()).await.unwrap();
        let places = [LabelledPlace::Scratch(name.clone()), LabelledPlace::Kv(name, "notes".to_owned())];
        for place in places {
            store.add_labels(&place, &Labels::tainted("a page")).await.unwrap();
        }
    }
    store.pause(&component(), "cli", "why not", at(3)).await.unwrap();
    let removed = store.uninstall(&component(), "cli", at(4)).await.unwrap().unwrap();
    assert_eq!(removed.versions.len(), 2);
    assert_eq!(store.uninstall(&component(), "cli", at(4)).await.unwrap(), None);
    assert!(store.packages().unwrap().is_empty());
    for byte in [1, 2] {
        assert!(store.grants(&component(), &digest(byte)).unwrap().is_empty());
    }
    assert_eq!(store.paused(&component()).unwrap(), None);
    for (name, is_there) in [(component(), false), (neighbour, true)] {
        let get = set(KvOperation::Get { key: "k".to_owned() });
        let value = store.kv(&name, get, KvLimits::default()).await.unwrap();
        assert_eq!(value == KvReply::Value(None), !is_there, "{name}");
        for place in [LabelledPlace::Scratch(name.clone()), LabelledPlace::Kv(name.clone(), "notes".to_owned())] {
            assert_eq!(store.labels(&place).unwrap().tainted.is_some(), is_there, "{name}");
        }
    }
}

#[tokio::test]
async fn what_is_installed_and_removed_is_on_record_once() {
    let (_home, store) = store();
    install(&store, 1, &[]).await;
    let fact = |byte| crate::AuditFact {
        kind: FactKind::Component,
        name: component().to_string(),
        value: digest(byte).to_string(),
    };
    assert_eq!(store.audit_held(vec![fact(1)], at(5)).await.unwrap(), 0, "the next start finds nothing new");
    store.uninstall(&component(), "cli", at(6)).await.unwrap();
    assert_eq!(store.audit_held(vec![], at(7)).await.unwrap(), 0);
}
