//! What can go wrong with a package before it is looked at.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use claw_core::id::Digest;

/// Why a package cannot be had. Nothing was kept.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The text names no source.
    #[error(
        "`{text}` names no package: write a path, `https://…/NAME.wasm`, or `oci://HOST/REPOSITORY[:TAG][@sha256:…]`"
    )]
    Source {
        /// What was given.
        text: String,
    },
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        err: io::Error,
    },
    /// A folder has no component, or several.
    #[error("`{}` has {found} files `*.wasm`; name the one to install", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// How many there are.
        found: usize,
    },
    /// There is more to read than belongs to a package.
    #[error("`{}` has more than {most} files `README*`, `LICENSE*` and `CHANGELOG*`; take some away", path.display())]
    Documents {
        /// Which folder.
        path: PathBuf,
        /// How many are taken.
        most: usize,
    },
    /// Nothing can be fetched.
    #[error("the certificates of the configuration cannot be used")]
    Client(#[source] reqwest::Error),
    /// A server cannot be reached, or broke off.
    #[error("cannot fetch from {host}")]
    Fetch {
        /// Its name; a URL may hold secrets.
        host: String,
        /// Why.
        #[source]
        err: reqwest::Error,
    },
    /// A server sends, and never comes to an end.
    #[error("{host} is too slow: not all of it was there after {} s; try again later", within.as_secs_f32())]
    Late {
        /// Its name.
        host: String,
        /// How long was waited.
        within: Duration,
    },
    /// A server answered with something else than the package.
    #[error("{host} answered {status} for {what}")]
    Status {
        /// Its name.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What was asked for.
        what: String,
    },
    /// A registry's answer is not what its protocol says.
    #[error("the registry {host} is not understood: {what}")]
    Protocol {
        /// Its name.
        host: String,
        /// What is wrong.
        what: String,
    },
    /// The package is too long; what was read of it is thrown away.
    #[error("E_PKG_SIZE: it is longer than {limit} bytes")]
    TooLong {
        /// The most that is taken.
        limit: usize,
    },
    /// The bytes are others than they should be.
    #[error("E_PKG_DIGEST: expected sha256 {}, got {}", expected.short(), actual.short())]
    Digest {
        /// What was promised.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// An archive holds something that no skill may bring; nothing of it was unpacked.
    #[error("E_PKG_ARCHIVE: {0}")]
    Archive(String),
    /// A text names no skill of ClawHub.
    #[error("`{text}` names no skill of ClawHub: write `clawhub:[OWNER/]SLUG[@VERSION]`")]
    Skill {
        /// What was given.
        text: String,
    },
    /// ClawHub refuses, in its own words.
    #[error("{host} answered {status} for {what}{}{text}", if text.is_empty() { "" } else { ": " })]
    Hub {
        /// Its name.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What was asked for.
        what: String,
        /// What it says, in one harmless line.
        text: String,
    },
    /// ClawHub wants to be asked less.
    #[error("{host} wants to be asked again in {seconds} s, not before")]
    RateLimit {
        /// Its name.
        host: String,
        /// How long it wants to be left alone.
        seconds: u64,
    },
    /// A text names nothing that can be revoked.
    #[error(
        "`{text}` names nothing that can be revoked: write a SHA-256, a minisign key, `sigstore:NAME via ISSUER`, `sigstore-key:BASE64`, or `clawhub:SLUG[@VERSION]`"
    )]
    Mark {
        /// What was given.
        text: String,
    },
    /// A list of what is revoked does not say what such lists say.
    #[error("the list of what is revoked cannot be read: {0}")]
    List(String),
    /// A file names nothing that signatures could be checked with.
    #[error("this is no root of trust as Sigstore's `trusted_root.json` is one: {0}")]
    Root(String),
    /// The signature is not one of the key over these bytes, or one of them is not readable.
    #[error("E_PKG_SIG: {0}")]
    Signature(String),
}
