//! Signatures in the format of minisign: Ed25519 over BLAKE2b of the bytes, with a comment that is signed too.

use std::io::Cursor;

use minisign::{PublicKeyBox, SignatureBox};

use crate::error::PackageError;

/// A publisher's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(minisign::PublicKey);

/// Who signed, and what they said with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The key in its text form.
    pub key: String,
    /// The signed comment, e.g. the name of the file.
    pub comment: String,
}

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
    Ok(Signed { key: key.to_string(), comment })
}

#[cfg(test)]
mod tests {
    use minisign::KeyPair;

    use super::*;

    fn sign(pair: &KeyPair, bytes: &[u8]) -> String {
        minisign::sign(None, &pair.sk, Cursor::new(bytes), Some("weather 1.0"), None).unwrap().to_string()
    }

    // SU-02
    #[test]
    fn only_the_key_that_signed_exactly_these_bytes_counts() {
        let (pair, other) = (KeyPair::generate_unencrypted_keypair().unwrap(), KeyPair::generate_unencrypted_keypair());
        let key = |pair: &KeyPair| PublicKey::parse(&pair.pk.to_box().unwrap().to_string()).unwrap();
        let signature = sign(&pair, b"bytes");
        let signed = verify(b"bytes", &signature, &key(&pair)).unwrap();
        assert_eq!(signed, Signed { key: pair.pk.to_base64(), comment: "weather 1.0".to_owned() });
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
