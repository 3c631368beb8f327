//! Decisions: allow, ask or deny.
//!
//! Three keys must turn: the component declared the scope, the owner granted it, and the policies say so now. The
//! first is checked here in code, so that no policy can widen what a component may ever do. The second is a fact for
//! the policies. They are asked without an approval, then with one: the second answer separates *ask* from *deny*.

mod explain;
mod refuse;

use std::fmt;

use claw_core::approval::{Approval, Card, Choice};
use claw_core::guard::Guard;
use claw_core::id::Digest;
use claw_core::inbound::Origin;
use claw_core::label::Labels;
use claw_core::mode::{self, Mode};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

pub use self::explain::{Explanation, Remedy, Verdict};
use self::refuse::{broken, check_approval, code, describe, mismatch, quote_all, undeclared, unnameable};
use crate::action::Action;
use crate::card;
use crate::choice;
use crate::engine::{Answer, Approved, Engine, Granted, Object, Prepared, Presence, Question};
use crate::grant::{Access, Folder, Grant};
use crate::permit::Permit;
use crate::preset::{Preset, SCHEMA};
use crate::subject::{Facts, Subject};

/// How to become somebody who can be asked.
const CONNECT: &str = "connect, for example with `openclaw-host chat`";

/// One of the owner's policy files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// Its name, for errors and for policies without an `@id`.
    pub name: String,
    /// Cedar policies.
    pub text: String,
}

/// The policies in force. Pure: the same question always has the same answer.
#[derive(Debug)]
pub struct Policy {
    engine: Engine,
    generation: Digest,
}

/// A policy in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The name that decisions are explained with.
    pub id: String,
    /// The file that it stands in.
    pub file: String,
    /// The line of its first word, counted from 1.
    pub line: usize,
    /// Whether it forbids; the others permit.
    pub forbids: bool,
    /// It as written, with the comment right above it.
    pub text: String,
}

/// What becomes of an action.
#[derive(Debug)]
pub enum Decision {
    /// It may be performed, once.
    Allow(Permit),
    /// A person must say yes to exactly this call first.
    Ask(Ask),
    /// It may not be performed.
    Deny(Denial),
}

/// A call that waits for a person. [`Policy::permit`] turns it and the answer into a permit.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The digest of exactly this call; the approval must carry the same.
    pub digest: Digest,
    /// What the person sees.
    pub card: Card,
    /// For `exec.run`: one element per argument. Empty otherwise.
    pub argv: Vec<String>,
    /// For `exec.run`: the working directory.
    pub cwd: Option<String>,
    /// The policies that would allow it once approved, sorted.
    pub decided_by: Vec<String>,
    call: Box<Call>,
}

/// What was asked about, whole: the policies are asked again before it becomes a permit.
#[derive(Clone, Debug)]
struct Call {
    subject: Subject,
    facts: Facts,
    action: Action,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Denial {
    /// The stable code, e.g. `E_EXEC_DENIED`.
    pub code: String,
    /// What refused, and what would change the answer.
    pub reason: String,
    /// The policies that forbade it, sorted; empty where nothing permitted it.
    pub decided_by: Vec<String>,
    /// The digest of the call, where there is one.
    pub digest: Option<Digest>,
}

/// Why policies could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The text is not Cedar.
    #[error("cannot read policy file `{file}`, {at}: {cause}")]
    Parse {
        /// The file.
        file: String,
        /// Where in it.
        at: Position,
        /// What is wrong, and what could stand there.
        cause: String,
    },
    /// A policy does not fit the schema, or can never apply.
    #[error("policy file `{file}` does not fit the schema, {at}: {cause}")]
    Invalid {
        /// The file.
        file: String,
        /// Where in it.
        at: Position,
        /// What is wrong.
        cause: String,
    },
    /// A policy with slots has no effect by itself.
    #[error("policy file `{file}` contains a template (`?principal` or `?resource`): write out the policy instead")]
    Template {
        /// The file.
        file: String,
    },
    /// Two policies could not be told apart in explanations.
    #[error("policy file `{file}` uses the id `{policy}`, which another policy has already: choose another")]
    DuplicateId {
        /// The later file.
        file: String,
        /// The id.
        policy: String,
    },
}

/// A place in a text, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

// === impl Policy ===

impl Policy {
    /// Parses the preset and the owner's files on top of it, and checks them strictly against the schema.
    ///
    /// # Errors
    /// [`PolicyError`] names the file, and the position where there is one. Nothing is loaded in part: a file that is
    /// ignored could be the one that forbids.
    pub fn load(preset: Preset, owner_files: &[PolicyFile]) -> Result<Policy, PolicyError> {
        let owner_files = owner_files.iter().map(|file| (file.name.as_str(), file.text.as_str()));
        let files = || preset.files().iter().copied().chain(owner_files.clone());
        Ok(Policy { engine: Engine::load(files())?, generation: generation(files()) })
    }

    /// The digest of the schema and of all policy texts in their order. Approvals do not outlive it.
    pub fn generation(&self) -> Digest {
        self.generation
    }

    /// The policies in force, the preset's first.
    pub fn loaded(&self) -> &[Loaded] {
        self.engine.loaded()
    }

    /// Decides about one action.
    pub fn decide(&self, subject: &Subject, facts: &Facts, action: Action) -> Decision {
        if !subject.scopes().covers(&action) && Guard::PolicyScope.is_up() {
            return Decision::Deny(undeclared(subject, &action));
        }
        let Some(digest) = self.digest(subject, facts, &action) else {
            return Decision::Deny(unnameable(&action));
        };
        let deny = |denial: Denial| Decision::Deny(Denial { digest: Some(digest), ..denial });
        if facts.mode == Mode::Suggest && action.acts() {
            let (code, reason) = (mode::SUGGEST.to_owned(), mode::refusal(&format!("`{}`", action.name())));
            return deny(Denial { code, reason, decided_by: Vec::new(), digest: None });
        }
        let question = question(subject, facts, &action);
        let Question { granted, presence, .. } = question;
        let asked = self.engine.prepare(&question);
        match asked.answer(granted, presence, Approved::No) {
            Answer::Yes(decided_by) => {
                let counted = subject.grants.counted(&action, facts).cloned();
                return Decision::Allow(Permit::new(action, digest, decided_by).spending(counted));
            }
            Answer::Broken { policy, cause } => return deny(broken(&action, policy, &cause)),
            Answer::No(_) => {}
        }
        match asked.answer(granted, presence, Approved::Yes) {
            Answer::Yes(decided_by) => ask(subject, facts, action, digest, decided_by),
            Answer::No(decided_by) => deny(refusal(&asked, granted, presence, &action, decided_by)),
            Answer::Broken { policy, cause } => deny(broken(&action, policy, &cause)),
        }
    }

    /// What the owner may allow for good instead of once, the narrowest first: only what would then let this very call
    /// pass.
    pub fn choices(&self, ask: &Ask) -> Vec<Choice> {
        let Call { subject, facts, action } = &*ask.call;
        let granted = Question { granted: Granted::Yes, ..question(subject, facts, action) };
        if !matches!(self.engine.answer(&granted, Approved::No), Answer::Yes(_)) {
            return Vec::new();
        }
        let mut offered = choice::candidates(facts, action);
        offered.retain(|(_, given)| given.names(action, facts));
        offered.into_iter().filter_map(|(label, given)| choice::choice(label, given)).collect()
    }

    /// Turns an approved ask into a permit. The policies are asked again: they may have changed since.
    ///
    /// The caller must mark the approval as used in the transaction that starts the action.
    ///
    /// # Errors
    /// A [`Denial`] with `E_APPR_MISMATCH` if the approval is for another call or the policies have changed,
    /// `E_APPR_USED` if it has been used, `E_APPR_EXPIRED` if it was not answered in time, and `E_POLICY_DENY` if it
    /// was not answered with yes.
    pub fn permit(&self, ask: Ask, approval: &Approval) -> Result<Permit, Denial> {
        let digest = ask.digest;
        self.permitted(ask, approval).map_err(|denial| Denial { digest: Some(digest), ..denial })
    }

    fn permitted(&self, ask: Ask, approval: &Approval) -> Result<Permit, Denial> {
        check_approval(approval)?;
        let digest = ask.digest;
        let Call { subject, facts, action } = *ask.call;
        if approval.digest != digest || self.digest(&subject, &facts, &action) != Some(digest) {
            return Err(Denial::new("E_APPR_MISMATCH", mismatch(approval)));
        }
        match self.engine.answer(&question(&subject, &facts, &action), Approved::Yes) {
            Answer::Yes(decided_by) => Ok(Permit::new(action, digest, decided_by)),
            Answer::No(decided_by) => {
                let reason = "the policies do not allow this call any more, not even approved".to_owned();
                Err(Denial { decided_by, ..Denial::new("E_POLICY_DENY", reason) })
            }
            Answer::Broken { policy, cause } => Err(broken(&action, policy, &cause)),
        }
    }

    /// The folders that were declared and granted and that the policies allow now, with the widest access to each.
    ///
    /// Nobody is asked: this is decided when a worker starts.
    pub fn folders(&self, subject: &Subject, facts: &Facts) -> Vec<(Folder, Access)> {
        let declared = subject.scopes().folders();
        let granted = subject.grants.folders(facts);
        let both = declared.into_iter().filter_map(|(folder, declared)| {
            let (_, granted) = granted.iter().find(|(known, _)| *known == folder)?;
            Some((folder, declared.min(*granted)))
        });
        both.filter_map(|(folder, wanted)| {
            let access = self.allowed_access(subject, facts, &folder, wanted)?;
            Some((folder, access))
        })
        .collect()
    }

    fn allowed_access(&self, subject: &Subject, facts: &Facts, folder: &Folder, wanted: Access) -> Option<Access> {
        let allows = |access| {
            let object = Object::Folder(folder, access);
            let question = Question { subject, facts, object, granted: Granted::Yes, presence: presence(facts) };
            matches!(self.engine.answer(&question, Approved::No), Answer::Yes(_))
        };
        if !allows(Access::Read) {
            return None;
        }
        let may_write = wanted == Access::ReadWrite && facts.mode == Mode::Act;
        Some(if may_write && allows(Access::ReadWrite) { Access::ReadWrite } else { Access::Read })
    }

    /// The digest of one call: who, what, where, under which policies. `None` for a path that is not UTF-8.
    fn digest(&self, subject: &Subject, facts: &Facts, action: &Action) -> Option<Digest> {
        #[derive(Serialize)]
        struct Encoded<'a>(&'a str, Digest, &'a Action, &'a str, &'a str, Origin, &'a Labels, Digest);
        let Subject { component, digest, .. } = subject;
        let Facts { session, run, origin, labels, .. } = facts;
        let (component, session, run) = (component.as_str(), session.as_str(), run.as_str());
        let call = Encoded(component, *digest, action, session, run, *origin, labels, self.generation);
        let encoded = postcard::to_stdvec(&call).ok()?;
        // The prefix keeps this digest from ever being the digest of something else that is encoded the same way.
        let digest = Sha256::new().chain_update(b"openclaw-host call digest v2\0").chain_update(encoded);
        Some(Digest(digest.finalize().into()))
    }
}

impl Ask {
    /// Gives back what would have been done.
    pub fn into_action(self) -> Action {
        self.call.action
    }

    /// What would be done.
    pub fn action(&self) -> &Action {
        &self.call.action
    }
}

impl Denial {
    fn new(code: &str, reason: String) -> Denial {
        Denial { code: code.to_owned(), reason, decided_by: Vec::new(), digest: None }
    }
}

fn generation<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Digest {
    let texts = std::iter::once(SCHEMA).chain(files.map(|(_, text)| text));
    let hash = texts.fold(Sha256::new().chain_update(b"openclaw-host policies v1\0"), |hash, text| {
        // The length keeps a text from moving into its neighbour unnoticed.
        hash.chain_update((text.len() as u64).to_le_bytes()).chain_update(text)
    });
    Digest(hash.finalize().into())
}

fn question<'a>(subject: &'a Subject, facts: &'a Facts, action: &'a Action) -> Question<'a> {
    let is_granted = matches!(action, Action::CallTool(_)) || subject.grants.naming(action, facts).is_some();
    let granted = if is_granted { Granted::Yes } else { Granted::No };
    Question { subject, facts, object: Object::Action(action), granted, presence: presence(facts) }
}

fn presence(facts: &Facts) -> Presence {
    if facts.person_present { Presence::Present } else { Presence::Away }
}

/// Explains a refusal by trying what would change it.
fn refusal(
    asked: &Prepared<'_>,
    granted: Granted,
    presence: Presence,
    action: &Action,
    forbidden_by: Vec<String>,
) -> Denial {
    let rule = match forbidden_by.as_slice() {
        [] => format!("no policy permits {}", describe(action)),
        rules => format!("{} forbids {}", quote_all(rules), describe(action)),
    };
    let allows = |granted, presence, approved| matches!(asked.answer(granted, presence, approved), Answer::Yes(_));
    let grant = Grant::narrowest(action).filter(|_| granted == Granted::No);
    let grant = grant.filter(|_| allows(Granted::Yes, presence, Approved::No));
    // With somebody there, this very question has been answered with no.
    let lacks_somebody = presence == Presence::Away && allows(granted, Presence::Present, Approved::Yes);
    let (code, remedy) = match (grant, lacks_somebody) {
        (Some(grant), true) => {
            let remedy = format!("the grant `{grant}` would allow it, and so could somebody who may answer: {CONNECT}");
            ("E_APPR_UNAVAILABLE", remedy)
        }
        (None, true) => ("E_APPR_UNAVAILABLE", format!("somebody who may answer could allow it: {CONNECT}")),
        (Some(grant), false) => (code(action), format!("the grant `{grant}` would allow it")),
        (None, false) => (code(action), "only a change of the policies would allow it".to_owned()),
    };
    Denial { decided_by: forbidden_by, ..Denial::new(code, format!("{rule}; {remedy}")) }
}

fn ask(subject: &Subject, facts: &Facts, action: Action, digest: Digest, decided_by: Vec<String>) -> Decision {
    let card = card::card(subject, facts, &action);
    let shown = card::card_len(&card);
    if shown > card::MAX_CARD_BYTES {
        let reason = format!(
            "{} needs an approval, but showing all of it takes {shown} bytes and more than {} cannot be approved; \
             move the long part into a file of the workspace",
            describe(&action),
            card::MAX_CARD_BYTES
        );
        return Decision::Deny(Denial { decided_by, digest: Some(digest), ..Denial::new("E_APPR_TOO_LONG", reason) });
    }
    let (argv, cwd) = match &action {
        Action::RunProgram(plan) => (plan.argv.clone(), Some(plan.cwd.to_string_lossy().into_owned())),
        _ => (Vec::new(), None),
    };
    let call = Box::new(Call { subject: subject.clone(), facts: facts.clone(), action });
    Decision::Ask(Ask { digest, card, argv, cwd, decided_by, call })
}

#[cfg(test)]
mod tests;
