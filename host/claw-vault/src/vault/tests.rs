use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::error::Exposure;

const CANARY: &str = "canary-9f86d081884c7d65";
const NOW: Timestamp = Timestamp(1_000);
const LATER: Timestamp = Timestamp(2_000);

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn vault(&self) -> PathBuf {
        self.0.path().join("vault")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("vault.key")
    }

    fn open(&self) -> Result<Vault, VaultError> {
        Vault::open(&self.vault(), Key::file(self.key()))
    }

    fn open_with(&self, passphrase: &str) -> Result<Vault, VaultError> {
        Vault::open(&self.vault(), Key::passphrase(secret(passphrase)))
    }

    /// The error of opening it; the file must be as it was afterwards.
    #[track_caller]
    fn refused(&self) -> VaultError {
        let before = fs::read(self.vault()).unwrap();
        let err = self.open().unwrap_err();
        assert_eq!(fs::read(self.vault()).unwrap(), before, "the original was touched");
        err
    }
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn audience() -> Vec<Audience> {
    vec![Audience::parse("https://api.example.com").unwrap()]
}

#[track_caller]
fn set(vault: &Vault, name: &str, value: &str) -> Change {
    vault.set(name, secret(value), audience(), Vec::new(), NOW).unwrap()
}

fn value(vault: &Vault, name: &str) -> Option<String> {
    vault.get(name).unwrap().map(|secret| secret.expose().to_owned())
}

#[test]
fn what_is_set_is_there_after_a_restart_with_its_audience() {
    let folder = Folder::new();
    let git = ComponentName::parse("git").unwrap();
    let vault = folder.open().unwrap();
    assert!(!folder.vault().exists() && !folder.key().exists(), "looking makes nothing");
    let change = vault.set("work/github", secret(CANARY), audience(), vec![git.clone()], NOW).unwrap();
    assert_eq!(change, Change::Added);
    drop(vault);

    let vault = folder.open().unwrap();
    let found = vault.get("work/github").unwrap().unwrap();
    assert_eq!(found.expose(), CANARY);
    assert!(found.allows("https://api.example.com:443") && !found.allows("https://api.example.org"));
    assert!(found.serves(&git) && !found.serves(&ComponentName::parse("web").unwrap()));
    assert!(vault.get("github").unwrap().is_none());
    assert_eq!(vault.values().unwrap(), [("work/github".to_owned(), secret(CANARY))]);
    for path in [folder.vault(), folder.key()] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o600);
    }
}

// SU-24
#[test]
fn a_component_that_is_gone_is_unbound_and_nobody_else_gets_what_was_its_alone() {
    let folder = Folder::new();
    let vault = folder.open().unwrap();
    let [git, web] = ["git", "web"].map(|name| ComponentName::parse(name).unwrap());
    assert_eq!(vault.unbind(&git).unwrap(), [""; 0]);
    assert!(!folder.vault().exists(), "looking makes nothing");
    let all = [
        ("all", vec![]),
        ("both", vec![git.clone(), web.clone()]),
        ("git", vec![git.clone()]),
        ("web", vec![web.clone()]),
    ];
    for (name, components) in all {
        vault.set(name, secret(CANARY), audience(), components, NOW).unwrap();
    }
    assert_eq!(vault.unbind(&git).unwrap(), ["git"]);
    let vault = folder.open().unwrap();
    let serves = |component: &ComponentName| {
        let serves = |name: &&str| vault.get(name).unwrap().unwrap().serves(component);
        ["all", "both", "git", "web"].into_iter().filter(serves).collect::<Vec<_>>()
    };
    assert_eq!(serves(&web), ["all", "both", "web"], "an empty list would mean everybody");
    assert_eq!(serves(&git), ["all", "git"]);
    let before = fs::read(folder.vault()).unwrap();
    assert_eq!(vault.unbind(&ComponentName::parse("other").unwrap()).unwrap(), [""; 0]);
    assert_eq!(fs::read(folder.vault()).unwrap(), before, "nothing to do writes nothing");
}

#[test]
fn a_secret_without_components_serves_all_and_without_audience_goes_nowhere() {
    let folder = Folder::new();
    let vault = folder.open().unwrap();
    vault.set("a", secret(CANARY), Vec::new(), Vec::new(), NOW).unwrap();
    let found = vault.get("a").unwrap().unwrap();
    assert!(found.serves(&ComponentName::parse("any").unwrap()));
    assert!(!found.allows("https://api.example.com"));
}

#[test]
fn rotating_keeps_all_but_the_value_and_setting_replaces_all_but_the_birth() {
    let folder = Folder::new();
    let vault = folder.open().unwrap();
    set(&vault, "a", "first-value-1234");
    vault.rotate("a", secret("second-value-5678"), LATER).unwrap();
    let [info] = vault.names().unwrap().try_into().unwrap();
    assert_eq!((info.created, info.rotated, info.last4.as_deref()), (NOW, LATER, Some("5678")));
    assert_eq!(info.audience, audience());
    let change = vault.set("a", secret("third"), Vec::new(), Vec::new(), LATER).unwrap();
    assert_eq!(change, Change::Replaced);
    let [info] = vault.names().unwrap().try_into().unwrap();
    assert_eq!((info.created, info.audience, info.last4), (NOW, Vec::new(), None));
}

#[test]
fn a_removed_secret_is_gone_and_an_unknown_one_is_an_error() {
    let folder = Folder::new();
    let vault = folder.open().unwrap();
    set(&vault, "a", CANARY);
    vault.remove("a").unwrap();
    assert_eq!(value(&vault, "a"), None);
    assert!(matches!(vault.remove("a"), Err(VaultError::Unknown { .. })));
    assert!(matches!(vault.rotate("a", secret("x"), NOW), Err(VaultError::Unknown { .. })));
    assert!(folder.open().unwrap().names().unwrap().is_empty());
}

#[test]
fn the_file_holds_no_value_name_or_audience_in_the_clear() {
    // SE-01
    let folder = Folder::new();
    set(&folder.open().unwrap(), "named-thing", CANARY);
    let bytes = fs::read(folder.vault()).unwrap();
    for text in [CANARY, "named-thing", "example.com"] {
        assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
    }
    let again = folder.open().unwrap();
    again.rotate("named-thing", secret(CANARY), NOW).unwrap();
    assert_ne!(fs::read(folder.vault()).unwrap(), bytes, "a nonce was used twice");
}

#[test]
fn nothing_that_holds_a_secret_prints_it() {
    // SE-18
    let folder = Folder::new();
    let vault = folder.open().unwrap();
    set(&vault, "a", CANARY);
    let passphrase = Key::passphrase(secret(CANARY));
    let shown = format!("{vault:?} {:?} {passphrase:?}", vault.get("a").unwrap().unwrap());
    assert!(shown.contains("***") && !shown.contains(CANARY), "{shown}");
    assert_eq!(vault.names().unwrap()[0].last4.as_deref(), Some("7d65"));
}

/// SE-18: a trait that leaks or copies makes these calls ambiguous, so that this does not compile.
#[test]
fn secrets_have_no_traits_that_leak() {
    trait Leaks<A> {
        fn checked() {}
    }
    struct Display;
    struct Serialize;
    struct Clone;
    impl<T: ?Sized> Leaks<()> for T {}
    impl<T: ?Sized + std::fmt::Display> Leaks<Display> for T {}
    impl<T: ?Sized + serde::Serialize> Leaks<Serialize> for T {}
    impl<T: std::clone::Clone> Leaks<Clone> for T {}
    <Secret as Leaks<_>>::checked();
    <Key as Leaks<_>>::checked();
    <Entry as Leaks<_>>::checked();
    <Vault as Leaks<_>>::checked();
}

#[test]
fn any_flipped_bit_is_noticed_and_the_file_is_left_alone() {
    let folder = Folder::new();
    set(&folder.open().unwrap(), "a", CANARY);
    let whole = fs::read(folder.vault()).unwrap();
    for index in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[index] ^= 1;
        fs::write(folder.vault(), &bytes).unwrap();
        let err = folder.refused();
        let expected = match index {
            8 => matches!(err, VaultError::Version { found: 0, .. }),
            9 => matches!(err, VaultError::Damaged { .. } | VaultError::OtherKey { .. }),
            38..46 => matches!(err, VaultError::WrongKey { .. }),
            _ => matches!(err, VaultError::Damaged { .. }),
        };
        assert!(expected, "byte {index}: {err}");
    }
    for len in 0..whole.len() {
        fs::write(folder.vault(), &whole[..len]).unwrap();
        assert!(matches!(folder.refused(), VaultError::Damaged { .. }), "{len} bytes");
    }
    fs::write(folder.vault(), &whole).unwrap();
    assert_eq!(value(&folder.open().unwrap(), "a").as_deref(), Some(CANARY));
}

#[test]
fn a_wrong_key_and_a_missing_one_are_told_apart_and_no_new_one_is_made() {
    let folder = Folder::new();
    set(&folder.open().unwrap(), "a", CANARY);
    let key = fs::read(folder.key()).unwrap();
    fs::write(folder.key(), [7; 32]).unwrap();
    assert!(matches!(folder.refused(), VaultError::WrongKey { .. }));
    fs::write(folder.key(), &key[..31]).unwrap();
    assert!(matches!(folder.refused(), VaultError::BadKey { .. }));
    fs::remove_file(folder.key()).unwrap();
    assert!(matches!(folder.refused(), VaultError::NoKey { .. }));
    assert!(!folder.key().exists());
    assert!(matches!(folder.open_with("correct horse").unwrap_err(), VaultError::OtherKey { .. }));
}

#[test]
fn a_passphrase_opens_what_was_made_with_it_and_another_does_not() {
    let folder = Folder::new();
    let short = folder.open_with("short").unwrap();
    let weak = short.set("a", secret(CANARY), audience(), Vec::new(), NOW);
    assert!(matches!(weak, Err(VaultError::WeakPassphrase)));
    assert!(!folder.vault().exists());

    set(&folder.open_with("correct horse").unwrap(), "a", CANARY);
    assert_eq!(value(&folder.open_with("correct horse").unwrap(), "a").as_deref(), Some(CANARY));
    assert!(matches!(folder.open_with("correct horsf").unwrap_err(), VaultError::WrongKey { .. }));
    assert!(matches!(folder.refused(), VaultError::OtherKey { .. }));
    assert!(!folder.key().exists());
    let locked = Vault::open(&folder.vault(), Key::unasked()).unwrap_err();
    assert!(matches!(locked, VaultError::Locked { .. }));
}

#[test]
fn a_header_that_asks_for_too_much_work_is_refused_before_any_is_done() {
    let folder = Folder::new();
    set(&folder.open_with("correct horse").unwrap(), "a", CANARY);
    let whole = fs::read(folder.vault()).unwrap();
    for (offset, number) in [(10, u32::MAX), (10, 1), (14, u32::MAX), (14, 0), (18, 1000)] {
        let mut bytes = whole.clone();
        bytes[offset..offset + 4].copy_from_slice(&u32::to_le_bytes(number));
        fs::write(folder.vault(), &bytes).unwrap();
        assert!(matches!(folder.open_with("correct horse").unwrap_err(), VaultError::Damaged { .. }), "{offset}");
    }
}

#[test]
fn files_that_others_can_read_are_refused_with_the_command_that_helps() {
    let folder = Folder::new();
    let vault = folder.open().unwrap();
    set(&vault, "a", CANARY);
    for path in [folder.vault(), folder.key()] {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let err = folder.open().unwrap_err();
        assert!(matches!(err, VaultError::Exposed { exposure: Exposure::Open(0o640), .. }), "{err}");
        assert_eq!(err.hint(), format!("run `chmod 600 {}`", path.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    // Also while it is in use.
    fs::set_permissions(folder.vault(), fs::Permissions::from_mode(0o604)).unwrap();
    assert!(matches!(vault.get("a"), Err(VaultError::Exposed { .. })));
}

#[test]
fn a_running_vault_sees_what_another_process_changes() {
    let folder = Folder::new();
    let running = folder.open().unwrap();
    let other = folder.open().unwrap();
    set(&other, "a", CANARY);
    assert_eq!(value(&running, "a").as_deref(), Some(CANARY));
    other.rotate("a", secret("rotated"), NOW).unwrap();
    assert_eq!(value(&running, "a").as_deref(), Some("rotated"));
    set(&running, "b", "mine");
    assert_eq!(value(&other, "b").as_deref(), Some("mine"));
    other.remove("a").unwrap();
    assert_eq!(value(&running, "a"), None);
    fs::remove_file(folder.vault()).unwrap();
    assert_eq!(value(&running, "b"), None);
}

#[test]
fn a_vault_that_is_damaged_while_in_use_gives_nothing_until_it_is_whole_again() {
    let folder = Folder::new();
    let running = folder.open().unwrap();
    set(&running, "a", CANARY);
    let whole = fs::read(folder.vault()).unwrap();
    fs::write(folder.vault(), &whole[..whole.len() - 1]).unwrap();
    assert!(matches!(running.get("a"), Err(VaultError::Damaged { .. })));
    assert!(matches!(running.rotate("a", secret("x"), NOW), Err(VaultError::Damaged { .. })));
    assert_eq!(fs::read(folder.vault()).unwrap(), whole[..whole.len() - 1]);
    fs::write(folder.vault(), &whole).unwrap();
    assert_eq!(value(&running, "a").as_deref(), Some(CANARY));
}

#[test]
fn changes_of_many_at_once_are_all_kept() {
    let folder = Folder::new();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let folder = &folder;
            scope.spawn(move || {
                let vault = folder.open().unwrap();
                for index in 0..10 {
                    set(&vault, &format!("s{worker}-{index}"), "value");
                }
            });
        }
    });
    assert_eq!(folder.open().unwrap().names().unwrap().len(), 40);
    let left: Vec<_> = fs::read_dir(folder.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn a_change_waits_for_the_lock_of_another_only_so_long() {
    let folder = Folder::new();
    let vault = folder.open().unwrap();
    set(&vault, "a", CANARY);
    let _held = file::lock(&folder.vault()).unwrap();
    let refused = vault.remove("a");
    assert!(matches!(refused, Err(VaultError::Busy { .. })));
    assert_eq!(value(&vault, "a").as_deref(), Some(CANARY), "reading needs no lock");
}

#[test]
fn a_change_that_cannot_be_written_changes_nothing() {
    let folder = Folder::new();
    let vault = folder.open().unwrap();
    set(&vault, "a", CANARY);
    // A folder in the way of the file that is written beside.
    let beside = folder.0.path().join(format!("vault.{}.new", std::process::id()));
    fs::create_dir(&beside).unwrap();
    assert!(matches!(vault.remove("a"), Err(VaultError::Io { action: "write", .. })));
    assert_eq!(value(&vault, "a").as_deref(), Some(CANARY));
    fs::remove_dir(&beside).unwrap();
    vault.remove("a").unwrap();
}

#[test]
fn names_and_values_are_checked_where_they_enter() {
    let folder = Folder::new();
    let vault = folder.open().unwrap();
    let outcome = |name: &str, value: &str| vault.set(name, secret(value), audience(), Vec::new(), NOW);
    let long = "x".repeat(65);
    for name in ["", "A", "-a", "a b", "a\n", "../a", "ä", &long] {
        assert!(matches!(outcome(name, "v"), Err(VaultError::Name)), "{name}");
    }
    let large = "x".repeat(MAX_VALUE_BYTES + 1);
    for value in ["", "a\0b", &large] {
        let err = outcome("a", value).unwrap_err();
        assert!(matches!(err, VaultError::Value { .. }));
        assert!(!err.to_string().contains("xxx") && !err.to_string().contains("a\0b"));
    }
    outcome("a.b/c_d-0", &large[1..]).unwrap();
    let many = vec![audience().remove(0); 33];
    assert!(matches!(vault.set("a", secret("v"), many, Vec::new(), NOW), Err(VaultError::TooMany { .. })));
}

#[test]
fn a_full_vault_takes_no_more() {
    let folder = Folder::new();
    let vault = folder.open().unwrap();
    for index in 0..MAX_ENTRIES {
        set(&vault, &format!("s{index}"), "value");
    }
    let refused = vault.set("one-more", secret("v"), audience(), Vec::new(), NOW);
    assert!(matches!(refused, Err(VaultError::TooMany { .. })));
    assert_eq!(vault.names().unwrap().len(), MAX_ENTRIES);
    assert_eq!(set(&vault, "s0", "other"), Change::Replaced);
}
