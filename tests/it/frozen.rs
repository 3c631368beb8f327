//! What earlier releases have made goes on: their components run, and their homes keep what is installed
//! (`tests/frozen/README.md`).

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::conformance;
use crate::first_party::{call, text};
use crate::host::Home;
use crate::packages::{ask_store, with_tail};

fn frozen(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/frozen").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(frozen(name)).unwrap()
}

/// A home whose packages an earlier release has installed.
fn home_of_before() -> Home {
    let home = Home::new();
    for file in ["host.redb", "audit.key"] {
        std::fs::write(home.path().join(file), bytes(file)).unwrap();
        std::fs::set_permissions(home.path().join(file), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let packages = home.path().join("packages");
    std::fs::DirBuilder::new().mode(0o700).create(&packages).unwrap();
    let names = ["convert.wasm", "effects.wasm", "plain.wasm", "word_count.wasm"];
    for wasm in names.map(bytes).into_iter().chain([with_tail(bytes("effects.wasm"), 1)]) {
        let digest: String = Sha256::digest(&wasm).iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(packages.join(format!("{digest}.wasm")), wasm).unwrap();
    }
    home.file("notes.md", "tea and milk\n")
}

async fn check_packages(home: &Home) {
    let running = home.start();
    let list = home.json(&["skill", "list"]);
    let packages: Vec<_> = list["packages"].as_array().unwrap().iter().map(|it| (&it["name"], &it["error"])).collect();
    let names = ["convert", "effects", "plain", "word-count"].map(Value::from);
    assert_eq!(packages, names.iter().map(|name| (name, &Value::Null)).collect::<Vec<_>>(), "{list}");
    let mut client = running.connect().await;
    assert_eq!(ask_store(&mut client).await["ok"], true);
    let counted = text(&call(&mut client, "word_count", json!({"path": "notes.md"})).await).to_owned();
    assert!(counted.contains(r#""words":3"#), "{counted}");
    let converted = call(&mut client, "convert", json!({"amount": 212, "from": "F", "to": "C"})).await;
    assert_eq!(text(&converted), "212 F = 100 C");
    assert_eq!(text(&call(&mut client, "plain_ops_add", json!({"a": 2, "b": 3})).await), "5");
}

// Rows of before have only the SHA-256 of what was accepted: two of them are of a release that knew of no channels.
#[tokio::test]
async fn what_an_earlier_release_has_installed_stays_installed() {
    let home = home_of_before();
    check_packages(&home).await;
    // Now its text is kept: it is compared with that from then on, whatever is cached.
    std::fs::remove_dir_all(home.path().join("cache")).unwrap();
    check_packages(&home).await;
    let running = home.start();
    let changed = crate::packages::replaced(bytes("effects.wasm"), &[("Reads a value", "Reeds a value")]);
    let shown = home.ok(&["skill", "inspect", &home.source(&changed)]);
    assert!(shown.contains("- Reads a value that is not there from a store."), "{shown}");
    home.ok(&["skill", "rollback", "effects"]);
    assert_eq!(ask_store(&mut running.connect().await).await["ok"], true);
    drop(running);
    check_packages(&home).await;
}

#[tokio::test]
async fn what_was_built_for_an_earlier_release_installs_and_runs() {
    let home = Home::new().file("notes.md", "tea and milk\n");
    let running = home.start();
    let install = |name: &str, grants: &[&str]| {
        let source = frozen(name).display().to_string();
        let grants = grants.iter().flat_map(|grant| ["--grant", grant]);
        let args: Vec<_> = ["skill", "install", &source, "--yes"].into_iter().chain(grants).collect();
        home.ok(&args);
    };
    install("effects.wasm", &["kv notes"]);
    install("word_count.wasm", &["fs workspace read"]);
    install("convert.wasm", &[]);
    home.ok(&["skill", "install", &frozen("plain.wasm").display().to_string(), "--yes", "--grant-none"]);
    drop(running);
    check_packages(&home).await;
}

#[tokio::test]
async fn every_service_answers_what_was_built_for_an_earlier_release() {
    for name in ["services.wasm", "services_c.wasm", "services_go.wasm", "services_js.wasm"] {
        conformance::check_services(&frozen(name)).await;
    }
}
