//! What clients ask of the host, parsed. The receiver of [`Command`]s never sees a peer's text where a name belongs.

mod packages;
mod sessions;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use claw_core::approval::Answer;
use claw_core::audit::AuditQuery;
use claw_core::grant::Terms;
use claw_core::id::{AgentId, ApprovalId, ComponentName, RunId, Seq, SessionKey, ToolName};
use claw_core::image::NewImage;
use claw_core::inbound::Source;
use serde_json::Value;
use tokio::sync::oneshot;

pub use self::packages::{HubCall, PackageCall};
pub use self::sessions::{BranchName, NewSession, Place, SessionCall, SessionName, SessionPatch, SessionsList};
pub use self::work::{OutboxCall, OutboxChoice, OutboxList, TaskCall, TaskList};
use crate::frame::RpcError;
use crate::scope::{Scope, Scopes};

/// Bytes of one message to an agent. Longer texts belong into a file that the agent reads.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// One call, on its way to the host. Its scope has been checked.
#[derive(Debug)]
pub struct Command {
    /// Who calls.
    pub caller: Caller,
    /// What is asked.
    pub call: Call,
    /// Takes the payload as the client is to see it. Dropping it answers `UNAVAILABLE`.
    pub reply: oneshot::Sender<Result<Value, RpcError>>,
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Channel `ws` or `http`; account `owner`, or the id of a device that proved its key.
    pub source: Source,
    /// What it may do; already checked against the call's own scope.
    pub scopes: Scopes,
    /// The device that proved its key.
    pub device: Option<String>,
}

/// What is asked. Each variant names the shape of its reply.
#[derive(Clone, Debug)]
pub enum Call {
    /// `{ok, ts, durationMs, channels:{}, channelOrder:[], channelLabels:{}, agents:[…], sessions:{…}}`
    Health,
    /// Any object.
    Status,
    /// A request that was refused for want of a scope, for the host's record. Whatever the answer is, the caller gets
    /// `FORBIDDEN`.
    Refused {
        /// The method.
        method: &'static str,
        /// What the caller lacks.
        scope: Scope,
    },
    /// `{runId, status:"started"|"in_flight"}`, or the cached outcome of a run that has ended.
    ChatSend(ChatSend),
    /// `{sessionKey, sessionId, messages, hasMore, defaults, sessionInfo, …}`
    ChatHistory(ChatHistory),
    /// `{ok, aborted, runIds}`
    ChatAbort(ChatAbort),
    /// `{runId, sessionKey, agentId, status:"accepted", acceptedAt}`: the run's [`HostEvent::RunEnded`] will follow;
    /// `status:"in_flight"`: somebody else's identical call is running; any other status, or `duplicate:true`: the
    /// run has ended already, and the gateway asks [`Call::AgentWait`] for its result.
    ///
    /// [`HostEvent::RunEnded`]: claw_core::event::HostEvent::RunEnded
    Agent(ChatSend),
    /// `{runId, status:"ok"|"error"|"timeout", startedAt?, endedAt?, error?, errorKind?, text?, usage?}`. A `timeout`
    /// without `endedAt` means that the run still works. `text`, `errorKind` and `usage` (`{input, output}`) let the
    /// gateway complete an `agent` call or an HTTP answer whose events it missed.
    AgentWait {
        /// The run.
        run: RunId,
        /// How long to wait; 0 to 600 000.
        timeout_ms: u64,
    },
    /// What is asked about conversations.
    Sessions(SessionCall),
    /// What is asked about tasks.
    Tasks(TaskCall),
    /// What is asked about messages that are to be sent.
    Outbox(OutboxCall),
    /// `{path, files, bytes, skipped}`: a copy of the host's home.
    Backup {
        /// Where it is to be: an absolute path at which nothing is.
        to: PathBuf,
    },
    /// An array of [`approval_payload`](crate::approval_payload)s that are pending.
    ApprovalList,
    /// One [`approval_payload`](crate::approval_payload), or `APPROVAL_NOT_FOUND`.
    ApprovalGet {
        /// Which.
        id: ApprovalId,
    },
    /// `{ok:true, applied, approval}`; serves `exec.approval.resolve` and `approval.resolve`.
    ApprovalResolve {
        /// Which.
        id: ApprovalId,
        /// The answer.
        answer: Answer,
    },
    /// `{agentId, profiles, groups:[{id, label, source, tools}]}`
    ToolsCatalog(AgentId),
    /// `{ok, toolName, output?, requiresApproval?, approvalId?, error?:{code, message}}`
    ToolsInvoke(ToolsInvoke),
    /// Any object; a method of this host.
    ComponentsList,
    /// Any object; a method of this host.
    ComponentsInspect {
        /// Which.
        name: ComponentName,
    },
    /// Any object; a method of this host.
    Grants {
        /// Of which component.
        name: ComponentName,
    },
    /// As [`Call::Grants`], after the change.
    ChangeGrants {
        /// Of which component.
        name: ComponentName,
        /// The grants it gets, in their text form, each with its terms.
        add: Vec<(String, Terms)>,
        /// Those that it loses, as they are listed.
        remove: Vec<String>,
    },
    /// `{ok:true, name}`
    PauseComponent {
        /// Which.
        name: ComponentName,
    },
    /// `{ok:true, name, wasPaused}`
    ResumeComponent {
        /// Which.
        name: ComponentName,
    },
    /// Any object; methods of this host.
    Packages(PackageCall),
    /// Skills of ClawHub.
    Hub(HubCall),
    /// Any object; a method of this host.
    RunsShow {
        /// Which.
        run: RunId,
    },
    /// Any object; a method of this host.
    RunsReplay {
        /// Which.
        run: RunId,
    },
    /// `{entries:[…], next?:{before} or {after}}`; a method of this host.
    AuditList(AuditQuery),
    /// One entry; a method of this host.
    AuditShow {
        /// Its number.
        sequence: u64,
    },
    /// `{ok, entries, first, last, hash, broken?:{sequence, what}}`; a method of this host.
    AuditVerify,
    /// `{defaultId, mainKey, scope, agents:[{id, …}]}`
    AgentsList,
    /// `{ts, channelOrder:[…], channelLabels:{…}, channels:{NAME:{…}}}`
    ChannelsStatus,
    /// `{models:[{id, name, provider, …}]}`
    ModelsList,
    /// `{commands:[{name, textAliases, description, source:"skill", scope, acceptsArgs}]}`
    CommandsList(AgentId),
    /// `{workspaceDir, skills:[{name, description, source, eligible, gates, …}], leftOut:[{path, error}]}`
    SkillsStatus(AgentId),
    /// The models in use, and how their keys are.
    ModelsStatus,
    /// `{ok, model}`: the models of the settings and their keys are read again. Keys of `provider` are tried at once.
    SecretsReload {
        /// Whose keys are not to rest any more; an addition of this host.
        provider: Option<String>,
    },
    /// `{agentId, name?, …}`
    AgentIdentity {
        /// Which agent.
        agent: AgentId,
    },
}

/// A message for a conversation; the answer arrives as events, or with the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatSend {
    /// Where it goes.
    pub session: SessionKey,
    /// The client's idempotency key.
    pub run: RunId,
    /// What it says; 1 byte to [`MAX_MESSAGE_BYTES`], or nothing where it shows something.
    pub text: String,
    /// What it shows.
    pub images: Vec<NewImage>,
    /// The run's wall time, if the client wants less than the host's own limit.
    pub timeout: Option<Duration>,
    /// How much the model is to think about it.
    pub thinking: Option<String>,
    /// How it waits for a run at work.
    pub queue: Option<String>,
}

impl ChatSend {
    /// A message that is treated as usual.
    pub fn new(session: SessionKey, run: RunId, text: String, images: Vec<NewImage>) -> Self {
        ChatSend { session, run, text, images, timeout: None, thinking: None, queue: None }
    }
}

/// One page of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatHistory {
    /// The conversation.
    pub session: SessionKey,
    /// The number of a branch that was left; otherwise the one that is spoken on.
    pub branch: Option<u64>,
    /// Entries at most; 1 to 1000.
    pub limit: usize,
    /// Newest entries to skip.
    pub offset: usize,
    /// Only entries before this one.
    pub before: Option<Seq>,
}

/// Stop one run, or all of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatAbort {
    /// The conversation.
    pub session: SessionKey,
    /// Only this run.
    pub run: Option<RunId>,
}

/// One tool call by the owner, without a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolsInvoke {
    /// The tool.
    pub name: ToolName,
    /// Its arguments, an object.
    pub args: Value,
    /// On whose behalf.
    pub session: SessionKey,
    /// The client's idempotency key, or a fresh id.
    pub run: RunId,
}
