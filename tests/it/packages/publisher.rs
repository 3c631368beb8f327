//! Packages that somebody has signed.

use super::{NAME, ask_store, package, with_tail};
use crate::host::Home;

pub struct Publisher(minisign::KeyPair);

impl Publisher {
    pub fn new() -> Publisher {
        Publisher(minisign::KeyPair::generate_unencrypted_keypair().unwrap())
    }

    pub fn key(&self) -> String {
        self.0.pk.to_base64()
    }

    pub fn sign(&self, bytes: &[u8]) -> String {
        minisign::sign(None, &self.0.sk, std::io::Cursor::new(bytes), Some("effects"), None).unwrap().to_string()
    }
}

// SU-02
#[tokio::test]
async fn a_publisher_is_pinned_and_another_one_is_the_owners_decision() {
    let home = Home::new();
    let running = home.start();
    let (alice, mallory) = (Publisher::new(), Publisher::new());
    let folder = home.path().join("incoming");
    std::fs::create_dir(&folder).unwrap();
    let source = folder.display().to_string();
    let put = |bytes: &[u8], publisher: Option<&Publisher>| {
        std::fs::write(folder.join("effects.wasm"), bytes).unwrap();
        for name in ["effects.wasm.minisig", "minisign.pub"] {
            let _ = std::fs::remove_file(folder.join(name));
        }
        if let Some(publisher) = publisher {
            std::fs::write(folder.join("effects.wasm.minisig"), publisher.sign(bytes)).unwrap();
            std::fs::write(folder.join("minisign.pub"), publisher.key()).unwrap();
        }
    };
    put(&package(&[]), Some(&alice));
    let shown = home.ok(&["skill", "inspect", &source]);
    assert!(shown.contains("the key came along with it"), "{shown}");
    assert!(home.no(&["skill", "inspect", &source, "--key", &mallory.key()]).contains("E_PKG_SIG"));
    assert!(!home.ok(&["skill", "inspect", &source, "--key", &alice.key()]).contains("came along"));
    home.ok(&["skill", "install", &source, "--yes", "--grant-all"]);

    // Hers comes in by itself; another's or nobody's does not, whatever lies beside it.
    put(&with_tail(package(&[]), 1), Some(&alice));
    home.ok(&["skill", "update", NAME]);
    for publisher in [Some(&mallory), None] {
        put(&with_tail(package(&[]), 2), publisher);
        assert!(home.no(&["skill", "update", NAME]).contains("comes from another publisher"));
        let said = home.no(&["skill", "update", NAME, "--yes", "--grant-all"]);
        assert!(said.contains("--accept-publisher"), "{said}");
    }
    // A signature over other bytes is a lie, not another publisher.
    put(&with_tail(package(&[]), 3), Some(&alice));
    std::fs::write(folder.join("effects.wasm"), with_tail(package(&[]), 4)).unwrap();
    assert!(home.no(&["skill", "update", NAME, "--yes", "--grant-all", "--accept-publisher"]).contains("E_PKG_SIG"));
    put(&with_tail(package(&[]), 5), Some(&mallory));
    home.ok(&["skill", "update", NAME, "--yes", "--grant-all", "--accept-publisher"]);
    // Back at hers, hers is the key that is pinned.
    home.ok(&["skill", "rollback", NAME]);
    assert!(home.no(&["skill", "update", NAME]).contains("comes from another publisher"));
    put(&with_tail(package(&[]), 6), Some(&alice));
    home.ok(&["skill", "update", NAME]);

    // SU-24: what is removed leaves nothing to whoever has the name next.
    home.ok(&["skill", "remove", NAME]);
    put(&package(&[]), None);
    home.ok(&["skill", "install", &source, "--yes", "--grant-none"]);
    assert_eq!(ask_store(&mut running.connect().await).await["ok"], false);

    // An owner who wants signatures gets no others.
    home.ok(&["skill", "remove", NAME]);
    drop(running);
    let home = home.config("{packages: {require: \"signature\"}}");
    let _running = home.start();
    assert!(home.no(&["skill", "inspect", &source]).contains("E_PKG_SIG"));
    put(&package(&[]), Some(&alice));
    home.ok(&["skill", "inspect", &source, "--key", &alice.key()]);
}

#[tokio::test]
async fn a_publisher_signs_and_checks_what_others_then_install() {
    let home = Home::new();
    let source = home.source(&package(&[]));
    let signed = home.json(&["skill", "sign", &source]);
    let again = home.json(&["skill", "sign", &source]);
    assert_eq!(signed["key"], again["key"], "the vault keeps it");
    let secrets = home.ok(&["secret", "list"]);
    assert!(secrets.contains("publisher/minisign"), "{secrets}");
    let _running = home.start();
    let shown = home.ok(&["skill", "inspect", &source, "--key", signed["key"].as_str().unwrap()]);
    assert!(shown.contains(&format!("minisign {}", signed["key"].as_str().unwrap())), "{shown}");
    let checked = String::from_utf8(home.run(&["skill", "check", &source]).stdout).unwrap();
    assert!(checked.contains("send requests to any server: name what it needs"), "{checked}");
    let nowhere = home.no(&["skill", "publish", &source, "https://example.com/x"]);
    assert!(nowhere.contains("oci://HOST/REPOSITORY:TAG"), "{nowhere}");
}
