//! The configuration file as its owner writes it. The doc comments here are the descriptions in `config schema`.

mod agents;
mod channels;
mod kept;
mod logging;
mod models;
mod packages;
mod queue;
mod spending;
mod sub_agents;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::agents::{AgentFile, BindingFile, MatchFile, OtherAgentFile};
pub use self::channels::{ChannelFile, StreamingWord};
pub use self::kept::{AuditFile, SessionsFile, UndoFile};
pub use self::logging::LoggingFile;
pub use self::models::{KeyHeader, ModelFile, ModelsFile, PriceFile, ProviderFile, ThinkingLevel, Wire};
pub use self::packages::{ClawHubFile, PackagesFile, PublisherFile, Require, RevocationsFile};
pub use self::queue::{DropWord, QueueFile, QueueWord};
pub use self::spending::{TokensFile, UsdFile};
pub use self::sub_agents::SubAgentsFile;

/// Everything that `config.json5` may say. All of it is optional.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct ConfigFile {
    /// Where clients connect.
    pub gateway: GatewayFile,
    /// Which model answers.
    pub models: ModelsFile,
    /// The owner's secrets.
    pub vault: VaultFile,
    /// What servers are believed.
    pub network: NetworkFile,
    /// What tools may do.
    pub policy: PolicyFile,
    /// The walls around components.
    pub sandbox: SandboxFile,
    /// What each component is granted, by its name, e.g. `{ web: ["http https://api.example.com GET"] }`.
    pub grants: BTreeMap<String, Vec<String>>,
    /// Folders that can be granted, by the name that grants call them: `{ notes: "/home/me/notes" }`.
    pub folders: BTreeMap<String, PathBuf>,
    /// What each component is told and where its calls end, by its name.
    pub components: BTreeMap<String, ComponentFile>,
    /// Skills: folders with a SKILL.md.
    pub skills: SkillsFile,
    /// How calls wait for their owner.
    pub approvals: ApprovalsFile,
    /// The record of what was decided and done.
    pub audit: AuditFile,
    /// Which conversations are kept.
    pub sessions: SessionsFile,
    /// What is kept of files, so that `/undo` can take back what a turn has changed in the workspace.
    pub undo: UndoFile,
    /// What is installed.
    pub packages: PackagesFile,
    /// Where skills of ClawHub come from.
    pub clawhub: ClawHubFile,
    /// What of a conversation the model gets to see.
    pub context: ContextFile,
    /// What becomes of messages that arrive while others are at work.
    pub queue: QueueFile,
    /// Where sub-agents end.
    pub sub_agents: SubAgentsFile,
    /// Where runs and calls end.
    pub limits: LimitsFile,
    /// The agent `main`.
    pub agent: AgentFile,
    /// Other agents, by their ids.
    pub agents: BTreeMap<String, OtherAgentFile>,
    /// Which messages go to them that name no agent.
    pub bindings: Vec<BindingFile>,
    /// Chat services that people write over, by the names of their components.
    pub channels: BTreeMap<String, ChannelFile>,
    /// What is written to the log.
    pub logging: LoggingFile,
}

/// Where clients connect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct GatewayFile {
    /// TCP port; 0 takes any free one.
    pub port: u16,
    /// IP address to listen on. Anything but a loopback address needs `auth.mode: "token"`.
    pub bind: String,
    /// How clients prove who they are.
    pub auth: AuthFile,
}

/// How clients prove who they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct AuthFile {
    /// `token`: with the token in the home's file `token`. `none`: not at all, on loopback only.
    pub mode: AuthMode,
}

/// How clients prove who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum AuthMode {
    /// Whoever knows the token is the owner.
    #[default]
    Token,
    /// Whoever reaches the port is the owner; loopback only.
    None,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "source", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[schemars(deny_unknown_fields)]
pub enum SecretRef {
    /// In a variable of the environment that the host was started with.
    Env {
        /// The variable's name.
        id: String,
    },
    /// In a file of its own, which only its owner can read.
    File {
        /// The file; relative to the home unless absolute.
        path: PathBuf,
    },
    /// In the first line that a program prints, e.g. that of a password manager.
    Command {
        /// The program and its arguments; no shell reads them.
        argv: Vec<String>,
        /// Seconds that it may take.
        #[serde(default = "command_timeout")]
        #[schemars(range(min = 1, max = 120))]
        timeout_seconds: u64,
    },
    /// In the home's vault.
    Vault {
        /// Its name there.
        name: String,
    },
}

/// The owner's secrets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct VaultFile {
    /// What opens the vault. `file`: the home's file `vault.key`. `passphrase`: what its owner types at the start.
    pub key: VaultKey,
}

/// What servers are believed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct NetworkFile {
    /// PEM files with the certificates of authorities that are believed beside the public ones: for servers of the
    /// owner's own. They count for components and for models.
    pub extra_roots: Vec<PathBuf>,
}

/// What opens the vault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum VaultKey {
    /// The home's file `vault.key`.
    #[default]
    File,
    /// A passphrase.
    Passphrase,
}

/// What tools may do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct PolicyFile {
    /// The rules to start from; the owner's own `.cedar` files in the home's folder `policies` come on top.
    pub preset: Preset,
}

/// The policies that come with the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Preset {
    /// Nothing is allowed.
    DenyAll,
    /// What was granted is allowed; the rest is asked or denied.
    #[default]
    Cautious,
    /// Reading the web and plain programs are allowed without asking.
    Trusting,
}

impl From<Preset> for claw_policy::Preset {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::DenyAll => claw_policy::Preset::DenyAll,
            Preset::Cautious => claw_policy::Preset::Cautious,
            Preset::Trusting => claw_policy::Preset::Trusting,
        }
    }
}

/// The walls around components.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct SandboxFile {
    /// `required`: without Landlock and seccomp no component runs. `best-effort`: they run behind WebAssembly alone
    /// where the kernel lacks these.
    pub walls: Walls,
}

/// What to do where the kernel lacks a wall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Walls {
    /// Without Landlock and seccomp no component runs.
    #[default]
    Required,
    /// Components run behind WebAssembly alone where the kernel lacks these.
    BestEffort,
}

/// One component.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct ComponentFile {
    /// What it reads through `wasi:config`: texts by name, e.g. `{ language: "de" }`. No place for secrets.
    pub config: BTreeMap<String, String>,
    /// Where its calls end; what is not said here is as in `limits`.
    pub limits: ComponentLimitsFile,
}

/// Limits of one component's calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct ComponentLimitsFile {
    /// Memory of one call, in MiB.
    #[schemars(with = "u64", range(min = 1, max = 1024))]
    #[serde(rename = "memoryMiB", skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// Seconds of one call, without the time it waits for approvals.
    #[schemars(with = "u64", range(min = 1, max = 3600))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_seconds: Option<u64>,
    /// Seconds of computing in one call.
    #[schemars(with = "u64", range(min = 1, max = 3600))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<u64>,
    /// Effects that one call may ask for.
    #[schemars(with = "u32", range(min = 1, max = 65536))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effects: Option<u32>,
    /// Handles that one call may hold.
    #[schemars(with = "u32", range(min = 16, max = 65536))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handles: Option<u32>,
    /// Lines that one call may log.
    #[schemars(with = "u32", range(min = 0, max = 512))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_lines: Option<u32>,
    /// What its key-value stores hold together, in MiB.
    #[schemars(with = "u64", range(min = 1, max = 4096))]
    #[serde(rename = "storeMiB", skip_serializing_if = "Option::is_none")]
    pub store_mib: Option<u64>,
    /// What its own folder may hold, in MiB. Without it: 256.
    #[schemars(with = "u64", range(min = 1, max = 1048576))]
    #[serde(rename = "scratchMiB", skip_serializing_if = "Option::is_none")]
    pub scratch_mib: Option<u64>,
}

/// Skills: folders with a SKILL.md.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct SkillsFile {
    /// Where they are looked for.
    pub load: SkillsLoadFile,
    /// Single skills by their names, or by the `skillKey` that they give themselves.
    pub entries: BTreeMap<String, SkillEntryFile>,
    /// How much of a prompt they take.
    pub limits: SkillsLimitsFile,
}

/// Where skills are looked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct SkillsLoadFile {
    /// Folders beside the workspace's and the home's own, for skills of somebody else: absolute, or with `~/` before.
    /// What such a skill says counts as content from outside.
    pub extra_dirs: Vec<PathBuf>,
}

/// One skill.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct SkillEntryFile {
    /// `false` turns it off.
    #[schemars(with = "bool")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What of its own files programs may be run with, without asking: `["exec {baseDir}/scripts/now.sh **"]`. They count
    /// for the component `exec`, while the skill can be used; only for a skill of the owner's own, by its name.
    pub grants: Vec<String>,
}

/// How much of a prompt skills take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct SkillsLimitsFile {
    /// Bytes of the list of skills in a prompt. Where it would be longer, descriptions are shortened first.
    #[schemars(range(min = 0, max = 200000))]
    pub max_skills_prompt_chars: u64,
}

/// How calls wait for their owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct ApprovalsFile {
    /// Seconds until a call that nobody answered counts as denied.
    #[schemars(range(min = 10, max = 86400))]
    pub expiry_seconds: u64,
    /// Questions that one conversation may ask in an hour.
    #[schemars(range(min = 1, max = 1000))]
    pub per_hour: u32,
    /// What becomes of a question while nobody who may answer is connected.
    pub unattended: Unattended,
}

/// What becomes of a question while nobody who may answer is connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Unattended {
    /// It is a no at once.
    #[default]
    Deny,
    /// It waits until it expires.
    Wait,
}

/// What of a conversation the model gets to see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct ContextFile {
    /// Tokens of one prompt with its reply, where that is to be less than the model can take.
    #[schemars(with = "u64", range(min = 2000, max = 10_000_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Tokens of one reply, beside its thoughts, where the model can write as many.
    #[schemars(range(min = 256, max = 1_000_000))]
    pub reply_tokens: u64,
    /// Tokens of the newest messages that stay as they are when older ones are summarised.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub keep_recent_tokens: u64,
    /// Tokens of the tools that each prompt lists. Where there are more, the model finds the others through the tool
    /// `tools`.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub tool_tokens: u64,
    /// Whether the model may first note in `memory/` of the workspace what is worth knowing for longer.
    pub notes: bool,
}

/// Where runs and calls end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct LimitsFile {
    /// Model calls in one run.
    #[schemars(range(min = 1, max = 1000))]
    pub iterations: u32,
    /// Seconds of one run, without the time it waits for approvals.
    #[schemars(range(min = 1, max = 86400))]
    pub run_seconds: u64,
    /// Seconds of one tool call, without the time it waits for approvals.
    #[schemars(range(min = 1, max = 3600))]
    pub call_seconds: u64,
    /// Memory of one component, in MiB.
    #[schemars(range(min = 1, max = 1024))]
    #[serde(rename = "memoryMiB")]
    pub memory_mib: u64,
    /// Tokens that models may read and write.
    pub tokens: TokensFile,
    /// US dollars that models may cost, as far as their prices are known.
    pub usd: UsdFile,
}

// === defaults ===

/// A password manager may have to unlock itself first.
fn command_timeout() -> u64 {
    10
}

impl Default for GatewayFile {
    fn default() -> Self {
        // The port that clients of this protocol try first.
        GatewayFile { port: 18789, bind: "127.0.0.1".to_owned(), auth: AuthFile::default() }
    }
}

impl Default for SkillsLimitsFile {
    fn default() -> Self {
        // OpenClaw's value: some 4,500 tokens.
        SkillsLimitsFile { max_skills_prompt_chars: 18_000 }
    }
}

impl Default for ApprovalsFile {
    fn default() -> Self {
        ApprovalsFile { expiry_seconds: 600, per_hour: 6, unattended: Unattended::default() }
    }
}

impl Default for ContextFile {
    fn default() -> Self {
        ContextFile { tokens: None, reply_tokens: 8_192, keep_recent_tokens: 20_000, tool_tokens: 12_000, notes: true }
    }
}

impl Default for LimitsFile {
    fn default() -> Self {
        LimitsFile {
            iterations: 25,
            run_seconds: 600,
            call_seconds: 60,
            memory_mib: 64,
            tokens: TokensFile::default(),
            usd: UsdFile::default(),
        }
    }
}

impl Preset {
    /// The word used in the file and by the policy room.
    pub fn as_str(self) -> &'static str {
        match self {
            Preset::DenyAll => "deny-all",
            Preset::Cautious => "cautious",
            Preset::Trusting => "trusting",
        }
    }
}
