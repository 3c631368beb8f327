//! The merge: one value per setting, and where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use claw_core::id::ComponentName;
use claw_core::lane::Queueing;
use claw_effects::TrustRoots;
use claw_package::Url;
use claw_policy::{Folder, FsGrant, Grant};
use serde::Serialize;
use serde_json::{Value, json};
use tracing_subscriber::filter::Targets;

use super::env::{self, Env};
use super::file::{AuthMode, ComponentFile, ConfigFile, SessionsFile, TokensFile, UndoFile, UsdFile};
use super::issue::{Issue, Severity};
use super::load::LoadedFile;
use super::{
    ApprovalSettings, AuditSettings, ComponentSettings, ContextSettings, Flags, GatewaySettings, LimitSettings,
    LogSettings, PolicySettings, QueueSettings, SandboxSettings, SessionSettings, Settings, SettingsError,
    SpendingLimit, SpendingSettings, SubAgentSettings, UndoSettings, provider,
};
use crate::folders::{FolderError, NamedFolders, OffLimits};

/// The settings, with what there is to say about them.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What the host runs with.
    pub settings: Settings,
    /// Each value and its origin, for people; keys of providers are not among them.
    pub effective: Vec<Effective>,
    /// What its owner probably did not mean.
    pub warnings: Vec<Issue>,
}

/// One value and its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// E.g. `gateway.port`.
    pub path: String,
    /// As it would stand in the file.
    pub value: Value,
    /// Who said so.
    pub origin: Origin,
}

/// Who said so; the later, the stronger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody.
    Default,
    /// The configuration file.
    File,
    /// This environment variable.
    Env(String),
    /// This flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File => f.write_str("file"),
            Origin::Env(name) => write!(f, "env {name}"),
            Origin::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// Merges the sources. `home` is where relative folders start.
///
/// # Errors
/// [`SettingsError::Invalid`] with everything that is wrong, not just the first of it.
pub fn resolve(home: &Path, file: &LoadedFile, env: &Env, flags: &Flags) -> Result<Resolved, SettingsError> {
    let mut merge = Merge { file, effective: Vec::new(), issues: file.warnings.clone() };
    let config = &file.config;

    let gateway = merge.gateway(env, flags);
    let model = provider::select(&mut merge, home, env);
    let (model, models) = model.unzip();
    let grants = merge.grants(&config.grants);
    let agent = merge.agent(home);
    let agents = merge.agents(home, &agent, &models.unwrap_or_default());
    let routes = merge.routes(&agents);
    let workspaces = std::iter::once(&agent).chain(agents.values()).map(|agent| agent.workspace.as_path());
    let folders = merge.folders(home, env, workspaces);
    merge.expect_named(&grants, &folders);
    let components = merge.components(&config.components);
    let settings = Settings {
        gateway,
        vault: merge.plain("vault.key", config.vault.key),
        roots: merge.roots(home, &config.network.extra_roots),
        policy: PolicySettings { preset: merge.plain("policy.preset", config.policy.preset) },
        sandbox: SandboxSettings { walls: merge.plain("sandbox.walls", config.sandbox.walls) },
        grants,
        folders,
        components,
        skills: merge.skills(home, env),
        approvals: ApprovalSettings {
            expiry: merge.seconds("approvals.expirySeconds", config.approvals.expiry_seconds),
            per_hour: merge.plain("approvals.perHour", config.approvals.per_hour) as usize,
            unattended: merge.plain("approvals.unattended", config.approvals.unattended),
        },
        audit: AuditSettings { keep: merge.days("audit.keepDays", config.audit.keep_days) },
        sessions: merge.sessions(&config.sessions),
        undo: merge.undo(&config.undo),
        packages: merge.packages(home),
        clawhub: merge.clawhub(&config.clawhub.url),
        context: merge.context(config),
        queue: merge.queue(config),
        sub_agents: merge.sub_agents(config),
        limits: merge.limits(config),
        agent,
        agents,
        routes,
        channels: merge.channels(),
        logging: merge.logging(config),
        // Selected above; where there is none, the issues say why and the settings are not handed out.
        model: model.unwrap_or(super::ModelSettings::Rehearsal),
        thinking: merge.plain("models.thinking", config.models.thinking).into(),
    };

    let Merge { effective, issues, .. } = merge;
    if issues.iter().any(|issue| issue.severity == Severity::Error) {
        return Err(SettingsError::Invalid { issues });
    }
    Ok(Resolved { settings, effective, warnings: issues })
}

/// The merge as far as it has come.
pub(super) struct Merge<'a> {
    pub(super) file: &'a LoadedFile,
    effective: Vec<Effective>,
    issues: Vec<Issue>,
}

impl Merge<'_> {
    /// Notes a value that was decided elsewhere.
    pub(super) fn note(&mut self, path: impl Into<String>, value: impl Serialize, origin: Origin) {
        let value = serde_json::to_value(value).expect("settings: values are JSON");
        self.effective.push(Effective { path: path.into(), value, origin });
    }

    /// Notes a complaint, with its place in the file if it has one.
    pub(super) fn complain(&mut self, mut issue: Issue) {
        issue.position = self.file.positions.get(&issue.place).copied();
        self.issues.push(issue);
    }

    /// Whether the file or nobody says so.
    pub(super) fn file_or_default(&self, path: &str) -> Origin {
        if self.file.positions.contains_key(path) { Origin::File } else { Origin::Default }
    }

    /// A setting that only the file can set.
    pub(super) fn plain<T: Serialize + Copy>(&mut self, path: &str, value: T) -> T {
        let origin = self.file_or_default(path);
        self.note(path, value, origin);
        value
    }

    fn seconds(&mut self, path: &str, value: u64) -> Duration {
        Duration::from_secs(self.plain(path, value))
    }

    fn days(&mut self, path: &str, value: u64) -> Duration {
        Duration::from_secs(self.plain(path, value) * 24 * 60 * 60)
    }

    /// A setting that flags, environment and file can set: the first that is there wins.
    fn pick<T: Serialize>(&mut self, path: &str, stronger: [Option<(Origin, T)>; 2], file: T) -> T {
        let origin = self.file_or_default(path);
        let (origin, value) = stronger.into_iter().flatten().next().unwrap_or((origin, file));
        self.note(path, &value, origin);
        value
    }

    /// A variable as a value; one that makes no sense is a complaint.
    fn parsed<T: std::str::FromStr>(&mut self, env: &Env, name: &str, expected: &str) -> Option<(Origin, T)> {
        let text = env.get(name)?;
        match text.parse() {
            Ok(value) => Some((Origin::Env(name.to_owned()), value)),
            Err(_) => {
                self.complain(Issue::error(name, format!("expected {expected}")));
                None
            }
        }
    }

    fn gateway(&mut self, env: &Env, flags: &Flags) -> GatewaySettings {
        const ADDRESS: &str = "an IP address like `127.0.0.1` or `::1`";
        let file = &self.file.config.gateway;

        let from_env = self.parsed(env, env::HOST_PORT, "a port, 0 to 65535");
        let from_flag = flags.port.map(|port| (Origin::Flag("--port"), port));
        let port = self.pick("gateway.port", [from_flag, from_env], file.port);

        let in_file = file.bind.parse().unwrap_or_else(|_| {
            self.complain(Issue::error("gateway.bind", format!("expected {ADDRESS}")));
            IpAddr::from([127, 0, 0, 1])
        });
        let from_env = self.parsed(env, env::HOST_BIND, ADDRESS);
        let from_flag = flags.bind.map(|bind| (Origin::Flag("--bind"), bind));
        let bind = self.pick("gateway.bind", [from_flag, from_env], in_file);

        let auth = self.plain("gateway.auth.mode", file.auth.mode);
        if auth == AuthMode::None && !bind.is_loopback() {
            let message = format!(
                "`none` lets everyone who reaches {bind} act as the owner; use `token`, or set `gateway.bind` to `127.0.0.1`"
            );
            self.complain(Issue::error("gateway.auth.mode", message));
        }
        GatewaySettings { port, bind, auth }
    }

    fn grants(&mut self, file: &BTreeMap<String, Vec<String>>) -> BTreeMap<ComponentName, Vec<String>> {
        let mut grants = BTreeMap::new();
        for (name, texts) in file {
            let path = format!("grants.{name}");
            match ComponentName::parse(name) {
                Ok(component) => {
                    self.note(path, texts, Origin::File);
                    grants.insert(component, texts.clone());
                }
                Err(err) => self.complain(Issue::error(path, err.to_string())),
            }
        }
        grants
    }

    fn folders<'w>(&mut self, home: &Path, env: &Env, workspaces: impl Iterator<Item = &'w Path>) -> NamedFolders {
        let user_home = env.get(env::USER_HOME).map(Path::new);
        let mut folders = NamedFolders::new(OffLimits::new(home, user_home, workspaces));
        for (name, path) in &self.file.config.folders {
            let place = format!("folders.{name}");
            match folders.add(name, path) {
                Ok(()) => self.note(place, json!(path.display().to_string()), Origin::File),
                // A disk that is not there today is no reason to refuse everything else.
                Err(err @ FolderError::Missing { .. }) => {
                    self.complain(Issue::warning(place, format!("{err}; it is not mounted")));
                }
                Err(err) => self.complain(Issue::error(place, err.to_string())),
            }
        }
        folders
    }

    fn roots(&mut self, home: &Path, files: &[PathBuf]) -> TrustRoots {
        let mut roots = TrustRoots::Public;
        for (index, file) in files.iter().enumerate() {
            let place = format!("network.extraRoots[{index}]");
            let path = home.join(file);
            let pem = std::fs::read(&path).map_err(|err| err.to_string());
            match pem.and_then(|pem| roots.clone().and_pem(&pem).map_err(|err| err.to_string())) {
                Ok(more) => {
                    roots = more;
                    self.note(place, path.display().to_string(), Origin::File);
                }
                Err(err) => {
                    let message = format!("`{}` gives no certificate to believe: {err}", path.display());
                    self.complain(Issue::error(place, message));
                }
            }
        }
        roots
    }

    /// A grant of a folder that nobody has named would give nothing, and its owner would look for the fault elsewhere.
    fn expect_named(&mut self, grants: &BTreeMap<ComponentName, Vec<String>>, folders: &NamedFolders) {
        for (component, texts) in grants {
            for (index, text) in texts.iter().enumerate() {
                let Ok(Grant::Fs(FsGrant { folder: Folder::Named(name), .. })) = Grant::parse(text) else { continue };
                if !folders.knows(&name) && !self.file.config.folders.contains_key(&name) {
                    let message = format!("no folder is named `{name}`; name it under `folders`, or remove the grant");
                    self.complain(Issue::error(format!("grants.{component}[{index}]"), message));
                }
            }
        }
    }

    fn components(&mut self, file: &BTreeMap<String, ComponentFile>) -> BTreeMap<ComponentName, ComponentSettings> {
        let mut components = BTreeMap::new();
        for (name, component) in file {
            let path = format!("components.{name}");
            match ComponentName::parse(name) {
                Ok(name) => {
                    self.note(path, component, Origin::File);
                    let config = component.config.clone().into_iter().collect();
                    components.insert(name, ComponentSettings { config, limits: component.limits });
                }
                Err(err) => self.complain(Issue::error(path, err.to_string())),
            }
        }
        components
    }

    fn sessions(&mut self, file: &SessionsFile) -> SessionSettings {
        let keep = file.keep_days.map(|days| self.days("sessions.keepDays", days));
        let keep_count = file.keep_count.map(|count| self.plain("sessions.keepCount", count));
        let minutes = self.plain("sessions.incognitoMinutes", file.incognito_minutes);
        SessionSettings { keep, keep_count, incognito: Duration::from_secs(minutes * 60) }
    }

    fn undo(&mut self, file: &UndoFile) -> UndoSettings {
        UndoSettings {
            files: self.plain("undo.files", file.files),
            max_files: self.plain("undo.maxFiles", file.max_files),
            max_file_bytes: self.plain("undo.maxFileMiB", file.max_file_mib) << 20,
            max_bytes: self.plain("undo.maxMiB", file.max_mib) << 20,
            time: self.seconds("undo.seconds", file.seconds),
            keep_turns: self.plain("undo.keepTurns", file.keep_turns),
            trash: self.days("undo.trashDays", file.trash_days),
        }
    }

    fn clawhub(&mut self, text: &str) -> Url {
        self.note("clawhub.url", text, self.file_or_default("clawhub.url"));
        claw_package::site(text).unwrap_or_else(|why| {
            self.complain(Issue::error("clawhub.url", why));
            Url::parse("https://clawhub.ai").expect("settings: the literal is a URL")
        })
    }

    fn context(&mut self, config: &ConfigFile) -> ContextSettings {
        let context = &config.context;
        if let Some(tokens) = context.tokens {
            self.note("context.tokens", tokens, Origin::File);
        }
        ContextSettings {
            tokens: context.tokens.unwrap_or(u64::MAX),
            reply: self.plain("context.replyTokens", context.reply_tokens),
            keep_recent: self.plain("context.keepRecentTokens", context.keep_recent_tokens),
            tools: self.plain("context.toolTokens", context.tool_tokens),
            notes: self.plain("context.notes", context.notes),
        }
    }

    fn spending(&mut self, tokens: &TokensFile, usd: &UsdFile) -> SpendingSettings {
        let mut limit = |name: &str, tokens: Option<u64>, usd: Option<f64>| {
            if let Some(tokens) = tokens {
                self.note(format!("limits.tokens.{name}"), tokens, Origin::File);
            }
            if let Some(usd) = usd {
                self.note(format!("limits.usd.{name}"), usd, Origin::File);
            }
            // A cast saturates; less than nothing is refused by the schema.
            SpendingLimit { tokens, micros: usd.map(|usd| (usd * 1e6) as u64) }
        };
        SpendingSettings {
            run: limit("run", tokens.run, usd.run),
            session: limit("session", tokens.session, usd.session),
            agent: limit("agent", tokens.agent, usd.agent),
            day: limit("day", tokens.day, usd.day),
        }
    }

    fn queue(&mut self, config: &ConfigFile) -> QueueSettings {
        let queue = &config.queue;
        let (mode, drop) = (self.plain("queue.mode", queue.mode), self.plain("queue.drop", queue.drop));
        let debounce = Duration::from_millis(self.plain("queue.debounceMs", queue.debounce_ms));
        // The schema keeps both small.
        let cap = self.plain("queue.cap", queue.cap) as usize;
        let waiting = Queueing { mode: mode.into(), debounce, cap, drop: drop.into() };
        QueueSettings { waiting, parallel: self.plain("queue.parallel", queue.parallel) as usize }
    }

    fn sub_agents(&mut self, config: &ConfigFile) -> SubAgentSettings {
        let limits = &config.sub_agents;
        SubAgentSettings {
            depth: self.plain("subAgents.maxDepth", limits.max_depth),
            children: self.plain("subAgents.maxChildren", limits.max_children) as usize,
            run: self.seconds("subAgents.runSeconds", limits.run_seconds),
        }
    }

    fn limits(&mut self, config: &ConfigFile) -> LimitSettings {
        let limits = &config.limits;
        LimitSettings {
            iterations: self.plain("limits.iterations", limits.iterations),
            run: self.seconds("limits.runSeconds", limits.run_seconds),
            call: self.seconds("limits.callSeconds", limits.call_seconds),
            memory_bytes: self.plain("limits.memoryMiB", limits.memory_mib) * 1024 * 1024,
            spending: self.spending(&limits.tokens, &limits.usd),
        }
    }

    fn logging(&mut self, config: &ConfigFile) -> LogSettings {
        let level = config.logging.level.clone();
        if level.parse::<Targets>().is_err() {
            let expected =
                "expected `error`, `warn`, `info`, `debug` or `trace`, also per room: `info,claw_gateway=debug`";
            self.complain(Issue::error("logging.level", expected));
        }
        let origin = self.file_or_default("logging.level");
        self.note("logging.level", &level, origin);
        LogSettings { level }
    }
}
