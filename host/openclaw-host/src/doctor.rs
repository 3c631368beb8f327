//! What the host needs of this machine and this home, checked without changing either.

mod kernel;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use claw_vault::{Key, MAX_ENTRIES, Vault};
use serde_json::{Value, json};

use crate::advisories::Advisories;
use crate::causes::chain;
use crate::client::{Client, ClientError};
use crate::engine;
use crate::home::{HomeError, Rule, RunFile, expect_own, owner_only, read_token, token_path};
use crate::revocations::Revocations;
use crate::settings::{self, AuthMode, Flags, ModelSettings, Resolved, Settings, SettingsError, VaultKey, Walls};
use crate::vault;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    pub fix: Option<String>,
}

/// Whether something is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Ok,
    /// The host works, but not as well or as safely as it could.
    Warn,
    /// The host does not work.
    Fail,
}

impl Verdict {
    /// The word shown to people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        }
    }
}

/// Examines this machine and the home at `home`.
pub async fn examine(home: &Path) -> Vec<Check> {
    let read = settings::read(home, &Flags::default());
    let mut checks = vec![check_config(home, &read), check_home(home), check_token(home)];
    checks.push(check_vault(home, settings::vault_key(home).unwrap_or_default()));
    let walls = read.as_ref().map_or(Walls::Required, |resolved| resolved.settings.sandbox.walls);
    checks.push(check_landlock(kernel::landlock_abi(), walls));
    checks.push(check_seccomp(kernel::seccomp(), walls));
    checks.push(check_engine(engine::VERSION, &Advisories::known()));
    if let Ok(resolved) = &read {
        checks.push(check_gateway(home, &resolved.settings).await);
        checks.push(check_packages(home, &resolved.settings).await);
        checks.push(check_model(&resolved.settings.model));
        checks.push(check_workspace(&resolved.settings.agent.workspace, "agent.workspace"));
        for (id, agent) in &resolved.settings.agents {
            checks.push(check_workspace(&agent.workspace, &format!("agents.{id}.workspace")));
        }
    }
    checks
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Ok, detail: detail.into(), fix: None }
    }

    fn bad(name: &'static str, verdict: Verdict, detail: impl Into<String>, fix: impl Into<String>) -> Check {
        Check { name, verdict, detail: detail.into(), fix: Some(fix.into()) }
    }

    fn of_home(name: &'static str, err: &HomeError) -> Check {
        Check::bad(name, Verdict::Fail, chain(err), err.hint())
    }
}

fn check_config(home: &Path, read: &Result<Resolved, SettingsError>) -> Check {
    const NAME: &str = "configuration";
    match read {
        Err(err) => Check::bad(
            NAME,
            Verdict::Fail,
            chain(err),
            "correct it; `openclaw-host config schema` lists what can be set",
        ),
        Ok(resolved) if !resolved.warnings.is_empty() => {
            let warnings: Vec<String> = resolved.warnings.iter().map(ToString::to_string).collect();
            Check::bad(NAME, Verdict::Warn, warnings.join("; "), "correct or remove what is named")
        }
        Ok(_) if home.join(settings::CONFIG_NAME).exists() => Check::ok(NAME, "valid"),
        Ok(_) => Check::ok(NAME, "no file; defaults apply"),
    }
}

fn check_home(home: &Path) -> Check {
    const NAME: &str = "home";
    if !home.exists() {
        return Check::ok(NAME, format!("`{}` will be made by the first `openclaw-host run`", home.display()));
    }
    if let Err(err) = owner_only(home, Rule::NotWritable).and_then(|()| expect_own(home)) {
        return Check::of_home(NAME, &err);
    }
    if rustix::fs::access(home, rustix::fs::Access::WRITE_OK).is_err() {
        return Check::of_home(NAME, &HomeError::ReadOnly { path: home.to_owned() });
    }
    match owner_only(home, Rule::Private) {
        Ok(()) => Check::ok(NAME, format!("`{}` belongs to this user alone", home.display())),
        Err(err) => Check::bad(NAME, Verdict::Warn, chain(&err), format!("run `chmod 700 {}`", home.display())),
    }
}

fn check_token(home: &Path) -> Check {
    const NAME: &str = "token";
    match read_token(&token_path(home)) {
        Ok(_) => Check::ok(NAME, "readable by this user alone"),
        Err(HomeError::Io { err, .. }) if err.kind() == io::ErrorKind::NotFound => {
            Check::ok(NAME, "will be made by the first `openclaw-host run`")
        }
        Err(err) => Check::of_home(NAME, &err),
    }
}

/// Opens the vault if that needs nobody's passphrase.
fn check_vault(home: &Path, key: VaultKey) -> Check {
    const NAME: &str = "vault";
    let path = vault::path(home);
    if !path.exists() {
        return Check::ok(NAME, "none; the first `openclaw-host secret set` makes it");
    }
    let looked = match key {
        VaultKey::Passphrase => claw_vault::private(&path, u64::MAX - 1).map(|_| "with a passphrase".to_owned()),
        VaultKey::File => Vault::open(&path, Key::file(vault::key_path(home)))
            .and_then(|vault| Ok(format!("{} of at most {MAX_ENTRIES} secrets", vault.names()?.len()))),
    };
    match looked {
        Ok(what) => Check::ok(NAME, format!("{what}, readable by this user alone")),
        Err(err) => Check::bad(NAME, Verdict::Fail, chain(&err), err.hint()),
    }
}

/// The first version of Landlock that also keeps a component from truncating what it may only read.
const LANDLOCK_WITH_TRUNCATE: u32 = 3;

fn check_landlock(abi: Option<u32>, walls: Walls) -> Check {
    const NAME: &str = "landlock";
    match abi {
        None => Check::bad(NAME, missing(walls), "this kernel does not have it, or it is turned off", WALL_FIX),
        Some(abi) if abi < LANDLOCK_WITH_TRUNCATE => {
            let detail =
                format!("version {abi}; version {LANDLOCK_WITH_TRUNCATE} (Linux 6.2) also controls truncation");
            Check::bad(NAME, Verdict::Warn, detail, "use a newer kernel")
        }
        Some(abi) => Check::ok(NAME, format!("version {abi}")),
    }
}

fn check_seccomp(seccomp: kernel::Seccomp, walls: Walls) -> Check {
    const NAME: &str = "seccomp";
    match seccomp {
        kernel::Seccomp::Filters => Check::ok(NAME, "filters work"),
        kernel::Seccomp::Missing => Check::bad(NAME, missing(walls), "this kernel has no seccomp filters", WALL_FIX),
    }
}

const WALL_FIX: &str =
    "use a kernel that has it, or accept components behind WebAssembly alone: `sandbox: { walls: \"best-effort\" }`";

/// What was known when the program was built: it asks nobody.
fn check_engine(version: &str, known: &Advisories) -> Check {
    const NAME: &str = "engine";
    match engine::flaws(version, known).as_slice() {
        [] => Check::ok(NAME, format!("wasmtime {version}, without flaws that this program knows of")),
        flaws => {
            let detail = format!("wasmtime {version} has {}", flaws.join(", "));
            Check::bad(
                NAME,
                Verdict::Warn,
                detail,
                "install a newer openclaw-host, or update wasmtime and build it again",
            )
        }
    }
}

fn missing(walls: Walls) -> Verdict {
    match walls {
        Walls::Required => Verdict::Fail,
        Walls::BestEffort => Verdict::Warn,
    }
}

async fn check_gateway(home: &Path, settings: &Settings) -> Check {
    const NAME: &str = "gateway";
    match Client::connect(home).await {
        Ok(client) => {
            let RunFile { url, pid, .. } = client.run_file().clone();
            client.close().await;
            return Check::ok(NAME, format!("the host runs at `{url}` (process {pid})"));
        }
        Err(err @ (ClientError::Failed { .. } | ClientError::Silent { .. } | ClientError::Garbage { .. })) => {
            return Check::bad(NAME, Verdict::Fail, chain(&err), "restart the host");
        }
        Err(_) => {}
    }
    let gateway = &settings.gateway;
    let addr = SocketAddr::new(gateway.bind, gateway.port);
    match TcpListener::bind(addr) {
        Ok(_) if gateway.auth == AuthMode::None => {
            let detail = format!("`{addr}` is free; every program of this machine may act as the owner");
            Check::bad(NAME, Verdict::Warn, detail, "set `gateway.auth.mode` to `token`")
        }
        Ok(_) if !gateway.bind.is_loopback() => {
            let detail = format!("`{addr}` is free; other machines can reach it, without encryption");
            Check::bad(NAME, Verdict::Warn, detail, "set `gateway.bind` to `127.0.0.1` and use a tunnel")
        }
        Ok(_) => Check::ok(NAME, format!("`{addr}` is free")),
        Err(err) => {
            let detail = format!("`{addr}` cannot be taken: {err}");
            Check::bad(NAME, Verdict::Fail, detail, "stop what listens there, or set another `gateway.port`")
        }
    }
}

/// What is off, and why: a running host knows; otherwise what is revoked is counted.
async fn check_packages(home: &Path, settings: &Settings) -> Check {
    const NAME: &str = "packages";
    let revocations = match Revocations::open(home, settings.packages.revocations.clone()) {
        Ok(revocations) => revocations,
        Err(err) => return Check::bad(NAME, Verdict::Fail, chain(&err), "correct or remove the file"),
    };
    if let Some(trouble) = revocations.feed().and_then(|feed| feed.trouble) {
        let detail = format!("the kept list of revocations does not count: {trouble}");
        return Check::bad(NAME, Verdict::Warn, detail, "`openclaw-host skill revocations --fetch`");
    }
    let off = match Client::connect(home).await {
        Err(_) => Vec::new(),
        Ok(mut client) => {
            let packages = client.call("packages.list", json!({})).await.unwrap_or_default();
            let skills = client.call("hub.list", json!({})).await.unwrap_or_default();
            client.close().await;
            let all = |list: &Value| list.as_array().cloned().unwrap_or_default();
            let packages = all(&packages["packages"]).into_iter().map(|it| (it["name"].clone(), "", it));
            let skills = all(&skills["skills"]).into_iter().map(|it| (it["slug"].clone(), "clawhub:", it));
            let off = packages.chain(skills).filter_map(|(name, scheme, it)| {
                Some(format!("`{scheme}{}` is off: {}", name.as_str()?, it["error"].as_str()?))
            });
            off.collect()
        }
    };
    let revoked = revocations.all().len();
    match off.as_slice() {
        [] if revoked == 0 => Check::ok(NAME, "nothing is off or revoked"),
        [] => Check::ok(NAME, format!("{revoked} revocations")),
        off => {
            Check::bad(NAME, Verdict::Warn, off.join("; "), "update or remove what is off: `openclaw-host skill list`")
        }
    }
}

fn check_model(model: &ModelSettings) -> Check {
    const NAME: &str = "model";
    match model {
        ModelSettings::Providers { first, fallbacks, .. } => {
            let names = std::iter::once(&**first).chain(fallbacks).map(|it| format!("`{}/{}`", it.id, it.model));
            Check::ok(NAME, names.collect::<Vec<_>>().join(", then "))
        }
        ModelSettings::Rehearsal => Check::bad(
            NAME,
            Verdict::Warn,
            "no provider is set up; the offline model answers",
            "set `ANTHROPIC_API_KEY` or `OPENAI_API_KEY`, or describe a provider under `models` in config.json5",
        ),
    }
}

fn check_workspace(workspace: &Path, setting: &str) -> Check {
    const NAME: &str = "workspace";
    match std::fs::metadata(workspace) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            Check::ok(NAME, format!("`{}` will be made by the first `openclaw-host run`", workspace.display()))
        }
        Err(err) => Check::bad(
            NAME,
            Verdict::Fail,
            format!("cannot look at `{}`: {err}", workspace.display()),
            "check who owns it",
        ),
        Ok(metadata) if !metadata.is_dir() => Check::bad(
            NAME,
            Verdict::Fail,
            format!("`{}` is not a folder", workspace.display()),
            format!("set `{setting}` to one"),
        ),
        Ok(_) if rustix::fs::access(workspace, rustix::fs::Access::WRITE_OK).is_err() => {
            Check::bad(NAME, Verdict::Warn, format!("`{}` cannot be written", workspace.display()), "make it writable")
        }
        Ok(_) => Check::ok(NAME, format!("`{}`", workspace.display())),
    }
}

#[cfg(test)]
mod tests;
