//! Where packages and skills come from, who signed them, what of them is revoked, and what can be seen of them without
//! running them.
//!
//! Nothing here decides anything: what is found goes to the owner, and what is fetched goes through the sandbox's own
//! admission before it is compiled.

mod archive;
mod clawhub;
mod document;
mod error;
mod fetch;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod oci;
mod publisher;
mod revocation;
mod screen;
mod shape;
mod signature;
mod sigstore;
mod source;

pub use archive::{Bundled, unpack};
pub use clawhub::{ClawHub, Download, Hit, Listing, SkillRef, Verdict};
pub use document::Document;
pub use error::PackageError;
pub use fetch::{Fetched, Fetcher, Login, PATIENCE, Signatures};
pub use oci::Published;
pub use publisher::{Identity, Publisher, Signed};
pub use reqwest::Url;
pub use revocation::{Mark, Revoked, RevokedList};
pub use screen::{Finding, Text, screen};
pub use shape::Shape;
pub use signature::{PublicKey, SigningKey, verify};
pub use sigstore::{BareKey, Sigstore};
pub use source::{OciReference, Source, site};

/// The longest component that is fetched: 64 MiB, as the sandbox takes.
pub const MAX_BYTES: usize = 64 << 20;
