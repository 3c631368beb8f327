//! Why the vault did not do what it was asked, and what helps.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why the vault did not do what it was asked. Never holds a value, a key or a passphrase.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A file of the vault cannot be read or written.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, e.g. `read`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        err: io::Error,
    },
    /// Others could read or change the file.
    #[error("`{}` {exposure}", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// How.
        exposure: Exposure,
    },
    /// The vault is there, the file with its key is not.
    #[error("the vault `{}` cannot be opened: its key file `{}` is missing", vault.display(), key.display())]
    NoKey {
        /// The vault.
        vault: PathBuf,
        /// Where its key was looked for.
        key: PathBuf,
    },
    /// What lies in the key file is not a key.
    #[error("`{}` does not hold a key of 32 bytes", path.display())]
    BadKey {
        /// The key file.
        path: PathBuf,
    },
    /// The vault was made with a passphrase after the host had started without one.
    #[error("the vault `{}` needs a passphrase, which was not asked for when the host started", path.display())]
    Locked {
        /// The vault.
        path: PathBuf,
    },
    /// A new passphrase is too short.
    #[error("the passphrase is too short: at least {} characters are expected", crate::MIN_PASSPHRASE_CHARS)]
    WeakPassphrase,
    /// The vault was made with the other kind of key.
    #[error("the vault `{}` was made with a {made_with}, and the configuration names another kind of key", path.display())]
    OtherKey {
        /// The vault.
        path: PathBuf,
        /// `key file` or `passphrase`.
        made_with: &'static str,
    },
    /// The key or passphrase is not the one that the vault was made with.
    #[error("the key or passphrase is not the one of the vault `{}`", path.display())]
    WrongKey {
        /// The vault.
        path: PathBuf,
    },
    /// The file is no vault, or was changed by something else than this program.
    #[error("the vault `{}` is damaged: {what}", path.display())]
    Damaged {
        /// The vault.
        path: PathBuf,
        /// What was found.
        what: &'static str,
    },
    /// The file was made by a newer version of this program.
    #[error("the vault `{}` has format {found}, and this program reads format {known}", path.display())]
    Version {
        /// The vault.
        path: PathBuf,
        /// What the file says.
        found: u8,
        /// What can be read.
        known: u8,
    },
    /// Another process has been changing the vault for too long.
    #[error("the vault is in use: another process holds `{}`", path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
    },
    /// A name breaks the rule for names.
    #[error("this is not a name of a secret: write 1 to 64 of `a-z 0-9 - _ . /`, a letter or digit first")]
    Name,
    /// A value breaks the rule for values.
    #[error("the value of `{name}` cannot be kept: {rule}")]
    Value {
        /// The secret.
        name: String,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// There are, or would be, too many of something.
    #[error("the vault keeps at most {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// There is no secret of this name.
    #[error("there is no secret `{name}`")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The random source of the system failed.
    #[error("cannot get random bytes")]
    Random(#[source] io::Error),
}

impl VaultError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            VaultError::Io { path, .. } => {
                format!("check the folder `{}` and who owns it", path.parent().unwrap_or(path).display())
            }
            VaultError::Exposed { path, exposure } => exposure.fix(path),
            VaultError::NoKey { vault, key } => format!(
                "put `{}` back from a backup; without it the secrets are lost: `rm {}` starts afresh",
                key.display(),
                vault.display()
            ),
            VaultError::BadKey { path } => format!("put `{}` back from a backup", path.display()),
            VaultError::Locked { .. } => "start the host again; it then asks for the passphrase".to_owned(),
            VaultError::WeakPassphrase => "a few unrelated words make a good one".to_owned(),
            VaultError::OtherKey { .. } => {
                "set `vault.key` in config.json5 to the kind it was made with; docs/secrets.md says how to change it"
                    .to_owned()
            }
            VaultError::WrongKey { .. } => {
                "try the passphrase again, or put the vault and its key file back from the same backup".to_owned()
            }
            VaultError::Damaged { path, .. } => {
                format!("put `{}` back from a backup; it was not changed", path.display())
            }
            VaultError::Version { .. } => "use the version of openclaw-host that wrote it".to_owned(),
            VaultError::Busy { .. } => "try again in a moment".to_owned(),
            VaultError::Name => "a name looks like `github` or `work/api-key`".to_owned(),
            VaultError::Value { .. } => {
                "keep text of at most 64 KiB; encode anything else, e.g. with base64".to_owned()
            }
            VaultError::TooMany { .. } => "remove what is not used: `openclaw-host secret rm NAME`".to_owned(),
            VaultError::Unknown { .. } => "`openclaw-host secret list` shows the names".to_owned(),
            VaultError::Random(_) => {
                "the kernel's `getrandom` must work; check the seccomp profile of the container".to_owned()
            }
        }
    }
}

/// How a file is exposed to other users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// It belongs to this other user.
    Foreign(u32),
    /// Its group or everybody may read or write; its mode.
    Open(u32),
}

impl Exposure {
    fn fix(self, path: &Path) -> String {
        match self {
            Exposure::Foreign(_) => format!("take it over: `chown $(id -u) {}`", path.display()),
            Exposure::Open(_) => format!("run `chmod 600 {}`", path.display()),
        }
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exposure::Foreign(uid) => write!(f, "belongs to another user (uid {uid})"),
            Exposure::Open(mode) => write!(f, "can be read or changed by other users (mode {mode:04o})"),
        }
    }
}
