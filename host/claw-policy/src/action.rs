//! What can be decided about.

use claw_core::effect::{
    ConnectPlan, ExecPlan, HttpPlan, LlmRequest, MessageRequest, SecretPurpose, SecretUse, SessionsPlan,
};
use claw_core::id::{CallId, ToolName};
use serde::{Deserialize, Serialize};

/// One call of a component's tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolInvocation {
    /// The provider's id of the call.
    pub call: CallId,
    /// The tool.
    pub tool: ToolName,
    /// JSON text that matches the tool's stored schema.
    pub arguments: String,
}

/// One action in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// `tool.call`.
    CallTool(ToolInvocation),
    /// `exec.run`.
    RunProgram(ExecPlan),
    /// `http.request`.
    SendRequest(HttpPlan),
    /// `net.connect`.
    OpenConnection(ConnectPlan),
    /// `secret.use` or `secret.reveal`.
    UseSecret(SecretUse),
    /// `kv.use`: the store of the component's own of this name.
    UseStore(String),
    /// `llm.complete`.
    AskModel(LlmRequest),
    /// `message.send`.
    SendMessage(MessageRequest),
    /// `sessions.read`, `sessions.send` or `sessions.spawn`.
    UseSessions(SessionsPlan),
}

impl Action {
    /// Whether it may change something or tell somebody something, and does not only look. What a tool does by itself,
    /// its effects and its folders say; what a sub-agent does, is decided there.
    pub fn acts(&self) -> bool {
        match self {
            Action::CallTool(_)
            | Action::UseSecret(_)
            | Action::UseStore(_)
            | Action::AskModel(_)
            | Action::UseSessions(SessionsPlan::Read(_) | SessionsPlan::Spawn(_)) => false,
            Action::SendRequest(plan) => !matches!(plan.method.as_str(), "GET" | "HEAD"),
            Action::RunProgram(_)
            | Action::OpenConnection(_)
            | Action::SendMessage(_)
            | Action::UseSessions(SessionsPlan::Send { .. }) => true,
        }
    }

    /// The action's name in policies, cards and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Action::CallTool(_) => "tool.call",
            Action::RunProgram(_) => "exec.run",
            Action::SendRequest(_) => "http.request",
            Action::OpenConnection(_) => "net.connect",
            Action::UseSecret(SecretUse { purpose: SecretPurpose::Reveal, .. }) => "secret.reveal",
            Action::UseSecret(_) => "secret.use",
            Action::UseStore(_) => "kv.use",
            Action::AskModel(_) => "llm.complete",
            Action::SendMessage(_) => "message.send",
            Action::UseSessions(SessionsPlan::Read(_)) => "sessions.read",
            Action::UseSessions(SessionsPlan::Send { .. }) => "sessions.send",
            Action::UseSessions(SessionsPlan::Spawn(_)) => "sessions.spawn",
        }
    }
}
