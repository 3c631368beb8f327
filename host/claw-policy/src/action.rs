//! What can be decided about.

use claw_core::effect::{ExecPlan, HttpPlan};
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
}

impl Action {
    /// The action's name in policies, cards and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Action::CallTool(_) => "tool.call",
            Action::RunProgram(_) => "exec.run",
            Action::SendRequest(_) => "http.request",
        }
    }
}
