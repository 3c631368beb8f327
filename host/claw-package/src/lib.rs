//! Where packages come from, who signed them, and what can be seen of them without running them.
//!
//! Nothing here decides anything: what is found goes to the owner, and what is fetched goes through the sandbox's own
//! admission before it is compiled.

mod error;
mod fetch;
mod oci;
mod screen;
mod shape;
mod signature;
mod source;

pub use error::PackageError;
pub use fetch::{Fetched, Fetcher, Login};
pub use oci::Published;
pub use screen::{Finding, Text, screen};
pub use shape::Shape;
pub use signature::{PublicKey, Signed, SigningKey, verify};
pub use source::{OciReference, Source};

/// The longest component that is fetched: 64 MiB, as the sandbox takes.
pub const MAX_BYTES: usize = 64 << 20;
