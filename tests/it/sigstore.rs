//! Signatures in Sigstore's form: who has signed is known by the name that somebody vouches for.

pub mod authority;

use axum::Router;
use axum::http::{StatusCode, Uri};
use claw_core::id::Digest;
use claw_package::Sigstore;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use self::authority::{Authority, Certified, Odd, Signer, hex};
use crate::host::Home;
use crate::packages::{Publisher, package, with_tail};
use crate::registry::tool;

const NAME: &str = "effects";
const BYTES: &[u8] = b"some bytes";
const COSIGN: &str = "https://sigstore.dev/cosign/sign/v1";
const ADA: &str = "sigstore:ada@example.org via https://accounts.example";

fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

fn ada() -> Signer {
    Signer::new("ada@example.org")
}

/// What comes of a bundle over `BYTES`.
fn check(authority: &Authority, bundle: &str) -> Result<String, String> {
    let sigstore = Sigstore::with_root(&authority.trusted_root().to_string()).unwrap();
    match sigstore.verify(bundle, &[digest(BYTES)], &[]) {
        Ok(Some(signed)) => Ok(format!("{} {}", signed.by, signed.comment).trim().to_owned()),
        Ok(None) => Ok("no publisher".to_owned()),
        Err(err) => Err(err.to_string()),
    }
}

#[test]
fn a_bundle_says_who_has_signed() {
    let authority = Authority::new();
    let checked = |bundle: Value| check(&authority, &bundle.to_string());
    assert_eq!(checked(authority.sign(BYTES, &ada())), Ok(ADA.to_owned()));
    let of = hex(&digest(BYTES).0);
    assert_eq!(checked(authority.attest(&of, COSIGN, &ada())), Ok(ADA.to_owned()));
    // A scanner's report is no publisher's word.
    let report = authority.attest(&of, "https://in-toto.io/attestation/vulns/v0.1", &ada());
    assert_eq!(checked(report), Ok("no publisher".to_owned()));
    // A workflow is the same one on each branch and tag, and another one on a request to take a change.
    for (at, name) in [
        ("https://h.example/ada/tool/w.yml@refs/tags/v1", "https://h.example/ada/tool/w.yml"),
        ("https://h.example/ada/tool/w.yml@refs/heads/main", "https://h.example/ada/tool/w.yml"),
        ("https://h.example/ada/tool/w.yml@refs/pull/1/merge", "https://h.example/ada/tool/w.yml@refs/pull/1/merge"),
    ] {
        let place = at[name.len()..].trim_start_matches('@');
        let shown = format!("sigstore:{name} via https://accounts.example {place}").trim().to_owned();
        assert_eq!(checked(authority.sign(BYTES, &Signer::new(at))), Ok(shown));
    }
}

#[test]
fn one_thing_that_does_not_fit_is_enough_to_refuse_a_bundle() {
    let (authority, other) = (Authority::new(), Authority::new());
    let refused = |bundle: &str, why: &str| {
        let err = check(&authority, bundle).unwrap_err();
        assert!(err.starts_with("E_PKG_SIG: ") && err.contains(why), "{why}: {err}");
    };
    for (odd, why) in [
        (Odd::Late, "CertExpired"),
        (Odd::NoCodeSigning, "RequiredEku"),
        (Odd::OtherAuthority, "certificate chain is invalid"),
        (Odd::NoSct, "missing SCT"),
        (Odd::OtherSct, "SCT signature"),
        (Odd::NoIssuer, "is no identity"),
        (Odd::OtherEntry, "artifact hash mismatch"),
        (Odd::OtherCheckpoint, "No valid Rekor signature found on checkpoint"),
    ] {
        refused(&authority.sign(BYTES, &ada().odd(odd)).to_string(), why);
    }
    refused(&other.sign(BYTES, &ada()).to_string(), "No log key");
    refused(&authority.sign(b"other bytes", &ada()).to_string(), "does not match artifact hash");
    refused(&authority.attest(&hex(&digest(b"other").0), COSIGN, &ada()).to_string(), "does not match any subject");

    // Each part is replaced by the same part of another bundle that is good in itself.
    let (good, also_good) = (authority.sign(BYTES, &ada()), authority.sign(BYTES, &ada()));
    let entry = "/verificationMaterial/tlogEntries/0";
    for (part, why) in [
        ("/verificationMaterial/certificate/rawBytes".to_owned(), "signature"),
        (entry.to_owned(), "certificate in Rekor entry"),
        (format!("{entry}/inclusionPromise/signedEntryTimestamp"), "inclusion promise"),
        (format!("{entry}/inclusionProof"), "inclusion proof"),
        (format!("{entry}/inclusionProof/rootHash"), "root hash"),
        (format!("{entry}/inclusionProof/checkpoint/envelope"), "root hash"),
        (format!("{entry}/canonicalizedBody"), "inclusion promise"),
        ("/messageSignature/signature".to_owned(), "signature"),
    ] {
        let mut bundle = good.clone();
        *bundle.pointer_mut(&part).unwrap() = also_good.pointer(&part).unwrap().clone();
        refused(&bundle.to_string(), why);
    }
    // Or is another value, or is not there.
    for (part, value, why) in [
        (format!("{entry}/integratedTime"), json!("1700000000"), "inclusion promise"),
        (format!("{entry}/logIndex"), json!("0"), "inclusion promise"),
        (format!("{entry}/inclusionProof/hashes"), json!([]), "inclusion proof"),
        (format!("{entry}/inclusionProof/treeSize"), json!("3"), "inclusion proof"),
        (format!("{entry}/inclusionPromise"), Value::Null, "no verified timestamp"),
        (format!("{entry}/inclusionProof"), Value::Null, "must have an inclusion proof"),
        ("/verificationMaterial/tlogEntries".to_owned(), json!([]), "must have an inclusion proof"),
        ("/verificationMaterial/certificate".to_owned(), Value::Null, "cannot be read"),
        ("/messageSignature".to_owned(), Value::Null, "cannot be read"),
        ("/mediaType".to_owned(), json!("application/json"), "cannot be read"),
    ] {
        let mut bundle = good.clone();
        *bundle.pointer_mut(&part).unwrap() = value;
        refused(&bundle.to_string(), why);
    }
    let text = good.to_string();
    for cut in (0..text.len()).step_by(101) {
        refused(&text[..cut], "cannot be read");
    }
    assert!(check(&authority, &text).is_ok());
    let long = format!("{text}{}", " ".repeat(256 << 10));
    assert!(check(&authority, &long).unwrap_err().starts_with("E_PKG_SIZE: "));
}

/// A home that believes a stand-in; `packages` says more of what it takes.
fn home(authority: &Authority, mut packages: Value) -> Home {
    let home = Home::new();
    std::fs::write(home.path().join("root.json"), authority.trusted_root().to_string()).unwrap();
    packages["sigstoreRoot"] = json!("root.json");
    home.config(&json!({ "packages": packages }).to_string())
}

/// Puts a package and what it is signed with into a folder of the home; gives the folder.
fn put(home: &Home, bytes: &[u8], bundle: Option<&Value>, minisign: Option<&Publisher>) -> String {
    let folder = home.path().join("incoming");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("effects.wasm", bytes);
    if let Some(bundle) = bundle {
        write("effects.wasm.sigstore.json", bundle.to_string().as_bytes());
    }
    if let Some(publisher) = minisign {
        write("effects.wasm.minisig", publisher.sign(bytes).as_bytes());
        write("minisign.pub", publisher.key().as_bytes());
    }
    folder.display().to_string()
}

fn publisher(home: &Home) -> String {
    home.json(&["skill", "list"])["packages"][0]["publisher"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_identity_is_pinned_and_another_publisher_is_the_owners_decision() {
    let authority = Authority::new();
    let home = home(&authority, json!({}));
    let running = home.start();
    let signed = |tail: u8, signer: &Signer| {
        let bytes = with_tail(package(&[]), tail);
        put(&home, &bytes, Some(&authority.sign(&bytes, signer)), None)
    };
    let source = signed(0, &ada());
    assert!(home.ok(&["skill", "inspect", &source]).contains(&format!("Publisher  {ADA}\n")));
    assert!(home.ok(&["skill", "inspect", &source, "--key", ADA]).contains(ADA));
    let mallory = "sigstore:mallory@example.org via https://accounts.example";
    assert!(home.no(&["skill", "inspect", &source, "--key", mallory]).contains("E_PKG_SIG"));
    home.ok(&["skill", "install", &source, "--yes", "--grant-all"]);
    assert_eq!(publisher(&home), ADA);

    signed(1, &ada());
    home.ok(&["skill", "update", NAME]);
    // Neither another name, nor the same one by another's word, nor nobody, nor a key.
    let held = |who: &str| {
        let said = home.no(&["skill", "update", NAME]);
        let text = format!("comes from another publisher; the installed one is: {ADA}");
        assert!(said.contains(&text) && said.contains(who), "{said}");
        assert!(home.no(&["skill", "update", NAME, "--yes", "--grant-all"]).contains("--accept-publisher"));
    };
    signed(2, &Signer::new("mallory@example.org"));
    held(mallory);
    signed(2, &Signer { issuer: "https://other.example", ..ada() });
    held("via https://other.example");
    let bytes = with_tail(package(&[]), 2);
    put(&home, &bytes, None, None);
    held("nobody who is known has signed it");
    put(&home, &bytes, None, Some(&Publisher::new()));
    held("minisign RW");
    // A bundle that does not fit is a lie, not another publisher, and `--accept-publisher` is no way around it.
    put(&home, &bytes, Some(&authority.sign(b"other bytes", &ada())), Some(&Publisher::new()));
    assert!(home.no(&["skill", "update", NAME, "--yes", "--grant-all", "--accept-publisher"]).contains("E_PKG_SIG"));

    // The lock names the identity, and takes no other's.
    let lock = home.path().join("skills.lock");
    std::fs::write(&lock, home.ok(&["skill", "lock"])).unwrap();
    let lock = lock.display().to_string();
    assert!(std::fs::read_to_string(&lock).unwrap().contains(ADA));
    signed(1, &Signer::new("mallory@example.org"));
    assert!(home.no(&["skill", "restore", &lock, "--yes"]).contains("E_PKG_SIG"));
    signed(1, &ada());
    home.ok(&["skill", "restore", &lock, "--yes"]);

    signed(3, &Signer::new("mallory@example.org"));
    home.ok(&["skill", "update", NAME, "--yes", "--grant-all", "--accept-publisher"]);
    assert_eq!(publisher(&home), mallory);
    home.ok(&["skill", "rollback", NAME]);
    assert_eq!(publisher(&home), ADA);
    drop(running);
    let _running = home.start();
    assert_eq!(publisher(&home), ADA);

    // Her identity is revoked with all that she has signed.
    home.ok(&["skill", "revoke", ADA, "--reason", "her account was stolen"]);
    let list = home.json(&["skill", "list"]);
    assert!(list["packages"][0]["error"].as_str().unwrap().contains("her account was stolen"), "{list}");
    let next = signed(4, &ada());
    assert!(home.no(&["skill", "inspect", &next]).contains("E_PKG_REVOKED"));
    home.ok(&["skill", "unrevoke", ADA]);
    home.ok(&["skill", "inspect", &next]);
}

#[tokio::test]
async fn an_owner_can_demand_a_signature_of_a_kind_or_of_somebody() {
    let (authority, key) = (Authority::new(), Publisher::new());
    let bytes = package(&[]);
    let bundle = authority.sign(&bytes, &ada());
    let (none, minisign, sigstore, both) =
        ((None, None), (None, Some(&key)), (Some(&bundle), None), (Some(&bundle), Some(&key)));
    let rule = |by: &str| json!({"publishers": [{"source": "/", "by": [by]}]});
    for (packages, taken, refused) in [
        (json!({}), vec![none, minisign, sigstore, both], vec![]),
        (json!({"require": "signature"}), vec![minisign, sigstore, both], vec![none]),
        (json!({"require": "minisign"}), vec![minisign, both], vec![none, sigstore]),
        (json!({"require": "sigstore"}), vec![sigstore, both], vec![none, minisign]),
        (rule(ADA), vec![sigstore, both], vec![none, minisign]),
        (rule(&key.key()), vec![minisign, both], vec![none, sigstore]),
        (rule("sigstore:bob@example.org via https://accounts.example"), vec![], vec![none, minisign, sigstore, both]),
    ] {
        let home = home(&authority, packages.clone());
        let _running = home.start();
        for (bundle, minisign) in taken {
            let source = put(&home, &bytes, bundle, minisign);
            home.ok(&["skill", "inspect", &source]);
        }
        for (bundle, minisign) in refused {
            let said = home.no(&["skill", "inspect", &put(&home, &bytes, bundle, minisign)]);
            let setting = if packages["require"].is_null() { "packages.publishers" } else { "packages.require" };
            assert!(said.contains("E_PKG_SIG") && said.contains(setting), "{packages}: {said}");
        }
    }
}

#[tokio::test]
async fn a_key_of_ones_own_counts_where_it_is_named_and_is_pinned() {
    let (authority, key, other) = (Authority::new(), Certified::own_key(), Certified::own_key());
    let (pem, word) = key.public_key();
    let by = format!("sigstore-key:{word}");
    let own = home(&authority, json!({}));
    let _running = own.start();
    let signed = |home: &Home, tail: u8, key: &Certified| {
        let bytes = with_tail(package(&[]), tail);
        put(home, &bytes, Some(&authority.sign_with(&bytes, key)), None)
    };
    let source = signed(&own, 0, &key);
    assert!(own.ok(&["skill", "inspect", &source]).contains("nobody who is known has signed it"));
    for named in [&by, &pem] {
        assert!(own.ok(&["skill", "inspect", &source, "--key", named]).contains(&format!("Publisher  {by}\n")));
    }
    let wrong = format!("sigstore-key:{}", other.public_key().1);
    for named in [ADA, &wrong] {
        assert!(own.no(&["skill", "inspect", &source, "--key", named]).contains("E_PKG_SIG"));
    }
    own.ok(&["skill", "install", &source, "--key", &by, "--yes", "--grant-all"]);
    assert_eq!(publisher(&own), by);
    signed(&own, 1, &key);
    own.ok(&["skill", "update", NAME]);
    // Another key is held and shown beside the one that is pinned; one that does not fit is a lie.
    signed(&own, 2, &other);
    let held = own.no(&["skill", "update", NAME]);
    let pinned = format!("comes from another publisher; the installed one is: {by}");
    assert!(held.contains(&format!("{wrong}; the key came along with it")) && held.contains(&pinned), "{held}");
    let take = ["skill", "update", NAME, "--yes", "--grant-all", "--accept-publisher"];
    assert!(own.no(&take[..5]).contains("--accept-publisher"));
    let bytes = with_tail(package(&[]), 3);
    for bundle in [
        authority.sign_with(b"other bytes", &other),
        authority.sign_with(&bytes, &Certified::own_key().claiming(&other)),
    ] {
        put(&own, &bytes, Some(&bundle), None);
        assert!(own.no(&take).contains("E_PKG_SIG"));
    }
    assert_eq!(publisher(&own), by);
    signed(&own, 2, &other);
    own.ok(&take);
    assert_eq!(publisher(&own), wrong);
    own.ok(&["skill", "rollback", NAME]);
    assert_eq!(publisher(&own), by);

    let rule = |by: &str| json!({"publishers": [{"source": "/", "by": [ADA, by]}]});
    for (packages, is_taken) in [(rule(&by), true), (rule(&wrong), false), (json!({"require": "sigstore"}), false)] {
        let home = home(&authority, packages);
        let _running = home.start();
        let source = signed(&home, 0, &key);
        if is_taken {
            assert!(home.ok(&["skill", "inspect", &source]).contains(&by));
        } else {
            assert!(home.no(&["skill", "inspect", &source]).contains("E_PKG_SIG"));
        }
    }
    let strict = home(&authority, json!({"require": "sigstore"}));
    let _running = strict.start();
    strict.ok(&["skill", "inspect", &signed(&strict, 0, &key), "--key", &by]);
}

/// What Sigstore's own client says of a bundle over `BYTES`, with the stand-in for its instance.
fn peer(authority: &Authority, bundle: &Value, name: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let config = json!({
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": authority.trusted_root(),
        "signingConfig": {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"},
    });
    std::fs::write(file("trust.json"), config.to_string()).unwrap();
    std::fs::write(file("it"), BYTES).unwrap();
    std::fs::write(file("it.sigstore.json"), bundle.to_string()).unwrap();
    let mut command = std::process::Command::new(tool("sigstore/bin/python"));
    command.args(["-m", "sigstore", "--trust-config"]).arg(file("trust.json"));
    command.args(["verify", "identity", "--offline", "--cert-identity", name]);
    command.args(["--cert-oidc-issuer", "https://accounts.example", "--bundle"]).arg(file("it.sigstore.json"));
    let output = command.arg(file("it")).env("HOME", folder.path()).output().unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

// The stand-in is of our own making: Sigstore's own client has to take it for the real form, too.
#[test]
fn what_the_stand_in_signs_convinces_sigstores_own_client_as_it_does_us() {
    let authority = Authority::new();
    assert_eq!(peer(&authority, &authority.sign(BYTES, &ada()), "ada@example.org"), Ok(()));
    let mut of_others = Vec::new();
    for odd in [
        Odd::Late,
        Odd::NoCodeSigning,
        Odd::NoSct,
        Odd::OtherSct,
        Odd::NoIssuer,
        Odd::OtherEntry,
        Odd::OtherAuthority,
        Odd::OtherCheckpoint,
    ] {
        let bundle = authority.sign(BYTES, &ada().odd(odd));
        assert!(check(&authority, &bundle.to_string()).is_err(), "{odd:?}");
        if peer(&authority, &bundle, "ada@example.org").is_ok() {
            of_others.push(odd);
        }
    }
    assert_eq!(of_others, [], "taken by the client, and refused by us");
    assert!(peer(&authority, &authority.sign(b"other bytes", &ada()), "ada@example.org").is_err());
    assert!(peer(&authority, &authority.sign(BYTES, &ada()), "mallory@example.org").is_err());
}

#[tokio::test]
async fn what_a_stand_in_has_signed_counts_for_nobody_who_does_not_name_it() {
    let authority = Authority::new();
    let home = Home::new();
    let _running = home.start();
    let bytes = package(&[]);
    let source = put(&home, &bytes, Some(&authority.sign(&bytes, &ada())), None);
    assert!(home.no(&["skill", "inspect", &source]).contains("E_PKG_SIG"));
    // A file that is no root of trust is an error at the start, not no root.
    for text in ["{}", "", r#"{"mediaType": "x"}"#] {
        std::fs::write(home.path().join("root.json"), text).unwrap();
        std::fs::write(home.path().join("config.json5"), "{packages: {sigstoreRoot: 'root.json'}}").unwrap();
        let refused = home.run(&["run"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(64) && said.contains("packages.sigstoreRoot"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_found_behind_a_url() {
    let authority = Authority::new();
    let home = home(&authority, json!({"require": "sigstore"}));
    let bytes = package(&[]);
    let bundle = authority.sign(&bytes, &ada()).to_string();
    for (suffix, bundle, works) in [
        (".sigstore.json", bundle.clone(), true),
        (".sigstore", bundle.clone(), true),
        (".bundle", bundle, false),
        (".sigstore.json", authority.sign(b"other", &ada()).to_string(), false),
        (".sigstore.json", "x".repeat(1 << 20), false),
    ] {
        let (wasm, name) = (bytes.clone(), format!("/a/effects.wasm{suffix}"));
        let answer = move |uri: Uri| async move {
            match uri.path() {
                "/a/effects.wasm" => (StatusCode::OK, wasm),
                path if path == name => (StatusCode::OK, bundle.into_bytes()),
                _ => (StatusCode::NOT_FOUND, Vec::new()),
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/a/effects.wasm", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        let _running = home.start();
        let output = home.run(&["skill", "inspect", &url]);
        assert_eq!(output.status.success(), works, "{suffix}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
