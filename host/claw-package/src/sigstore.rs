//! Signatures in the form of Sigstore: a bundle holds the signature, a certificate that was good for some minutes and names
//! who signed, and the proof that a public log has seen both. Or it holds no certificate, and whoever checks it knows the key.
//!
//! Everything is checked with what the root of trust says, and no server is asked.

mod crypto;

use std::fmt;
use std::sync::Arc;

use claw_core::id::Digest;
use serde::Deserialize;
use serde_json::Value;
use sigstore_verify::crypto::KeyAlgorithm;
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::bundle::VerificationMaterialContent;
use sigstore_verify::types::{Bundle, DerPublicKey, PemContent, Sha256Hash, SignatureContent};
use sigstore_verify::{Policy, PublicKeyVerificationPolicy, VerificationPolicy, VerificationResult, Verifier};

use crate::error::PackageError;
use crate::publisher::{Identity, Publisher, Signed};

/// The digest of what two real bundles among the tests are about, and the key that has signed one of them.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) const REAL_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExRRST79+PsrRBnGAI4cMu6Omz2JhfwlMW+gIutNKVRaMyS4rQKvg\
    ngc5p8UbLj55pVHhIoAxi/SRgURZI0J3Xw==";
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) const REAL_OF: &str = "a0cfc71271d6e278e57cd332ff957c3f7043fdda354c4cbb190a30d56efa01bf";

/// What is believed where the owner names nothing else: certificate authority, logs and clocks of Sigstore's public
/// instance. It is the `trusted_root.json` of its TUF repository, as the Python package `sigstore` 4.5.1 of October 2026
/// ships it.
const PUBLIC_ROOT: &str = include_str!("../data/sigstore-root.json");

/// The longest bundle: a provenance is some 10 KiB.
pub(crate) const MAX_BUNDLE_BYTES: usize = 256 << 10;

/// Statements with which somebody says that they have published or built something. Others, such as the report of a
/// scanner or a list of parts, are about it, and say nothing of its publisher.
const STATEMENTS: [&str; 3] =
    ["https://sigstore.dev/cosign/sign/v1", "https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"];

/// A key of somebody's own, on P-256, as `cosign` makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BareKey(DerPublicKey);

impl BareKey {
    /// Reads a key as `cosign.pub` has it.
    ///
    /// # Errors
    /// [`PackageError::Signature`] if it is none.
    pub fn from_pem(text: &str) -> Result<BareKey, PackageError> {
        BareKey::of(DerPublicKey::from_pem(text).map_err(|err| no_key(&err))?)
    }

    /// Reads a key in base64, without the lines around it.
    ///
    /// # Errors
    /// As [`BareKey::from_pem`].
    pub fn parse(text: &str) -> Result<BareKey, PackageError> {
        BareKey::of(DerPublicKey::from_base64(text).map_err(|err| no_key(&err))?)
    }

    fn of(key: DerPublicKey) -> Result<BareKey, PackageError> {
        match KeyAlgorithm::from_spki(&key).map_err(|err| no_key(&err))? {
            KeyAlgorithm::EcdsaP256 => Ok(BareKey(key)),
            _ => Err(no_key(&"it is not on P-256")),
        }
    }
}

impl fmt::Display for BareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_base64())
    }
}

fn no_key(why: &dyn fmt::Display) -> PackageError {
    refuse(&format!("this is no public key for signatures of Sigstore ({why})"))
}

/// A root of trust, and what is checked with it.
#[derive(Clone)]
pub struct Sigstore {
    /// As it was read.
    root: Arc<str>,
    verifier: Arc<Verifier>,
    policy: VerificationPolicy,
}

impl Sigstore {
    /// Believes Sigstore's public instance.
    pub fn public() -> Sigstore {
        Sigstore::with_root(PUBLIC_ROOT).expect("sigstore: the root that is built in can be read")
    }

    /// Believes a root of trust, as Sigstore's `trusted_root.json` has it.
    ///
    /// # Errors
    /// [`PackageError::Root`] if it is none, or has no certificate authority or log.
    pub fn with_root(json: &str) -> Result<Sigstore, PackageError> {
        // Whoever is first installs the same.
        let _ = sigstore_verify::crypto::install_default_provider(&crypto::Arithmetic);
        let refused = |why: String| PackageError::Root(why);
        let root = TrustedRoot::from_json(json).map_err(|err| refused(err.to_string()))?;
        if root.certificate_authorities.is_empty() || root.tlogs.is_empty() {
            return Err(refused("it names no certificate authority, or no transparency log".to_owned()));
        }
        let policy = VerificationPolicy::any_identity();
        // An instance without logs of certificates promises nothing about them.
        let policy = if root.ctlogs.is_empty() { policy.skip_sct() } else { policy };
        let verifier = Verifier::new(&root).map_err(|err| refused(err.to_string()))?;
        Ok(Sigstore { root: json.into(), verifier: verifier.into(), policy })
    }

    /// Checks a bundle over something that has one of these digests. One without a certificate is checked with `keys` and,
    /// where there are some, with the key that the log has seen: another key is another publisher. `None` if it is somebody's
    /// statement about it and not its publisher's signature, or if it wants a key and none is known.
    ///
    /// # Errors
    /// [`PackageError::Signature`] if it is no bundle, or anything of it does not fit.
    pub fn verify(&self, bundle: &str, digests: &[Digest], keys: &[BareKey]) -> Result<Option<Signed>, PackageError> {
        let bundle = read(bundle)?;
        if !is_publishers(&bundle)? {
            return Ok(None);
        }
        if !matches!(bundle.verification_material.content, VerificationMaterialContent::PublicKey(_)) {
            let result = self.verify_with(&bundle, digests, &self.policy)?;
            let name = result.identity().map(|name| name.as_str()).unwrap_or_default();
            return signed(name, result.issuer().unwrap_or_default()).map(Some);
        }
        let logged = if keys.is_empty() { None } else { logged_key(&bundle) };
        let mut refused = None;
        for key in keys.iter().chain(&logged) {
            match self.verify_with(&bundle, digests, &PublicKeyVerificationPolicy::new(key.0.clone())) {
                Ok(_) => return Ok(Some(Signed { by: Publisher::Key(key.clone()), comment: String::new() })),
                Err(err) => refused = refused.or(Some(err)),
            }
        }
        refused.map_or(Ok(None), Err)
    }

    fn verify_with(
        &self,
        bundle: &Bundle,
        digests: &[Digest],
        policy: &dyn Policy,
    ) -> Result<VerificationResult, PackageError> {
        let mut refused = refuse("it is about nothing");
        for digest in digests {
            match self.verifier.verify(Sha256Hash::new(digest.0), bundle, policy) {
                Ok(result) => return Ok(result),
                Err(err) => refused = refuse(&format!("the Sigstore bundle does not fit: {err}")),
            }
        }
        Err(refused)
    }
}

impl PartialEq for Sigstore {
    fn eq(&self, other: &Sigstore) -> bool {
        self.root == other.root
    }
}

impl fmt::Debug for Sigstore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sigstore").field(&self.root).finish()
    }
}

/// Reads a bundle. Nothing of it is checked.
pub(crate) fn read(text: &str) -> Result<Bundle, PackageError> {
    if text.len() > MAX_BUNDLE_BYTES {
        return Err(PackageError::TooLong { limit: MAX_BUNDLE_BYTES });
    }
    Bundle::from_json(text).map_err(|err| refuse(&format!("the Sigstore bundle cannot be read ({err})")))
}

fn is_publishers(bundle: &Bundle) -> Result<bool, PackageError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Statement {
        predicate_type: String,
    }

    let SignatureContent::DsseEnvelope(envelope) = &bundle.content else { return Ok(true) };
    let statement: Statement = serde_json::from_slice(envelope.payload.as_bytes())
        .map_err(|err| refuse(&format!("the statement of the Sigstore bundle cannot be read ({err})")))?;
    Ok(STATEMENTS.contains(&statement.predicate_type.as_str()))
}

/// The key that the log's entry names, which is nobody's word for whose it is.
fn logged_key(bundle: &Bundle) -> Option<BareKey> {
    // As entries of the kinds `hashedrekord` and `dsse` have it.
    const PLACES: [&str; 2] = ["/spec/signature/publicKey/content", "/spec/signatures/0/verifier"];

    let entry = bundle.verification_material.tlog_entries.first()?;
    let body: Value = serde_json::from_slice(entry.canonicalized_body.as_bytes()).ok()?;
    let pem = PLACES.iter().find_map(|place| body.pointer(place)?.as_str())?;
    BareKey::from_pem(std::str::from_utf8(PemContent::from_base64(pem).ok()?.as_bytes()).ok()?).ok()
}

/// The workflow of a repository is the same publisher on each branch and tag; which one it was is told beside it.
fn signed(name: &str, issuer: &str) -> Result<Signed, PackageError> {
    let parts = name.rsplit_once('@').filter(|(workflow, place)| {
        workflow.starts_with("https://") && (place.starts_with("refs/heads/") || place.starts_with("refs/tags/"))
    });
    let (name, place) = parts.unwrap_or((name, ""));
    let by = Publisher::Sigstore(Identity::new(name, issuer)?);
    Ok(Signed { by, comment: place.to_owned() })
}

fn refuse(why: &str) -> PackageError {
    PackageError::Signature(why.to_owned())
}

#[cfg(test)]
pub(crate) mod tests;
