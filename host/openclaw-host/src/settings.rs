//! What the host is told before it starts: defaults < file < environment < flags, merged once.
//!
//! Each source is parsed by itself; [`resolve`] merges them, and from then on there is a [`Settings`] without
//! `Option`s, split into the part that each room needs. Nothing else reads the environment or the file.

pub mod env;
pub mod file;

mod agents;
mod channels;
mod edit;
mod issue;
mod keys;
mod load;
mod packages;
mod provider;
mod resolve;
pub mod schema;
mod secret;
mod skills;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use claw_core::id::{AgentId, ComponentName, ToolName};
use claw_core::lane::Queueing;
use claw_core::route::Routes;
use claw_effects::TrustRoots;
use claw_model::{KeyHeader, KeyUse, ModelFacts, Thinking, WireFormat};
use claw_package::Url;

use crate::folders::NamedFolders;

pub use edit::{EditError, edit};
pub use env::Env;
pub use file::{
    AuthMode, ComponentLimitsFile, ConfigFile, Preset, SecretRef, StreamingWord, Unattended, VaultKey, Walls,
};
pub use issue::{Issue, Severity};
pub use keys::Position;
pub use load::{CONFIG_NAME, LoadedFile, load};
pub use packages::{PackageSettings, PublisherRule, RevocationFeed};
pub use provider::{DEFAULT_KEY, KnownProvider, is_key_name, known_providers};
pub use resolve::{Effective, Origin, Resolved, resolve};
pub use schema::schema;
pub use secret::Secret;

/// Everything that was decided before the start.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where clients connect.
    pub gateway: GatewaySettings,
    /// Which model answers.
    pub model: ModelSettings,
    /// How much it thinks.
    pub thinking: Thinking,
    /// What opens the vault.
    pub vault: VaultKey,
    /// Which certificates of servers are believed.
    pub roots: TrustRoots,
    /// What tools may do.
    pub policy: PolicySettings,
    /// The walls around components.
    pub sandbox: SandboxSettings,
    /// What each component is granted, as texts that the policy room parses.
    pub grants: BTreeMap<ComponentName, Vec<String>>,
    /// The owner's folders that can be granted.
    pub folders: NamedFolders,
    /// What each component is told and where its calls end.
    pub components: BTreeMap<ComponentName, ComponentSettings>,
    /// Skills that are folders.
    pub skills: SkillSettings,
    /// How calls wait for their owner.
    pub approvals: ApprovalSettings,
    /// The record of what was decided and done.
    pub audit: AuditSettings,
    /// Which conversations are kept.
    pub sessions: SessionSettings,
    /// What is kept of files for an undo.
    pub undo: UndoSettings,
    /// What may be installed.
    pub packages: PackageSettings,
    /// Where skills of ClawHub come from.
    pub clawhub: Url,
    /// What of a conversation the model gets to see.
    pub context: ContextSettings,
    /// What becomes of messages that arrive while others are at work.
    pub queue: QueueSettings,
    /// Where sub-agents end.
    pub sub_agents: SubAgentSettings,
    /// Where runs and calls end.
    pub limits: LimitSettings,
    /// The agent `main`.
    pub agent: AgentSettings,
    /// The other agents.
    pub agents: BTreeMap<AgentId, AgentSettings>,
    /// Where messages go that name no agent.
    pub routes: Routes,
    /// Chat services, by the names of their components.
    pub channels: BTreeMap<ComponentName, ChannelSettings>,
    /// What is written to the log.
    pub logging: LogSettings,
}

/// Where clients connect.
#[derive(Clone, Debug, PartialEq)]
pub struct GatewaySettings {
    /// 0 takes any free port.
    pub port: u16,
    /// Loopback whenever `auth` is [`AuthMode::None`].
    pub bind: IpAddr,
    /// How clients prove who they are.
    pub auth: AuthMode,
}

/// Which model answers.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelSettings {
    /// The deterministic offline model.
    Rehearsal,
    /// Models somewhere else.
    Providers {
        /// The one to ask.
        first: Box<ProviderSettings>,
        /// Those that stand in for it, in this order.
        fallbacks: Vec<ProviderSettings>,
        /// Those of single agents.
        others: Vec<ProviderSettings>,
        /// Providers that are only asked by their names, at run time.
        by_name: Vec<ProviderSettings>,
    },
}

/// A model of a provider, with all that is needed to ask it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderSettings {
    /// The provider's name, e.g. `anthropic`.
    pub id: String,
    /// The protocol it speaks.
    pub wire: WireFormat,
    /// `http://…` or `https://…`, without a slash at the end.
    pub base_url: String,
    /// The header that carries the key.
    pub key_header: KeyHeader,
    /// Its keys in the order of their use; none are sent if there are none, as local servers like it.
    pub keys: Vec<KeySettings>,
    /// Which of them is used first.
    pub key_use: KeyUse,
    /// The model's name at the provider.
    pub model: String,
    /// What is known of the model.
    pub facts: ModelFacts,
    /// What is known of its other models that the configuration names.
    pub others: BTreeMap<String, ModelFacts>,
}

/// One key of a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct KeySettings {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub place: SecretRef,
    /// The key, if it is in the environment. Other places are looked into when it is needed.
    pub value: Option<Secret>,
}

/// What tools may do.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySettings {
    /// The rules to start from.
    pub preset: Preset,
}

/// The walls around components.
#[derive(Clone, Debug, PartialEq)]
pub struct SandboxSettings {
    /// What to do where the kernel lacks a wall.
    pub walls: Walls,
}

/// One component.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComponentSettings {
    /// What it reads through `wasi:config`, sorted by name.
    pub config: Vec<(String, String)>,
    /// Where its calls end, where that differs from [`LimitSettings`].
    pub limits: ComponentLimitsFile,
}

/// Skills that are folders.
#[derive(Clone, Debug, PartialEq)]
pub struct SkillSettings {
    /// The user's home directory, for showing paths in it shorter.
    pub user_home: Option<PathBuf>,
    /// `~/.agents/skills`, if the host's home is the default one.
    pub personal: Option<PathBuf>,
    /// Folders of skills of somebody else; absolute.
    pub extra_dirs: Vec<PathBuf>,
    /// Skills that are turned on or off, by name or key.
    pub enabled: BTreeMap<String, bool>,
    /// Programs that are granted with a skill's own files, by its name or key.
    pub grants: BTreeMap<String, Vec<String>>,
    /// Bytes of their list in a prompt.
    pub prompt_bytes: usize,
    /// The whole configuration, in which skills look for keys that they need.
    pub config: serde_json::Value,
}

/// How calls wait for their owner.
#[derive(Clone, Debug, PartialEq)]
pub struct ApprovalSettings {
    /// 10 seconds to one day.
    pub expiry: Duration,
    /// Questions of one conversation in an hour, 1 to 1000.
    pub per_hour: usize,
    /// What becomes of a question while nobody who may answer is connected.
    pub unattended: Unattended,
}

/// Which conversations are kept; all of them if nothing is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// How long after their last change; a day to a hundred years.
    pub keep: Option<Duration>,
    /// How many: those that changed last.
    pub keep_count: Option<u64>,
    /// How long an incognito one may be idle.
    pub incognito: Duration,
}

/// What is kept of files for an undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UndoSettings {
    /// Whether anything is.
    pub files: bool,
    /// Files and folders of a workspace.
    pub max_files: u64,
    /// Bytes of one file.
    pub max_file_bytes: u64,
    /// Bytes of all that are kept of a workspace.
    pub max_bytes: u64,
    /// One look at the workspace.
    pub time: Duration,
    /// Turns, over all conversations.
    pub keep_turns: u64,
    /// How long what was taken away stays in the trash.
    pub trash: Duration,
}

/// The record of what was decided and done.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditSettings {
    /// How long an entry is kept; a day to a hundred years.
    pub keep: Duration,
}

/// What models may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpendingSettings {
    /// In one run.
    pub run: SpendingLimit,
    /// In one conversation.
    pub session: SpendingLimit,
    /// In one day, by one agent.
    pub agent: SpendingLimit,
    /// In one day.
    pub day: SpendingLimit,
}

/// One limit; `None` is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpendingLimit {
    /// Tokens of prompts and replies.
    pub tokens: Option<u64>,
    /// Millionths of a US dollar.
    pub micros: Option<u64>,
}

/// What of a conversation the model gets to see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContextSettings {
    /// Most tokens of one prompt with its reply; the model itself may take less.
    pub tokens: u64,
    /// Most tokens of one reply, beside its thoughts; the model itself may write less.
    pub reply: u64,
    /// Tokens of the newest messages that no summary replaces.
    pub keep_recent: u64,
    /// Tokens of the tools that a prompt lists.
    pub tools: u64,
    /// Whether notes are taken before a summary.
    pub notes: bool,
}

/// What becomes of messages that arrive while others are at work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueSettings {
    /// How they wait, unless their conversation's owner wants it differently.
    pub waiting: Queueing,
    /// Runs at the same time, over all conversations.
    pub parallel: usize,
}

/// Where sub-agents end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAgentSettings {
    /// How many conversations may stand above one.
    pub depth: u32,
    /// Open tasks of one conversation.
    pub children: usize,
    /// One task.
    pub run: Duration,
}

/// Where runs and calls end.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitSettings {
    /// Model calls in one run, 1 to 1000.
    pub iterations: u32,
    /// One run, without the time it waits for approvals.
    pub run: Duration,
    /// One tool call, without the time it waits for approvals.
    pub call: Duration,
    /// Memory of one component, in bytes.
    pub memory_bytes: u64,
    /// What models may use.
    pub spending: SpendingSettings,
}

/// One agent. What it says nothing about is as the host has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentSettings {
    /// The folder it works in; absolute, and apart from those of the others.
    pub workspace: PathBuf,
    /// Who answers: `provider/model`, of a provider that is in use.
    pub model: Option<String>,
    /// How much that thinks.
    pub thinking: Option<Thinking>,
    /// The rules to start from.
    pub preset: Option<Preset>,
    /// The only tools that it has.
    pub tools: Option<BTreeSet<ToolName>>,
    /// The only skills that it has.
    pub skills: Option<BTreeSet<String>>,
}

/// A chat service.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelSettings {
    /// Ids of the host's owner there.
    pub owner: BTreeSet<String>,
    /// How much of an answer is sent before all of it is there.
    pub streaming: StreamingWord,
}

/// What is written to the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogSettings {
    /// A valid filter, e.g. `info,claw_gateway=debug`.
    pub level: String,
}

/// The settings that flags can set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flags {
    /// `--port`.
    pub port: Option<u16>,
    /// `--bind`.
    pub bind: Option<IpAddr>,
}

/// Reads all sources for the home at `home` and merges them. Works without a file.
///
/// # Errors
/// [`SettingsError`] if a source cannot be read or says something that cannot be.
pub fn read(home: &Path, flags: &Flags) -> Result<Resolved, SettingsError> {
    let (file, env) = sources(home)?;
    resolve(home, &file, &env, flags)
}

/// What the file and the environment say, before they are merged: enough to list providers, whether or not a host could
/// start.
///
/// # Errors
/// [`SettingsError`] if the file cannot be read or is not valid.
pub fn sources(home: &Path) -> Result<(LoadedFile, Env), SettingsError> {
    let file = load(&home.join(CONFIG_NAME))?;
    let env = Env::read().and(file.key_variables());
    Ok((file, env))
}

/// What opens the vault of the home at `home`, as its file says; nothing else of the file needs to fit together.
///
/// # Errors
/// [`SettingsError`] if the file cannot be read or is not valid.
pub fn vault_key(home: &Path) -> Result<VaultKey, SettingsError> {
    Ok(load(&home.join(CONFIG_NAME))?.config.vault.key)
}

/// The preset that an agent of the home at `home` has, as its file says; nothing else of the file needs to fit together.
///
/// # Errors
/// [`SettingsError`] if the file cannot be read or is not valid.
pub fn preset(home: &Path, agent: &AgentId) -> Result<claw_policy::Preset, SettingsError> {
    let config = load(&home.join(CONFIG_NAME))?.config;
    let own = config.agents.get(agent.as_str()).and_then(|agent| agent.preset);
    Ok(own.unwrap_or(config.policy.preset).into())
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file exists and cannot be read.
    #[error("cannot read configuration `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        err: std::io::Error,
    },
    /// The file is not JSON5.
    #[error("configuration `{}` is not valid JSON5: {what}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        what: String,
    },
    /// The sources can be read but say something that cannot be.
    #[error("the settings are not valid:{}", list(issues))]
    Invalid {
        /// At least one error; warnings may stand among them.
        issues: Vec<Issue>,
    },
}

fn list(issues: &[Issue]) -> String {
    issues.iter().map(|issue| format!("\n  {}: {issue}", issue.severity.as_str())).collect()
}

#[cfg(test)]
mod tests;
