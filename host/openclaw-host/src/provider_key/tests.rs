use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use claw_core::id::Timestamp;
use claw_model::{KeyHeader, ModelFacts, WireFormat};
use claw_vault::{Audience, Key};

use super::*;

const KEY: &str = "sk-canary-0123456789";

fn provider() -> ProviderSettings {
    ProviderSettings {
        id: "p".to_owned(),
        wire: WireFormat::OpenAiChat,
        base_url: "https://api.example.com/v1".to_owned(),
        key_header: KeyHeader::Bearer,
        keys: Vec::new(),
        key_use: claw_model::KeyUse::Spread,
        model: "m".to_owned(),
        facts: ModelFacts::default(),
        others: std::collections::BTreeMap::default(),
    }
}

fn key(place: SecretRef) -> KeySettings {
    KeySettings { name: "default".to_owned(), place, value: None }
}

fn vault(folder: &Path) -> Vault {
    Vault::open(&folder.join("vault"), Key::file(folder.join("vault.key"))).unwrap()
}

/// Fetches from a place, in a folder with an empty vault.
async fn fetched(place: SecretRef) -> Result<Secret, KeyError> {
    let folder = tempfile::tempdir().unwrap();
    fetch(&provider(), &key(place), &vault(folder.path())).await
}

fn command(argv: &[&str], timeout_seconds: u64) -> SecretRef {
    SecretRef::Command { argv: argv.iter().map(ToString::to_string).collect(), timeout_seconds }
}

/// The whole error; it must not show what was found.
fn chain(err: &KeyError) -> String {
    let text = format!("{err}: {}: {err:?}", err.hint());
    assert!(!text.contains("canary"), "{text}");
    text
}

#[tokio::test]
async fn a_key_file_must_be_private_and_its_first_line_counts() {
    // SE-02
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, format!("{KEY}\r\nnote\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let place = || SecretRef::File { path: path.clone() };
    let err = fetched(place()).await.unwrap_err();
    assert!(chain(&err).contains(&format!("run `chmod 600 {}`", path.display())));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(fetched(place()).await.unwrap(), Secret::new(KEY));
    fs::write(&path, "\n").unwrap();
    assert!(chain(&fetched(place()).await.unwrap_err()).contains("its first line is empty"));
    fs::remove_file(&path).unwrap();
    assert!(matches!(fetched(place()).await.unwrap_err(), KeyError::Vault { .. }));
}

#[tokio::test]
async fn a_command_gives_its_first_line_if_it_ends_well_and_in_time() {
    let found = fetched(command(&["printf", "%s\\nnote\\n", KEY], 10)).await.unwrap();
    assert_eq!(found, Secret::new(KEY));
    let failed = fetched(command(&["sh", "-c", "echo sk-canary; echo sk-canary >&2; exit 3"], 10)).await.unwrap_err();
    assert!(chain(&failed).contains("from the output of `sh`: it ended with exit status: 3"));
    let late = fetched(command(&["sleep", "600"], 1)).await.unwrap_err();
    assert!(chain(&late).contains("it took longer than 1 s"));
    let large = fetched(command(&["cat", "/dev/zero"], 10)).await.unwrap_err();
    assert!(chain(&large).contains("it prints more than 64 KiB"));
    let missing = fetched(command(&["/nowhere/pass", "show", "canary"], 10)).await.unwrap_err();
    assert!(missing.to_string().contains("from the output of `/nowhere/pass`: the program does not run"));
}

#[tokio::test]
async fn a_secret_of_the_vault_is_only_taken_for_its_own_server() {
    // SE-22
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    let audience = |text| vec![Audience::parse(text).unwrap()];
    let value = || Zeroizing::new(KEY.to_owned());
    vault.set("mine", value(), audience("https://api.example.com:443"), Vec::new(), Timestamp(1)).unwrap();
    vault.set("other", value(), audience("https://api.example.org"), Vec::new(), Timestamp(1)).unwrap();
    let place = |name: &str| key(SecretRef::Vault { name: name.to_owned() });
    assert_eq!(fetch(&provider(), &place("mine"), &vault).await.unwrap(), Secret::new(KEY));
    let err = fetch(&provider(), &place("other"), &vault).await.unwrap_err();
    assert!(chain(&err).contains("may not be sent to `https://api.example.com`"));
    let err = fetch(&provider(), &place("none"), &vault).await.unwrap_err();
    assert!(chain(&err).contains("Unknown"));
}

#[test]
fn the_origin_of_a_base_url_ends_before_its_path() {
    for (url, expected) in
        [("https://h", "https://h"), ("https://h/v1", "https://h"), ("http://[::1]:8080/v1/x", "http://[::1]:8080")]
    {
        assert_eq!(origin(url), expected);
    }
}
