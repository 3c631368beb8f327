use std::collections::BTreeSet;

use cedar_policy::{Authorizer, Decision, Effect, PolicySet};
use proptest::prelude::*;

use crate::engine::{Answer, Approved, Engine, Granted, Object, Presence, Question};
use crate::fixture::{action, facts, open_subject};

/// What Cedar answers when it is asked about all policies at once.
fn unsorted(engine: &Engine, text: &str, question: &Question<'_>, approved: Approved) -> Answer {
    let prepared = engine.prepare(question);
    let request = prepared.request(question.granted, question.presence, approved);
    let parsed: PolicySet = text.parse().unwrap();
    let named = parsed.policies().map(|policy| {
        let name = policy.annotation("id").unwrap().to_owned();
        policy.new_id(cedar_policy::PolicyId::new(name))
    });
    let all = PolicySet::from_policies(named).unwrap();
    let response = Authorizer::new().is_authorized(&request, &all, &prepared.entities);
    if response.diagnostics().errors().next().is_some() {
        return Answer::Broken { policy: String::new(), cause: String::new() };
    }
    let reasons: BTreeSet<String> = response.diagnostics().reason().map(ToString::to_string).collect();
    match response.decision() {
        Decision::Allow => Answer::Yes(reasons.into_iter().collect()),
        Decision::Deny => Answer::No(reasons.into_iter().collect()),
    }
}

fn any_principal() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "principal",
        "principal == Component::\"probe\"",
        "principal == Component::\"other\"",
        "principal in Component::\"probe\"",
        "principal in Component::\"other\"",
        "principal is Component",
        "principal is Component in Component::\"probe\"",
        "principal is Component in Component::\"other\"",
    ])
}

fn any_resource() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("action", "resource"),
        ("action == Action::\"tool.call\"", "resource"),
        ("action == Action::\"exec.run\"", "resource"),
        ("action in [Action::\"tool.call\", Action::\"exec.run\"]", "resource"),
        ("action", "resource == Tool::\"read\""),
        ("action", "resource in Tool::\"write\""),
        ("action", "resource is Tool"),
        ("action", "resource is Tool in Tool::\"read\""),
        ("action", "resource == Program::\"/usr/bin/git\""),
        ("action == Action::\"exec.run\"", "resource is Program in Program::\"/usr/bin/git\""),
        ("action == Action::\"exec.run\"", "resource == Program::\"/usr/bin/ls\""),
    ])
}

/// The condition fails for one tool call in four, to see that a policy which cannot be evaluated is never missed.
fn any_condition() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "when { context.approved }",
        "unless { context.granted }",
        "when { principal.trust == \"shipped\" }",
        "when { context has arguments && context.arguments == \"1\" && 9223372036854775807 + (if context.approved then 1 else 0) > 0 }",
    ])
}

fn any_policies() -> impl Strategy<Value = String> {
    let policy = (prop::bool::ANY, any_principal(), any_resource(), any_condition());
    prop::collection::vec(policy, 0..12).prop_map(|policies| {
        let line = |(index, (forbids, principal, (action, resource), condition)): (usize, (bool, _, (_, _), _))| {
            let effect = if forbids { Effect::Forbid } else { Effect::Permit };
            format!("@id(\"p{index}\") {effect} ({principal}, {action}, {resource}) {condition};\n")
        };
        policies.into_iter().enumerate().map(line).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn sorting_the_policies_changes_no_answer(text in any_policies(), granted: bool, approved: bool) {
        // A set with a policy that can never apply is not loaded: not every condition makes sense for every action.
        let Ok(engine) = Engine::load([("any.cedar", text.as_str())].into_iter()) else { return Ok(()) };
        let (subject, facts) = (open_subject(&[]), facts());
        let granted = if granted { Granted::Yes } else { Granted::No };
        let approved = if approved { Approved::Yes } else { Approved::No };
        for wanted in ["tool read 1", "tool write {}", "exec git status", "exec ls", "kv cache"].map(action) {
            let object = Object::Action(&wanted);
            let question = Question { subject: &subject, facts: &facts, object, granted, presence: Presence::Present };
            let sorted = match engine.answer(&question, approved) {
                Answer::Broken { .. } => Answer::Broken { policy: String::new(), cause: String::new() },
                known => known,
            };
            prop_assert_eq!(sorted, unsorted(&engine, &text, &question, approved));
        }
    }
}
