use cedar_policy::{Request, Schema, Validator};
use claw_core::effect::RequestBody;
use expect_test::{Expect, expect};

use super::{Approved, Engine, Granted, Object, Presence, Question, Reads};
use crate::fixture::{action, facts, open_subject};
use crate::preset::{Preset, SCHEMA};
use crate::{Access, Folder};

#[track_caller]
fn check(files: &[(&str, &str)], expect: Expect) {
    match Engine::load(files.iter().copied()) {
        Ok(_) => expect.assert_eq("loaded"),
        Err(err) => expect.assert_eq(&err.to_string()),
    }
}

#[test]
fn every_preset_fits_the_schema() {
    for preset in Preset::ALL {
        Engine::load(preset.files().iter().copied()).unwrap();
    }
}

#[test]
fn every_shipped_policy_has_an_id_of_its_own() {
    for (file, text) in Preset::ALL.iter().flat_map(|preset| preset.files()) {
        let schema: Schema = SCHEMA.parse().unwrap();
        for named in super::parse_file(file, text, &Validator::new(schema)).unwrap() {
            assert!(!named.loaded.id.contains('#'), "{file}: {}", named.loaded.id);
        }
    }
}

#[test]
fn every_question_fits_the_schema() {
    // `Engine::request` does not check against the schema. This shows that the schema would not object.
    let looks = "forbid (principal, action, resource) when { principal.trust == \"unknown\" };";
    let engine = Engine::load([("looks.cedar", looks)].into_iter()).unwrap();
    let schema: Schema = SCHEMA.parse().unwrap();
    let (subject, facts) = (open_subject(&[]), facts());
    let actions = [
        "tool read {}",
        "exec git status",
        "http GET https://example.test/a?b",
        "net wss://example.test/a?b",
        "secret github hold",
        "secret github https://example.test:443",
        "secret github reveal",
        "kv cache",
        "llm default",
        "message session",
        "read agent:main:other",
        "send agent:main:subagent:1",
        "spawn look",
    ]
    .map(action);
    let folders = [Access::Read, Access::ReadWrite].map(|access| Object::Folder(&Folder::Workspace, access));
    for object in actions.iter().map(Object::Action).chain(folders) {
        let question =
            Question { subject: &subject, facts: &facts, object, granted: Granted::No, presence: Presence::Present };
        let prepared = engine.prepare(&question);
        let request = prepared.request(Granted::No, Presence::Present, Approved::No);
        let entities = &prepared.entities;
        assert!(!entities.is_empty());
        let [principal, action, resource] =
            [request.principal(), request.action(), request.resource()].map(|uid| uid.unwrap().clone());
        let context = request.context().unwrap().clone();
        Request::new(principal, action, resource, context, Some(&schema)).unwrap();
        cedar_policy::Entities::from_entities(entities.iter().cloned(), Some(&schema)).unwrap();
    }
}

#[test]
fn attributes_are_told_where_a_policy_reads_them() {
    let reads = |owner: &str| {
        let files = Preset::Cautious.files().iter().copied().chain([("owner.cedar", owner)]);
        Engine::load(files).unwrap().call_tool.reads
    };
    assert_eq!(reads(""), Reads::Names);
    assert_eq!(reads("forbid (principal == Component::\"a\", action, resource == Tool::\"b\");"), Reads::Names);
    for condition in
        ["principal.trust == \"untrusted\"", "principal in Component::\"a\" && principal.publisher like \"x*\""]
    {
        assert_eq!(reads(&format!("forbid (principal, action, resource) when {{ {condition} }};")), Reads::Attributes);
    }
}

#[test]
fn a_file_that_is_not_cedar_is_refused_with_its_position() {
    check(
        &[("home.cedar", "@id(\"a\")\npermit (principal, action, resource)\nforbid (principal, action, resource);")],
        expect!["cannot read policy file `home.cedar`, line 3, column 8: unexpected token `(`"],
    );
    check(
        &[("home.cedar", "// hm\n  allow (principal, action, resource);")],
        expect![
            "cannot read policy file `home.cedar`, line 2, column 3: invalid policy effect: allow (effect must be either `permit` or `forbid`)"
        ],
    );
    check(
        &[("home.cedar", "permit (principal, action, resource) when { context.approved ")],
        expect!["cannot read policy file `home.cedar`, line 1, column 61: unexpected end of input"],
    );
}

#[test]
fn a_policy_that_does_not_fit_the_schema_is_refused_with_its_position() {
    let on_exec = |condition: &str| {
        format!("@id(\"mine\")\nforbid (principal, action == Action::\"exec.run\", resource)\nwhen {{ {condition} }};")
    };
    check(
        &[("home.cedar", &on_exec("resource.shel"))],
        expect![
            "policy file `home.cedar` does not fit the schema, line 3, column 8: for policy `mine`, attribute `shel` on entity type `Program` not found (did you mean `shell`?)"
        ],
    );
    check(
        &[("home.cedar", &on_exec("context.subcommand == 1"))],
        expect![
            "policy file `home.cedar` does not fit the schema, line 3, column 8: the types Long and String are not compatible (for policy `mine`, both operands to a `==` expression must have compatible types. Types must be exactly equal to be compatible)"
        ],
    );
    check(
        &[("home.cedar", "forbid (principal, action == Action::\"exec.rum\", resource);")],
        expect![
            "policy file `home.cedar` does not fit the schema, line 1, column 1: for policy `home.cedar#1`, unable to find an applicable action given the policy scope constraints"
        ],
    );
    check(
        &[("home.cedar", "forbid (principal == User::\"me\", action, resource);")],
        expect![
            "policy file `home.cedar` does not fit the schema, line 1, column 1: for policy `home.cedar#1`, unable to find an applicable action given the policy scope constraints"
        ],
    );
}

#[test]
fn a_policy_that_can_never_apply_is_refused() {
    // Its author believes in a protection that is not there.
    check(
        &[("home.cedar", "forbid (principal, action == Action::\"exec.run\", resource == Tool::\"git\");")],
        expect![
            "policy file `home.cedar` does not fit the schema, line 1, column 1: for policy `home.cedar#1`, unable to find an applicable action given the policy scope constraints"
        ],
    );
    check(
        &[("home.cedar", "forbid (principal, action, resource) when { resource is Program && resource is Server };")],
        expect![
            "policy file `home.cedar` does not fit the schema, line 1, column 1: for policy `home.cedar#1`, policy is impossible: the policy expression evaluates to false for all valid requests"
        ],
    );
}

#[test]
fn a_template_is_refused() {
    check(
        &[("home.cedar", "permit (principal == ?principal, action, resource);")],
        expect![
            "policy file `home.cedar` contains a template (`?principal` or `?resource`): write out the policy instead"
        ],
    );
}

#[test]
fn two_policies_of_one_name_are_refused() {
    let policy = "@id(\"mine\")\nforbid (principal, action, resource);";
    check(
        &[("a.cedar", policy), ("b.cedar", policy)],
        expect!["policy file `b.cedar` uses the id `mine`, which another policy has already: choose another"],
    );
    check(
        &[("a.cedar", &format!("{policy}\n{policy}"))],
        expect!["policy file `a.cedar` uses the id `mine`, which another policy has already: choose another"],
    );
}

#[test]
fn a_policy_without_an_id_is_named_by_its_place() {
    let text = "permit (principal, action, resource);\n".repeat(11);
    let engine = Engine::load([("home.cedar", text.as_str())].into_iter()).unwrap();
    let (subject, facts, action) = (open_subject(&[]), facts(), action("tool read {}"));
    let question = Question {
        subject: &subject,
        facts: &facts,
        object: Object::Action(&action),
        granted: Granted::No,
        presence: Presence::Present,
    };
    let super::Answer::Yes(reasons) = engine.answer(&question, Approved::No) else { panic!("not allowed") };
    assert_eq!(reasons.len(), 11);
    assert!(reasons.contains(&"home.cedar#1".to_owned()) && reasons.contains(&"home.cedar#11".to_owned()));
}

#[test]
fn a_policy_that_cannot_be_evaluated_closes_the_door() {
    // Cedar skips a policy that fails. Here the sum overflows.
    let text = "@id(\"all\") permit (principal, action, resource);\n@id(\"sum\")\n\
                forbid (principal, action == Action::\"http.request\", resource)\n\
                when { context.body_bytes + 9223372036854775807 > 1000 };";
    let engine = Engine::load([("home.cedar", text)].into_iter()).unwrap();
    let (subject, facts) = (open_subject(&[]), facts());
    let mut plan = crate::fixture::request("POST", "https://example.test/");
    plan.body = RequestBody::Whole(vec![0]);
    let action = crate::Action::SendRequest(plan);
    let question = Question {
        subject: &subject,
        facts: &facts,
        object: Object::Action(&action),
        granted: Granted::Yes,
        presence: Presence::Present,
    };
    let answer = engine.answer(&question, Approved::Yes);
    assert!(matches!(&answer, super::Answer::Broken { policy, .. } if policy == "sum"), "{answer:?}");
}
