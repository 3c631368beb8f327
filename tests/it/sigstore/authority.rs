//! A stand-in for Sigstore: an authority that certifies who somebody is for ten minutes, a log of certificates and a log of
//! signatures. What they write has the form of the real ones.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SigningKey, date_time_ymd,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Real certificates name who vouches twice: in the old form, which some still read, and in the new one.
const OLD_ISSUER_OID: [u64; 9] = [1, 3, 6, 1, 4, 1, 57264, 1, 1];
const ISSUER_OID: [u64; 9] = [1, 3, 6, 1, 4, 1, 57264, 1, 8];
const SCT_OID: [u64; 10] = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
const LOG: &str = "rekor.example - 1";
/// Certificates are good for so long.
const VALID: Duration = Duration::from_secs(600);

/// Who signs, and what is odd about it.
#[derive(Clone, Debug)]
pub struct Signer {
    /// An address of mail, or a URL.
    pub name: &'static str,
    /// Who vouches for the name.
    pub issuer: &'static str,
    /// The one thing that is wrong.
    pub odd: Odd,
}

/// What can be wrong with a bundle whose parts are all well signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    Nothing,
    /// The certificate was over when the log saw the signature.
    Late,
    /// The certificate is for servers.
    NoCodeSigning,
    /// No log of certificates has seen the certificate.
    NoSct,
    /// The log of certificates has seen another one.
    OtherSct,
    /// Nobody vouches for the name.
    NoIssuer,
    /// The log has seen the signature of other bytes.
    OtherEntry,
    /// Somebody who calls themselves the same authority has given the certificate.
    OtherAuthority,
    /// Somebody else than the log has signed how far it is.
    OtherCheckpoint,
}

/// The services.
pub struct Authority {
    root: Vec<u8>,
    intermediate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
    certificates: KeyPair,
    signatures: KeyPair,
}

/// A key, and the certificate for it, if there is one.
pub struct Certified {
    der: Option<Vec<u8>>,
    /// What the log notes of whoever signed: the certificate, or the key.
    pem: String,
    key: KeyPair,
    /// When the log sees what is signed with it, in seconds since 1970.
    logged: u64,
}

impl Signer {
    pub fn new(name: &'static str) -> Signer {
        Signer { name, issuer: "https://accounts.example", odd: Odd::Nothing }
    }

    pub fn odd(self, odd: Odd) -> Signer {
        Signer { odd, ..self }
    }
}

impl Certified {
    /// A key of somebody's own, for which nobody vouches.
    pub fn own_key() -> Certified {
        let key = KeyPair::generate().unwrap();
        Certified { der: None, pem: key.public_key_pem(), key, logged: now() }
    }

    /// Signs with its own key, and lets the log say that it was another one.
    pub fn claiming(self, other: &Certified) -> Certified {
        Certified { pem: other.pem.clone(), ..self }
    }

    /// The key that others check with, as `cosign.pub` has it, and as one word.
    pub fn public_key(&self) -> (String, String) {
        (self.pem.clone(), text(&self.key.subject_public_key_info()))
    }
}

impl Authority {
    pub fn new() -> Authority {
        let authority = |name: &str| {
            let mut params = params(0, u32::MAX.into());
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params
        };
        let root_key = KeyPair::generate().unwrap();
        let root_params = authority("stand-in root");
        let root = root_params.self_signed(&root_key).unwrap().der().to_vec();
        let root_issuer = Issuer::new(root_params, root_key);
        let key = KeyPair::generate().unwrap();
        let mut params = authority("stand-in");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        let intermediate = params.signed_by(&key, &root_issuer).unwrap().der().to_vec();
        let [certificates, signatures] = [(); 2].map(|()| KeyPair::generate().unwrap());
        Authority { root, intermediate, issuer: Issuer::new(params, key), certificates, signatures }
    }

    /// Its `trusted_root.json`.
    pub fn trusted_root(&self) -> Value {
        let log = |key: &KeyPair| {
            json!({
                "baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256", "logId": {"keyId": text(&log_id(key))},
                "publicKey": {
                    "rawBytes": text(&key.subject_public_key_info()), "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": {"start": "2020-01-01T00:00:00Z"},
                },
            })
        };
        let chain = [&self.intermediate, &self.root].map(|der| json!({"rawBytes": text(der)}));
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.signatures)],
            "certificateAuthorities": [{
                "subject": {"organization": "example", "commonName": "stand-in"}, "uri": "https://fulcio.example",
                "certChain": {"certificates": chain}, "validFor": {"start": "2020-01-01T00:00:00Z"},
            }],
            "ctlogs": [log(&self.certificates)],
            "timestampAuthorities": [],
        })
    }

    /// The bundle that `cosign sign-blob` would write.
    pub fn sign(&self, bytes: &[u8], signer: &Signer) -> Value {
        self.sign_as(bytes, &self.certify(signer), signer.odd)
    }

    /// The bundle that `cosign sign-blob --key` would write.
    pub fn sign_with(&self, bytes: &[u8], key: &Certified) -> Value {
        self.sign_as(bytes, key, Odd::Nothing)
    }

    fn sign_as(&self, bytes: &[u8], certified: &Certified, odd: Odd) -> Value {
        let digest = Sha256::digest(bytes);
        let signature = text(&certified.key.sign(bytes).unwrap());
        let logged = if odd == Odd::OtherEntry { Sha256::digest(b"other bytes") } else { digest };
        let body = json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hex(&logged)}},
                "signature": {"content": signature, "publicKey": {"content": text(certified.pem.as_bytes())}},
            },
        });
        let mut bundle = self.bundle(certified, "hashedrekord", &body, odd);
        bundle["messageSignature"] =
            json!({"messageDigest": {"algorithm": "SHA2_256", "digest": text(&digest)}, "signature": signature});
        bundle
    }

    /// The bundle that `cosign sign` or a provenance would be: a statement about a digest.
    pub fn attest(&self, digest: &str, kind: &str, signer: &Signer) -> Value {
        let certified = self.certify(signer);
        let payload = json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": kind, "predicate": {},
            "subject": [{"name": "it", "digest": {"sha256": digest}}],
        });
        let payload = payload.to_string();
        let what = "application/vnd.in-toto+json";
        let signed = format!("DSSEv1 {} {what} {} {payload}", what.len(), payload.len());
        let signature = text(&certified.key.sign(signed.as_bytes()).unwrap());
        let hash = |text: &str| json!({"algorithm": "sha256", "value": hex(&Sha256::digest(text))});
        let body = json!({
            "apiVersion": "0.0.1", "kind": "dsse",
            "spec": {
                "envelopeHash": hash("not looked at"), "payloadHash": hash(&payload),
                "signatures": [{"signature": signature, "verifier": text(certified.pem.as_bytes())}],
            },
        });
        let mut bundle = self.bundle(&certified, "dsse", &body, signer.odd);
        bundle["dsseEnvelope"] =
            json!({"payload": text(payload.as_bytes()), "payloadType": what, "signatures": [{"sig": signature}]});
        bundle
    }

    /// Everything but the signature: the certificate, and what the log says of an entry that stands beside another.
    fn bundle(&self, certified: &Certified, kind: &str, body: &Value, odd: Odd) -> Value {
        let body = body.to_string();
        let leaf = Sha256::digest([b"\0", body.as_bytes()].concat());
        let beside = Sha256::digest(b"\0another entry");
        let root = Sha256::digest([&b"\x01"[..], &beside, &leaf].concat());
        let checkpoint = format!("{LOG}\n2\n{}\n", text(&root));
        let id = log_id(&self.signatures);
        let witness = if odd == Odd::OtherCheckpoint { &self.certificates } else { &self.signatures };
        let signature = witness.sign(checkpoint.as_bytes()).unwrap();
        let checkpoint = format!("{checkpoint}\n— rekor.example {}\n", text(&[&id[..4], &signature].concat()));
        let promised = format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":1}}"#,
            text(body.as_bytes()),
            certified.logged,
            hex(&id)
        );
        let promise = self.signatures.sign(promised.as_bytes()).unwrap();
        let (who, said) = match &certified.der {
            Some(der) => ("certificate", json!({"rawBytes": text(der)})),
            None => ("publicKey", json!({"hint": text(&log_id(&certified.key))})),
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                who: said,
                "tlogEntries": [{
                    "logIndex": "1", "logId": {"keyId": text(&id)}, "kindVersion": {"kind": kind, "version": "0.0.1"},
                    "integratedTime": certified.logged.to_string(),
                    "inclusionPromise": {"signedEntryTimestamp": text(&promise)},
                    "inclusionProof": {
                        "logIndex": "1", "rootHash": text(&root), "treeSize": "2", "hashes": [text(&beside)],
                        "checkpoint": {"envelope": checkpoint},
                    },
                    "canonicalizedBody": text(body.as_bytes()),
                }],
                "timestampVerificationData": {"rfc3161Timestamps": []},
            },
        })
    }

    fn certify(&self, signer: &Signer) -> Certified {
        let now = now();
        let since = if signer.odd == Odd::Late { now - 2 * VALID.as_secs() } else { now - 60 };
        let mut params = params(since, since + VALID.as_secs());
        let name = signer.name.try_into().unwrap();
        params.subject_alt_names =
            vec![if signer.name.contains("://") { SanType::URI(name) } else { SanType::Rfc822Name(name) }];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match signer.odd {
            Odd::NoCodeSigning => vec![ExtendedKeyUsagePurpose::ServerAuth],
            _ => vec![ExtendedKeyUsagePurpose::CodeSigning],
        };
        if signer.odd != Odd::NoIssuer {
            let issuer = [&[0x0c, u8::try_from(signer.issuer.len()).unwrap()], signer.issuer.as_bytes()].concat();
            let old = signer.issuer.as_bytes().to_vec();
            params.custom_extensions.push(CustomExtension::from_oid_content(&OLD_ISSUER_OID, old));
            params.custom_extensions.push(CustomExtension::from_oid_content(&ISSUER_OID, issuer));
        }
        let key = KeyPair::generate().unwrap();
        let other = Authority::new().issuer;
        let issuer = if signer.odd == Odd::OtherAuthority { &other } else { &self.issuer };
        if signer.odd != Odd::NoSct {
            // What the log of certificates signs is the certificate without the extension that holds its signature.
            let seen = params.signed_by(&key, issuer).unwrap();
            let mut seen = to_be_signed(seen.der()).to_vec();
            if signer.odd == Odd::OtherSct {
                *seen.last_mut().unwrap() ^= 1;
            }
            params.custom_extensions.push(CustomExtension::from_oid_content(&SCT_OID, self.timestamp(&seen, now)));
        }
        let certificate = params.signed_by(&key, issuer).unwrap();
        Certified { der: Some(certificate.der().to_vec()), pem: certificate.pem(), key, logged: now }
    }

    /// The extension that says that the log of certificates has seen one, as RFC 6962 has it.
    fn timestamp(&self, seen: &[u8], now: u64) -> Vec<u8> {
        let time = (now * 1000).to_be_bytes();
        let issuer = Sha256::digest(self.issuer.key().subject_public_key_info());
        let length = &u32::try_from(seen.len()).unwrap().to_be_bytes()[1..];
        let signed = [&[0, 0][..], &time, &[0, 1], &issuer, length, seen, &[0, 0]].concat();
        let signature = self.certificates.sign(&signed).unwrap();
        let two = |bytes: Vec<u8>| [u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec(), bytes].concat();
        let id = log_id(&self.certificates);
        let one = [&[0][..], &id, &time, &[0, 0], &[4, 3], &two(signature)].concat();
        let list = two(two(one));
        [&[0x04, u8::try_from(list.len()).unwrap()], &list[..]].concat()
    }
}

#[expect(clippy::disallowed_methods, reason = "a log stamps with its own clock")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn params(since: u64, until: u64) -> CertificateParams {
    let at = |seconds: u64| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(SerialNumber::from_slice(&[1]));
    params.not_before = at(since);
    params.not_after = at(until);
    params
}

/// The part of a certificate that its issuer signs.
fn to_be_signed(der: &[u8]) -> &[u8] {
    let header = |der: &[u8]| match der[1] {
        short @ 0..=0x7f => (2, usize::from(short)),
        0x81 => (3, usize::from(der[2])),
        _ => (4, usize::from(u16::from_be_bytes([der[2], der[3]]))),
    };
    let inside = &der[header(der).0..];
    let (head, length) = header(inside);
    &inside[..head + length]
}

fn log_id(key: &KeyPair) -> Vec<u8> {
    Sha256::digest(key.subject_public_key_info()).to_vec()
}

fn text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
