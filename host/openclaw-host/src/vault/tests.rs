use std::fs;
use std::os::unix::fs::PermissionsExt;

use claw_core::id::Timestamp;

use super::*;

fn file(folder: &Path, text: &[u8], mode: u32) -> PathBuf {
    let path = folder.join("passphrase");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn environment(path: &Path) -> Env {
    Env::from_pairs([(env::HOST_VAULT_PASSPHRASE_FILE, path.to_str().unwrap())])
}

#[test]
fn a_passphrase_is_the_first_line_of_its_file() {
    let home = tempfile::tempdir().unwrap();
    let env = environment(&file(home.path(), b"correct horse\nignored\n", 0o600));
    let vault = open(home.path(), VaultKey::Passphrase, &env, Missing::Make).unwrap();
    vault.set("a", Zeroizing::new("v".to_owned()), Vec::new(), Vec::new(), Timestamp(1)).unwrap();
    let env = environment(&file(home.path(), b"correct horse", 0o600));
    assert_eq!(open(home.path(), VaultKey::Passphrase, &env, Missing::Leave).unwrap().names().unwrap().len(), 1);
    let env = environment(&file(home.path(), b"wrong horse", 0o600));
    let err = open(home.path(), VaultKey::Passphrase, &env, Missing::Leave).unwrap_err();
    assert!(matches!(err, OpenError::Vault(VaultError::WrongKey { .. })), "{err}");
}

#[test]
fn a_passphrase_file_that_others_can_read_or_that_is_empty_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let opened = |text: &[u8], mode| {
        let env = environment(&file(home.path(), text, mode));
        open(home.path(), VaultKey::Passphrase, &env, Missing::Leave).unwrap_err()
    };
    assert!(opened(b"correct horse", 0o644).hint().starts_with("run `chmod 600 "));
    assert!(matches!(opened(b"\n", 0o600), OpenError::File { .. }));
    assert!(matches!(opened(b"\xff\n", 0o600), OpenError::File { .. }));
    let env = environment(&home.path().join("missing"));
    let err = open(home.path(), VaultKey::Passphrase, &env, Missing::Leave).unwrap_err();
    assert!(matches!(err, OpenError::File { .. }));
}

#[test]
fn nobody_is_asked_about_a_vault_that_is_not_there() {
    let home = tempfile::tempdir().unwrap();
    for key in [VaultKey::File, VaultKey::Passphrase] {
        let vault = open(home.path(), key, &Env::default(), Missing::Leave).unwrap();
        assert!(vault.names().unwrap().is_empty());
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}
