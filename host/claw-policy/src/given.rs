//! What an owner gave a component, and on what terms.

use std::fmt;

use claw_core::effect::ExecPlan;
use claw_core::grant::Terms;
use claw_core::id::Digest;
use claw_core::rfc3339;
use sha2::{Digest as _, Sha256};

use crate::action::Action;
use crate::grant::{Access, Folder, Grant, GrantError, Grants};
use crate::subject::Facts;
use crate::visible::show;

/// One grant of an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// What it opens.
    pub grant: Grant,
    /// On what terms.
    pub terms: Terms,
}

/// All grants of one component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenGrants(Vec<Given>);

// === impl Given ===

impl Given {
    /// Parses the text form of a grant and checks that its terms mean something for it.
    ///
    /// # Errors
    /// [`GrantError`] says what is wrong with the text, or which term can never count.
    pub fn parse(text: &str, terms: Terms) -> Result<Given, GrantError> {
        let grant = Grant::parse(text)?;
        let refuse = |rule| Err(GrantError::Terms { text: grant.to_string(), rule });
        let is_counted =
            !matches!(grant, Grant::Fs(_) | Grant::Secret(_) | Grant::Kv(_) | Grant::Memory(_) | Grant::Schedule);
        if terms.uses.is_some() && !is_counted {
            return refuse(
                "only programs, requests, connections, questions, messages and uses of conversations are counted",
            );
        }
        if (terms.directory.is_some() || terms.like.is_some()) && !matches!(grant, Grant::Exec(_)) {
            return refuse("only programs have a directory and a file of their own");
        }
        Ok(Given { grant, terms })
    }

    /// Whether it holds for a run of these facts.
    fn holds(&self, facts: &Facts) -> bool {
        let Terms { agent, until, uses, .. } = &self.terms;
        agent.as_ref().is_none_or(|agent| *agent == facts.session.agent())
            && until.is_none_or(|until| facts.at < until)
            && *uses != Some(0)
    }

    /// Whether it says by name that this action is allowed now.
    pub(crate) fn names(&self, action: &Action, facts: &Facts) -> bool {
        let Terms { directory, like, .. } = &self.terms;
        let is_like = match action {
            Action::RunProgram(plan) => {
                directory.as_ref().is_none_or(|directory| *directory == plan.cwd.to_string_lossy())
                    && like.is_none_or(|like| likeness(plan) == Some(like))
            }
            _ => true,
        };
        is_like && self.holds(facts) && self.grant.names(action)
    }
}

impl From<Grant> for Given {
    fn from(grant: Grant) -> Given {
        Given { grant, terms: Terms::default() }
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Terms { agent, directory, like, until, uses } = &self.terms;
        let terms = [
            agent.as_ref().map(|agent| format!("for agent {agent}")),
            directory.as_ref().map(|directory| format!("in {}", show(directory))),
            like.map(|_| "same program, environment and input".to_owned()),
            until.map(|until| format!("until {}", rfc3339::format(until))),
            uses.map(|uses| if uses == 1 { "1 use left".to_owned() } else { format!("{uses} uses left") }),
        ];
        write!(f, "{}", self.grant)?;
        let terms: Vec<String> = terms.into_iter().flatten().collect();
        if terms.is_empty() { Ok(()) } else { write!(f, " ({})", terms.join(", ")) }
    }
}

/// The digest of what a grant's text does not say of a program: its file, what is added to its environment, its input,
/// and how it runs.
pub(crate) fn likeness(plan: &ExecPlan) -> Option<Digest> {
    let rest = (&plan.program, plan.program_digest, &plan.env, &plan.stdin, &plan.background);
    let encoded = postcard::to_stdvec(&rest).ok()?;
    let digest = Sha256::new().chain_update(b"openclaw-host program likeness v1\0").chain_update(encoded);
    Some(Digest(digest.finalize().into()))
}

// === impl GivenGrants ===

impl GivenGrants {
    /// No grant at all.
    pub fn none() -> GivenGrants {
        GivenGrants::default()
    }

    /// Every grant, in the order in which it was given.
    pub fn iter(&self) -> std::slice::Iter<'_, Given> {
        self.0.iter()
    }

    /// The grant that names an action now; one that is not counted if there is one.
    ///
    /// "Any host" and "any program" name nothing. An address inside the owner's network is named only by itself,
    /// never by a wildcard; a cloud metadata service only by its literal address.
    pub fn naming(&self, action: &Action, facts: &Facts) -> Option<&Given> {
        let naming = self.iter().filter(|given| given.names(action, facts));
        naming.min_by_key(|given| given.terms.uses.is_some())
    }

    /// The grant that loses a use if this action is performed now; `None` if one that is not counted names it too.
    pub(crate) fn counted(&self, action: &Action, facts: &Facts) -> Option<&Given> {
        // Most components have no counted grant, and need no second look.
        let counts = |given: &Given| given.terms.uses.is_some();
        self.iter().any(counts).then(|| self.naming(action, facts)).flatten().filter(|given| counts(given))
    }

    /// The folders that are open now, and the widest access to each.
    pub fn folders(&self, facts: &Facts) -> Vec<(Folder, Access)> {
        self.now(facts).folders()
    }

    /// The grants that hold now.
    pub(crate) fn now(&self, facts: &Facts) -> Grants {
        self.iter().filter(|given| given.holds(facts)).map(|given| given.grant.clone()).collect()
    }
}

impl FromIterator<Given> for GivenGrants {
    fn from_iter<I: IntoIterator<Item = Given>>(given: I) -> GivenGrants {
        GivenGrants(given.into_iter().collect())
    }
}

impl From<Grants> for GivenGrants {
    fn from(grants: Grants) -> GivenGrants {
        grants.iter().cloned().map(Given::from).collect()
    }
}

#[cfg(test)]
mod tests;
