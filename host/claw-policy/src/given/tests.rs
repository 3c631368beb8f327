use claw_core::id::{AgentId, SessionKey, Timestamp};

use super::*;
use crate::Decision;
use crate::fixture::{action, facts, open_subject};
use crate::{Ask, Policy, Preset, Subject};

fn given(text: &str, terms: Terms) -> Given {
    Given::parse(text, terms).unwrap()
}

fn policy() -> Policy {
    Policy::load(Preset::Cautious, &[]).unwrap()
}

fn subject(grants: Vec<Given>) -> Subject {
    Subject { grants: grants.into_iter().collect(), ..open_subject(&[]) }
}

fn asked(subject: &Subject, facts: &Facts, wanted: Action) -> Option<Ask> {
    match policy().decide(subject, facts, wanted) {
        Decision::Allow(_) => None,
        Decision::Ask(ask) => Some(ask),
        Decision::Deny(denial) => panic!("{denial}"),
    }
}

fn plan(text: &str) -> ExecPlan {
    let Action::RunProgram(plan) = action(text) else { panic!("{text}") };
    plan
}

// AP-23
#[test]
fn always_holds_for_exactly_the_call_that_was_shown() {
    let shown = plan("exec touch a");
    let ask = asked(&subject(vec![]), &facts(), Action::RunProgram(shown.clone())).unwrap();
    let choice = policy().choices(&ask).first().unwrap().clone();
    let subject = subject(vec![given(&choice.grant, choice.terms)]);
    let asks = |facts: &Facts, plan: ExecPlan| asked(&subject, facts, Action::RunProgram(plan)).is_some();
    assert!(!asks(&facts(), shown.clone()), "the same call passes");
    let changed = [
        ("arguments", plan("exec touch b")),
        ("directory", ExecPlan { cwd: "/elsewhere".into(), ..shown.clone() }),
        ("environment", ExecPlan { env: vec![("A".into(), "b".into())], ..shown.clone() }),
        ("input", ExecPlan { stdin: b"x".to_vec(), ..shown.clone() }),
        ("program", ExecPlan { program_digest: Digest([9; 32]), ..shown.clone() }),
    ];
    for (what, plan) in changed {
        assert!(asks(&facts(), plan), "{what}");
    }
    let other = SessionKey::parse("main", &AgentId::parse("other").unwrap()).unwrap();
    assert!(asks(&Facts { session: other, ..facts() }, shown), "another agent");
}

// EX-07..10
#[test]
fn nothing_is_offered_for_good_where_a_grant_says_too_little() {
    let none = [
        "exec sh -c ls",
        "exec env ls",
        "exec python3 -c 1",
        "exec find . -exec rm {} ;",
        "exec git log --output=x",
        "exec /home/owner/ws/tool",
    ];
    for wanted in none {
        let ask = asked(&subject(vec![]), &facts(), action(wanted)).unwrap();
        assert_eq!(policy().choices(&ask), [], "{wanted}");
    }
    let mut both = claw_core::label::Labels::tainted("a page");
    both.join(&claw_core::label::Labels::private("a file"));
    let facts = Facts { labels: both, ..facts() };
    let ask = asked(&subject(vec![]), &facts, action("http GET https://api.example.test/x")).unwrap();
    assert_eq!(policy().choices(&ask), [], "a grant would not open it");
}

#[test]
fn the_choices_are_narrow_and_say_what_they_open() {
    let offered = |wanted: &str| {
        let ask = asked(&subject(vec![]), &facts(), action(wanted)).unwrap();
        policy()
            .choices(&ask)
            .into_iter()
            .map(|choice| format!("{}: {}", choice.label, choice.grant))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        offered("exec git log --stat"),
        [
            "exactly this, in this folder: exec git log --stat",
            "git log, with any arguments, in this folder: exec git log **"
        ]
    );
    assert_eq!(offered("exec touch a b"), ["exactly this, in this folder: exec touch a b"]);
    assert_eq!(
        offered("http GET https://api.example.test/a/b?c"),
        ["GET requests to api.example.test, any path: http https://api.example.test GET"]
    );
}

// CG-12
#[test]
fn a_grant_holds_only_on_its_terms() {
    let wanted = "http GET https://api.example.test/x";
    let text = "http https://api.example.test GET";
    let at = facts().at;
    let later = Timestamp(at.0 + 1);
    let asks = |terms: Terms| asked(&subject(vec![given(text, terms)]), &facts(), action(wanted)).is_some();
    assert!(!asks(Terms::default()));
    assert!(!asks(Terms { until: Some(later), ..Terms::default() }));
    assert!(asks(Terms { until: Some(at), ..Terms::default() }));
    assert!(!asks(Terms { uses: Some(1), ..Terms::default() }));
    assert!(asks(Terms { uses: Some(0), ..Terms::default() }));
    assert!(asks(Terms { agent: Some(AgentId::parse("other").unwrap()), ..Terms::default() }));
}

#[test]
fn a_use_is_taken_only_from_a_counted_grant_and_only_if_no_other_names_the_call() {
    let text = "http https://api.example.test GET";
    let counted = given(text, Terms { uses: Some(2), ..Terms::default() });
    let spends = |grants: Vec<Given>| {
        let Decision::Allow(permit) =
            policy().decide(&subject(grants), &facts(), action("http GET https://api.example.test/x"))
        else {
            panic!("not allowed")
        };
        permit.spends().cloned()
    };
    assert_eq!(spends(vec![counted.clone()]), Some(counted.clone()));
    assert_eq!(spends(vec![counted, given(text, Terms::default())]), None);
}

#[test]
fn terms_that_could_never_count_are_refused() {
    let directory = Terms { directory: Some("/ws".into()), ..Terms::default() };
    let uses = Terms { uses: Some(1), ..Terms::default() };
    for (text, terms) in
        [("http https://a.example GET", directory), ("fs workspace read", uses.clone()), ("kv a", uses)]
    {
        assert!(matches!(Given::parse(text, terms), Err(GrantError::Terms { .. })), "{text}");
    }
    let terms = Terms { until: Some(Timestamp(0)), uses: Some(3), ..Terms::default() };
    let shown = given("exec git status", terms).to_string();
    assert_eq!(shown, "exec git status (until 1970-01-01T00:00:00.000Z, 3 uses left)");
}
