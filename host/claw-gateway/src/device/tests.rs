use ed25519_dalek::{Signer as _, SigningKey};

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn scopes() -> Vec<String> {
    vec!["operator.write".to_owned(), "operator.read".to_owned()]
}

fn claim(scopes: &[String]) -> Claim<'_> {
    Claim {
        client_id: "openclaw-tui",
        client_mode: "ui",
        role: "operator",
        scopes,
        token: "secret",
        platform: " Linux ",
        device_family: "",
    }
}

fn unsigned(key: &SigningKey) -> DeviceProof {
    let public = key.verifying_key().to_bytes();
    DeviceProof {
        id: format!("{:x}", Sha256::digest(public)),
        public_key: BASE64.encode(public),
        signature: String::new(),
        signed_at: NOW.0,
        nonce: "nonce-1".to_owned(),
    }
}

fn proof(payload: fn(&DeviceProof, Claim<'_>) -> String) -> DeviceProof {
    let key = SigningKey::from_bytes(&[7; 32]);
    let proof = unsigned(&key);
    let signature = BASE64.encode(key.sign(payload(&proof, claim(&scopes())).as_bytes()).to_bytes());
    DeviceProof { signature, ..proof }
}

#[test]
fn the_signed_text_is_the_documented_one() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let proof = unsigned(&key);
    let id = &proof.id;
    assert_eq!(
        proof.payload_v3(claim(&scopes())),
        format!("v3|{id}|openclaw-tui|ui|operator|operator.write,operator.read|1800000000000|secret|nonce-1|linux|")
    );
    assert_eq!(
        proof.payload_v2(claim(&scopes())),
        format!("v2|{id}|openclaw-tui|ui|operator|operator.write,operator.read|1800000000000|secret|nonce-1")
    );
}

#[test]
fn both_versions_of_the_signature_hold_within_two_minutes() {
    for payload in [DeviceProof::payload_v3, DeviceProof::payload_v2] {
        for now in [NOW.0 - SKEW_MS, NOW.0, NOW.0 + SKEW_MS] {
            assert_eq!(proof(payload).verify(claim(&scopes()), "nonce-1", Timestamp(now)), Ok(()));
        }
    }
}

#[test]
fn padded_base64_is_accepted() {
    let proof = proof(DeviceProof::payload_v3);
    let padded = DeviceProof {
        public_key: format!("{}=", proof.public_key),
        signature: format!("{}==", proof.signature),
        ..proof
    };
    assert_eq!(padded.verify(claim(&scopes()), "nonce-1", NOW), Ok(()));
}

// GW-17
#[test]
fn a_signature_is_worth_nothing_on_another_connection() {
    let proof = proof(DeviceProof::payload_v3);
    assert_eq!(proof.verify(claim(&scopes()), "nonce-2", NOW), Err(DeviceError::NonceMismatch));
    let renamed = DeviceProof { nonce: "nonce-2".to_owned(), ..proof.clone() };
    assert_eq!(renamed.verify(claim(&scopes()), "nonce-2", NOW), Err(DeviceError::Signature));
    let empty = DeviceProof { nonce: String::new(), ..proof };
    assert_eq!(empty.verify(claim(&scopes()), "nonce-1", NOW), Err(DeviceError::NonceRequired));
}

#[test]
fn a_changed_claim_breaks_the_signature() {
    let proof = proof(DeviceProof::payload_v3);
    let more = vec!["operator.admin".to_owned()];
    let scopes = scopes();
    let good = claim(&scopes);
    let changed = [
        claim(&more),
        Claim { client_id: "cli", ..good },
        Claim { client_mode: "cli", ..good },
        Claim { role: "node", ..good },
        Claim { token: "other", ..good },
        Claim { platform: "darwin", ..good },
        Claim { device_family: "phone", ..good },
    ];
    for claim in changed {
        assert_eq!(proof.verify(claim, "nonce-1", NOW), Err(DeviceError::Signature), "{claim:?}");
    }
}

#[test]
fn a_device_must_be_its_own_key_and_have_a_clock() {
    let good = proof(DeviceProof::payload_v3);
    let other = DeviceProof { id: "0".repeat(64), ..good.clone() };
    assert_eq!(other.verify(claim(&scopes()), "nonce-1", NOW), Err(DeviceError::IdMismatch));
    for key in ["", "!!", "AAAA"] {
        let broken = DeviceProof { public_key: key.to_owned(), ..good.clone() };
        assert_eq!(broken.verify(claim(&scopes()), "nonce-1", NOW), Err(DeviceError::PublicKey), "{key}");
    }
    for now in [NOW.0 + SKEW_MS + 1, NOW.0 - SKEW_MS - 1, 0, u64::MAX] {
        assert_eq!(good.verify(claim(&scopes()), "nonce-1", Timestamp(now)), Err(DeviceError::Expired));
    }
}
