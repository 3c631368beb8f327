//! The folder in which the host keeps everything: who may have it, and what lies in it.
//!
//! ```text
//! <home>/              0700
//!   config.json5       the owner's, optional
//!   token              0600, what clients prove themselves with
//!   run.json           0600, while the host runs: where it listens
//!   vault vault.key    0600, the owner's secrets and the key to them
//!   policies/          the owner's own .cedar files
//!   skills/            the owner's own skills, optional
//!   clawhub/           skills of ClawHub, each with its receipt
//!   revocations.json revocations.list    what must not run, optional
//!   workspace/         what the assistant works in
//!   logs/ cache/ scratch/    0700
//!   blobs/ trash/      0700, images, files to be sent, copies of files for an undo, and what undos took away
//!   scratch/components/      one folder for each component that is granted one
//! ```
//! Invariant: no file of the owner is ever overwritten, and a folder that others could change is refused.

mod access;
mod private_file;
mod run_file;
mod token;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub use access::{Exposure, Rule, exposure, owner_only, owners_file};
pub use run_file::{Announcement, RunFile};
pub use token::read_token;

use crate::catalog::ComponentFolders;
use crate::settings::{CONFIG_NAME, Env, Secret, env};

/// The name of the default home in the user's home directory.
pub const DEFAULT_NAME: &str = ".openclaw-host";

/// The name of the folder in the scratch folder that outlives calls.
pub const COMPONENT_SCRATCH: &str = "components";

/// The name of the folder that holds bytes by their digests.
pub const BLOBS: &str = "blobs";

/// What is granted, installed, revoked, or to be done, stands in these files and folders of a home.
const DECISIVE: [&str; 6] = [CONFIG_NAME, "host.redb", "revocations.json", "packages", "components", "clawhub"];

/// What a new workspace starts with.
const TEMPLATES: [(&str, &str); 6] = [
    ("AGENTS.md", include_str!("home/templates/AGENTS.md")),
    ("SOUL.md", include_str!("home/templates/SOUL.md")),
    ("IDENTITY.md", include_str!("home/templates/IDENTITY.md")),
    ("USER.md", include_str!("home/templates/USER.md")),
    ("TOOLS.md", include_str!("home/templates/TOOLS.md")),
    ("MEMORY.md", include_str!("home/templates/MEMORY.md")),
];

/// A home that exists, belongs to this user and can be written.
#[derive(Clone, Debug)]
pub struct Home {
    path: PathBuf,
    token: Secret,
}

/// Why there is no home.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Neither flag nor environment says where it is.
    #[error("cannot tell where the home is: neither `--home`, `OPENCLAW_HOST_HOME` nor `HOME` is set")]
    Nowhere,
    /// It lies in a place that cannot be written.
    #[error("home `{}` cannot be written", path.display())]
    ReadOnly {
        /// The home.
        path: PathBuf,
    },
    /// Something in it cannot be made or read.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, e.g. `create`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        err: io::Error,
    },
    /// It is not what it should be.
    #[error("`{}` is not a {expected}", path.display())]
    WrongKind {
        /// What lies there.
        path: PathBuf,
        /// `folder` or `plain file`.
        expected: &'static str,
    },
    /// Somebody else could change or read it.
    #[error("`{}` {exposure}", path.display())]
    Exposed {
        /// The folder or file.
        path: PathBuf,
        /// How.
        exposure: Exposure,
    },
    /// The token file holds no token.
    #[error("`{}` holds no token: at least {} letters, digits, `-` or `_` are expected", path.display(), token::MIN_LENGTH)]
    NoToken {
        /// The file.
        path: PathBuf,
    },
    /// The random source of the system failed.
    #[error("cannot get random bytes for a new token")]
    Random(#[source] io::Error),
}

impl HomeError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            HomeError::Nowhere => "name a folder with `--home DIR`".to_owned(),
            HomeError::ReadOnly { .. } => {
                "choose another folder with `--home DIR`, or make this one writable".to_owned()
            }
            HomeError::Io { path, .. } => format!("check the folder `{}` and who owns it", parent(path).display()),
            HomeError::WrongKind { path, .. } => format!("move `{}` away", path.display()),
            HomeError::Exposed { path, exposure } => exposure.fix(path),
            HomeError::NoToken { path } => {
                format!("remove it and start the host, which makes a new one: `rm {}`", path.display())
            }
            HomeError::Random(_) => {
                "the kernel's `getrandom` must work; check the seccomp profile of the container".to_owned()
            }
        }
    }
}

/// Where the home is: the flag, else `OPENCLAW_HOST_HOME`, else `~/.openclaw-host`. Always absolute.
///
/// # Errors
/// [`HomeError::Nowhere`] if nothing says where; [`HomeError::Io`] if a relative path has no place to start from.
pub fn locate(flag: Option<&Path>, env: &Env) -> Result<PathBuf, HomeError> {
    let from_env = env.get(env::HOST_HOME).map(PathBuf::from);
    let by_default = env.get(env::USER_HOME).map(|home| Path::new(home).join(DEFAULT_NAME));
    let path = flag.map(Path::to_owned).or(from_env).or(by_default).ok_or(HomeError::Nowhere)?;
    std::path::absolute(&path).map_err(|err| HomeError::Io { action: "find", path, err })
}

// === impl Home ===

impl Home {
    /// Opens the home at `path`, and makes what is missing in it.
    ///
    /// # Errors
    /// [`HomeError`] if it belongs to somebody else, others could change it, or it cannot be written.
    pub fn open(path: &Path) -> Result<Home, HomeError> {
        create_folder(path)?;
        owner_only(path, Rule::NotWritable)?;
        if rustix::fs::access(path, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_err() {
            return Err(HomeError::ReadOnly { path: path.to_owned() });
        }
        for name in ["logs", "cache", "scratch", "policies"] {
            let folder = path.join(name);
            create_folder(&folder)?;
            owner_only(&folder, Rule::NotWritable)?;
        }
        expect_own(path)?;
        let token = token::open(&token_path(path))?;
        Ok(Home { path: path.to_owned(), token })
    }

    /// Makes the assistant's workspace if it is not there; a new or empty one gets the templates.
    ///
    /// # Errors
    /// [`HomeError::Io`] if it cannot be made.
    pub fn prepare_workspace(&self, workspace: &Path) -> Result<(), HomeError> {
        create_folder(workspace)?;
        let io = |err| HomeError::Io { action: "list", path: workspace.to_owned(), err };
        // A template that its owner removed must not come back.
        if fs::read_dir(workspace).map_err(io)?.next().is_some() {
            return Ok(());
        }
        for (name, text) in TEMPLATES {
            let path = workspace.join(name);
            write_new(&path, text).map_err(|err| HomeError::Io { action: "create", path, err })?;
        }
        Ok(())
    }

    /// The folder itself; absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What clients prove themselves with.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// The file that holds the token.
    pub fn token_path(&self) -> PathBuf {
        token_path(&self.path)
    }

    /// The configuration file; it need not exist.
    pub fn config_path(&self) -> PathBuf {
        self.path.join(CONFIG_NAME)
    }

    /// The log files.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// What can be made again, such as compiled components.
    pub fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }

    /// What nobody needs after a call.
    pub fn scratch(&self) -> PathBuf {
        self.path.join("scratch")
    }

    /// In which each component has a folder of its own, by its name.
    pub fn component_scratch(&self) -> PathBuf {
        self.scratch().join(COMPONENT_SCRATCH)
    }

    /// Removes what earlier calls have left in the scratch folder: a host that was killed could not. The components' own
    /// folders stay. What cannot be removed stays as well, with a line in the log.
    pub fn empty_scratch(&self) {
        let entries = fs::read_dir(self.scratch()).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name() != COMPONENT_SCRATCH) {
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            if let Err(err) = removed {
                tracing::warn!(path = %path.display(), error = %err, "something old cannot be removed");
            }
        }
    }

    /// The owner's own policies.
    pub fn policies(&self) -> PathBuf {
        policies(&self.path)
    }

    /// Where components lie that do not ship.
    pub fn component_folders(&self) -> ComponentFolders {
        ComponentFolders { local: self.file("components"), packages: self.file("packages") }
    }

    /// A file of the home by its name, e.g. the store's.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Checks the files and folders that say what is allowed, as far as they are there.
///
/// # Errors
/// [`HomeError::Exposed`] if one belongs to another user, or if others could change it.
pub fn expect_own(home: &Path) -> Result<(), HomeError> {
    DECISIVE.iter().try_for_each(|name| owners_file(home, &home.join(name)))
}

/// The owner's own policies in the home at `home`.
pub fn policies(home: &Path) -> PathBuf {
    home.join("policies")
}

/// The token file in the home at `home`.
pub fn token_path(home: &Path) -> PathBuf {
    home.join("token")
}

/// Writes a file that only its owner can read, in the place of what is there; whole and durable when it returns.
///
/// # Errors
/// If it cannot be written; what was there stays.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    private_file::write_private(path, bytes, private_file::Existing::Replace)?;
    fs::File::open(parent(path))?.sync_all()
}

fn create_folder(path: &Path) -> Result<(), HomeError> {
    let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(|err| match err.kind() {
        io::ErrorKind::ReadOnlyFilesystem => HomeError::ReadOnly { path: path.to_owned() },
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            HomeError::WrongKind { path: path.to_owned(), expected: "folder" }
        }
        _ => HomeError::Io { action: "create", path: path.to_owned(), err },
    })
}

/// Writes a file that is not there yet; one that is stays as it is.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    match fs::File::create_new(path) {
        Ok(mut file) => io::Write::write_all(&mut file, text.as_bytes()),
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(err) => Err(err),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

#[cfg(test)]
mod tests;
