use expect_test::{Expect, expect};

use crate::fixture::{nobody_there, open_subject, subject};
use crate::{Circumstances, Explanation, Facts, Policy, PolicyFile, Preset, Subject, Wish};

fn explain(owner: &str, subject: &Subject, facts: &Facts, question: &str) -> Explanation {
    let file = PolicyFile { name: "mine.cedar".to_owned(), text: owner.to_owned() };
    let policy = Policy::load(Preset::Cautious, &[file]).unwrap();
    let (action, resource) = question.split_once(' ').unwrap();
    let wish = Wish::parse(action, resource, &Circumstances::default()).unwrap();
    policy.explain(subject, facts, &wish.assumed().unwrap())
}

/// The verdict, what covers and names it, who decided where, and what would change it.
#[track_caller]
fn check(owner: &str, subject: &Subject, facts: &Facts, question: &str, expect: Expect) {
    let found = explain(owner, subject, facts, question);
    let grant = |grant: Option<crate::Grant>| grant.map_or("-".to_owned(), |grant| grant.to_string());
    let place =
        |file: &str, line: usize| if file == "mine.cedar" { format!(" ({file}:{line})") } else { String::new() };
    let by: Vec<_> = found.decided_by.iter().map(|it| format!("{}{}", it.id, place(&it.file, it.line))).collect();
    let (declared, granted) = (grant(found.declared), grant(found.granted));
    let (verdict, remedies) = (&found.verdict, &found.remedies);
    let remedies: Vec<_> = remedies.iter().map(|remedy| format!("{remedy:?}")).collect();
    let remedies = remedies.iter().map(|it| it.split('(').next().unwrap_or(it)).collect::<Vec<_>>().join(", ");
    expect.assert_eq(&format!("{verdict} | {declared} | {granted} | {} | {remedies}", by.join(", ")));
}

fn here() -> Facts {
    crate::fixture::facts()
}

const NO_PUSHING: &str = "// Mine.\n@id(\"no-pushing\")\nforbid (principal, action == Action::\"exec.run\", resource)\n\
                          when { context.argv.contains(\"push\") };";

#[test]
fn an_answer_names_its_reasons_and_what_would_change_it() {
    let granted = open_subject(&["exec git **"]);
    check(
        "",
        &granted,
        &here(),
        "exec.run git push",
        expect!["allow | exec ** | exec git ** | granted-programs | Revoke"],
    );
    check(
        "",
        &open_subject(&[]),
        &here(),
        "exec.run git push",
        expect!["ask | exec ** | - | approved-programs | Approve, Grant"],
    );
    check(
        "",
        &open_subject(&[]),
        &nobody_there(),
        "exec.run git push",
        expect!["deny E_APPR_UNAVAILABLE | exec ** | - |  | Grant, Presence"],
    );
    check(
        "",
        &granted,
        &nobody_there(),
        "exec.run git -c a=b push",
        expect!["deny E_APPR_UNAVAILABLE | exec ** | exec git ** |  | Revoke, Presence"],
    );
    check(
        "",
        &subject(&[], &["exec git **"]),
        &here(),
        "exec.run git push",
        expect!["deny E_EXEC_DENIED | - | exec git ** |  | Declare"],
    );
    check("", &open_subject(&[]), &here(), "tool.call read", expect!["allow | - | - | tools-can-be-called | "]);
    check(
        "",
        &open_subject(&[]),
        &here(),
        "http.request GET http://127.0.0.1/",
        expect!["deny E_NET_ADDR | http * GET,HEAD,POST | - | no-inward-requests | Grant"],
    );
    check(
        "",
        &open_subject(&[]),
        &here(),
        "secret.reveal github",
        expect!["deny E_SECRET_SCOPE | secret github reveal | - |  | Grant"],
    );
}

// CG-14
#[test]
fn a_forbid_of_the_owner_is_named_by_file_and_line() {
    check(
        NO_PUSHING,
        &open_subject(&["exec git **"]),
        &here(),
        "exec.run git push",
        expect!["deny E_EXEC_DENIED | exec ** | exec git ** | no-pushing (mine.cedar:2) | Policies"],
    );
    let found = explain(NO_PUSHING, &open_subject(&[]), &here(), "exec.run git push");
    expect!["// Mine."].assert_eq(found.decided_by[0].text.lines().next().unwrap());
    expect!["policy `no-pushing` forbids exec.run of `/usr/bin/git`; only a change of the policies would allow it"]
        .assert_eq(&found.reason.unwrap());
}

#[test]
fn folders_are_explained_as_they_are_opened() {
    let rows = |owner: &str, scopes: &[&str], grants: &[&str], question: &str, expect: Expect| {
        check(owner, &subject(scopes, grants), &here(), question, expect);
    };
    let (read, write) = ("fs workspace read", "fs workspace read-write");
    rows(
        "",
        &[write],
        &[write],
        "fs.write workspace",
        expect!["allow | fs workspace read-write | fs workspace read-write | granted-folders | "],
    );
    rows(
        "",
        &[write],
        &[read],
        "fs.write workspace",
        expect!["deny E_POLICY_DENY | fs workspace read-write | - |  | Grant"],
    );
    rows(
        "",
        &[read],
        &[write],
        "fs.write workspace",
        expect!["deny E_POLICY_DENY | - | fs workspace read-write |  | Declare"],
    );
    let no_reading = "@id(\"no-reading\") forbid (principal, action == Action::\"fs.read\", resource);";
    rows(
        no_reading,
        &[write],
        &[write],
        "fs.write workspace",
        expect![
            "deny E_POLICY_DENY | fs workspace read-write | fs workspace read-write | no-reading (mine.cedar:1) | Policies"
        ],
    );
}

#[test]
fn an_explanation_is_never_of_another_opinion_than_the_decision() {
    for preset in Preset::ALL {
        let policy = Policy::load(preset, &[]).unwrap();
        for row in crate::Table::parse(preset.table()).unwrap().rows {
            let (crate::Who::Invented(subject), crate::Asked::Action(action)) = (&row.who, &row.asked) else {
                continue;
            };
            let found = policy.explain(subject, row.given.facts(), &row.asked);
            let word = crate::fixture::word(&policy.decide(subject, row.given.facts(), action.clone()));
            assert!(word.starts_with(&found.verdict.to_string()), "{}: {word}, {}", row.text, found.verdict);
        }
    }
}
