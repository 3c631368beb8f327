//! The policies of one action by what their scopes name, so that a decision reads only those that can apply.
//!
//! A policy whose scope names another component or another resource never applies: leaving it out changes no answer.
//! Neither components nor resources have parents, so in a scope `in` means the same as `==`.

use std::collections::HashMap;

use cedar_policy::{EntityTypeName, EntityUid, Policy, PolicySet, PrincipalConstraint, ResourceConstraint};

/// Policies by principal, then by resource.
#[derive(Debug, Default)]
pub(super) struct Index {
    anybody: ByResource,
    only: HashMap<EntityUid, ByResource>,
}

#[derive(Debug, Default)]
struct ByResource {
    anything: PolicySet,
    only: HashMap<EntityUid, PolicySet>,
}

/// What one half of a scope asks for.
enum Asks {
    Nothing,
    One(EntityUid),
    /// Something that this action never has.
    Impossible,
}

impl Index {
    /// Sorts policies of one action, whose principals and resources are of these types.
    pub(super) fn new<'a>(
        policies: impl Iterator<Item = &'a Policy>,
        principal: &EntityTypeName,
        resource: &EntityTypeName,
    ) -> Index {
        let mut index = Index::default();
        for policy in policies {
            let by_resource = match asked_principal(policy, principal) {
                Asks::Nothing => &mut index.anybody,
                Asks::One(uid) => index.only.entry(uid).or_default(),
                Asks::Impossible => continue,
            };
            let set = match asked_resource(policy, resource) {
                Asks::Nothing => &mut by_resource.anything,
                Asks::One(uid) => by_resource.only.entry(uid).or_default(),
                Asks::Impossible => continue,
            };
            set.add(policy.clone()).expect("engine: load refuses two policies of one name");
        }
        index
    }

    /// The policies that can apply, in up to four sets.
    pub(super) fn matching<'a>(
        &'a self,
        principal: &'a EntityUid,
        resource: &'a EntityUid,
    ) -> impl Iterator<Item = &'a PolicySet> {
        let halves = [Some(&self.anybody), self.only.get(principal)].into_iter().flatten();
        let sets = halves.flat_map(|half| [Some(&half.anything), half.only.get(resource)]);
        sets.flatten().filter(|set| !set.is_empty())
    }
}

fn asked_principal(policy: &Policy, expected: &EntityTypeName) -> Asks {
    match policy.principal_constraint() {
        PrincipalConstraint::Any => Asks::Nothing,
        PrincipalConstraint::Is(only) => of_type(&only, expected, Asks::Nothing),
        PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) => one(uid, expected),
        PrincipalConstraint::IsIn(only, uid) => of_type(&only, expected, one(uid, expected)),
    }
}

fn asked_resource(policy: &Policy, expected: &EntityTypeName) -> Asks {
    match policy.resource_constraint() {
        ResourceConstraint::Any => Asks::Nothing,
        ResourceConstraint::Is(only) => of_type(&only, expected, Asks::Nothing),
        ResourceConstraint::Eq(uid) | ResourceConstraint::In(uid) => one(uid, expected),
        ResourceConstraint::IsIn(only, uid) => of_type(&only, expected, one(uid, expected)),
    }
}

fn one(uid: EntityUid, expected: &EntityTypeName) -> Asks {
    if uid.type_name() == expected { Asks::One(uid) } else { Asks::Impossible }
}

fn of_type(only: &EntityTypeName, expected: &EntityTypeName, then: Asks) -> Asks {
    if only == expected { then } else { Asks::Impossible }
}

#[cfg(test)]
mod tests;
