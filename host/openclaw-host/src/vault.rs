//! The vault of a home: where it lies, and who is asked for what opens it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use claw_vault::{Key, Vault, VaultError, Zeroizing};

use crate::home::{Exposure, Rule, exposure};
use crate::settings::{Env, VaultKey, env};
use crate::terminal;

/// A longer passphrase is a wrong file.
const MAX_PASSPHRASE_BYTES: u64 = 4096;

/// What to do about a vault that is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It stays away: nobody is asked for a passphrase.
    Leave,
    /// It is about to be made: a new passphrase is asked for, twice.
    Make,
}

/// Why the vault cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The vault itself says why.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The passphrase cannot be read from its file.
    #[error("cannot read the vault's passphrase from `{}`", path.display())]
    File {
        /// What the environment names.
        path: PathBuf,
        /// Why.
        #[source]
        err: io::Error,
    },
    /// Others can read the passphrase, or change it.
    #[error("the passphrase file `{}` {exposure}", path.display())]
    Exposed {
        /// What the environment names.
        path: PathBuf,
        /// How.
        exposure: Exposure,
    },
    /// Nobody can be asked for the passphrase.
    #[error("cannot ask for the vault's passphrase")]
    Unasked(#[source] io::Error),
    /// The two new passphrases differ.
    #[error("the two passphrases differ")]
    Differ,
}

impl OpenError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            OpenError::Vault(err) => err.hint(),
            OpenError::File { .. } | OpenError::Unasked(_) => format!(
                "run this in a terminal, or name a file with mode 0600 in `{}`; `/dev/fd/3` reads descriptor 3",
                env::HOST_VAULT_PASSPHRASE_FILE
            ),
            OpenError::Exposed { path, exposure } => exposure.fix(path),
            OpenError::Differ => "try again".to_owned(),
        }
    }
}

/// The vault's file in the home at `home`.
pub fn path(home: &Path) -> PathBuf {
    home.join("vault")
}

/// The file of the vault's key in the home at `home`.
pub fn key_path(home: &Path) -> PathBuf {
    home.join("vault.key")
}

/// Opens the vault of the home at `home`; asks for a passphrase on the terminal if no file holds it.
///
/// # Errors
/// [`OpenError`] with what helps.
pub fn open(home: &Path, key: VaultKey, env: &Env, missing: Missing) -> Result<Vault, OpenError> {
    let path = path(home);
    let key = match key {
        VaultKey::File => Key::file(key_path(home)),
        VaultKey::Passphrase => match (env.get(env::HOST_VAULT_PASSPHRASE_FILE), path.exists(), missing) {
            (Some(file), _, _) => Key::passphrase(from_file(Path::new(file))?),
            (None, true, _) => Key::passphrase(ask("Passphrase of the vault: ")?),
            (None, false, Missing::Make) => Key::passphrase(ask_new()?),
            (None, false, Missing::Leave) => Key::unasked(),
        },
    };
    Ok(Vault::open(&path, key)?)
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, OpenError> {
    terminal::ask(prompt).map_err(OpenError::Unasked)
}

fn ask_new() -> Result<Zeroizing<String>, OpenError> {
    let passphrase = ask("New passphrase for the vault: ")?;
    if ask("Once more: ")? == passphrase { Ok(passphrase) } else { Err(OpenError::Differ) }
}

/// The first line of a file that only this user can read, or of a pipe.
fn from_file(path: &Path) -> Result<Zeroizing<String>, OpenError> {
    let io = |err| OpenError::File { path: path.to_owned(), err };
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if let Some(exposure) = exposure(&metadata, Rule::Private).filter(|_| metadata.is_file()) {
        return Err(OpenError::Exposed { path: path.to_owned(), exposure });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PASSPHRASE_BYTES as usize + 1));
    file.take(MAX_PASSPHRASE_BYTES).read_to_end(&mut bytes).map_err(io)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| io(io::Error::new(io::ErrorKind::InvalidData, "not UTF-8")))?;
    match text.lines().next().unwrap_or_default() {
        "" => Err(io(io::Error::new(io::ErrorKind::InvalidData, "its first line is empty"))),
        line => Ok(Zeroizing::new(line.to_owned())),
    }
}

#[cfg(test)]
mod tests;
