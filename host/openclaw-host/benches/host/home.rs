//! The real host on a home of its own.

use std::fs::{File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::samples::Stopwatch;
use crate::setup::{PROGRAM, folder};

/// A home whose components are compiled.
pub struct Home {
    folder: tempfile::TempDir,
}

/// A running host. Dropping it kills it.
pub struct Host {
    child: Child,
    /// `http://…` of the gateway, without a slash at its end.
    pub url: String,
    pub token: String,
    /// From the spawn to the line that says that it is ready.
    pub ready_after: Duration,
}

impl Home {
    /// Makes a home and starts the host once, so that its cache is warm.
    pub fn warm(config: &str) -> Result<Home> {
        Home::warm_with(config, &[])
    }

    /// Like [`Home::warm`], with components of the owner's: their names and bytes.
    pub fn warm_with(config: &str, components: &[(String, Vec<u8>)]) -> Result<Home> {
        let folder = folder()?;
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700))?;
        std::fs::write(folder.path().join("config.json5"), config)?;
        let installed = folder.path().join("components");
        std::fs::create_dir(&installed)?;
        for (name, wasm) in components {
            std::fs::write(installed.join(format!("{name}.wasm")), wasm)?;
        }
        let home = Home { folder };
        home.start()?.stop()?;
        Ok(home)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The command line on this home.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--home").arg(self.path()).args(args).env_clear().env("HOME", self.path()).stdin(Stdio::null());
        command
    }

    /// Starts the host and waits until it is ready.
    pub fn start(&self) -> Result<Host> {
        let log = self.path().join("stderr.txt");
        let mut command = self.command(&["--json", "run", "--port", "0"]);
        command.stdout(Stdio::piped()).stderr(File::create(&log)?);
        let watch = Stopwatch::start();
        let mut child = command.spawn().with_context(|| format!("cannot run `{PROGRAM}`"))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output is piped")?).read_line(&mut line)?;
        let ready_after = watch.elapsed();
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let status = child.wait()?;
            bail!("the host did not start ({status}): {}", std::fs::read_to_string(log).unwrap_or_default());
        };
        let text = |key: &str| ready[key].as_str().with_context(|| format!("the host says no `{key}`: {ready}"));
        let url = text("url")?.replace("ws://", "http://").trim_end_matches('/').to_owned();
        let token = std::fs::read_to_string(text("tokenFile")?)?.trim().to_owned();
        Ok(Host { child, url, token, ready_after })
    }
}

impl Host {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it as a service manager would, and waits for its end.
    pub fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
