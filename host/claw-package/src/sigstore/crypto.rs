//! The arithmetic for Sigstore's verifier, by what the host has anyway: no second library of C for it.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use sha2::digest::DynDigest;
use sha2::{Sha256, Sha384, Sha512};
use sigstore_verify::crypto::{CryptoProvider, Error, HashContext, SigningScheme};
use sigstore_verify::types::HashAlgorithm;

#[derive(Debug)]
pub(super) struct Arithmetic;

struct Hash(Box<dyn DynDigest + Send>);

impl HashContext for Hash {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().into_vec()
    }
}

impl CryptoProvider for Arithmetic {
    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn HashContext>, Error> {
        Ok(Box::new(Hash(match algorithm {
            HashAlgorithm::Sha2256 => Box::new(Sha256::default()),
            HashAlgorithm::Sha2384 => Box::new(Sha384::default()),
            HashAlgorithm::Sha2512 => Box::new(Sha512::default()),
            other => return Err(Error::UnsupportedAlgorithm(format!("digests of the kind {other}"))),
        })))
    }

    fn verify_raw(&self, scheme: SigningScheme, key: &[u8], data: &[u8], signature: &[u8]) -> Result<(), Error> {
        UnparsedPublicKey::new(algorithm(scheme)?, key).verify(data, signature).map_err(|_| wrong(scheme))
    }

    /// Certificates for signing have keys on P-256, whatever tool has asked for them; `ring` takes no digests.
    fn verify_prehashed(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        if scheme != SigningScheme::EcdsaP256Sha256 {
            return Err(unsupported(scheme));
        }
        let key = VerifyingKey::from_sec1_bytes(key).map_err(|err| Error::InvalidKey(err.to_string()))?;
        let signature = Signature::from_der(signature).map_err(|_| wrong(scheme))?;
        key.verify_prehash(digest, &signature).map_err(|_| wrong(scheme))
    }
}

fn algorithm(scheme: SigningScheme) -> Result<&'static dyn VerificationAlgorithm, Error> {
    Ok(match scheme {
        SigningScheme::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_ASN1,
        SigningScheme::EcdsaP256Sha384 => &signature::ECDSA_P256_SHA384_ASN1,
        SigningScheme::EcdsaP384Sha256 => &signature::ECDSA_P384_SHA256_ASN1,
        SigningScheme::EcdsaP384Sha384 => &signature::ECDSA_P384_SHA384_ASN1,
        SigningScheme::Ed25519 => &signature::ED25519,
        SigningScheme::RsaPssSha256 => &signature::RSA_PSS_2048_8192_SHA256,
        SigningScheme::RsaPssSha384 => &signature::RSA_PSS_2048_8192_SHA384,
        SigningScheme::RsaPssSha512 => &signature::RSA_PSS_2048_8192_SHA512,
        SigningScheme::RsaPkcs1Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        SigningScheme::RsaPkcs1Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        SigningScheme::RsaPkcs1Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        other => return Err(unsupported(other)),
    })
}

fn unsupported(scheme: SigningScheme) -> Error {
    Error::UnsupportedAlgorithm(format!("signatures of the kind {}", scheme.name()))
}

fn wrong(scheme: SigningScheme) -> Error {
    Error::Verification(format!("the {} signature does not fit", scheme.name()))
}
