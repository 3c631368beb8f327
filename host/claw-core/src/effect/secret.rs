//! Secrets: `openclaw:secrets`.

use serde::{Deserialize, Serialize};

/// What a guest wants with a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretRequest {
    /// To name it in requests.
    Get {
        /// Its name in the vault.
        name: String,
    },
    /// To see it.
    Reveal {
        /// Its name in the vault.
        name: String,
    },
}

/// One use of a secret, as it is decided on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretUse {
    /// Its name in the vault.
    pub name: String,
    /// What for.
    pub purpose: SecretPurpose,
}

/// What a secret is used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretPurpose {
    /// To be named later.
    Hold,
    /// To be sent in a header or a path to this server, `scheme://host:port`.
    Send(String),
    /// To be seen by the guest.
    Reveal,
}

/// What comes of a [`SecretRequest`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretReply {
    /// The component may name it.
    Held,
    /// The secret itself.
    Revealed(String),
}

impl std::fmt::Debug for SecretReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            SecretReply::Held => "Held",
            SecretReply::Revealed(_) => "Revealed(..)",
        })
    }
}

/// The text that stands for a secret in a header's value or a request's path: `{{secret:NAME}}`.
pub fn placeholder(name: &str) -> String {
    format!("{{{{secret:{name}}}}}")
}
