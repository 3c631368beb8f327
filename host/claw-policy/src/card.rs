//! What a person sees before saying yes or no. Rendered from the plan that will run and from nothing else.
//!
//! All values are escaped and none is cut: what cannot be shown whole cannot be approved, see [`MAX_CARD_BYTES`].

use claw_core::approval::{Approval, Card, Choice};
use claw_core::effect::{
    ConnectPlan, ExecPlan, HttpPlan, LlmRequest, MessageRequest, RequestBody, SecretPurpose, SecretUse, SessionsPlan,
};
use claw_core::event::HOST_MARK;
use claw_core::guard::Guard;
use claw_core::id::Digest;
use claw_core::outbound::Inert;
use claw_core::rfc3339;
use sha2::{Digest as _, Sha256};

use crate::action::{Action, ToolInvocation};
use crate::program::ProgramKind;
use crate::subject::{Facts, Subject};
use crate::visible::{self, show};

/// The longest card that can be approved, in bytes of its title and lines. Nobody reads more, and what nobody reads must
/// not be approved. 16 KiB fits about four full chat messages.
pub const MAX_CARD_BYTES: usize = 16 * 1024;

/// Bytes of a header field's value that a card shows; of a longer one it says how long it is, and its digest: a piece of it
/// would say less, and could be one of a secret that is masked as a whole.
const HEADER_BYTES: usize = 200;
/// Parts of the names of header fields whose values let somebody in.
const CREDENTIALS: [&str; 9] =
    ["auth", "cookie", "credential", "key", "passw", "secret", "session", "signature", "token"];

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
        Action::UseSessions(SessionsPlan::Read(_)) => "look at your conversations",
        Action::UseSessions(SessionsPlan::Send { .. }) => "say something in another conversation",
        Action::UseSessions(SessionsPlan::Spawn(_)) => "start a sub-agent",
    };
    let mut lines = vec![
        line("Component", component(subject)),
        line("Started by", format!("{} in {}", facts.origin.as_str(), show(facts.session.as_str()))),
        line("Action", action.name().to_owned()),
    ];
    lines.extend(facts.labels.tainted.as_ref().map(|cause| line(OUTSIDE, show(cause))));
    lines.extend(facts.labels.private.as_ref().map(|cause| line(READ, show(cause))));
    match action {
        Action::CallTool(call) => tool_lines(call, &mut lines),
        Action::RunProgram(plan) => program_lines(plan, &mut lines),
        Action::SendRequest(plan) => request_lines(plan, &mut lines),
        Action::OpenConnection(plan) => connection_lines(plan, &mut lines),
        Action::UseSecret(wish) => secret_lines(wish, &mut lines),
        Action::UseStore(store) => lines.push(line("Store", show(store))),
        Action::AskModel(question) => question_lines(question, &mut lines),
        Action::SendMessage(message) => message_lines(message, &mut lines),
        Action::UseSessions(plan) => sessions_lines(plan, &mut lines),
    }
    Card {
        action: action.name().to_owned(),
        title: format!("`{}` ({}) wants to {wish}", subject.component, subject.trust.as_str()),
        lines,
    }
}

/// Cards as Markdown for a chat: who wants what, a block with everything else, and the commands that answer.
///
/// Several are of one component that wants to do the same kind of thing several times; what is said of all of them is
/// said once. Whatever a guest has chosen stands inside the block, where nothing of it is markup.
pub fn render_markdown(approvals: &[Approval]) -> String {
    let ids: Vec<_> = approvals.iter().map(|approval| approval.id.short()).collect();
    let [approval, others @ ..] = approvals else { return String::new() };
    let own = &approval.card.lines;
    let is_shared = |&at: &usize| {
        HEAD.contains(&own[at].0.as_str()) && others.iter().all(|other| other.card.lines.get(at) == Some(&own[at]))
    };
    let head = (0..own.len()).take_while(is_shared).count();
    let mut block = listed(&own[..head]);
    for (number, approval) in (1..).zip(approvals) {
        if !others.is_empty() {
            block.push_str(&format!("--- {number} of {}\n", approvals.len()));
        }
        block.push_str(&listed(&approval.card.lines[head..]));
        let (expires, digest) = (rfc3339::format(approval.expires), approval.digest.short());
        block.push_str(&format!("Expires {expires} · id {} · sha256 {digest}\n", approval.id.short()));
        for (number, Choice { label, grant, .. }) in (1..).zip(&approval.choices) {
            block.push_str(&format!("Always {number}: {label} · {grant}\n"));
        }
    }
    let times = if others.is_empty() { String::new() } else { format!("{} times: ", approvals.len()) };
    let always = match approvals {
        [Approval { choices, .. }] if choices.is_empty() => String::new(),
        [Approval { choices, .. }] if choices.len() == 1 => format!("`/approve {} always` · ", ids[0]),
        [Approval { choices, .. }] => format!("`/approve {} always 1` (or up to {}) · ", ids[0], choices.len()),
        _ => String::new(),
    };
    let (fence, all) = (fence(&block), ids.join(" "));
    let (block, caution) = unfetched(approvals, format!("{fence}text\n{block}{fence}"));
    let alone = if others.is_empty() { "" } else { "\n\nOr answer each by its own id." };
    format!(
        "{HOST_MARK} {times}{}{caution}\n\n{block}\n\n`/approve {all} once` · {always}`/approve {all} deny` · \
         `/approve {all} pause`{alone}",
        approval.card.title
    )
}

/// Takes from the addresses in a block what a chat service would fetch, where both kinds of content have been read: an
/// address alone can carry out what a component has read. All else of them stays to be read; known ones are no exception,
/// for the owner has not agreed yet. Also gives what is said of it.
fn unfetched(approvals: &[Approval], block: String) -> (String, &'static str) {
    let has = |approval: &Approval, label| approval.card.lines.iter().any(|(name, _)| name == label);
    let have_met = approvals.iter().any(|approval| has(approval, OUTSIDE) && has(approval, READ));
    if !have_met || !Guard::LiveLinks.is_up() {
        return (block, "");
    }
    let shown = Inert::new(Box::new(|_, _| false)).all(&block);
    let caution = if shown == block { "" } else { "\n\nAddresses begin with `hxxp` here, so that nothing is fetched." };
    (shown, caution)
}

/// Labels of the lines that say what has been read.
const OUTSIDE: &str = "Content from outside";
const READ: &str = "Your data read";
/// Labels of the lines that say who asks, and on whose behalf.
const HEAD: [&str; 5] = ["Component", "Started by", "Action", OUTSIDE, READ];

/// A fence that nothing in the block can close.
fn fence(block: &str) -> String {
    let longest = block.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

/// Bytes of a card's title and lines as shown.
pub fn card_len(card: &Card) -> usize {
    card.title.len() + listed(&card.lines).len()
}

fn listed(lines: &[(String, String)]) -> String {
    lines.iter().map(|(label, value)| format!("{label}: {value}\n")).collect()
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
    if let Some(folder) = &plan.reads {
        lines.push(line("May read the skill in", show(&folder.to_string_lossy())));
    }
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
    header_lines(&plan.headers, lines);
    let body = match &plan.body {
        RequestBody::Whole(body) => bytes(body),
        RequestBody::Streamed { length: Some(length) } => format!("streamed, {length} bytes"),
        RequestBody::Streamed { length: None } => "streamed, length unknown".to_owned(),
    };
    lines.push(line("Body", body));
}

/// What the component sets itself. The value of a field that lets somebody in is shown only if it names a secret of the
/// vault in its place; a digest would help those who guess.
fn header_lines(headers: &[(String, Vec<u8>)], lines: &mut Vec<(String, String)>) {
    if headers.is_empty() {
        lines.push(line("Headers", "none".to_owned()));
    }
    for (name, value) in headers {
        let is_secret = CREDENTIALS.iter().any(|part| name.contains(part));
        let text = str::from_utf8(value).ok().filter(|text| text.len() <= HEADER_BYTES);
        let shown = match text {
            _ if is_secret && !text.is_some_and(|text| text.contains("{{secret:")) => {
                format!("not shown, {} bytes", value.len())
            }
            Some(text) => show(text),
            None => bytes(value),
        };
        lines.push(line("Header", format!("{}: {shown}", show(name))));
    }
}

fn connection_lines(plan: &ConnectPlan, lines: &mut Vec<(String, String)>) {
    lines.push(line("URL", show(&plan.target.url())));
    lines.push(line("Address", plan.target.address.as_str().to_owned()));
    header_lines(&plan.headers, lines);
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

fn sessions_lines(plan: &SessionsPlan, lines: &mut Vec<(String, String)>) {
    match plan {
        SessionsPlan::Read(reach) if reach.key == "*" => {
            lines.push(line("Conversations", "the list of all of them".to_owned()));
        }
        SessionsPlan::Read(reach) => lines.push(line("Conversation", show(&reach.key))),
        SessionsPlan::Send { to, text } => {
            lines.push(line("Conversation", show(&to.key)));
            lines.push(line("Text", show(text)));
            lines.push(line("Then", "its assistant answers, with the tools it has there".to_owned()));
        }
        SessionsPlan::Spawn(plan) => {
            if !plan.label.is_empty() {
                lines.push(line("Name", show(&plan.label)));
            }
            lines.push(line("Task", show(&plan.task)));
            let tools = plan.tools.as_ref().map_or_else(|| "all that this run may use".to_owned(), joined);
            lines.push(line("Tools", tools));
            lines.push(line("Model", show(&plan.model)));
            lines.push(line("Works", format!("for at most {} s, on this run's budget", plan.seconds)));
            lines.push(line("Depth", plan.depth.to_string()));
        }
    }
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
