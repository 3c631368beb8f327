//! Why a skill cannot be had, installed or removed.

use std::io;
use std::path::PathBuf;

use claw_package::PackageError;
use claw_vault::VaultError;

use crate::revocations::Revocation;

/// Why something cannot be done with a skill of ClawHub. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// It cannot be had.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The token for ClawHub cannot be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// ClawHub does not let this client in.
    #[error("{text}; `openclaw-host secret set clawhub/token --for https://clawhub.ai` keeps a token of yours for it")]
    Login {
        /// What it says.
        text: String,
    },
    /// A file cannot be read or written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        err: io::Error,
    },
    /// It is known to do harm.
    #[error("E_PKG_BLOCKED: ClawHub says that `{slug}` must not be used{}{reasons}", if reasons.is_empty() { "" } else { ": " })]
    Blocked {
        /// Which.
        slug: String,
        /// Why, as far as ClawHub says it.
        reasons: String,
    },
    /// Something about it is odd, and its owner has not said that this does not matter.
    #[error("E_PKG_SUSPICIOUS: ClawHub calls `{slug}` suspicious; `--accept-suspicious` takes it all the same")]
    Suspicious {
        /// Which.
        slug: String,
    },
    /// It must not be used.
    #[error("{0}")]
    Revoked(Revocation),
    /// It is no skill.
    #[error("E_PKG_FORMAT: {0}")]
    NoSkill(String),
    /// There is no version of it.
    #[error("`{slug}` has no version that could be installed")]
    NoVersion {
        /// Which.
        slug: String,
    },
    /// Its files were changed here.
    #[error("files of `{slug}` were changed here: {}; `--force` overwrites them", paths.join(", "))]
    Changed {
        /// Which.
        slug: String,
        /// The files.
        paths: Vec<String>,
    },
    /// The archive of a version holds something else than was installed.
    #[error(
        "E_PKG_DIGEST: the kept archive of `{slug}` {version} was changed; `openclaw-host skill install \
         clawhub:{slug}@{version}` fetches it again"
    )]
    Digest {
        /// Which.
        slug: String,
        /// Which version.
        version: String,
    },
    /// It stays at its version.
    #[error(
        "skill `clawhub:{slug}` is pinned to its version; `openclaw-host skill unpin clawhub:{slug}` lets it change"
    )]
    Pinned {
        /// Which.
        slug: String,
    },
    /// There is nothing to go back to.
    #[error("skill `clawhub:{slug}` has no version before this one")]
    NoPrevious {
        /// Which.
        slug: String,
    },
    /// Somebody else has published it.
    #[error("E_PKG_SIG: `{slug}` comes from another owner than the version before; `--accept-publisher` takes it")]
    OtherOwner {
        /// Which.
        slug: String,
    },
    /// It is not installed.
    #[error("no skill `clawhub:{slug}` is installed; `openclaw-host skill list` shows those that are")]
    NotInstalled {
        /// Which.
        slug: String,
    },
    /// It was not prepared, or too long ago.
    #[error("this skill was not prepared, or others have been since; prepare it again")]
    NotPrepared,
}
