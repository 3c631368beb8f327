//! What clients ask of the host, parsed. The receiver of [`Command`]s never sees a peer's text where a name belongs.

use std::path::PathBuf;
use std::time::Duration;

use claw_core::approval::Answer;
use claw_core::audit::AuditQuery;
use claw_core::grant::Terms;
use claw_core::id::{AgentId, ApprovalId, ComponentName, Digest, RunId, Seq, SessionKey, ToolName};
use claw_core::image::NewImage;
use claw_core::inbound::Source;
use serde_json::Value;
use tokio::sync::oneshot;

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

/// A conversation that is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewSession {
    /// That of this key.
    Key(SessionKey),
    /// A fresh one of an agent.
    Of(AgentId),
    /// A fresh one of an agent, of which nothing is kept.
    Incognito(AgentId),
}

/// What is to change about a conversation; at least one field has a value, and `Some(None)` takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionPatch {
    /// What it is called.
    pub label: Option<Option<String>>,
    /// The model that answers in it.
    pub model: Option<Option<String>>,
    /// How much that thinks.
    pub thinking: Option<Option<String>>,
    /// What becomes of messages that arrive while a run works.
    pub queue: Option<Option<String>>,
}

/// What is asked about conversations. Each variant names the shape of its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionCall {
    /// `{ts, count, defaults, nextCursor?, sessions:[{key, kind, …}], …}`
    List(SessionsList),
    /// `{session}`: a row of the list, or `null`.
    Describe {
        /// Which.
        key: SessionKey,
    },
    /// `{ok:true, key, agentId, label?}`, or `{ok:false, candidates:[…]}`.
    Resolve {
        /// Its key or its label.
        name: SessionName,
    },
    /// `{ok:true, key, sessionId, entry, resolved:{modelProvider, model}}`; one that exists is taken as it is.
    Create {
        /// Which.
        new: NewSession,
        /// What is said of it.
        patch: SessionPatch,
    },
    /// `{ok:true, key, entry, resolved:{modelProvider, model}}`; the entry is `null` for one that has not begun.
    Patch {
        /// Which.
        key: SessionKey,
        /// What is to change.
        patch: SessionPatch,
    },
    /// `{results:[{sessionKey, label?, seq, role, timestamp, excerpt}], scanned, nextCursor?}`
    Search {
        /// What to look for.
        text: String,
        /// What the answer before gave.
        cursor: Option<String>,
        /// Results at most; 1 to 1000.
        limit: usize,
    },
    /// `{branches:[{branch, leafEntryId, headline, messageCount, updatedAt, active}]}`
    Branches {
        /// Of which.
        key: SessionKey,
    },
    /// `{ok:true, key, left}`
    Switch {
        /// Which.
        key: SessionKey,
        /// The branch to take up.
        branch: BranchName,
    },
    /// `{ok:true, key, entries, dropped, branch?, editorText?}`
    Rewind {
        /// Which.
        key: SessionKey,
        /// Where to.
        to: Place,
    },
    /// `{ok:true, sessionKey, editorText?, entry}`
    Fork {
        /// Which.
        key: SessionKey,
        /// Up to where.
        to: Place,
        /// The key of the new one; a fresh one if none is given.
        new: Option<SessionKey>,
    },
    /// `{ok:true, key, text, editorText, branch, dropped, files?}`; a method of this host.
    Undo {
        /// The conversation whose last turn is taken back, with the files that it has changed.
        key: SessionKey,
    },
    /// `{ok:true, key, …}`
    Reset {
        /// The conversation that starts anew.
        key: SessionKey,
    },
    /// `{ok:true, key, deleted, archived:[]}`
    Delete {
        /// Which.
        key: SessionKey,
    },
    /// `{deleted, more, sessions:[{key, updatedAt, error?}]}`
    Cleanup {
        /// Whether to delete them, or only to list them.
        enforce: bool,
        /// Those that did not change for so many days, 1 or more; what is configured if neither is given.
        older_days: Option<u64>,
        /// All but the last so many.
        keep: Option<u64>,
    },
}

/// What a conversation is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionName {
    /// Its key.
    Key(SessionKey),
    /// Its label.
    Label(String),
}

/// What a branch is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BranchName {
    /// Its number.
    Number(u64),
    /// Its last entry, as `RUN:SEQ`.
    Leaf(String),
}

/// A place in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Its end.
    End,
    /// After this entry.
    After(Seq),
    /// Before this entry.
    Before(Seq),
    /// Before the last so many messages of people; 1 or more.
    Turns(u32),
}

/// Which conversations to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsList {
    /// Rows at most; 1 to 1000.
    pub limit: usize,
    /// Rows to skip.
    pub offset: usize,
    /// What the answer before gave.
    pub cursor: Option<String>,
    /// Only this agent's.
    pub agent: Option<AgentId>,
    /// Only those with this label.
    pub label: Option<String>,
    /// Only those whose key or label has this text.
    pub search: Option<String>,
    /// The incognito ones, and only these; a field of this host's.
    pub incognito: bool,
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

/// What is asked about skills of ClawHub.
#[derive(Clone, Debug)]
pub enum HubCall {
    /// Finds some.
    Search {
        /// What to look for.
        words: String,
        /// How many at most.
        limit: u32,
    },
    /// Gets one and says what it is.
    Prepare {
        /// Which, as `clawhub:[OWNER/]SLUG[@VERSION]`.
        skill: String,
    },
    /// Installs what was prepared.
    Accept {
        /// SHA-256 of its archive.
        archive: Digest,
        /// Whether ClawHub's suspicion is no reason against it.
        suspicious: bool,
        /// Whether it may overwrite files that were changed here.
        overwrite: bool,
        /// Whether it may come from another owner than the version before.
        other_owner: bool,
    },
    /// What is installed.
    List,
    /// Removes one.
    Remove {
        /// Which.
        skill: String,
    },
    /// Reads the files of one again.
    Verify {
        /// Which.
        skill: String,
    },
}

/// What is asked about packages.
#[derive(Clone, Debug)]
pub enum PackageCall {
    /// What is installed.
    List,
    /// Fetches one and says what it would be able to do.
    Prepare {
        /// Where from.
        source: String,
        /// The publisher: a minisign key, `sigstore:NAME via ISSUER` or `sigstore-key:BASE64`.
        key: Option<String>,
        /// SHA-256 of the manifest to take there, whatever the source's tag names now.
        manifest: Option<Digest>,
    },
    /// Installs what was prepared.
    Accept {
        /// SHA-256 of its bytes.
        digest: Digest,
        /// What it is given.
        grants: Vec<String>,
        /// Whether it also keeps what the version before was given.
        keeps: bool,
        /// Whether it may come from another publisher than the version before.
        other_publisher: bool,
    },
    /// Goes back to the version before.
    RollBack {
        /// Which.
        name: ComponentName,
    },
    /// Keeps one at its version, or lets it change.
    Pin {
        /// Which.
        name: ComponentName,
        /// Whether it stays.
        is_pinned: bool,
    },
    /// Removes one with all that it was given and kept.
    Remove {
        /// Which.
        name: ComponentName,
    },
    /// Says what must not run.
    Revoke {
        /// A digest, a key, a skill of ClawHub, or the name of something installed.
        what: String,
        /// Why.
        reason: String,
    },
    /// Takes that back.
    Unrevoke {
        /// What.
        what: String,
    },
    /// What is revoked.
    Revocations {
        /// Whether the configured list is fetched first.
        fetch: bool,
    },
    /// Reads the files of one again.
    Verify {
        /// Which.
        name: ComponentName,
    },
}

/// What is asked about tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskCall {
    /// `{tasks, nextCursor?}`
    List(TaskList),
    /// `{task}`
    Get(RunId),
    /// `{found, cancelled, reason?, task?}`
    Cancel(RunId),
}

/// What is asked about messages that are to be sent over channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxCall {
    /// `{messages, nextCursor?}`
    List(OutboxList),
    /// `{done, left}`: dead ones are tried again.
    Retry(OutboxChoice),
    /// `{done, left}`: they are not sent any more.
    Drop(OutboxChoice),
}

/// Which messages to list, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxList {
    /// Only those in this state.
    pub state: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Those behind this number.
    pub after: u64,
}

/// Which messages are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxChoice {
    /// Those with these numbers.
    These(Vec<u64>),
    /// All that are dead.
    AllDead,
}

/// Which tasks to list, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskList {
    /// Only those that stand so, in the protocol's words; empty for all.
    pub statuses: Vec<String>,
    /// Only those that this conversation does or wants done.
    pub session: Option<SessionKey>,
    /// Only those of this agent.
    pub agent: Option<AgentId>,
    /// At most so many.
    pub limit: usize,
    /// Those behind this one.
    pub after: Option<RunId>,
}
