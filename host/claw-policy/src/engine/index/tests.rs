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
    fn sorting_the_policies_changes_no_answer(text in any_policies()) {
        // A set with a policy that can never apply is not loaded: not every condition makes sense for every action.
        let Ok(engine) = Engine::load([("any.cedar", text.as_str())].into_iter()) else { return Ok(()) };
        let (subject, facts) = (open_subject(&[]), facts());
        for wanted in ["tool read 1", "tool write {}", "exec git status", "exec ls", "kv cache"].map(action) {
            let object = Object::Action(&wanted);
            let presence = Presence::Present;
            let question = Question { subject: &subject, facts: &facts, object, granted: Granted::No, presence };
            // Asked again and again, as whoever looks for what would change the answer does.
            let prepared = engine.prepare(&question);
            for (granted, approved) in [
                (Granted::No, Approved::No),
                (Granted::No, Approved::Yes),
                (Granted::Yes, Approved::No),
                (Granted::Yes, Approved::Yes),
            ] {
                let whole = unsorted(&engine, &text, &Question { granted, ..question }, approved);
                match (prepared.answer(granted, presence, approved), whole) {
                    (Answer::Broken { .. }, Answer::Broken { .. }) => {}
                    // What is forbidden in any case needs no more reasons.
                    (Answer::No(some), Answer::Broken { .. }) => prop_assert!(!some.is_empty()),
                    (Answer::No(some), Answer::No(all)) => {
                        prop_assert_eq!(some.is_empty(), all.is_empty());
                        prop_assert!(some.iter().all(|policy| all.contains(policy)), "{:?} {:?}", some, all);
                    }
                    (sorted, whole) => prop_assert_eq!(sorted, whole),
                }
            }
        }
    }
}

#[test]
fn a_policy_that_could_look_at_what_is_tried_is_asked_each_time() {
    let is_swayed = |condition: &str| {
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        super::super::is_swayed(&text.parse().unwrap())
    };
    for steady in
        ["true", "context.session == \"a\"", "context has tainted && context.tainted", "principal.trust == \"x\""]
    {
        assert!(!is_swayed(steady), "{steady}");
    }
    for swayed in [
        "context.approved",
        "context[\"approved\"]",
        "context[\"\\u{61}pproved\"]",
        "context has granted",
        "context has person_present && context.person_present",
        "context == {\"a\": 1}",
        "[context].contains(context)",
        "(if true then context else context).approved",
    ] {
        assert!(is_swayed(swayed), "{swayed}");
    }
}
