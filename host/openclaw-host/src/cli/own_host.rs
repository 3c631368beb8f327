//! A host that a command starts for itself, and that ends with it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{Exit, Failure};
use crate::app;

/// The running host. Dropping it ends it in its own way, so that its files are whole.
pub(super) struct OwnHost(Child);

impl OwnHost {
    /// The command that starts one on a home, on a port that is free.
    ///
    /// # Errors
    /// If this program cannot be found.
    pub(super) fn command(home: &Path) -> Result<Command, Failure> {
        let mut host = Command::new(app::program()?);
        host.arg("--home").arg(home).args(["run", "--port", "0", "--bind", "127.0.0.1"]);
        Ok(host)
    }

    /// Starts it and waits until it is ready. What it says goes into the file `said`.
    ///
    /// # Errors
    /// If it does not start, with its own words and exit code.
    pub(super) fn start(host: &mut Command, said: &Path) -> Result<OwnHost, Failure> {
        let mut child = host.stdout(Stdio::piped()).stderr(fs::File::create(said)?).spawn()?;
        let mut ready = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut ready)?;
        }
        if !ready.is_empty() {
            return Ok(OwnHost(child));
        }
        let exit = child.wait()?.code().map_or(Exit::Failed, Exit::of_code);
        let why = fs::read_to_string(said).unwrap_or_default();
        Err(Failure::message(exit, format!("the host does not start: {}", why.trim())))
    }
}

impl Drop for OwnHost {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}
