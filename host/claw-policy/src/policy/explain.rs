//! Why the answer to a question is what it is, and what would change it.

use std::fmt;

use super::refuse::{code, describe};
use super::{Decision, Loaded, Policy, presence, question};
use crate::action::Action;
use crate::engine::{Answer, Approved, Granted, Object, Presence, Question};
use crate::grant::{Access, Folder, FsGrant, Grant};
use crate::subject::{Facts, Subject};
use crate::wish::Asked;

/// An answer with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The answer.
    pub verdict: Verdict,
    /// What was asked about, in one line.
    pub what: String,
    /// The declared scope that covers it. Calling a tool needs none.
    pub declared: Option<Grant>,
    /// The grant that names it. Calling a tool needs none.
    pub granted: Option<Grant>,
    /// The policies that decided; none where nothing permits it, or no policy was asked.
    pub decided_by: Vec<Loaded>,
    /// For a refusal, the sentence that its component gets.
    pub reason: Option<String>,
    /// What would change the answer, the smallest change first.
    pub remedies: Vec<Remedy>,
}

/// What becomes of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be performed.
    Allowed,
    /// A person is asked first.
    Asks,
    /// It may not be performed.
    Denied {
        /// The stable code.
        code: String,
    },
}

/// One change, and the answer that it would bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The component's manifest would have to declare it; `None` where no scope could cover it.
    Declare(Option<Grant>),
    /// A grant of the owner's.
    Grant(Grant, Verdict),
    /// The owner takes a grant back.
    Revoke(Grant, Verdict),
    /// Somebody is there who can be asked.
    Presence,
    /// A yes to exactly this call.
    Approve,
    /// Other policies: those that forbid it are changed, or, where none does, one is added that permits it.
    Policies,
}

impl Policy {
    /// Answers a question as [`Policy::decide`] and [`Policy::folders`] do, and says why.
    pub fn explain(&self, subject: &Subject, facts: &Facts, asked: &Asked) -> Explanation {
        match asked {
            Asked::Action(action) => self.explain_action(subject, facts, action),
            Asked::Folder(folder, access) => self.explain_folder(subject, facts, folder, *access),
        }
    }

    fn explain_action(&self, subject: &Subject, facts: &Facts, action: &Action) -> Explanation {
        let (verdict, decided_by, reason) = match self.decide(subject, facts, action.clone()) {
            Decision::Allow(permit) => (Verdict::Allowed, permit.decided_by().to_vec(), None),
            Decision::Ask(ask) => (Verdict::Asks, ask.decided_by, None),
            Decision::Deny(denial) => (Verdict::Denied { code: denial.code }, denial.decided_by, Some(denial.reason)),
        };
        let is_call = matches!(action, Action::CallTool(_));
        let declared = subject.scopes().covering(action).cloned();
        let granted = subject.grants.naming(action, facts).map(|given| given.grant.clone());
        let narrowest = Grant::narrowest(action);
        // Without a manifest, a grant declares as well.
        let declares = |grant: &Grant| subject.declared.imports().is_some() && subject.declared.has_room_for(grant);
        let remedies = if declared.is_none() && !is_call && !narrowest.as_ref().is_some_and(declares) {
            vec![Remedy::Declare(narrowest)]
        } else {
            let grant = if is_call { None } else { granted.clone().or(narrowest) };
            self.remedies(&question(subject, facts, action), &verdict, grant, code(action))
        };
        let what = describe(action);
        Explanation { verdict, what, declared, granted, decided_by: self.named(&decided_by), reason, remedies }
    }

    fn explain_folder(&self, subject: &Subject, facts: &Facts, folder: &Folder, access: Access) -> Explanation {
        let name = if access == Access::Read { "fs.read" } else { "fs.write" };
        let what = format!("{name} of `{folder}`");
        let declared = subject.scopes().opening(folder, access).cloned();
        let granted = subject.grants.now(facts).opening(folder, access).cloned();
        let fact = if granted.is_some() { Granted::Yes } else { Granted::No };
        let object = Object::Folder(folder, access);
        let asked = Question { subject, facts, object, granted: fact, presence: presence(facts) };
        // Writing includes reading, which is asked about first.
        let reading = Question { object: Object::Folder(folder, Access::Read), ..asked };
        let answers = [self.engine.answer(&reading, Approved::No), self.engine.answer(&asked, Approved::No)];
        let refused = answers.iter().find(|answer| !matches!(answer, Answer::Yes(_)));
        let open = refused.is_none() && declared.is_some() && granted.is_some();
        let verdict = if open { Verdict::Allowed } else { Verdict::Denied { code: "E_POLICY_DENY".to_owned() } };
        let decided_by = match refused.unwrap_or(&answers[1]) {
            _ if declared.is_none() => Vec::new(),
            Answer::Yes(policies) | Answer::No(policies) => policies.clone(),
            Answer::Broken { policy, .. } => vec![policy.clone()],
        };
        let needed = Grant::Fs(FsGrant { folder: folder.clone(), access });
        let with_grant = Question { granted: Granted::Yes, ..asked };
        let allows = |question: &Question<'_>| matches!(self.engine.answer(question, Approved::No), Answer::Yes(_));
        let reading = Question { granted: Granted::Yes, ..reading };
        let (reason, remedies) = match (&declared, open) {
            (_, true) => (None, Vec::new()),
            (None, _) => (Some("is not declared"), vec![Remedy::Declare(Some(needed))]),
            (Some(_), _) if granted.is_none() && allows(&reading) && allows(&with_grant) => {
                (Some("is not granted"), vec![Remedy::Grant(needed, Verdict::Allowed)])
            }
            (Some(_), _) => (Some("is not allowed by the policies, and nobody can be asked"), vec![Remedy::Policies]),
        };
        let reason = reason.map(|reason| format!("{what} {reason}"));
        Explanation { verdict, what, declared, granted, decided_by: self.named(&decided_by), reason, remedies }
    }

    /// Tries out what would change the answer. `grant` is what names the object: one there is, or the narrowest.
    fn remedies(&self, asked: &Question<'_>, now: &Verdict, grant: Option<Grant>, code: &str) -> Vec<Remedy> {
        let mut remedies = Vec::new();
        if *now == Verdict::Asks {
            remedies.push(Remedy::Approve);
        }
        if let Some(grant) = grant {
            let turned = if asked.granted == Granted::Yes { Granted::No } else { Granted::Yes };
            let then = self.verdict(&Question { granted: turned, ..*asked }, code);
            match turned {
                _ if then == *now => {}
                Granted::Yes => remedies.push(Remedy::Grant(grant, then)),
                Granted::No => remedies.push(Remedy::Revoke(grant, then)),
            }
        }
        let present = Question { presence: Presence::Present, ..*asked };
        let refused = matches!(now, Verdict::Denied { .. });
        if refused && asked.presence == Presence::Away && self.verdict(&present, code) == Verdict::Asks {
            remedies.push(Remedy::Presence);
        }
        if refused && remedies.is_empty() {
            remedies.push(Remedy::Policies);
        }
        remedies
    }

    fn verdict(&self, question: &Question<'_>, code: &str) -> Verdict {
        match self.engine.answer(question, Approved::No) {
            Answer::Yes(_) => Verdict::Allowed,
            Answer::No(_) if matches!(self.engine.answer(question, Approved::Yes), Answer::Yes(_)) => Verdict::Asks,
            Answer::No(_) | Answer::Broken { .. } => Verdict::Denied { code: code.to_owned() },
        }
    }

    /// The policies of these names, in the order in which they were loaded.
    fn named(&self, ids: &[String]) -> Vec<Loaded> {
        self.loaded().iter().filter(|loaded| ids.contains(&loaded.id)).cloned().collect()
    }
}

impl Verdict {
    /// One word: `allow`, `ask` or `deny`.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Allowed => "allow",
            Verdict::Asks => "ask",
            Verdict::Denied { .. } => "deny",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Denied { code } => write!(f, "deny {code}"),
            Verdict::Allowed | Verdict::Asks => f.write_str(self.word()),
        }
    }
}

#[cfg(test)]
mod tests;
