//! `run.json`: how a client on this machine finds the running host.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::access::{Rule, owner_only};
use super::private_file::{Existing, remove_if_there, write_private};
use super::{Home, HomeError};

/// What `run.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunFile {
    /// The process that runs the host.
    pub pid: u32,
    /// Where clients on this machine connect, e.g. `ws://127.0.0.1:18789`.
    pub url: String,
    /// The file that holds the token.
    pub token_file: PathBuf,
}

/// A `run.json` that exists until this is dropped.
#[derive(Debug)]
pub struct Announcement {
    path: PathBuf,
    file: RunFile,
}

impl RunFile {
    /// Reads the `run.json` of the home at `home`; `None` if there is none.
    ///
    /// # Errors
    /// [`HomeError`] if others could have written it, or it cannot be read.
    pub fn read(home: &Path) -> Result<Option<RunFile>, HomeError> {
        let path = run_file_path(home);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(HomeError::Io { action: "read", path, err }),
        };
        // Whoever writes this file chooses where the token is sent.
        owner_only(&path, Rule::NotWritable)?;
        let file =
            serde_json::from_slice(&bytes).map_err(|err| HomeError::Io { action: "parse", path, err: err.into() })?;
        Ok(Some(file))
    }

    /// Whether the process that wrote it still exists and is this user's.
    ///
    /// Without this check the token could be sent to a stranger who took the port after a crash.
    pub fn is_alive(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
    }
}

impl Home {
    /// Says in `run.json` that the host listens on `addr`. To be called once it does.
    ///
    /// # Errors
    /// [`HomeError::Io`] if the file cannot be written.
    pub fn announce(&self, addr: SocketAddr) -> Result<Announcement, HomeError> {
        let file = RunFile {
            pid: std::process::id(),
            url: format!("ws://{}", reachable(addr)),
            token_file: self.token_path(),
        };
        let path = run_file_path(self.path());
        let bytes = serde_json::to_vec(&file).expect("home: a run file is JSON");
        match write_private(&path, &bytes, Existing::Replace) {
            Ok(()) => Ok(Announcement { path, file }),
            Err(err) => Err(HomeError::Io { action: "write", path, err }),
        }
    }
}

impl Announcement {
    /// What was announced.
    pub fn file(&self) -> &RunFile {
        &self.file
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // A file that stays is recognised by its process, which is gone.
        let _ = remove_if_there(&self.path);
    }
}

/// Where the `run.json` of the home at `home` lies.
fn run_file_path(home: &Path) -> PathBuf {
    home.join("run.json")
}

/// An address that can be connected to: "all interfaces" is none.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}
