use serde_json::Value;

use super::*;

/// What a workflow on GitHub has really signed in December 2024: the provenance of a file of the tests that all
/// implementations of Sigstore share.
pub(crate) const REAL: &str = include_str!("../../data/a.txt.sigstore.json");
/// The same file, really signed with a key.
pub(crate) const WITH_KEY: &str = include_str!("../../data/managed-key.sigstore.json");
/// What others have really signed: a person with `cosign` 3, and a workflow in a form of 2024.
const COSIGN: &str = include_str!("../../data/cosign-v3-blob.sigstore.json");
const WHEEL: &str = include_str!("../../data/github.whl.sigstore.json");

/// The digest that a bundle says it is about.
fn digest_of(bundle: &str) -> Digest {
    let bundle: Value = serde_json::from_str(bundle).unwrap();
    let said = bundle["messageSignature"]["messageDigest"]["digest"].as_str().unwrap();
    let digest = sigstore_verify::types::SignatureBytes::from_base64(said).unwrap();
    Digest(digest.as_bytes().try_into().unwrap())
}

#[track_caller]
fn refused(verified: Result<Option<Signed>, PackageError>) -> String {
    let err = verified.unwrap_err().to_string();
    assert!(err.starts_with("E_PKG_SIG: "), "{err}");
    err
}

#[test]
fn the_root_that_is_built_in_knows_what_the_public_instance_has_signed() {
    let sigstore = Sigstore::public();
    let (other, right) = (Digest([7; 32]), Digest::parse(REAL_OF).unwrap());
    let signed = sigstore.verify(REAL, &[other, right], &[]).unwrap().unwrap();
    assert_eq!(
        signed.by.to_string(),
        "sigstore:https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/\
         extremely-dangerous-oidc-beacon.yml via https://token.actions.githubusercontent.com"
    );
    assert_eq!(signed.comment, "refs/heads/main");
    refused(sigstore.verify(REAL, &[other], &[]));
    refused(sigstore.verify(REAL, &[], &[]));
    for (bundle, issuer, place) in [
        (COSIGN, "https://github.com/login/oauth", ""),
        (WHEEL, "https://token.actions.githubusercontent.com", "refs/tags/v0.1.2"),
    ] {
        let signed = sigstore.verify(bundle, &[digest_of(bundle)], &[]).unwrap().unwrap();
        let by = signed.by.to_string();
        assert!(by.ends_with(&format!(" via {issuer}")), "{by}");
        assert_eq!(signed.comment, place, "{by}");
        refused(sigstore.verify(bundle, &[right], &[]));
        // One character of what the log has signed.
        let mut broken: Value = serde_json::from_str(bundle).unwrap();
        let proof = &mut broken["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"];
        *proof = proof.as_str().unwrap().replacen('1', "2", 1).into();
        refused(sigstore.verify(&broken.to_string(), &[digest_of(bundle)], &[]));
    }
}

#[test]
fn a_bundle_without_a_certificate_counts_by_the_key_that_is_known() {
    let sigstore = Sigstore::public();
    let (key, right) = (BareKey::parse(REAL_KEY).unwrap(), Digest::parse(REAL_OF).unwrap());
    let other = {
        let point = "BGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/UfU=";
        let spki = [&key.0.as_bytes()[..26], DerPublicKey::from_base64(point).unwrap().as_bytes()].concat();
        BareKey::of(DerPublicKey::new(spki)).unwrap()
    };
    let signed = sigstore.verify(WITH_KEY, &[right], &[other.clone(), key.clone()]).unwrap().unwrap();
    assert_eq!(signed, Signed { by: Publisher::Key(key.clone()), comment: String::new() });
    assert_eq!(sigstore.verify(WITH_KEY, &[right], &[]).unwrap(), None, "somebody signed it, but nobody knows who");
    // Whoever knows another key learns whose it is not, as far as all the rest fits.
    let signed = sigstore.verify(WITH_KEY, &[right], std::slice::from_ref(&other)).unwrap().unwrap();
    assert_eq!(signed.by, Publisher::Key(key.clone()));
    refused(sigstore.verify(WITH_KEY, &[Digest([7; 32])], std::slice::from_ref(&other)));
    refused(sigstore.verify(WITH_KEY, &[Digest([7; 32])], std::slice::from_ref(&key)));
    let mut unlogged: Value = serde_json::from_str(WITH_KEY).unwrap();
    unlogged["verificationMaterial"]["tlogEntries"] = Value::Array(Vec::new());
    refused(sigstore.verify(&unlogged.to_string(), &[right], std::slice::from_ref(&key)));
    // A known key is no reason to believe a certificate.
    assert_ne!(sigstore.verify(REAL, &[right], std::slice::from_ref(&key)).unwrap().unwrap().by, Publisher::Key(key));
}
