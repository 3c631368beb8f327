//! `run`: everything that happens before the host itself starts.

use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use claw_vault::Vault;
use serde_json::json;
use tracing::warn;

use super::output::{Format, Output};
use super::{Exit, Failure, Serve};
use crate::home::{Announcement, Home};
use crate::logs::{self, LogGuard, Style};
use crate::settings::{self, Effective, Env, Flags, Settings, env};
use crate::vault::{self, Missing};

/// All that the host needs in order to start.
#[derive(Debug)]
pub struct Start {
    /// What it was told.
    pub settings: Settings,
    /// Where each setting came from.
    pub effective: Vec<Effective>,
    /// Where its files are; workspace and token exist.
    pub home: Home,
    /// The owner's secrets.
    pub vault: Arc<Vault>,
    /// A file with the answers to all requests, in place of the network.
    pub answers: Option<PathBuf>,
    /// The connection of its only client, in place of a port: then nothing listens.
    pub client: Option<UnixStream>,
    /// Where it says that it is ready.
    pub output: Output,
    /// Keeps the log alive: to be dropped last.
    pub log: LogGuard,
}

/// What only this start is told.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) flags: Flags,
    pub(super) answers: Option<PathBuf>,
    pub(super) client: Option<UnixStream>,
}

pub(super) fn run(home: &Path, told: Told, output: &Output, env: &Env, serve: Serve) -> Result<Exit, Failure> {
    let style = match output.format() {
        Format::Json => Style::Json,
        Format::Text => logs::style_of_stderr(env.get(env::NO_COLOR)),
    };
    serve(start(home, told, output, env, Some(style))?)?;
    Ok(Exit::Ok)
}

/// Gathers what a host needs. Its log goes to the home, and in `style` to standard error.
///
/// # Errors
/// Says what is missing or wrong.
pub(super) fn start(
    home: &Path,
    told: Told,
    output: &Output,
    env: &Env,
    style: Option<Style>,
) -> Result<Start, Failure> {
    // Settings come first: with bad ones nothing is made.
    let resolved = settings::read(home, &told.flags)?;
    let home = Home::open(home)?;
    let agents = &resolved.settings.agents;
    for agent in std::iter::once(&resolved.settings.agent).chain(agents.values()) {
        home.prepare_workspace(&agent.workspace)?;
    }
    // Before the log starts to write on the terminal: it may have to ask.
    let vault = Arc::new(vault::open(home.path(), resolved.settings.vault, env, Missing::Leave)?);
    let log = logs::init(&home.logs(), &resolved.settings.logging.level, style)?;
    for issue in &resolved.warnings {
        warn!(setting = %issue.place, "{issue}");
    }
    let (settings, effective) = (resolved.settings, resolved.effective);
    Ok(Start { settings, effective, home, vault, answers: told.answers, client: told.client, output: *output, log })
}

impl Start {
    /// Tells clients on this machine, and whoever reads standard output, that the host listens on `addr`. To be
    /// called once it does; the announcement is withdrawn when the result is dropped.
    ///
    /// # Errors
    /// [`Failure`] if `run.json` or standard output cannot be written.
    pub fn announce(&self, addr: SocketAddr) -> Result<Announcement, Failure> {
        let announcement = self.home.announce(addr)?;
        let file = announcement.file();
        let line = match self.output.format() {
            Format::Text => format!("ready: {}\n", file.url),
            Format::Json => format!(
                "{}\n",
                json!({
                    "event": "ready", "url": file.url, "tokenFile": file.token_file, "pid": file.pid,
                })
            ),
        };
        self.output.raw(line.as_bytes())?;
        Ok(announcement)
    }
}
