//! `policy explain`: what would become of an action, why, and what would change it.

use std::fmt::Write;
use std::path::Path;

use claw_core::effect::EffectError;
use claw_core::id::AgentId;
use claw_effects::{ExecLimits, HttpLimits, plan_connect, plan_exec, plan_http};
use claw_policy::{
    Action, Asked, Circumstances, Explanation, Grant, Loaded, Remedy, Subject, Verdict, Wish, WishError,
};
use serde_json::{Value, json};

use super::super::{Exit, Failure, Output};
use super::sources::{effect, is_shipped, of_agent, place};
use super::{ExplainArgs, components, decision};
use crate::settings::{self, CONFIG_NAME, Flags};

pub(super) async fn explain(home: &Path, args: ExplainArgs, output: &Output) -> Result<Exit, Failure> {
    let (Some(component), Some(action), Some(resource)) = (args.component, args.action, args.resource) else {
        return decision::explain(home, &args.decision.unwrap_or_default(), output).await;
    };
    // What can be wrong with the words is found before anything is loaded.
    let given = Circumstances::parse(args.context.iter().map(String::as_str)).map_err(not_understood)?;
    let wish = Wish::parse(&action, &resource, &given).map_err(not_understood)?;
    let agent = given.facts().session.agent();
    let (_, policy) = of_agent(home, &agent, &[])?;
    let (subject, _) = components::one(home, &component).await?;
    let question = wish.to_string();
    match plan(home, &agent, wish)? {
        Ok(asked) => {
            let found = policy.explain(&subject, given.facts(), &asked);
            output.data(&data(&subject, &question, &found), |_| text(home, &subject, &question, &given, &found))?;
        }
        // For instance a program that is not there, or a URL that means two things.
        Err((code, reason)) => {
            let data = json!({
                "answer": "deny", "code": code, "component": component, "question": question, "decidedBy": [],
                "reason": reason, "wouldChange": [],
            });
            output.data(&data, |_| format!("denied ({code}), before any policy is asked\n  because     {reason}\n"))?;
        }
    }
    Ok(Exit::Ok)
}

/// What is wrong with the words of a question.
pub(super) fn not_understood(err: WishError) -> Failure {
    Failure::new(Exit::Usage, err)
}

/// What is decided on, made as for a component; else the code and the reason of the host's own refusal.
fn plan(home: &Path, agent: &AgentId, wish: Wish) -> Result<Result<Asked, (String, String)>, Failure> {
    let planned = match wish {
        Wish::Folder(folder, access) => return Ok(Ok(Asked::Folder(folder, access))),
        Wish::Plain(action) => Ok(action),
        Wish::Request(request) => plan_http(&request, &HttpLimits::default()).map(Action::SendRequest),
        Wish::Connection(request) => plan_connect(&request).map(Action::OpenConnection),
        Wish::Program(request, background) => {
            let mut settings = settings::read(home, &Flags::default())?.settings;
            let workspace = settings.agents.remove(agent).unwrap_or(settings.agent).workspace;
            plan_exec(&request, background, &workspace, &ExecLimits::default()).map(Action::RunProgram)
        }
    };
    match planned {
        Ok(action) => Ok(Ok(Asked::Action(action))),
        Err(EffectError::Denied { code, reason }) => Ok(Err((code, reason))),
        Err(err) => {
            Err(Failure::new(Exit::Failed, err)
                .hint("`openclaw-host run` makes what a home needs when it first starts"))
        }
    }
}

fn data(subject: &Subject, question: &str, found: &Explanation) -> Value {
    let code = match &found.verdict {
        Verdict::Denied { code } => Some(code),
        Verdict::Allowed | Verdict::Asks => None,
    };
    let grant = |grant: &Option<Grant>| grant.as_ref().map(ToString::to_string);
    let policy = |it: &Loaded| json!({ "id": it.id, "effect": effect(it), "file": it.file, "line": it.line });
    json!({
        "answer": found.verdict.word(),
        "code": code,
        "component": subject.component,
        "question": question,
        "declared": grant(&found.declared),
        "granted": grant(&found.granted),
        "decidedBy": found.decided_by.iter().map(policy).collect::<Vec<_>>(),
        "reason": found.reason,
        "wouldChange": found.remedies.iter().map(remedy_data).collect::<Vec<_>>(),
    })
}

fn remedy_data(remedy: &Remedy) -> Value {
    match remedy {
        Remedy::Declare(scope) => json!({ "kind": "scope", "scope": scope.as_ref().map(ToString::to_string) }),
        Remedy::Grant(grant, then) => {
            json!({ "kind": "grant", "grant": grant.to_string(), "answer": then.word() })
        }
        Remedy::Revoke(grant, then) => {
            json!({ "kind": "no-grant", "grant": grant.to_string(), "answer": then.word() })
        }
        Remedy::Presence => json!({ "kind": "presence", "answer": "ask" }),
        Remedy::Approve => json!({ "kind": "approval", "answer": "allow" }),
        Remedy::Policies => json!({ "kind": "policies" }),
    }
}

fn text(home: &Path, subject: &Subject, question: &str, given: &Circumstances, found: &Explanation) -> String {
    let answer = match &found.verdict {
        Verdict::Allowed => "allowed".to_owned(),
        Verdict::Asks => "asks: a person must say yes to exactly this call".to_owned(),
        Verdict::Denied { code } => format!("denied ({code})"),
    };
    let facts = given.facts();
    let there = if facts.person_present { "somebody is there" } else { "nobody is there" };
    let is_call = question.starts_with("tool.call ");
    let grant = |grant: &Option<Grant>| match grant {
        _ if is_call => "needs none".to_owned(),
        Some(grant) => format!("`{grant}`"),
        None => "no".to_owned(),
    };
    let mut text = format!("{answer}\n");
    let mut line =
        |name: &str, value: &str| writeln!(text, "  {name:10}  {value}").expect("a string takes every write");
    line("question", &format!("{} wants {question}", subject.component));
    line("run", &format!("{}, started by the {}, {there}", facts.session, facts.origin.as_str()));
    line("declared", &grant(&found.declared));
    line("granted", &grant(&found.granted));
    for policy in &found.decided_by {
        line("decided by", &format!("`{}` ({}), {}", policy.id, effect(policy), place(home, policy)));
    }
    if found.decided_by.is_empty() {
        line("decided by", "no policy");
    }
    if let Some(reason) = &found.reason {
        line("because", reason);
    }
    if !found.remedies.is_empty() {
        text.push_str("what would change it, for whoever owns this home:\n");
    }
    for remedy in &found.remedies {
        writeln!(text, "  - {}", remedy_text(home, subject, remedy, &found.decided_by))
            .expect("a string takes every write");
    }
    text
}

fn remedy_text(home: &Path, subject: &Subject, remedy: &Remedy, decided_by: &[Loaded]) -> String {
    let then = |verdict: &Verdict| match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Asks => "asked about",
        Verdict::Denied { .. } => "denied",
    };
    let (component, config) = (&subject.component, home.join(CONFIG_NAME));
    match remedy {
        Remedy::Declare(Some(scope)) => {
            format!(
                "its publisher ({}) declares the scope `{scope}` in the manifest, and you grant it",
                subject.publisher
            )
        }
        Remedy::Declare(None) => "nothing: no scope could cover it".to_owned(),
        Remedy::Grant(grant, verdict) => format!(
            "the grant `{grant}`: then {}; `openclaw-host component grants {component} --add {}`",
            then(verdict),
            quoted(&grant.to_string()),
        ),
        Remedy::Revoke(grant, verdict) => format!(
            "no grant `{grant}`: then {}; `openclaw-host component grants {component} --remove {}`, or without it in \
             `grants.{component}` of `{}`",
            then(verdict),
            quoted(&grant.to_string()),
            config.display(),
        ),
        Remedy::Presence => "somebody is there who can be asked: then asked about".to_owned(),
        Remedy::Approve => {
            "a yes to its card: `openclaw-host approvals list`, then `openclaw-host approvals resolve ID once`"
                .to_owned()
        }
        Remedy::Policies => change_of_policies(home, decided_by),
    }
}

/// For a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn change_of_policies(home: &Path, decided_by: &[Loaded]) -> String {
    let forbids: Vec<_> = decided_by.iter().filter(|policy| policy.forbids).collect();
    if forbids.is_empty() {
        let folder = crate::home::policies(home);
        return format!("a policy that permits it, in a file of `{}`", folder.display());
    }
    let change = |policy: &&Loaded| match is_shipped(policy) {
        true => format!(
            "another preset, as `policy.preset` in `{}`, than the one with `{}`",
            home.join(CONFIG_NAME).display(),
            policy.id
        ),
        false => format!("another wording of `{}`, {}", policy.id, place(home, policy)),
    };
    forbids.iter().map(change).collect::<Vec<_>>().join(", and ")
}
