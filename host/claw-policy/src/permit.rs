//! Proof that a decision allowed exactly one action.

use claw_core::id::Digest;

use crate::action::Action;
use crate::given::Given;

/// Proof that the policy allowed exactly this action, once. Made only by [`crate::Policy`]; used by being moved into
/// the room that acts.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    action: Action,
    digest: Digest,
    decided_by: Vec<String>,
    spends: Option<Box<Given>>,
}

impl Permit {
    pub(crate) fn new(action: Action, digest: Digest, decided_by: Vec<String>) -> Self {
        Permit { action, digest, decided_by, spends: None }
    }

    pub(crate) fn spending(self, spends: Option<Given>) -> Self {
        Permit { spends: spends.map(Box::new), ..self }
    }

    /// What is allowed.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// The digest of the subject, the facts and the action that were decided on.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The policies that allowed it, sorted.
    pub fn decided_by(&self) -> &[String] {
        &self.decided_by
    }

    /// The grant that loses a use by it; to be taken in the transaction that starts the action.
    pub fn spends(&self) -> Option<&Given> {
        self.spends.as_deref()
    }

    /// Uses the permit up: the action is now to be performed.
    pub fn into_action(self) -> Action {
        self.action
    }
}
