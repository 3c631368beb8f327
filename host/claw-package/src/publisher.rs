//! Who published something: a key of their own, in one of two forms, or a name that somebody vouches for.

use std::fmt;

use crate::error::PackageError;
use crate::signature::PublicKey;
use crate::sigstore::BareKey;

/// What stands before an identity in text.
const SIGSTORE: &str = "sigstore:";
/// What stands before a key of Sigstore's form.
const KEY: &str = "sigstore-key:";
/// How such a key begins in a file.
const PEM: &str = "-----BEGIN";
/// What stands between the name and who vouches for it.
const VIA: &str = " via ";
/// Characters of a name or of an issuer.
const MAX_PART: usize = 1024;

/// A publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publisher {
    /// The owner of a minisign key.
    Minisign(PublicKey),
    /// Somebody with a name, whose signatures are in Sigstore's form.
    Sigstore(Identity),
    /// The owner of a key, whose signatures are in Sigstore's form.
    Key(BareKey),
}

/// A name, and the service where its owner has logged in: both stand in the certificate of a signature.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// An address of mail, or the URL of what has signed, e.g. a workflow's file in its repository.
    name: String,
    /// The URL of the service, e.g. `https://token.actions.githubusercontent.com`.
    issuer: String,
}

/// A signature that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Who signed.
    pub by: Publisher,
    /// What was signed with it: minisign's comment, or the branch or tag that a workflow ran on. May be empty.
    pub comment: String,
}

impl Publisher {
    /// Reads a minisign key as it stands in `minisign.pub`, `sigstore:NAME via ISSUER`, `sigstore-key:BASE64`, or the text
    /// of `cosign.pub`.
    ///
    /// # Errors
    /// [`PackageError::Signature`] if it is none of them.
    pub fn parse(text: &str) -> Result<Publisher, PackageError> {
        let text = text.trim();
        if text.starts_with(PEM) {
            return BareKey::from_pem(text).map(Publisher::Key);
        }
        if let Some(key) = text.strip_prefix(KEY) {
            return BareKey::parse(key).map(Publisher::Key);
        }
        match text.strip_prefix(SIGSTORE) {
            Some(rest) => Identity::parse(rest).map(Publisher::Sigstore),
            None => PublicKey::parse(text).map(Publisher::Minisign),
        }
    }
}

impl fmt::Display for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Publisher::Minisign(key) => key.fmt(f),
            Publisher::Sigstore(identity) => identity.fmt(f),
            Publisher::Key(key) => write!(f, "{KEY}{key}"),
        }
    }
}

impl Identity {
    /// A name and who vouches for it.
    ///
    /// # Errors
    /// [`PackageError::Signature`] if one of them is empty, long, or has other characters than visible ones of ASCII: people
    /// read them to decide.
    pub fn new(name: &str, issuer: &str) -> Result<Identity, PackageError> {
        let is_plain =
            |text: &str| (1..=MAX_PART).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_plain(name) && is_plain(issuer) {
            return Ok(Identity { name: name.to_owned(), issuer: issuer.to_owned() });
        }
        let shown: String = format!("{name}{VIA}{issuer}").escape_default().take(200).collect();
        Err(PackageError::Signature(format!(
            "`{shown}` is no identity: write `{SIGSTORE}NAME{VIA}ISSUER`, in plain characters without blanks"
        )))
    }

    fn parse(text: &str) -> Result<Identity, PackageError> {
        let (name, issuer) = text.split_once(VIA).unwrap_or((text, ""));
        Identity::new(name, issuer)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SIGSTORE}{}{VIA}{}", self.name, self.issuer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::SigningKey;
    use crate::sigstore::REAL_KEY;

    #[test]
    fn a_publisher_is_a_key_or_a_name_with_its_issuer() {
        let key = SigningKey::generate().unwrap().public().unwrap().to_string();
        let identity = "sigstore:ada@example.org via https://accounts.example";
        let bare = format!("sigstore-key:{REAL_KEY}");
        for text in [key.as_str(), identity, &bare] {
            assert_eq!(Publisher::parse(text).unwrap().to_string(), text);
        }
        let pem =
            format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &REAL_KEY[..64], &REAL_KEY[64..]);
        assert_eq!(Publisher::parse(&pem).unwrap().to_string(), bare);
        let of_another_curve = REAL_KEY.replace("AQcDQg", "AQgDQg");
        for text in [
            "",
            "sigstore:",
            "sigstore:ada@example.org",
            "sigstore:ada@example.org via ",
            "sigstore: via https://accounts.example",
            "sigstore:ada lovelace via https://accounts.example",
            "sigstore:аda@example.org via https://accounts.example",
            "sigstore:ada via https://accounts.example via x",
            "ada@example.org via https://accounts.example",
            "sigstore-key:",
            "sigstore-key:AAAA",
            // Of Ed25519, which signs no digests.
            "sigstore-key:MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
            &format!("sigstore-key:{of_another_curve}"),
            &pem.replace("PUBLIC", "PRIVATE"),
            &pem[..pem.len() - 20],
        ] {
            assert!(Publisher::parse(text).is_err(), "{text}");
        }
        assert!(Publisher::parse(&format!("sigstore:{} via x", "a".repeat(MAX_PART + 1))).is_err());
    }
}
