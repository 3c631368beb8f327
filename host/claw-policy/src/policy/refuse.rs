//! The words of refusals: stable codes, and sentences that name the rule and what would change the answer.

use claw_core::approval::{Approval, ApprovalState};
use claw_core::effect::{AddressClass, ConnectPlan, HttpPlan, SessionsPlan, Target};

use super::Denial;
use crate::action::Action;
use crate::declared::Declared;
use crate::grant::Grant;
use crate::program::ProgramKind;
use crate::subject::Subject;
use crate::visible::{quote, show};

/// The action and what it is done to, in one line.
pub(super) fn describe(action: &Action) -> String {
    match action {
        Action::CallTool(call) => format!("tool.call of `{}`", call.tool),
        Action::RunProgram(plan) => {
            let program = show(&plan.program.to_string_lossy());
            match ProgramKind::of(plan).risky_argument {
                Some(argument) => format!(
                    "exec.run of `{program}` with the argument {}, which can run code or write files",
                    quote(&argument)
                ),
                None => format!("exec.run of `{program}`"),
            }
        }
        Action::SendRequest(plan) => format!("http.request {} {}", plan.method, server(&plan.target)),
        Action::OpenConnection(plan) => format!("net.connect to {}", server(&plan.target)),
        Action::UseSecret(wish) => format!("{} of `{}`", action.name(), show(&wish.name)),
        Action::UseStore(store) => format!("kv.use of `{}`", show(store)),
        Action::AskModel(question) => format!("llm.complete with `{}`", show(&question.model)),
        Action::SendMessage(message) => format!("message.send to `{}`", show(&message.to)),
        Action::UseSessions(SessionsPlan::Read(reach)) => format!("sessions.read of `{}`", show(&reach.key)),
        Action::UseSessions(SessionsPlan::Send { to, .. }) => format!("sessions.send to `{}`", show(&to.key)),
        Action::UseSessions(SessionsPlan::Spawn(_)) => "sessions.spawn".to_owned(),
    }
}

fn server(target: &Target) -> String {
    let origin = target.url();
    let origin = origin.strip_suffix(target.path_and_query.as_str()).unwrap_or(&origin);
    format!("`{}` ({} address)", show(origin), target.address.as_str())
}

/// The code of a refused action.
pub(super) fn code(action: &Action) -> &'static str {
    match action {
        Action::CallTool(_)
        | Action::UseStore(_)
        | Action::AskModel(_)
        | Action::SendMessage(_)
        | Action::UseSessions(_) => "E_POLICY_DENY",
        Action::RunProgram(plan) if ProgramKind::of(plan).risky_argument.is_some() => "E_EXEC_ARG",
        Action::RunProgram(_) => "E_EXEC_DENIED",
        Action::SendRequest(HttpPlan { target, .. }) | Action::OpenConnection(ConnectPlan { target, .. }) => {
            match target.address {
                AddressClass::Name | AddressClass::Public => "E_NET_HOST",
                AddressClass::Loopback | AddressClass::Private | AddressClass::Metadata => "E_NET_ADDR",
            }
        }
        Action::UseSecret(_) => "E_SECRET_SCOPE",
    }
}

/// The component never said that it would want this.
pub(super) fn undeclared(subject: &Subject, action: &Action) -> Denial {
    let component = &subject.component;
    let reason = match (Grant::narrowest(action), &subject.declared) {
        (Some(grant), Declared::Imports(_)) => format!(
            "{} is not granted; the component `{component}` declares nothing, so it may do only what its owner grants \
             it, such as `{grant}`",
            describe(action)
        ),
        (grant, _) => {
            let needed = match grant {
                Some(grant) => format!("its manifest would have to declare the scope `{grant}`"),
                None => "no scope could cover it".to_owned(),
            };
            format!("{} lies outside what the component `{component}` declares; {needed}", describe(action))
        }
    };
    Denial::new(code(action), reason)
}

/// The action cannot be written down, so it can be neither shown nor compared.
pub(super) fn unnameable(action: &Action) -> Denial {
    Denial::new(code(action), format!("{} has a path that is not UTF-8; rename it", describe(action)))
}

/// A policy failed; without its answer nothing is allowed.
pub(super) fn broken(action: &Action, policy: String, cause: &str) -> Denial {
    let reason =
        format!("policy `{policy}` could not be evaluated for {}: {cause}; correct the policy", describe(action));
    Denial { decided_by: vec![policy], ..Denial::new(code(action), reason) }
}

/// Whether the approval is a yes that still counts.
pub(super) fn check_approval(approval: &Approval) -> Result<(), Denial> {
    let id = approval.id.short();
    let (code, reason) = match &approval.state {
        ApprovalState::Approved { at, .. } if *at < approval.expires => return Ok(()),
        ApprovalState::Approved { .. } | ApprovalState::Expired => {
            ("E_APPR_EXPIRED", "was not answered in time; ask again")
        }
        ApprovalState::Withdrawn => ("E_APPR_EXPIRED", "was withdrawn when its run ended; ask again"),
        ApprovalState::Used { .. } => ("E_APPR_USED", "has been used; it allowed one call, ask again for another"),
        ApprovalState::Pending => ("E_POLICY_DENY", "has not been answered yet"),
        ApprovalState::Denied { .. } => ("E_POLICY_DENY", "was answered with no"),
    };
    Err(Denial::new(code, format!("approval `{id}` {reason}")))
}

/// The approval is for something else.
pub(super) fn mismatch(approval: &Approval) -> String {
    let id = approval.id.short();
    format!("approval `{id}` is not for this call, or the policies have changed since; ask again")
}

/// Policies by name, e.g. "policy `a` and policy `b`".
pub(super) fn quote_all(policies: &[String]) -> String {
    let quoted: Vec<String> = policies.iter().map(|policy| format!("policy `{policy}`")).collect();
    quoted.join(" and ")
}
