use super::*;

/// What a workflow on GitHub has really signed in December 2024: the provenance of a file of the tests that all
/// implementations of Sigstore share.
pub(crate) const REAL: &str = include_str!("../../data/a.txt.sigstore.json");

#[test]
fn the_root_that_is_built_in_knows_what_the_public_instance_has_signed() {
    let sigstore = Sigstore::public();
    let (other, right) = (Digest([7; 32]), Digest::parse(REAL_OF).unwrap());
    let signed = sigstore.verify(REAL, &[other, right]).unwrap().unwrap();
    assert_eq!(
        signed.by.to_string(),
        "sigstore:https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/\
         extremely-dangerous-oidc-beacon.yml via https://token.actions.githubusercontent.com"
    );
    assert_eq!(signed.comment, "refs/heads/main");
    for refused in [sigstore.verify(REAL, &[other]), sigstore.verify(REAL, &[])] {
        let err = refused.unwrap_err().to_string();
        assert!(err.starts_with("E_PKG_SIG: "), "{err}");
    }
}
