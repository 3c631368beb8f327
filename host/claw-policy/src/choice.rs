//! What an owner is offered to allow for good: narrow, and only where a grant would really let the same call pass.

use claw_core::approval::Choice;
use claw_core::effect::{ExecPlan, SessionsPlan};
use claw_core::grant::Terms;

use crate::action::Action;
use crate::given::{Given, likeness};
use crate::grant::{ExecGrant, Grant};
use crate::subject::Facts;
use crate::visible::show;

/// The longest choice that is offered: what is allowed for good has to be read whole.
const MAX_CHOICE_BYTES: usize = 1024;

/// Programs whose first argument says what they do, so that a pattern over the rest means one thing.
const WITH_COMMANDS: [&str; 9] = ["cargo", "git", "go", "hg", "jj", "npm", "pnpm", "uv", "yarn"];

/// What could be allowed for good after this action, the narrowest first. Whether the policies would let a grant decide
/// is for the caller to find out.
pub(crate) fn candidates(facts: &Facts, action: &Action) -> Vec<(String, Given)> {
    let terms = Terms { agent: Some(facts.session.agent()), ..Terms::default() };
    let Some(narrowest) = Grant::narrowest(action) else { return Vec::new() };
    match action {
        Action::RunProgram(plan) => program(plan, narrowest, terms),
        Action::SendRequest(plan) => {
            let label = format!("{} requests to {}, any path", plan.method, show(&plan.target.host));
            vec![(label, Given { grant: narrowest, terms })]
        }
        Action::OpenConnection(plan) => {
            vec![(format!("connections to {}", show(&plan.target.host)), Given { grant: narrowest, terms })]
        }
        Action::SendMessage(message) => {
            vec![(format!("messages to {}", show(&message.to)), Given { grant: narrowest, terms })]
        }
        // These are opened by a grant only, never by an answer.
        Action::CallTool(_) | Action::UseSecret(_) | Action::UseStore(_) | Action::AskModel(_) => Vec::new(),
        Action::UseSessions(SessionsPlan::Spawn(_)) => {
            vec![("sub-agents, whatever their task".to_owned(), Given { grant: narrowest, terms })]
        }
        // These words would open every conversation.
        Action::UseSessions(SessionsPlan::Read(_) | SessionsPlan::Send { .. }) => Vec::new(),
    }
}

fn program(plan: &ExecPlan, exactly: Grant, terms: Terms) -> Vec<(String, Given)> {
    let Some(like) = likeness(plan) else { return Vec::new() };
    let terms = Terms { directory: Some(plan.cwd.to_string_lossy().into_owned()), like: Some(like), ..terms };
    let mut candidates =
        vec![("exactly this, in this folder".to_owned(), Given { grant: exactly, terms: terms.clone() })];
    // An input could hold anything that a command line could.
    if let Some(pattern) = command_pattern(plan).filter(|_| plan.stdin.is_empty()) {
        let label = format!("{}, with any arguments, in this folder", show(&plan.argv[..2].join(" ")));
        candidates.push((label, Given { grant: Grant::Exec(pattern), terms }));
    }
    candidates
}

/// `git log **` for `git log --stat`.
fn command_pattern(plan: &ExecPlan) -> Option<ExecGrant> {
    let [program, command, ..] = plan.argv.as_slice() else { return None };
    let is_word = command.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') && !command.starts_with('-');
    if !is_word || !WITH_COMMANDS.contains(&program.as_str()) {
        return None;
    }
    ExecGrant::new([program.as_str(), command.as_str(), "**"]).ok()
}

/// As it is stored and shown; `None` if nobody would read it.
pub(crate) fn choice(label: String, given: Given) -> Option<Choice> {
    let grant = given.grant.to_string();
    (label.len() + grant.len() <= MAX_CHOICE_BYTES).then_some(Choice { label, grant, terms: given.terms })
}
