//! Signatures in the format of minisign: Ed25519 over BLAKE2b of the bytes, with a comment that is signed too.

use std::io::Cursor;

use minisign::{PublicKeyBox, SecretKeyBox, SignatureBox};

use crate::error::PackageError;
use crate::publisher::{Publisher, Signed};

/// A publisher's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(minisign::PublicKey);

impl PublicKey {
    /// Reads a key as it stands in `minisign.pub`, or only its line that begins with `RW`.
    ///
    /// # Errors
    /// [`PackageError::Signature`] if it is none.
    pub fn parse(text: &str) -> Result<PublicKey, PackageError> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let key = PublicKeyBox::from_string(line).and_then(PublicKeyBox::into_public_key);
        let key = key.or_else(|_| minisign::PublicKey::from_base64(line));
        key.map(PublicKey).map_err(|err| PackageError::Signature(format!("this is no minisign key ({err})")))
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_base64())
    }
}

/// A publisher's own key.
pub struct SigningKey(minisign::SecretKey);

impl SigningKey {
    /// A new one.
    ///
    /// # Errors
    /// If the kernel gives no random bytes.
    pub fn generate() -> Result<SigningKey, PackageError> {
        let pair = minisign::KeyPair::generate_unencrypted_keypair();
        pair.map(|pair| SigningKey(pair.sk)).map_err(|err| PackageError::Signature(err.to_string()))
    }

    /// Reads a key in minisign's form; one that is sealed needs its password.
    ///
    /// # Errors
    /// [`PackageError::Signature`] if it is none, or sealed with another password.
    pub fn parse(text: &str, password: Option<String>) -> Result<SigningKey, PackageError> {
        let unusable = |err: minisign::PError| PackageError::Signature(format!("the key cannot be read ({err})"));
        let sealed = SecretKeyBox::from_string(text).map_err(unusable)?;
        let key = match password {
            Some(password) => sealed.into_secret_key(Some(password)),
            None => sealed.into_unencrypted_secret_key(),
        };
        key.map(SigningKey).map_err(unusable)
    }

    /// The key in minisign's form, not sealed.
    ///
    /// # Errors
    /// If it cannot be written so.
    pub fn to_text(&self) -> Result<String, PackageError> {
        let text = self.0.to_box(None).map(SecretKeyBox::into_string);
        text.map_err(|err| PackageError::Signature(err.to_string()))
    }

    /// The key that others check with.
    ///
    /// # Errors
    /// If there is none to this one.
    pub fn public(&self) -> Result<PublicKey, PackageError> {
        let key = minisign::PublicKey::from_secret_key(&self.0);
        key.map(PublicKey).map_err(|err| PackageError::Signature(err.to_string()))
    }

    /// Signs all of `bytes`, and a comment with them.
    ///
    /// # Errors
    /// If the key cannot sign.
    pub fn sign(&self, bytes: &[u8], comment: &str) -> Result<String, PackageError> {
        let signature = minisign::sign(None, &self.0, Cursor::new(bytes), Some(comment), None);
        signature.map(SignatureBox::into_string).map_err(|err| PackageError::Signature(err.to_string()))
    }
}

/// Checks a signature over all of `bytes`.
///
/// # Errors
/// [`PackageError::Signature`] if it is not one of `key` over exactly these bytes.
pub fn verify(bytes: &[u8], signature: &str, key: &PublicKey) -> Result<Signed, PackageError> {
    let refused = |why: String| PackageError::Signature(why);
    let signature =
        SignatureBox::from_string(signature).map_err(|err| refused(format!("the signature cannot be read ({err})")))?;
    // Quiet, without the old form that signs the bytes themselves.
    minisign::verify(&key.0, &signature, Cursor::new(bytes), true, false, false)
        .map_err(|err| refused(format!("it was not signed by the key {key} ({err})")))?;
    let comment = signature.trusted_comment().map_err(|err| refused(err.to_string()))?;
    Ok(Signed { by: Publisher::Minisign(key.clone()), comment })
}

#[cfg(test)]
mod tests {
    use minisign::KeyPair;

    use super::*;

    fn sign(pair: &KeyPair, bytes: &[u8]) -> String {
        minisign::sign(None, &pair.sk, Cursor::new(bytes), Some("weather 1.0"), None).unwrap().to_string()
    }

    #[test]
    fn a_key_of_ones_own_signs_and_is_read_again() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::parse(&key.to_text().unwrap(), None).unwrap();
        let signature = again.sign(b"bytes", "weather").unwrap();
        assert_eq!(verify(b"bytes", &signature, &key.public().unwrap()).unwrap().comment, "weather");
        assert!(SigningKey::parse("nothing", None).is_err());
    }

    // SU-02
    #[test]
    fn only_the_key_that_signed_exactly_these_bytes_counts() {
        let (pair, other) = (KeyPair::generate_unencrypted_keypair().unwrap(), KeyPair::generate_unencrypted_keypair());
        let key = |pair: &KeyPair| PublicKey::parse(&pair.pk.to_box().unwrap().to_string()).unwrap();
        let signature = sign(&pair, b"bytes");
        let signed = verify(b"bytes", &signature, &key(&pair)).unwrap();
        assert_eq!(signed, Signed { by: Publisher::Minisign(key(&pair)), comment: "weather 1.0".to_owned() });
        assert_eq!(PublicKey::parse(&pair.pk.to_base64()).unwrap(), key(&pair));
        let forged = signature.replace("weather 1.0", "weather 2.0");
        for (bytes, signature, key) in [
            (&b"other"[..], signature.as_str(), key(&pair)),
            (b"bytes", signature.as_str(), key(&other.unwrap())),
            (b"bytes", forged.as_str(), key(&pair)),
            (b"bytes", "", key(&pair)),
            (b"bytes", "untrusted comment: x\nAAAA\n", key(&pair)),
        ] {
            let err = verify(bytes, signature, &key).unwrap_err();
            assert!(err.to_string().starts_with("E_PKG_SIG: "), "{err}");
        }
        for text in ["", "RW", "not a key", "untrusted comment: x\n"] {
            assert!(PublicKey::parse(text).is_err(), "{text}");
        }
    }
}
