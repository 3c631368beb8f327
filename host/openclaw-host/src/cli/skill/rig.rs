//! A host of its own for trying a skill out: real in every part, with a home that is made for it and forgotten.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use claw_vault::{Audience, Zeroizing};
use serde_json::{Map, Value, json};

use crate::cli::output::word;
use crate::cli::own_host::OwnHost;
use crate::cli::{Exit, Failure};
use crate::client::{Client, ClientError, Incoming};
use crate::host::now;
use crate::settings::{Env, VaultKey};
use crate::vault::{self, Missing};

/// What stays of a home for the next time: what was compiled.
const KEPT: [&str; 2] = ["cache", "cache.key"];

/// What is there before the host starts.
#[derive(Debug, Default)]
pub(super) struct Setup<'a> {
    /// Secrets by name, with the servers that they may be sent to.
    pub(super) secrets: BTreeMap<&'a str, (&'a str, &'a [String])>,
    /// A file with the answers to all requests.
    pub(super) answers: Option<&'a Path>,
    /// The workspace, if it is not the home's own.
    pub(super) workspace: Option<&'a Path>,
}

/// The host, and a connection to it. It ends with this value.
pub(super) struct Rig {
    home: PathBuf,
    config: Value,
    answers: Option<PathBuf>,
    running: Option<Running>,
}

struct Running {
    client: Client,
    _host: OwnHost,
}

impl Rig {
    /// Empties the home at `home`, or makes it, and starts a host there.
    ///
    /// # Errors
    /// If the home cannot be used, or the host does not start.
    pub(super) async fn start(home: &Path, setup: &Setup<'_>) -> Result<Rig, Failure> {
        empty(home)?;
        let config =
            setup.workspace.map_or_else(|| json!({}), |workspace| json!({ "agent": { "workspace": workspace } }));
        if !setup.secrets.is_empty() {
            let vault = vault::open(home, VaultKey::File, &Env::default(), Missing::Make)?;
            for (name, (value, servers)) in &setup.secrets {
                let servers = servers.iter().map(|server| Audience::parse(server)).collect::<Result<_, _>>();
                let servers = servers.map_err(|err| Failure::new(Exit::Usage, err))?;
                vault.set(name, Zeroizing::new((*value).to_owned()), servers, Vec::new(), now())?;
            }
        }
        let answers = setup.answers.map(Path::to_owned);
        let mut rig = Rig { home: home.to_owned(), config, answers, running: None };
        rig.run().await?;
        Ok(rig)
    }

    /// Where files of the workspace lie.
    pub(super) fn workspace(&self) -> PathBuf {
        self.home.join("workspace")
    }

    /// The connection to the host.
    ///
    /// # Errors
    /// If the host was stopped.
    pub(super) fn client(&mut self) -> Result<&mut Client, Failure> {
        let gone = || Failure::message(Exit::Unreachable, "the host that tries the skill out has stopped");
        self.running.as_mut().map(|running| &mut running.client).ok_or_else(gone)
    }

    async fn run(&mut self) -> Result<(), Failure> {
        fs::write(self.home.join("config.json5"), self.config.to_string())?;
        let mut host = OwnHost::command(&self.home)?;
        if let Some(answers) = &self.answers {
            host.arg("--http-answers").arg(answers);
        }
        // Nothing of the owner's environment concerns it.
        host.env_clear().envs(Env::default().and(["PATH"]).get("PATH").map(|path| ("PATH", path)));
        let host = OwnHost::start(host.stdin(Stdio::null()), &self.home.join("stderr.txt"))?;
        let client = Client::connect(&self.home).await?;
        self.running = Some(Running { client, _host: host });
        Ok(())
    }

    /// Looks the package at `source` over.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) async fn prepare(&mut self, source: &Path) -> Result<Value, Failure> {
        Ok(super::offer(self.client()?, json!({ "source": source })).await?)
    }

    /// Installs what was looked over, with these grants and no others.
    ///
    /// # Errors
    /// Says which grant cannot be given.
    pub(super) async fn install(&mut self, offer: &Value, grants: &[String]) -> Result<(), Failure> {
        let params = json!({ "digest": offer["digest"], "grants": grants });
        self.client()?.call("packages.install", params).await?;
        Ok(())
    }

    /// Gives the installed component its settings and, if it is a channel, its owner; this takes another start of the
    /// host.
    ///
    /// # Errors
    /// If the host does not start again.
    pub(super) async fn configure(
        &mut self,
        name: &str,
        config: Option<&Map<String, Value>>,
        owner: Option<&[String]>,
    ) -> Result<(), Failure> {
        self.stop();
        if let Some(config) = config {
            self.config["components"] = json!({ name: { "config": config } });
        }
        if let Some(owner) = owner {
            self.config["channels"] = json!({ name: { "owner": owner } });
        }
        self.run().await
    }

    /// Calls a tool; `answer` says yes or no to each question, which it gets as clients do.
    ///
    /// # Errors
    /// If the host does not take the call; a tool that fails is an answer.
    pub(super) async fn call(
        &mut self,
        tool: &str,
        args: &Value,
        mut answer: impl FnMut(&Value) -> Result<bool, Failure>,
    ) -> Result<Value, Failure> {
        let client = self.client()?;
        let request = client.send("tools.invoke", json!({ "name": tool, "args": args })).await?;
        loop {
            match client.next().await? {
                Incoming::Response { id, result } if id == request => {
                    let failed = |failure| ClientError::Failed { method: "tools.invoke".to_owned(), failure };
                    return Ok(result.map_err(failed)?);
                }
                Incoming::Event(event) if event.name == "exec.approval.requested" => {
                    let decision = if answer(&event.payload)? { "allow-once" } else { "deny" };
                    let resolve = json!({ "id": event.payload["id"], "decision": decision });
                    client.send("exec.approval.resolve", resolve).await?;
                }
                Incoming::Response { .. } | Incoming::Event(_) => {}
            }
        }
    }

    /// Ends the host in its own way, so that its files are whole.
    pub(super) fn stop(&mut self) {
        self.running = None;
    }
}

/// The grants that a skill asks for and that can be given.
pub(super) fn can_be_given(offer: &Value) -> Vec<String> {
    let asks = super::show::items(&offer["asks"]).filter(|ask| ask["asksEachTime"] != true);
    asks.map(|ask| word(&ask["grant"])).collect()
}

/// Leaves only what was compiled.
fn empty(home: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(home)?;
    for entry in fs::read_dir(home)?.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        match entry.file_type()? {
            _ if KEPT.iter().any(|kept| name == *kept) => {}
            kind if kind.is_dir() => fs::remove_dir_all(path)?,
            _ => fs::remove_file(path)?,
        }
    }
    Ok(())
}
