//! What a component could do now, scope by scope.

use crate::grant::{Grant, Grants};
use crate::policy::{Explanation, Policy};
use crate::subject::{Facts, Subject};
use crate::wish::{Asked, Wish};

/// One thing that a component could do.
#[derive(Clone, Debug)]
pub struct Ability {
    /// The declared scope in which it lies.
    pub scope: Grant,
    /// The thing, for which others within the scope stand. A policy may tell them apart.
    pub example: Wish,
    /// What becomes of it.
    pub explanation: Explanation,
}

impl Policy {
    /// Examples of all that the component declares: of each scope, and of each grant within it.
    pub fn abilities(&self, subject: &Subject, facts: &Facts) -> Vec<Ability> {
        let mut abilities: Vec<Ability> = Vec::new();
        for scope in subject.scopes().iter() {
            let own = scope.examples();
            let granted = subject.grants.iter().flat_map(|given| given.grant.examples());
            let granted = granted.filter(|example| lies_in(scope, example));
            for example in own.into_iter().chain(granted) {
                let Ok(asked) = example.clone().assumed() else { continue };
                if abilities.iter().any(|known| known.example == example) {
                    continue;
                }
                let explanation = self.explain(subject, facts, &asked);
                abilities.push(Ability { scope: scope.clone(), example, explanation });
            }
        }
        abilities
    }
}

impl Grants {
    /// Whether a grant can open anything here: what it stands for lies within a scope, or the other way round.
    pub fn have_room_for(&self, grant: &Grant) -> bool {
        let overlap = |a: &Grant, b: &Grant| a.examples().iter().any(|example| lies_in(b, example));
        match grant {
            Grant::Fs(wanted) => self.folders().iter().any(|(folder, _)| *folder == wanted.folder),
            _ => self.iter().any(|scope| scope == grant || overlap(grant, scope) || overlap(scope, grant)),
        }
    }
}

fn lies_in(scope: &Grant, example: &Wish) -> bool {
    match example.clone().assumed() {
        Ok(Asked::Action(action)) => scope.covers(&action),
        // Of a folder, the scope's own examples say all.
        Ok(Asked::Folder(..)) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests;
