//! What a person sees before saying yes or no. Rendered from the plan that will run and from nothing else.
//!
//! All values are escaped and none is cut: what cannot be shown whole cannot be approved, see [`MAX_CARD_BYTES`].

use claw_core::approval::{Approval, Card, Choice};
use claw_core::effect::{
    ConnectPlan, ExecPlan, HttpPlan, LlmRequest, MessageRequest, RequestBody, SecretPurpose, SecretUse,
};
use claw_core::event::HOST_MARK;
use claw_core::id::Digest;
use claw_core::rfc3339;
use sha2::{Digest as _, Sha256};

use crate::action::{Action, ToolInvocation};
use crate::program::ProgramKind;
use crate::subject::{Facts, Subject};
use crate::visible::{self, show};

/// The longest card that can be approved, as [`render_text`] shows it without the last two lines. Nobody reads more,
/// and what nobody reads must not be approved. 16 KiB fits about four full chat messages.
pub const MAX_CARD_BYTES: usize = 16 * 1024;

/// Makes the card for one action.
pub(crate) fn card(subject: &Subject, facts: &Facts, action: &Action) -> Card {
    let wish = match action {
        Action::CallTool(_) => "call a tool",
        Action::RunProgram(_) => "run a program",
        Action::SendRequest(_) => "send a request",
        Action::OpenConnection(_) => "open a connection",
        Action::UseSecret(SecretUse { purpose: SecretPurpose::Reveal, .. }) => "see a secret",
        Action::UseSecret(_) => "use a secret",
        Action::UseStore(_) => "use a store of its own",
        Action::AskModel(_) => "ask a model",
        Action::SendMessage(_) => "send a message",
    };
    let mut lines = vec![
        line("Component", component(subject)),
        line("Started by", format!("{} in {}", facts.origin.as_str(), show(facts.session.as_str()))),
        line("Action", action.name().to_owned()),
    ];
    lines.extend(facts.labels.tainted.as_ref().map(|cause| line("Content from outside", show(cause))));
    lines.extend(facts.labels.private.as_ref().map(|cause| line("Your data read", show(cause))));
    match action {
        Action::CallTool(call) => tool_lines(call, &mut lines),
        Action::RunProgram(plan) => program_lines(plan, &mut lines),
        Action::SendRequest(plan) => request_lines(plan, &mut lines),
        Action::OpenConnection(plan) => connection_lines(plan, &mut lines),
        Action::UseSecret(wish) => secret_lines(wish, &mut lines),
        Action::UseStore(store) => lines.push(line("Store", show(store))),
        Action::AskModel(question) => question_lines(question, &mut lines),
        Action::SendMessage(message) => message_lines(message, &mut lines),
    }
    Card {
        action: action.name().to_owned(),
        title: format!("`{}` ({}) wants to {wish}", subject.component, subject.trust.as_str()),
        lines,
    }
}

/// The card as plain text for a chat: title, lines, expiry and id, what may be allowed for good, and the commands that
/// answer it.
pub fn render_text(approval: &Approval) -> String {
    let mut text = format!("{HOST_MARK} {}", body(&approval.card));
    let id = approval.id.short();
    text.push_str(&format!("Expires {} · id {id}\n", rfc3339::format(approval.expires)));
    for (number, choice) in (1..).zip(&approval.choices) {
        let Choice { label, grant, .. } = choice;
        text.push_str(&format!("Always {number}: {label} · {grant}\n"));
    }
    text.push_str(&format!("/approve {id} once\n"));
    match approval.choices.len() {
        0 => {}
        1 => text.push_str(&format!("/approve {id} always\n")),
        count => text.push_str(&format!("/approve {id} always 1 (or up to {count})\n")),
    }
    text.push_str(&format!("/approve {id} deny\n/approve {id} pause"));
    text
}

/// Bytes of the card as shown.
pub(crate) fn len(card: &Card) -> usize {
    body(card).len()
}

fn body(card: &Card) -> String {
    let mut text = format!("{}\n", card.title);
    for (label, value) in &card.lines {
        text.push_str(&format!("{label}: {value}\n"));
    }
    text
}

fn component(subject: &Subject) -> String {
    format!("{} by {}, sha256 {}", subject.component, show(&subject.publisher), subject.digest.short())
}

fn tool_lines(call: &ToolInvocation, lines: &mut Vec<(String, String)>) {
    lines.push(line("Tool", show(call.tool.as_str())));
    lines.push(line("Arguments", show(&call.arguments)));
}

fn program_lines(plan: &ExecPlan, lines: &mut Vec<(String, String)>) {
    for (index, argument) in plan.argv.iter().enumerate() {
        lines.push(line(&format!("argv[{index}]"), show(argument)));
    }
    let program = show(&plan.program.to_string_lossy());
    lines.push(line("Program", format!("{program}, sha256 {}", plan.program_digest.short())));
    let kind = ProgramKind::of(plan);
    if kind.in_workspace {
        lines
            .push(line("Caution", "the program stands in the workspace: the component may have written it".to_owned()));
    }
    if let Some(argument) = &kind.risky_argument {
        let effect = "can run code or write files: no grant covers it";
        lines.push(line("Caution", format!("argument {} {effect}", visible::quote(argument))));
    }
    lines.push(line("Directory", show(&plan.cwd.to_string_lossy())));
    if plan.env.is_empty() {
        lines.push(line("Environment additions", "none".to_owned()));
    }
    for (name, value) in &plan.env {
        lines.push(line("Environment addition", show(&format!("{name}={value}"))));
    }
    lines.push(line("Standard input", bytes(&plan.stdin)));
    lines.push(line("May change", show(&plan.workspace.to_string_lossy())));
    lines.push(line("Network", "none".to_owned()));
    if let Some(background) = &plan.background {
        lines.push(line("Goes on in the background", format!("for at most {} s", background.ttl_ms.div_ceil(1000))));
        if let Some(terminal) = &background.terminal {
            lines.push(line("Terminal", format!("{} x {}", terminal.columns, terminal.rows)));
        }
    }
}

fn request_lines(plan: &HttpPlan, lines: &mut Vec<(String, String)>) {
    lines.push(line("Method", show(&plan.method)));
    lines.push(line("URL", show(&plan.target.url())));
    lines.push(line("Address", plan.target.address.as_str().to_owned()));
    lines.push(line("Header names", joined(plan.headers.iter().map(|(name, _)| name))));
    let body = match &plan.body {
        RequestBody::Whole(body) => bytes(body),
        RequestBody::Streamed { length: Some(length) } => format!("streamed, {length} bytes"),
        RequestBody::Streamed { length: None } => "streamed, length unknown".to_owned(),
    };
    lines.push(line("Body", body));
}

fn connection_lines(plan: &ConnectPlan, lines: &mut Vec<(String, String)>) {
    lines.push(line("URL", show(&plan.target.url())));
    lines.push(line("Address", plan.target.address.as_str().to_owned()));
    lines.push(line("Header names", joined(plan.headers.iter().map(|(name, _)| name))));
    lines.push(line("Subprotocols", joined(&plan.protocols)));
}

fn secret_lines(wish: &SecretUse, lines: &mut Vec<(String, String)>) {
    lines.push(line("Secret", show(&wish.name)));
    let purpose = match &wish.purpose {
        SecretPurpose::Hold => "to name it in requests".to_owned(),
        SecretPurpose::Send(server) => format!("to send it to {}", show(server)),
        SecretPurpose::Reveal => "to see it".to_owned(),
    };
    lines.push(line("Purpose", purpose));
}

fn question_lines(question: &LlmRequest, lines: &mut Vec<(String, String)>) {
    lines.push(line("Model", show(&question.model)));
    lines.push(line("System prompt", show(&question.system)));
    for message in &question.messages {
        lines.push(line(if message.by_model { "Model said" } else { "Component says" }, show(&message.text)));
    }
    lines.push(line("Answer", format!("at most {} tokens", question.max_tokens)));
}

fn message_lines(message: &MessageRequest, lines: &mut Vec<(String, String)>) {
    lines.push(line("To", show(&message.to)));
    lines.push(line("Text", show(&message.text)));
}

fn joined<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| show(word)).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn line(label: &str, value: String) -> (String, String) {
    (label.to_owned(), value)
}

fn bytes(content: &[u8]) -> String {
    match content.len() {
        0 => "empty".to_owned(),
        1 => format!("1 byte, sha256 {}", sha256(content).short()),
        len => format!("{len} bytes, sha256 {}", sha256(content).short()),
    }
}

fn sha256(content: &[u8]) -> Digest {
    Digest(Sha256::digest(content).into())
}

#[cfg(test)]
mod tests;
