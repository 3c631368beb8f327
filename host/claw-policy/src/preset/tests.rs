use claw_core::label::Labels;
use expect_test::{Expect, expect};

use super::Preset;
use crate::fixture::{action, facts, nobody_there, open_subject, word};
use crate::{Facts, Grant, Policy, PolicyFile};

/// One line per preset: what becomes of `wanted` with these grants, present and (behind the slash) away.
#[track_caller]
fn check(grants: &[&str], wanted: &str, expect: Expect) {
    let subject = open_subject(grants);
    let mut table = String::new();
    for preset in Preset::ALL {
        let policy = Policy::load(preset, &[]).unwrap();
        let here = word(&policy.decide(&subject, &facts(), action(wanted)));
        let away = word(&policy.decide(&subject, &nobody_there(), action(wanted)));
        table.push_str(&if here == away {
            format!("{preset}: {here}\n")
        } else {
            format!("{preset}: {here} / away: {away}\n")
        });
    }
    expect.assert_eq(&table);
}

#[test]
fn tools_can_be_called() {
    check(
        &[],
        r#"tool read_file {"path":"a"}"#,
        expect![[r#"
        deny-all: deny E_POLICY_DENY [deny-all]
        cautious: allow [tools-can-be-called]
        trusting: allow [tools-can-be-called]
    "#]],
    );
}

#[test]
fn programs_are_asked_about_unless_granted() {
    check(
        &[],
        "exec git status",
        expect![[r#"
        deny-all: deny E_EXEC_DENIED [deny-all]
        cautious: ask [approved-programs] / away: deny E_EXEC_DENIED []
        trusting: allow [plain-programs]
    "#]],
    );
    check(
        &["exec git status"],
        "exec git status",
        expect![[r#"
        deny-all: deny E_EXEC_DENIED [deny-all]
        cautious: allow [granted-programs]
        trusting: allow [granted-programs, plain-programs]
    "#]],
    );
    check(
        &["exec git status"],
        "exec git push",
        expect![[r#"
        deny-all: deny E_EXEC_DENIED [deny-all]
        cautious: ask [approved-programs] / away: deny E_EXEC_DENIED []
        trusting: allow [plain-programs]
    "#]],
    );
}

#[test]
fn shells_wrappers_and_inline_code_are_asked_about_even_when_granted() {
    // EX-04, EX-07, EX-09, EX-51
    check(
        &["exec sh **"],
        "exec sh -c ls",
        expect![[r#"
        deny-all: deny E_EXEC_DENIED [deny-all]
        cautious: ask [approved-programs] / away: deny E_EXEC_DENIED []
        trusting: ask [approved-programs] / away: deny E_EXEC_DENIED []
    "#]],
    );
    check(
        &["exec env **"],
        "exec env ls",
        expect![[r#"
        deny-all: deny E_EXEC_DENIED [deny-all]
        cautious: ask [approved-programs] / away: deny E_EXEC_DENIED []
        trusting: ask [approved-programs] / away: deny E_EXEC_DENIED []
    "#]],
    );
    check(
        &["exec python3 **"],
        "exec python3 -c 1",
        expect![[r#"
        deny-all: deny E_EXEC_DENIED [deny-all]
        cautious: ask [approved-programs] / away: deny E_EXEC_DENIED []
        trusting: ask [approved-programs] / away: deny E_EXEC_DENIED []
    "#]],
    );
    check(
        &["exec python3 **"],
        "exec python3 build.py",
        expect![[r#"
        deny-all: deny E_EXEC_DENIED [deny-all]
        cautious: allow [granted-programs]
        trusting: allow [granted-programs, plain-programs]
    "#]],
    );
    check(
        &["exec git log **"],
        "exec git log --output=x",
        expect![[r#"
        deny-all: deny E_EXEC_ARG [deny-all]
        cautious: ask [approved-programs] / away: deny E_EXEC_ARG []
        trusting: ask [approved-programs] / away: deny E_EXEC_ARG []
    "#]],
    );
    check(
        &["exec ./build **"],
        "exec ./build",
        expect![[r#"
        deny-all: deny E_EXEC_DENIED [deny-all]
        cautious: ask [approved-programs] / away: deny E_EXEC_DENIED []
        trusting: ask [approved-programs] / away: deny E_EXEC_DENIED []
    "#]],
    );
}

#[test]
fn requests_are_asked_about_unless_granted() {
    check(
        &[],
        "http GET https://example.test/",
        expect![[r#"
        deny-all: deny E_NET_HOST [deny-all]
        cautious: ask [approved-requests] / away: deny E_NET_HOST []
        trusting: allow [public-reads]
    "#]],
    );
    check(
        &[],
        "http POST https://example.test/",
        expect![[r#"
        deny-all: deny E_NET_HOST [deny-all]
        cautious: ask [approved-requests] / away: deny E_NET_HOST []
        trusting: ask [approved-requests] / away: deny E_NET_HOST []
    "#]],
    );
    check(
        &[],
        "http GET http://93.184.215.14/",
        expect![[r#"
        deny-all: deny E_NET_HOST [deny-all]
        cautious: ask [approved-requests] / away: deny E_NET_HOST []
        trusting: ask [approved-requests] / away: deny E_NET_HOST []
    "#]],
    );
    check(
        &["http https://example.test GET"],
        "http GET https://example.test/",
        expect![[r#"
        deny-all: deny E_NET_HOST [deny-all]
        cautious: allow [granted-requests]
        trusting: allow [granted-requests, public-reads]
    "#]],
    );
    check(
        &["http https://*.example.test POST"],
        "http POST https://api.example.test/",
        expect![[r#"
        deny-all: deny E_NET_HOST [deny-all]
        cautious: allow [granted-requests]
        trusting: allow [granted-requests]
    "#]],
    );
    check(
        &["http * GET"],
        "http GET https://example.test/",
        expect![[r#"
        deny-all: deny E_NET_HOST [deny-all]
        cautious: ask [approved-requests] / away: deny E_NET_HOST []
        trusting: allow [public-reads]
    "#]],
    );
}

#[test]
fn inward_requests_need_a_grant_for_that_host() {
    // NET-12, NET-15
    check(
        &[],
        "http GET http://127.0.0.1:8080/",
        expect![[r#"
        deny-all: deny E_NET_ADDR [deny-all]
        cautious: deny E_NET_ADDR [no-inward-requests]
        trusting: deny E_NET_ADDR [no-inward-requests]
    "#]],
    );
    check(
        &["http http://127.0.0.1:8080 GET"],
        "http GET http://127.0.0.1:8080/",
        expect![[r#"
        deny-all: deny E_NET_ADDR [deny-all]
        cautious: allow [granted-requests]
        trusting: allow [granted-requests]
    "#]],
    );
    check(
        &["http http://127.0.0.1:8080 GET"],
        "http GET http://127.0.0.1:9090/",
        expect![[r#"
        deny-all: deny E_NET_ADDR [deny-all]
        cautious: deny E_NET_ADDR [no-inward-requests]
        trusting: deny E_NET_ADDR [no-inward-requests]
    "#]],
    );
    check(
        &["http * GET"],
        "http GET http://10.0.0.1/",
        expect![[r#"
        deny-all: deny E_NET_ADDR [deny-all]
        cautious: deny E_NET_ADDR [no-inward-requests]
        trusting: deny E_NET_ADDR [no-inward-requests]
    "#]],
    );
    check(
        &["http http://metadata.google.internal GET"],
        "http GET http://metadata.google.internal/",
        expect![[r#"
        deny-all: deny E_NET_ADDR [deny-all]
        cautious: deny E_NET_ADDR [no-inward-requests]
        trusting: deny E_NET_ADDR [no-inward-requests]
    "#]],
    );
    check(
        &["http http://169.254.169.254 GET"],
        "http GET http://169.254.169.254/latest",
        expect![[r#"
        deny-all: deny E_NET_ADDR [deny-all]
        cautious: allow [granted-requests]
        trusting: allow [granted-requests]
    "#]],
    );
}

#[test]
fn a_preset_reads_back_from_its_name() {
    for preset in Preset::ALL {
        assert_eq!(preset.to_string().parse(), Ok(preset));
    }
    let err = "yolo\n".parse::<Preset>().unwrap_err();
    expect![[r#"`yolo\n` is not a policy preset: use `deny-all`, `cautious` or `trusting`"#]]
        .assert_eq(&err.to_string());
}

const DOCUMENT: &str = include_str!("../../../../docs/policies.md");

#[test]
fn the_policies_in_the_document_load_on_every_preset() {
    let (_, rest) = DOCUMENT.split_once("```cedar\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let file = PolicyFile { name: "policies.md".to_owned(), text: text.to_owned() };
    for preset in Preset::ALL {
        Policy::load(preset, std::slice::from_ref(&file)).unwrap();
    }
}

#[test]
fn the_grants_in_the_document_are_grants() {
    let cells = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let grants: Vec<&str> = cells
        .map(|(text, _)| text)
        .filter(|text| {
            ["fs ", "http ", "exec ", "net ", "secret ", "kv ", "llm ", "message "].iter().any(|f| text.starts_with(f))
        })
        .collect();
    assert_eq!(grants.len(), 20);
    for text in grants {
        assert_eq!(Grant::parse(text).unwrap().to_string(), text);
    }
}

/// The default asks before every way out of a conversation that has read both the owner's data and foreign content.
#[test]
fn a_grant_opens_no_way_out_once_both_labels_are_there() {
    let private = Labels::private("a file");
    let mut both = Labels::tainted("a page");
    both.join(&private);
    let grants = ["http https://api.example.test GET,POST", "net wss://chat.example.test"];
    let ways = ["http GET https://api.example.test/x", "net wss://chat.example.test/x"];
    for preset in [Preset::Cautious, Preset::Trusting] {
        let policy = Policy::load(preset, &[]).unwrap();
        for wanted in ways {
            let answer = |labels: &Labels, present| {
                let facts = Facts { labels: labels.clone(), person_present: present, ..facts() };
                let answer = word(&policy.decide(&open_subject(&grants), &facts, action(wanted)));
                answer.split(' ').next().unwrap().to_owned()
            };
            assert_eq!(answer(&Labels::default(), false), "allow", "{wanted}");
            assert_eq!(answer(&Labels::tainted("a page"), false), "allow", "{wanted}");
            assert_eq!(answer(&private, false), "allow", "{wanted}");
            assert_eq!(answer(&both, true), "ask", "{wanted}");
            assert_eq!(answer(&both, false), "deny", "{wanted}");
        }
        let facts = Facts { labels: both.clone(), ..facts() };
        let read = policy.decide(&open_subject(&[]), &facts, action("http GET https://other.example.test/x"));
        assert!(word(&read).starts_with("ask"));
    }
}
