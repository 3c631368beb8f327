//! Device identity: an Ed25519 key whose holder signs what it asks for, bound to this connection's nonce.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use claw_core::id::Timestamp;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// How far a device's clock may be off, in milliseconds.
const SKEW_MS: u64 = 120_000;

/// Unpadded by the protocol; some libraries pad anyway.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The `device` object of `connect`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceProof {
    pub(crate) id: String,
    pub(crate) public_key: String,
    pub(crate) signature: String,
    pub(crate) signed_at: u64,
    #[serde(default)]
    pub(crate) nonce: String,
}

/// What the device signed, as it stands in the rest of `connect`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) client_mode: &'a str,
    pub(crate) role: &'a str,
    pub(crate) scopes: &'a [String],
    pub(crate) token: &'a str,
    pub(crate) platform: &'a str,
    pub(crate) device_family: &'a str,
}

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeviceError {
    #[error("device public key is not 32 bytes of Ed25519 in base64url")]
    PublicKey,
    #[error("device id is not the SHA-256 of its public key")]
    IdMismatch,
    #[error("device signature is more than two minutes away from the gateway's clock; set the clock")]
    Expired,
    #[error("device nonce is missing; sign the nonce of `connect.challenge`")]
    NonceRequired,
    #[error("device nonce is not the one of this connection")]
    NonceMismatch,
    #[error("device signature does not match what was sent")]
    Signature,
}

impl DeviceError {
    /// The code in `details`.
    pub(crate) fn code(self) -> &'static str {
        match self {
            DeviceError::PublicKey => "DEVICE_AUTH_PUBLIC_KEY_INVALID",
            DeviceError::IdMismatch => "DEVICE_AUTH_DEVICE_ID_MISMATCH",
            DeviceError::Expired => "DEVICE_AUTH_SIGNATURE_EXPIRED",
            DeviceError::NonceRequired => "DEVICE_AUTH_NONCE_REQUIRED",
            DeviceError::NonceMismatch => "DEVICE_AUTH_NONCE_MISMATCH",
            DeviceError::Signature => "DEVICE_AUTH_SIGNATURE_INVALID",
        }
    }
}

impl DeviceProof {
    /// Checks that the holder of the key asked for exactly `claim`, on this connection, now.
    ///
    /// # Errors
    /// The first check that fails, in the order of the protocol.
    pub(crate) fn verify(&self, claim: Claim<'_>, nonce: &str, now: Timestamp) -> Result<(), DeviceError> {
        let bytes = BASE64.decode(&self.public_key).map_err(|_| DeviceError::PublicKey)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| DeviceError::PublicKey)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| DeviceError::PublicKey)?;
        if self.id != format!("{:x}", Sha256::digest(bytes)) {
            return Err(DeviceError::IdMismatch);
        }
        if now.0.abs_diff(self.signed_at) > SKEW_MS {
            return Err(DeviceError::Expired);
        }
        if self.nonce.is_empty() {
            return Err(DeviceError::NonceRequired);
        }
        if self.nonce != nonce {
            return Err(DeviceError::NonceMismatch);
        }
        let signature = BASE64.decode(&self.signature).map_err(|_| DeviceError::Signature)?;
        let signature = Signature::from_slice(&signature).map_err(|_| DeviceError::Signature)?;
        let signed = |payload: String| key.verify_strict(payload.as_bytes(), &signature).is_ok();
        if signed(self.payload_v3(claim)) || signed(self.payload_v2(claim)) {
            Ok(())
        } else {
            Err(DeviceError::Signature)
        }
    }

    /// What newer clients sign.
    pub(crate) fn payload_v3(&self, claim: Claim<'_>) -> String {
        let lower = |text: &str| text.trim().to_ascii_lowercase();
        let (platform, family) = (lower(claim.platform), lower(claim.device_family));
        format!("v3|{}|{platform}|{family}", self.signed_fields(claim))
    }

    /// What older clients and the browser sign.
    pub(crate) fn payload_v2(&self, claim: Claim<'_>) -> String {
        format!("v2|{}", self.signed_fields(claim))
    }

    fn signed_fields(&self, claim: Claim<'_>) -> String {
        let Claim { client_id, client_mode, role, scopes, token, .. } = claim;
        let DeviceProof { id, signed_at, nonce, .. } = self;
        let scopes = scopes.join(",");
        format!("{id}|{client_id}|{client_mode}|{role}|{scopes}|{signed_at}|{token}|{nonce}")
    }
}

#[cfg(test)]
mod tests;
