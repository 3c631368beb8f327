//! Why something cannot be installed, updated or removed.

use std::io;
use std::path::PathBuf;

use claw_core::id::{ComponentName, Digest};
use claw_package::{Mark, PackageError};
use claw_policy::GrantError;
use claw_sandbox::{AcceptedError, SandboxError};
use claw_store::StoreError;

use crate::catalog::CatalogError;
use crate::revocations::{Revocation, RevocationsError};

/// Why something cannot be done with a package. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
    /// It cannot be had.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// It cannot be used.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// It does not fit beside what is installed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// What is installed cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A grant makes no sense.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// A file of the home cannot be read or written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        err: io::Error,
    },
    /// Only registries have manifests.
    #[error("`{from}` is in no registry, so it has no manifest; leave `manifest` out")]
    NoRegistry {
        /// Where it is.
        from: String,
    },
    /// It must not run.
    #[error("{0}")]
    Revoked(Revocation),
    /// The owner has not revoked it.
    #[error("its owner has not revoked `{what}`; `openclaw-host skill revocations` shows what is revoked")]
    NotRevoked {
        /// What.
        what: Mark,
    },
    /// What is revoked cannot be read or changed.
    #[error(transparent)]
    Revocations(#[from] RevocationsError),
    /// The file of a package holds something else than was installed.
    #[error(
        "E_PKG_DIGEST: the file of package `{name}` was changed: expected sha256 {}, found {}; `openclaw-host skill install` puts it right",
        expected.short(), actual.short()
    )]
    Digest {
        /// Which.
        name: ComponentName,
        /// What was accepted.
        expected: Digest,
        /// What is there.
        actual: Digest,
    },
    /// The same bytes describe themselves otherwise.
    #[error("E_PKG_CHANGED: package `{name}` is not what was installed; install it again to see what it says now")]
    Described {
        /// Which.
        name: ComponentName,
        /// In which way.
        #[source]
        err: AcceptedError,
    },
    /// The name looks like one without its last character.
    #[error("E_PKG_NAME: `{name}` ends with a mark, as no name of a package does: its publisher has to rename it")]
    NameEnd {
        /// Which.
        name: ComponentName,
    },
    /// Something else has the name.
    #[error(
        "E_PKG_NAME: `{name}` is the name of a component that ships with the host or lies in the folder `components`"
    )]
    NameTaken {
        /// Which.
        name: ComponentName,
    },
    /// The settings want a signature.
    #[error(
        "E_PKG_SIG: package `{name}` is signed by {who}, and `packages.require` asks for {require}; `--key` names a publisher's key, and `packages.publishers` what is taken from a source"
    )]
    Unsigned {
        /// Which.
        name: ComponentName,
        /// By whom it is signed.
        who: String,
        /// What is asked for.
        require: &'static str,
    },
    /// The settings want another publisher for where it comes from.
    #[error(
        "E_PKG_SIG: package `{name}` is signed by {who}, who is not among those that `packages.publishers` takes from `{from}`; add them there if they are to be trusted with it"
    )]
    NotOfRule {
        /// Which.
        name: ComponentName,
        /// By whom it is signed.
        who: String,
        /// What its source begins with.
        from: String,
    },
    /// Somebody else has published the update.
    #[error(
        "E_PKG_SIG: this version of `{name}` comes from another publisher than the one before; `--accept-publisher` takes it"
    )]
    OtherPublisher {
        /// Which.
        name: ComponentName,
    },
    /// It stays at its version.
    #[error("package `{name}` is pinned to its version; `openclaw-host skill unpin {name}` lets it change")]
    Pinned {
        /// Which.
        name: ComponentName,
    },
    /// There is nothing to go back to.
    #[error("package `{name}` has no version before this one")]
    NoPrevious {
        /// Which.
        name: ComponentName,
    },
    /// There is no such package.
    #[error("no package `{name}` is installed; `openclaw-host skill list` shows those that are")]
    NotInstalled {
        /// Which.
        name: ComponentName,
    },
    /// It was not prepared, or too long ago.
    #[error("this package was not prepared, or others have been since; prepare it again")]
    NotPrepared,
    /// A grant would open nothing.
    #[error(
        "`{component}` declares nothing like `{grant}`; a grant beyond what it declares or, without a manifest, imports would open nothing"
    )]
    Undeclared {
        /// Which.
        component: ComponentName,
        /// The grant.
        grant: String,
    },
    /// The configuration speaks of it, and a start without it would fail.
    #[error("the configuration has `grants.{name}` or `components.{name}`; take that out first")]
    Configured {
        /// Which.
        name: ComponentName,
    },
}
